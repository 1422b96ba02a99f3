//! Response heads: found in the byte stream by us, taken apart by `httparse`.

use alloc::vec::Vec;
use core::fmt;

use crate::error::{Error, Layer, Reason};
use crate::framing::{self, Framing};
use crate::limits;

/// What we keep of a response head: no field list, so that thousands of open streams stay small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Whether the response is HTTP/1.1; else it is HTTP/1.0.
    pub version_1_1: bool,
    /// What the body claims to be.
    pub content: Content,
    /// The `Api-Version` field: the newest version this engine speaks. Answers of `net/http` itself lack it (W-61).
    pub api_version: Option<ApiVersion>,
    /// A `Libpod-Api-Version` field is there: the engine is Podman (W-04).
    pub podman: bool,
    /// Where the body ends.
    pub framing: Framing,
}

/// The media type of a body, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// No `Content-Type`: Docker 20.10 on logs.
    None,
    /// `application/vnd.docker.multiplexed-stream`: frames, for certain.
    Multiplexed,
    /// `application/vnd.docker.raw-stream`: proves nothing, since below API 1.42 frames are called so too (W-05, W-18).
    Raw,
    /// `application/json` and the types for several values of it.
    Json,
    /// Anything else, such as Podman's `application/octet-stream`.
    Other,
}

/// A version of the Docker Engine API, such as 1.41.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u16,
    /// After the dot.
    pub minor: u16,
}

impl ApiVersion {
    /// Reads `major.minor`, digits only.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        // `str::parse` takes a leading '+'.
        if !text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Collects a head up to its empty line.
///
/// The end is searched here, byte by byte, and `httparse` sees complete heads only: so its verdict can't depend on
/// how the head was cut into reads. RFC 9112 §2.2 lets us refuse a bare LF, and we do (W-10).
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// Earlier bytes of this head; empty while a head comes in one piece.
    held: Vec<u8>,
    /// Bytes in the current line.
    line: usize,
    /// The byte before was a CR.
    cr: bool,
}

impl HeadReader {
    /// Takes bytes from `rest`; `at` is the offset of the first. The head's interim predecessors count for its limit,
    /// which is why that is judged by `at`.
    pub(crate) fn take(&mut self, rest: &mut &[u8], at: u64, to_head: bool) -> Result<Option<Head>, Error> {
        let input = *rest;
        for (index, &byte) in input.iter().enumerate() {
            let here = at + index as u64;
            if !self.byte(byte, self.held.len() + index, here)? {
                continue;
            }
            let (last, after) = input.split_at(index + 1);
            *rest = after;
            let start = at - self.held.len() as u64;
            return if self.held.is_empty() {
                parse(last, start, to_head).map(Some)
            } else {
                let mut head = core::mem::take(&mut self.held);
                head.extend_from_slice(last);
                parse(&head, start, to_head).map(Some)
            };
        }
        self.held.extend_from_slice(input);
        *rest = &[];
        Ok(None)
    }

    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Judges one byte, the `index`th of its head; `true` at the head's last.
    fn byte(&mut self, byte: u8, index: usize, at: u64) -> Result<bool, Error> {
        const START: &[u8] = b"HTTP/1.";
        if at >= limits::HEAD as u64 {
            return Err(Error::new(Layer::Head, at, Reason::HeadTooLong));
        }
        if START.get(index).is_some_and(|&want| want != byte) {
            return Err(Error::new(Layer::Head, at, Reason::NotHttp));
        }
        match (byte, self.cr) {
            (b'\n', true) => {
                let empty = self.line == 0;
                (self.line, self.cr) = (0, false);
                return Ok(empty);
            }
            (b'\r', false) => self.cr = true,
            (b'\n', false) | (_, true) => return Err(Error::new(Layer::Head, at, Reason::HeadLineEnd)),
            _ => self.line += 1,
        }
        Ok(false)
    }
}

/// Takes a complete head apart; names of fields are words in any case (W-19). Its offset is the best we can say of an
/// error in it.
fn parse(bytes: &[u8], at: u64, to_head: bool) -> Result<Head, Error> {
    let mut fields = [httparse::EMPTY_HEADER; limits::HEADERS];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(bytes).map_err(|error| Error::new(Layer::Head, at, reason(error)))?;
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(Error::new(Layer::Head, at, Reason::HeadSyntax("unfinished field")));
    };
    if status == 101 {
        return Err(Error::new(Layer::Head, at, Reason::Upgraded));
    }
    let mut head = Head {
        status,
        version_1_1: minor == 1,
        content: Content::None,
        api_version: None,
        podman: false,
        framing: framing::of(to_head, status, minor, response.headers)
            .map_err(|reason| Error::new(Layer::Framing, at, reason))?,
    };
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-type") {
            head.content = content(field.value);
        } else if field.name.eq_ignore_ascii_case("api-version") {
            head.api_version = core::str::from_utf8(field.value).ok().and_then(ApiVersion::parse);
        } else if field.name.eq_ignore_ascii_case("libpod-api-version") {
            head.podman = true;
        }
    }
    Ok(head)
}

fn content(value: &[u8]) -> Content {
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    let media = value[..end].trim_ascii();
    let is = |name: &str| media.eq_ignore_ascii_case(name.as_bytes());
    let json = ["application/json", "application/jsonl", "application/x-ndjson", "application/json-seq"];
    if is("application/vnd.docker.multiplexed-stream") {
        Content::Multiplexed
    } else if is("application/vnd.docker.raw-stream") {
        Content::Raw
    } else if json.into_iter().any(is) {
        Content::Json
    } else {
        Content::Other
    }
}

fn reason(error: httparse::Error) -> Reason {
    Reason::HeadSyntax(match error {
        httparse::Error::TooManyHeaders => return Reason::TooManyHeaders,
        httparse::Error::HeaderName => "invalid field name",
        httparse::Error::HeaderValue => "invalid field value",
        httparse::Error::Status => "invalid status line",
        httparse::Error::Version => "unknown HTTP version",
        httparse::Error::NewLine | httparse::Error::Token => "invalid byte",
    })
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Head>, Error> {
        HeadReader::default().take(&mut &*bytes, 0, false)
    }

    fn reason(bytes: &[u8]) -> (u64, Reason) {
        let error = read(bytes).expect_err("an error");
        assert_eq!(error.layer, Layer::Head);
        (error.at, error.reason)
    }

    #[test]
    fn what_matters_is_kept() {
        let head = read(
            b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n\
              Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n[]",
        );
        let head = head.expect("valid").expect("complete");
        assert_eq!((head.status, head.version_1_1, head.podman), (200, true, true));
        assert_eq!(head.api_version, Some(ApiVersion { major: 1, minor: 41 }));
        assert_eq!((head.content, head.framing), (Content::Json, Framing::Length(2)));
    }

    #[test]
    fn contents() {
        assert_eq!(content(b"application/vnd.docker.multiplexed-stream"), Content::Multiplexed);
        assert_eq!(content(b"application/vnd.docker.raw-stream"), Content::Raw);
        assert_eq!(content(b" Application/JSONL ;x"), Content::Json);
        assert_eq!(content(b"text/plain; charset=utf-8"), Content::Other);
    }

    #[test]
    fn other_protocols_are_known_by_their_first_byte() {
        assert_eq!(reason(b"\x01\0\0\0"), (0, Reason::NotHttp));
        assert_eq!(reason(b"HTTP/2 200\r\n"), (5, Reason::NotHttp));
        assert_eq!(reason(b"\r\nHTTP/1.1 200 OK\r\n\r\n"), (0, Reason::NotHttp));
        assert_eq!(reason(b"HTTP/1.1 200 OK\n"), (15, Reason::HeadLineEnd));
        assert_eq!(reason(b"HTTP/1.1 200 OK\r\r\n"), (16, Reason::HeadLineEnd));
        assert_eq!(reason(b"HTTP/1.1 101 UPGRADED\r\n\r\n"), (0, Reason::Upgraded));
        assert!(matches!(reason(b"HTTP/1.9 200 OK\r\n\r\n").1, Reason::HeadSyntax(_)));
        assert!(matches!(reason(b"HTTP/1.1 2x0 OK\r\n\r\n").1, Reason::HeadSyntax(_)));
        assert!(matches!(reason(b"HTTP/1.1 200 OK\r\nA b\r\n\r\n").1, Reason::HeadSyntax(_)));
        assert!(matches!(reason(b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n").1, Reason::HeadSyntax(_)));
    }

    #[test]
    fn limits_hold() {
        let fields = |count: usize| ["HTTP/1.1 200 OK\r\n", &"A: b\r\n".repeat(count), "\r\n"].concat();
        assert!(read(fields(limits::HEADERS).as_bytes()).is_ok());
        assert_eq!(reason(fields(limits::HEADERS + 1).as_bytes()), (0, Reason::TooManyHeaders));
        let long = ["HTTP/1.1 200 OK\r\nA: ", &"b".repeat(limits::HEAD)].concat();
        assert_eq!(reason(long.as_bytes()), (limits::HEAD as u64, Reason::HeadTooLong));
    }

    #[test]
    fn versions_are_digits() {
        assert_eq!(ApiVersion::parse("1.51").map(|version| version.to_string()).as_deref(), Some("1.51"));
        assert!(ApiVersion::parse("1.9") < ApiVersion::parse("1.41"));
        for text in ["", "1", "1.", ".1", "+1.4", "1.+4", "1.4.1", "v1.4", "1.99999", "1.٤"] {
            assert_eq!(ApiVersion::parse(text), None, "{text}");
        }
    }
}
