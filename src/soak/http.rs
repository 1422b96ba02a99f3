//! HTTP for the simulated engine: one request and its answer, blocking, on a connection of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// The type of all answers but logs.
pub(super) const JSON: &str = "application/json";

/// A request in full.
pub(super) struct Request {
    /// `GET` and so on.
    pub(super) method: String,
    /// Without its query.
    pub(super) path: String,
    query: String,
    http11: bool,
    /// `Null` if there is none.
    pub(super) body: Value,
}

impl Request {
    /// Reads it.
    pub(super) fn read(stream: &UnixStream) -> io::Result<Self> {
        let mut lines = BufReader::new(stream);
        let mut first = String::new();
        lines.read_line(&mut first)?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            lines.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = Vec::new();
        lines.take(length).read_to_end(&mut body)?;
        let mut words = first.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let http11 = words.next().is_some_and(|version| version == "HTTP/1.1");
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        Ok(Self { method, path, query, http11, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    /// What the query says of this.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|p| p.1)
    }
}

/// An answer: chunked for HTTP/1.1, until the connection's end for 1.0.
pub(super) struct Reply {
    stream: UnixStream,
    chunked: bool,
}

impl Reply {
    /// The answer to this request.
    pub(super) fn to(request: &Request, stream: UnixStream) -> Self {
        Self { stream, chunked: request.http11 }
    }

    /// A JSON body, or none for `Null`.
    pub(super) fn whole(&mut self, status: u16, body: &Value) -> io::Result<()> {
        let body = if body.is_null() { String::new() } else { format!("{body}\n") };
        let reason = if status < 400 { "OK" } else { "Not Found" };
        let head = format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {JSON}\r\nConnection: close\r\n");
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.stream.write_all(format!("{head}{length}\r\n{body}").as_bytes())
    }

    /// The head of a body that comes piece by piece.
    pub(super) fn head(&mut self, kind: &str) -> io::Result<()> {
        let coding = if self.chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n{coding}\r\n");
        self.stream.write_all(head.as_bytes())
    }

    /// Appends a piece, as it goes over the wire, to others.
    pub(super) fn add(&self, pieces: &mut Vec<u8>, piece: &[u8]) {
        if self.chunked {
            pieces.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        }
        pieces.extend_from_slice(piece);
        if self.chunked {
            pieces.extend_from_slice(b"\r\n");
        }
    }

    /// Sends pieces.
    pub(super) fn send(&mut self, pieces: &[u8]) -> io::Result<()> {
        self.stream.write_all(pieces)
    }

    /// Sends a piece.
    pub(super) fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut pieces = Vec::new();
        self.add(&mut pieces, piece);
        self.stream.write_all(&pieces)
    }

    /// The body is complete.
    pub(super) fn last(&mut self) -> io::Result<()> {
        self.stream.write_all(if self.chunked { b"0\r\n\r\n" } else { b"" })
    }
}
