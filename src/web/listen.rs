//! Where our own HTTP is to be had: `127.0.0.1:9177`, `[::1]:9177`, `unix:/run/docklog/admin.sock`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::config::kind::LONGEST_PATH;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A path in the file system.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:"));
        let Some(path) = path else {
            // No names: looking one up can block, and may lead anywhere.
            return text.parse().map(Self::Tcp).map_err(|_| {
                format!(
                    "'{text}' is no address: use an IP address with a port, such as 127.0.0.1:9177, or unix:/PATH"
                )
            });
        };
        if !path.starts_with('/') || path.ends_with('/') {
            return Err(format!(
                "'{text}': expected unix: and the whole path of a socket, such as unix:/run/docklog/admin.sock"
            ));
        }
        if path.len() > LONGEST_PATH {
            return Err(format!("'{text}': a socket's path has {LONGEST_PATH} bytes at the most"));
        }
        Ok(Self::Unix(PathBuf::from(path)))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_said_alike() {
        for text in ["127.0.0.1:9177", "[::1]:9177", "0.0.0.0:80", "unix:/run/docklog/admin.sock"] {
            assert_eq!(text.parse::<Listen>().map(|listen| listen.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("unix:///run/a.sock".parse(), Ok(Listen::Unix(PathBuf::from("/run/a.sock"))));
    }

    #[test]
    fn mistakes_are_named_with_what_would_be_right() {
        let long = format!("unix:/{}", "x".repeat(120));
        for (text, part) in [
            ("9177", "such as 127.0.0.1:9177"),
            (":9177", "such as 127.0.0.1:9177"),
            ("localhost:9177", "such as 127.0.0.1:9177"),
            ("127.0.0.1", "with a port"),
            ("127.0.0.1:99999", "with a port"),
            ("unix:admin.sock", "the whole path"),
            ("unix:", "the whole path"),
            ("unix:/run/docklog/", "the whole path"),
            (&long, "107 bytes"),
        ] {
            let error = text.parse::<Listen>().expect_err(text);
            assert!(error.contains(part) && error.contains(text), "{error}");
        }
    }
}
