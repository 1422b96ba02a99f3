//! `/state` of a running docklog, asked for over its HTTP.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::limits;
use crate::web::listen::Listen;

/// What a running docklog tells of itself.
#[derive(Clone, Debug)]
pub(super) struct State(pub(super) Value);

impl State {
    /// Asks for it.
    ///
    /// # Errors
    /// Why there is none, and what helps, for people.
    pub(super) fn ask(address: &Listen) -> Result<Self, String> {
        let body = get(address, "/state").map_err(|error| {
            format!("no answer from docklog at {address}: {error}. Does it run, with --http or http.listen?")
        })?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| format!("what answers at {address} isn't docklog: /state isn't JSON ({error})"))
    }

    /// A number of an object of its.
    pub(super) fn number(&self, object: &str, name: &str) -> u64 {
        self.0[object][name].as_u64().unwrap_or_default()
    }

    /// A word of an object of its.
    pub(super) fn word(&self, object: &str, name: &str) -> &str {
        self.0[object][name].as_str().unwrap_or_default()
    }

    /// Its streams.
    pub(super) fn streams(&self) -> &[Value] {
        self.0["streams"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// HTTP/1.0: the body isn't chunked, and ends with the connection.
fn get(address: &Listen, path: &str) -> Result<Vec<u8>, String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: docklog\r\n\r\n");
    let response = match address {
        Listen::Unix(path) => UnixStream::connect(path).and_then(|mut stream| {
            stream.set_read_timeout(Some(limits::ANSWER))?;
            exchange(&mut stream, &request)
        }),
        Listen::Tcp(address) => TcpStream::connect_timeout(address, limits::ANSWER).and_then(|mut stream| {
            stream.set_read_timeout(Some(limits::ANSWER))?;
            exchange(&mut stream, &request)
        }),
    };
    let response = response.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => format!("nothing within {} s", limits::ANSWER.as_secs()),
        _ => error.to_string(),
    })?;
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or("what came isn't HTTP")?;
    let (head, body) = response.split_at(end + 4);
    match head.split(|byte| *byte == b' ').nth(1) {
        Some(b"200") => Ok(body.to_vec()),
        _ => Err(String::from_utf8_lossy(head).lines().next().unwrap_or_default().to_owned()),
    }
}

fn exchange(stream: &mut (impl Read + Write), request: &str) -> std::io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.take(limits::STATE_READ).read_to_end(&mut response)?;
    Ok(response)
}
