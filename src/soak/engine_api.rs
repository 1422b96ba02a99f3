//! A blocking client of the engine's API: one request, one connection, HTTP/1.0, so that a body isn't chunked and ends
//! with the connection.
//!
//! docklog proper only ever does GETs, without blocking. The soak test has to make, start, stop and remove containers,
//! which is what this is for; and as it is a test, its own threads may wait.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::limits;

/// Where the engine listens.
#[derive(Clone, Debug)]
pub(super) struct Api {
    socket: PathBuf,
}

/// Why a request has failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer, so nobody knows whether it was carried out.
    Unanswered(String),
    /// The engine said no: status and reason.
    Refused(u16, String),
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unanswered(text) | Failure::Refused(_, text) => text,
        }
    }
}

impl Api {
    /// The engine that listens on this socket.
    pub(super) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Makes a request; its body, of whatever kind.
    ///
    /// # Errors
    /// If there is no answer, or one that says no.
    pub(super) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>, Failure> {
        let unanswered = |what: &dyn std::fmt::Display| {
            let socket = self.socket.display();
            Failure::Unanswered(format!(
                "the engine at {socket} gave no answer to {method} {path}: {what}. Is it running, and may you use its socket?"
            ))
        };
        let response = self.exchange(method, path, body).map_err(|error| unanswered(&error))?;
        let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let (head, body) = response.split_at(end.map_or(0, |end| end + 4));
        let status = std::str::from_utf8(head).ok().and_then(|head| head.split(' ').nth(1)?.parse().ok());
        match status {
            None => Err(unanswered(&"what came isn't HTTP")),
            Some(200..=399) => Ok(body.to_vec()),
            Some(status) => {
                let said: Value = serde_json::from_slice(body).unwrap_or_default();
                let reason = said["message"].as_str().unwrap_or("without a reason");
                Err(Failure::Refused(
                    status,
                    format!("the engine refused {method} {path}: status {status}, {reason}"),
                ))
            }
        }
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Vec<u8>> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(limits::SOAK_ANSWER))?;
        stream.set_write_timeout(Some(limits::SOAK_ANSWER))?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes())?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        Ok(response)
    }
}
