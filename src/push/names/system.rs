//! The two files that say what the system knows of names, and whom it asks.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;

use crate::limits;

/// What the system says of names. Read when a lookup begins, for both files change while we run: DHCP, VPNs and people
/// see to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    /// The text of /etc/hosts.
    pub hosts: String,
    /// The text of /etc/resolv.conf.
    pub resolv: String,
}

impl System {
    /// Reads both files, up to [`limits::NAMES_FILE`] bytes of each. One that is missing, or can't be read, is empty: then
    /// there are no such names, or the nameserver of this machine is asked, as resolv.conf(5) has it.
    pub fn read() -> Self {
        Self { hosts: read("/etc/hosts"), resolv: read("/etc/resolv.conf") }
    }
}

/// Not a device or a pipe, which could be endless, or keep us waiting.
fn read(path: &str) -> String {
    let mut options = OpenOptions::new();
    let Ok(file) = options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path) else {
        return String::new();
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return String::new();
    }
    let mut bytes = Vec::new();
    if file.take(limits::NAMES_FILE).read_to_end(&mut bytes).is_err() {
        return String::new();
    }
    if bytes.len() as u64 == limits::NAMES_FILE {
        // Of the line that was cut, the front could pass for another name.
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, bytes: &[u8]) -> String {
        let folder = std::env::temp_dir().join(format!("docklog-names-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("a file");
        let text = read(path.to_str().expect("a path of text"));
        std::fs::remove_dir_all(&folder).expect("removed");
        text
    }

    #[test]
    fn a_file_that_is_missing_or_is_none_is_empty() {
        assert_eq!(read("/nonexistent/hosts"), "");
        assert_eq!(read("/dev/zero"), "");
        assert_eq!(read("/etc"), "");
    }

    #[test]
    fn of_a_large_file_whole_lines_are_read() {
        let line = b"10.0.0.1 one\n";
        let most = usize::try_from(limits::NAMES_FILE).expect("small");
        let text = written("large", &line.repeat(most / line.len() + 10));
        assert!(text.len() < most && text.len() > most - 2 * line.len(), "{}", text.len());
        assert!(text.ends_with("10.0.0.1 one"), "{:?}", &text[text.len() - 20..]);
        assert_eq!(written("odd", b"10.0.0.1 \xff\n"), "10.0.0.1 \u{fffd}\n");
    }
}
