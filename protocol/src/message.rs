//! What an engine says when it says no.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;

use crate::head::Head;
use crate::limits;

/// An answer other than 200 (W-09), or what Podman says in place of a log after it has said 200 (W-26).
///
/// It prints as `HTTP 404: No such container: web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code: the head's, or that which stands in the message if the head said 200.
    pub status: u16,
    /// What the engine said, on one line without control characters; empty if it said nothing.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => write!(f, "HTTP {}", self.status),
            message => write!(f, "HTTP {}: {message}", self.status),
        }
    }
}

impl core::error::Error for Refusal {}

/// Keeps the front of an error's body.
pub(crate) fn keep(body: &mut Vec<u8>, bytes: &[u8]) {
    let room = limits::MESSAGE.saturating_sub(body.len());
    body.extend_from_slice(&bytes[..room.min(bytes.len())]);
}

/// What a body says, whose head said so.
pub(crate) fn refusal(head: Option<Head>, body: &[u8]) -> Refusal {
    let status = match head.map_or(0, |head| head.status) {
        200 => meant(body),
        status => status,
    };
    Refusal { status, message: text(body) }
}

/// The status that Podman meant (W-26).
fn meant(body: &[u8]) -> u16 {
    #[derive(Deserialize)]
    struct Body {
        response: u16,
    }
    serde_json::from_slice(body).map_or(500, |Body { response }| response)
}

/// The message in an error's body: JSON `{"message": …}` from engines, plain text from Go's HTTP server and from
/// proxies (W-60, W-61).
pub(crate) fn text(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    let body = &body[..body.len().min(limits::MESSAGE)];
    let message = match serde_json::from_slice::<Body>(body) {
        Ok(body) => body.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    // It ends up in terminals and logs.
    message.replace(char::is_control, " ").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_json_or_text() {
        assert_eq!(text(b"{\"message\":\"No such container: x\"}\n"), "No such container: x");
        assert_eq!(text(b"{\"cause\":\"c\",\"message\":\"m\",\"response\":404}"), "m");
        assert_eq!(text(b"404 page not found\n"), "404 page not found");
        assert_eq!(text(b"{\"message\":null}"), "{\"message\":null}");
        assert_eq!(text(b"\xffa\x1b[2J\r\nb"), "\u{fffd}a [2J  b");
        assert_eq!(text(b""), "");
        assert_eq!(text(&[b'x'; 10_000]).len(), limits::MESSAGE);
    }

    #[test]
    fn prints_on_one_line() {
        let mut refusal = Refusal { status: 404, message: text(b"gone\n") };
        assert_eq!(refusal.to_string(), "HTTP 404: gone");
        refusal.message.clear();
        assert_eq!(refusal.to_string(), "HTTP 404");
    }
}
