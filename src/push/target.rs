//! Where an HTTP sink sends its lines, and how: what the configuration makes of `url` and its company. Nothing of it changes
//! later, so all of it is checked here, once.

use std::fmt;
use std::net::IpAddr;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use super::parcel::{Parcel, Whole};

/// What a receiver understands. Its answers are to be understood, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, a line each: any receiver.
    Ndjson,
    /// Grafana Loki's push API.
    Loki,
    /// OpenTelemetry's protocol over HTTP.
    Otlp,
}

impl Format {
    /// Where such receivers take lines, unless the URL says.
    fn path(self) -> &'static str {
        match self {
            Self::Ndjson => "/",
            Self::Loki => "/loki/api/v1/push",
            Self::Otlp => "/v1/logs",
        }
    }
}

/// Who a receiver is told we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    None,
    /// A user, with a password.
    Basic {
        /// Without a colon.
        user: String,
        /// Anything.
        password: String,
    },
    /// Whoever has this token.
    Bearer(String),
}

/// Secrets aren't shown.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// Headers that say how a request is framed: that is hyper's to say, or [`Target`]'s.
const OURS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A receiver, and how its requests are made.
#[derive(Clone, Debug)]
pub struct Target {
    secure: bool,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    /// Path and query.
    uri: Uri,
    /// The URL without what may be secret of it.
    shown: String,
    headers: HeaderMap,
    pub(super) frame: (&'static [u8], &'static [u8]),
    pub(super) gzip: bool,
    pub(super) timeout: Duration,
    pub(super) format: Format,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
}

impl Target {
    /// A receiver at this URL, with all else as it is by default: gzip, ten seconds, no authorisation.
    ///
    /// # Errors
    /// What is wrong with the URL, for people.
    pub fn parse_url(url: &str, format: Format) -> Result<Self, String> {
        // A URL with a password in it isn't repeated.
        let (scheme, rest) = url.split_once("://").ok_or("a URL begins with http:// or https://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" if cfg!(feature = "tls") => true,
            "https" => return Err("this docklog was built without TLS (cargo's feature tls)".to_owned()),
            _ => return Err("a URL begins with http:// or https://".to_owned()),
        };
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err("a user and password don't belong in a URL: set user and password_file".to_owned());
        }
        if rest.contains('#') {
            return Err("a URL to send to has no fragment (#…)".to_owned());
        }
        let uri: Uri = url.parse().map_err(|error| format!("this is no URL: {error}"))?;
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        check_host(host)?;
        let port = match uri.port() {
            Some(port) => port.as_u16(),
            // hyper's Uri takes such an authority, and says that there is no port.
            None if uri.authority().is_some_and(|all| has_port(all.as_str())) => 0,
            None => {
                if secure {
                    443
                } else {
                    80
                }
            }
        };
        if port == 0 {
            return Err("a port is a number from 1 to 65535".to_owned());
        }
        let path = Some(uri.path()).filter(|path| !matches!(*path, "" | "/")).unwrap_or(format.path());
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let mut target = Self {
            secure,
            host: host.to_owned(),
            port,
            shown: format!("{}://{authority}{path}", if secure { "https" } else { "http" }),
            uri: format!("{path}{query}").parse().map_err(|error| format!("this is no URL: {error}"))?,
            headers: HeaderMap::new(),
            frame: (b"", b""),
            gzip: true,
            timeout: Duration::from_secs(10),
            format,
            #[cfg(feature = "tls")]
            tls: None,
        };
        let host = HeaderValue::from_str(authority).map_err(|_| "this is no host".to_owned())?;
        target.headers.insert(HOST, host);
        target.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(target)
    }

    /// The same, with a content type, and bytes before and behind those of a batch.
    pub fn with_content(mut self, content_type: &'static str, frame: (&'static [u8], &'static [u8])) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { frame, ..self }
    }

    /// The same, with authorisation.
    ///
    /// # Errors
    /// If these can't stand in a header, for people; without telling them.
    pub fn with_auth(mut self, auth: &Auth) -> Result<Self, String> {
        let word = match auth {
            Auth::None => return Ok(self),
            Auth::Basic { user, .. } if user.contains(':') || user.contains(char::is_control) => {
                return Err("a user's name has neither colons nor control characters".to_owned());
            }
            Auth::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Auth::Bearer(token) if token.is_empty() => return Err("the token is empty".to_owned()),
            Auth::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_str(&word)
            .map_err(|_| "a token has no characters but those that can be seen".to_owned())?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// The same, with another header: `Name: value`. One that is there already is replaced.
    ///
    /// # Errors
    /// What is wrong with it, for people; without its value, which may be secret.
    pub fn with_header(mut self, line: &str) -> Result<Self, String> {
        let (name, value) = line.split_once(':').ok_or("a header is written as 'Name: value'")?;
        let (name, value) = (name.trim(), value.trim());
        let header: HeaderName =
            name.parse().map_err(|_| format!("'{}' is no name of a header", name.escape_debug()))?;
        if OURS.contains(&header.as_str()) {
            return Err(format!("{name}: docklog sets this header itself"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| format!("{name}: its value has characters that a header can't have"))?;
        value.set_sensitive(true);
        self.headers.insert(header, value);
        Ok(self)
    }

    /// The same, with bodies compressed or not.
    pub fn with_gzip(self, gzip: bool) -> Self {
        Self { gzip, ..self }
    }

    /// The same, with so much time for a request and its answer, and for a handshake of TLS.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same, with roots of trust: see [`super::secure::trusting`]. A target at `https://` needs them.
    #[cfg(feature = "tls")]
    pub fn with_tls(self, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// True for `https://`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// What it understands.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its host: a name, or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// If its host is an address: nobody needs to be asked for it.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// A request that brings this.
    pub(super) fn request(&self, parcel: &Parcel) -> Request<Whole> {
        let mut request = Request::new(parcel.body());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(encoding) = parcel.encoding() {
            request.headers_mut().insert(hyper::header::CONTENT_ENCODING, encoding);
        }
        request
    }
}

/// As messages name it: without its query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What we call ourselves.
const AGENT: &str = concat!("docklog/", env!("CARGO_PKG_VERSION"));

/// True if something stands where a port would.
fn has_port(authority: &str) -> bool {
    authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

/// Names in machines' own hosts files have underscores, whatever the standards say.
fn check_host(host: &str) -> Result<(), String> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_name = name.len() <= 253
        && name.split('.').all(|label| (1..=63).contains(&label.len()) && label.chars().all(known));
    if is_name || host.parse::<IpAddr>().is_ok() {
        // What looks like an address and isn't would be asked of name servers, all of it.
        let number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
        if is_name && name.rsplit('.').next().is_some_and(number) && host.parse::<IpAddr>().is_err() {
            return Err(format!("'{host}' is neither a name nor an address"));
        }
        return Ok(());
    }
    Err(match host {
        "" => "the URL has no host".to_owned(),
        _ => format!("'{}' is neither a name nor an address", host.escape_debug()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Target {
        Target::parse_url(url, Format::Loki).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn wrong(url: &str) -> String {
        Target::parse_url(url, Format::Loki).map(|target| target.to_string()).expect_err(url)
    }

    #[test]
    fn a_url_says_where_and_the_format_says_the_rest() {
        for (url, host, port, uri) in [
            ("http://loki:3100", "loki", 3100, "/loki/api/v1/push"),
            ("HTTP://loki.example/", "loki.example", 80, "/loki/api/v1/push"),
            ("http://a_b.c-d.e./x/y?q=1&r=%20", "a_b.c-d.e.", 80, "/x/y?q=1&r=%20"),
            ("http://loki?tenant=one", "loki", 80, "/loki/api/v1/push?tenant=one"),
            ("http://10.0.0.1:65535/p", "10.0.0.1", 65535, "/p"),
            ("http://[fd00::1]:3100", "fd00::1", 3100, "/loki/api/v1/push"),
        ] {
            let target = parsed(url);
            assert_eq!(
                (target.host(), target.port(), target.uri.to_string().as_str()),
                (host, port, uri),
                "{url}"
            );
            assert!(!target.is_secure());
        }
        assert_eq!(parsed("http://[fd00::1]").address(), "fd00::1".parse().ok());
        assert_eq!(parsed("http://loki").address(), None);
        let path = |format| Target::parse_url("http://a", format).map(|target| target.uri.to_string());
        assert_eq!(
            (path(Format::Ndjson), path(Format::Otlp)),
            (Ok("/".to_owned()), Ok("/v1/logs".to_owned()))
        );
    }

    #[cfg(feature = "tls")]
    #[test]
    fn https_has_a_port_of_its_own() {
        let target = parsed("https://loki.example");
        assert!(target.is_secure() && target.port() == 443);
        assert_eq!(target.to_string(), "https://loki.example/loki/api/v1/push");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_is_refused_where_it_is_not_built_in() {
        assert!(wrong("https://loki.example").contains("built without TLS"));
    }

    #[test]
    fn mistakes_are_told_and_passwords_are_not() {
        for (url, why) in [
            ("loki:3100", "begins with http:// or https://"),
            ("ftp://loki", "begins with http:// or https://"),
            ("", "begins with http:// or https://"),
            ("http://me:secret@loki", "set user and password_file"),
            ("http://secret@loki/x", "set user and password_file"),
            ("http://loki/#secret", "no fragment"),
            ("http://", "no URL"),
            ("http://:80", "no host"),
            ("http://loki:0", "from 1 to 65535"),
            ("http://loki:65536", "from 1 to 65535"),
            ("http://loki:", "from 1 to 65535"),
            ("http://lo ki", "no URL"),
            ("http://10.0.0.256", "neither a name nor an address"),
            ("http://10.1", "neither a name nor an address"),
            ("http://[::1", "no URL"),
            ("http://a..b", "neither a name nor an address"),
            ("http://a!b", "neither a name nor an address"),
            ("http://bücher.example", "no URL"),
        ] {
            let error = wrong(url);
            assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn headers_are_checked_and_replace_each_other() {
        let target = parsed("http://loki");
        for (line, why) in [
            ("X-Scope-OrgID", "'Name: value'"),
            ("a b: secret", "'a b' is no name"),
            (": secret", "'' is no name"),
            ("A: sec\nret", "characters that a header can't have"),
            ("Content-Length: 5", "docklog sets this header itself"),
            ("transfer-encoding: chunked", "docklog sets this header itself"),
        ] {
            let error = target.clone().with_header(line).map(drop).expect_err(line);
            assert!(error.contains(why) && !error.contains("secret"), "{line}: {error}");
        }
        let target = target.with_header("Host: other").and_then(|target| target.with_header("A:b:c "));
        let headers = target.expect("valid").headers;
        assert_eq!(
            (&headers["host"], &headers["a"]),
            (&"other".parse().expect("ok"), &"b:c".parse().expect("ok"))
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let basic = Auth::Basic { user: "me".to_owned(), password: "secret".to_owned() };
        for auth in [basic, Auth::Bearer("secret".to_owned())] {
            let target = parsed("http://loki/?token=secret").with_auth(&auth).expect("valid");
            assert!(target.headers.contains_key("authorization"));
            let target = target.with_header("X-Key: secret").expect("valid");
            let shown = format!("{target} {auth:?} {:?}", target.headers);
            assert!(!shown.contains("secret") && !shown.contains(&STANDARD.encode("me:secret")), "{shown}");
        }
        for auth in [Auth::Bearer("secret\n".to_owned()), Auth::Bearer(String::new())] {
            let error = parsed("http://loki").with_auth(&auth).map(drop).expect_err("no token");
            assert!(!error.contains("secret"));
        }
        let colon = Auth::Basic { user: "a:b".to_owned(), password: String::new() };
        assert!(parsed("http://loki").with_auth(&colon).is_err());
        assert!(
            !parsed("http://loki")
                .with_auth(&Auth::None)
                .expect("valid")
                .headers
                .contains_key("authorization")
        );
    }
}
