//! The floor: reads a log without looking at it, and sleeps between the reads, so that each wakes us for many lines. Nobody
//! can take a log from the engine's socket with less work than this.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

/// Much more than a socket holds.
const BUFFER: usize = 256 * 1024;

/// Long enough for the socket to fill (278 small chunks, then the engine waits).
const PAUSE: Duration = Duration::from_millis(2);

/// Reads the whole log of a container.
pub(crate) fn run(socket: &str, id: &str) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let path = format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").unwrap();
    let mut buffer = vec![0; BUFFER];
    while stream.read(&mut buffer).unwrap() > 0 {
        sleep(PAUSE);
    }
}
