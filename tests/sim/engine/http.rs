//! The engine's side of HTTP/1: requests in, heads and chunks out.

use super::dialect::Dialect;
use super::stamp::{Nanos, http_date};

/// A request, as far as an engine looks at it.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without the version prefix.
    pub path: String,
    /// The version prefix, as `/v1.41`.
    pub version: Option<(u32, u32)>,
    pub parameters: Vec<(String, String)>,
    pub http10: bool,
    pub close: bool,
    /// The request line as it came.
    pub line: String,
}

/// Takes a complete request head off the inbox. `Some(Err)`: the answer is 400, with this text.
pub fn take(inbox: &mut Vec<u8>) -> Option<Result<Request, &'static str>> {
    let end = inbox.windows(4).position(|w| w == b"\r\n\r\n");
    let Some(end) = end else {
        // A complete line that is no request line needs no more waiting for.
        let first = inbox.split(|&b| b == b'\n').next().filter(|line| line.len() < inbox.len())?;
        return (!looks_like_request(first)).then_some(Err("400 Bad Request"));
    };
    let head: Vec<u8> = inbox.drain(..end + 4).collect();
    Some(parse(&String::from_utf8_lossy(&head[..end])))
}

fn looks_like_request(line: &[u8]) -> bool {
    String::from_utf8_lossy(line).trim_end().split(' ').count() == 3
}

fn parse(head: &str) -> Result<Request, &'static str> {
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(protocol), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("400 Bad Request");
    };
    let http10 = match protocol {
        "HTTP/1.0" => true,
        "HTTP/1.1" => false,
        _ => return Err("400 Bad Request: malformed HTTP version"),
    };
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(k, v)| (k.trim().to_ascii_lowercase(), v.trim().to_ascii_lowercase()))
        .collect();
    let has = |key: &str| headers.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    if !http10 && has("host").is_none() {
        return Err("400 Bad Request: missing required Host header");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (version, path) = split_version(path);
    Ok(Request {
        method: method.into(),
        path: percent_decode(path),
        version,
        parameters: query.split('&').filter(|p| !p.is_empty()).map(parameter).collect(),
        http10,
        close: http10 || has("connection") == Some("close"),
        line: line.into(),
    })
}

fn parameter(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (percent_decode(key), percent_decode(value))
}

fn split_version(path: &str) -> (Option<(u32, u32)>, &str) {
    let versioned = path.strip_prefix("/v").and_then(|rest| {
        let (version, rest) = rest.split_once('/')?;
        let (major, minor) = version.split_once('.')?;
        Some(((major.parse().ok()?, minor.parse().ok()?), rest))
    });
    match versioned {
        Some((version, rest)) => (Some(version), &path[path.len() - rest.len() - 1..]),
        None => (None, path),
    }
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut hex = || (bytes.next().unwrap_or(b'0') as char).to_digit(16).unwrap_or(0) as u8;
        match byte {
            b'%' => out.push(hex() << 4 | hex()),
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// How long a body is told to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// `Content-Length`.
    Known(usize),
    /// Chunks.
    Chunked,
    /// Until the connection closes (answers to HTTP/1.0).
    UntilClose,
}

/// What a head is made of.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub dialect: Dialect,
    pub now: Nanos,
    pub status: u16,
    pub content_type: Option<&'a str>,
    pub length: Length,
    pub close: bool,
}

impl Head<'_> {
    /// The head's bytes, in the order of headers that Go writes.
    pub fn bytes(&self) -> Vec<u8> {
        let protocol = if self.length == Length::UntilClose { "HTTP/1.0" } else { "HTTP/1.1" };
        let (major, minor) = self.dialect.api();
        let mut out = format!("{protocol} {} {}\r\n", self.status, reason(self.status));
        let mut add = |line: String| {
            out.push_str(&line);
            out.push_str("\r\n");
        };
        add(format!("Api-Version: {major}.{minor}"));
        if let Some(kind) = self.content_type {
            add(format!("Content-Type: {kind}"));
        }
        if self.dialect.is_podman() {
            add("Libpod-Api-Version: 4.3.1".into());
        } else {
            add("Docker-Experimental: false".into());
            add("Ostype: linux".into());
        }
        add(format!("Server: {}", self.dialect.server()));
        add(format!("Date: {}", http_date(self.now)));
        match self.length {
            Length::Known(n) => add(format!("Content-Length: {n}")),
            Length::Chunked => add("Transfer-Encoding: chunked".into()),
            Length::UntilClose => {}
        }
        if self.close && self.length != Length::UntilClose {
            add("Connection: close".into());
        }
        out.push_str("\r\n");
        out.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        _ => "Unknown",
    }
}

/// One chunk.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// The last chunk.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_request_only_when_it_is_whole() {
        let mut inbox = b"GET /v1.41/containers/ab/logs?follow=1&tail=all HTTP/1.1\r\nHost: d\r\n".to_vec();
        assert!(take(&mut inbox).is_none());
        inbox.extend_from_slice(b"\r\nGET");
        let request = take(&mut inbox).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.version), ("/containers/ab/logs", Some((1, 41))));
        assert_eq!(request.parameters[1], ("tail".into(), "all".into()));
        assert_eq!(inbox, b"GET");
    }

    #[test]
    fn wants_a_host() {
        assert!(take(&mut b"GET / HTTP/1.1\r\n\r\n".to_vec()).unwrap().is_err());
        assert!(take(&mut b"GET / HTTP/1.0\r\n\r\n".to_vec()).unwrap().is_ok());
        assert!(take(&mut b"garbage\r\n".to_vec()).unwrap().is_err());
    }
}
