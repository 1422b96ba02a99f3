//! A blocking client of the engine's API over its Unix socket: enough to set a scene and to look at the truth.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::Duration;

/// Where an engine listens.
#[derive(Clone)]
pub(crate) struct Api {
    socket: PathBuf,
}

/// A response in full.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Api {
    pub(crate) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// One request on a connection of its own. HTTP/1.0, so that the body isn't chunked and ends with the connection.
    pub(crate) fn call(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        )?;
        stream.write_all(body)?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        let bad = |what: &str| io::Error::other(format!("{method} {path}: {what}"));
        let end = response.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(|| bad("no head"))?;
        let head = std::str::from_utf8(&response[..end]).map_err(|_| bad("head is no text"))?;
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad("no status"))?;
        Ok(Answer { status, body: response.split_off(end + 4) })
    }

    /// Follows a container's log as plainly as can be: what has come so far can be looked at.
    pub(crate) fn follow(&self, id: &str) -> Arc<Mutex<Vec<u8>>> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&tail=1");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n").unwrap();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let came = bytes.clone();
        spawn(move || {
            let mut piece = [0; 4_096];
            // It ends with its container, or with the engine.
            while let Ok(length) = stream.read(&mut piece)
                && length > 0
            {
                came.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        bytes
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.must("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Option<&Value>) -> Value {
        self.must("POST", path, body)
    }

    /// A request that has to succeed; its JSON, or `Null` where there is none.
    pub(crate) fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.call(method, path, "application/json", body.as_bytes()).unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 400, "{method} {path}: {} {text}", answer.status);
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    pub(crate) fn ping(&self) -> bool {
        self.call("GET", "/_ping", "text/plain", b"").is_ok_and(|answer| answer.status == 200)
    }
}
