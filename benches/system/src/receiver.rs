//! A receiver of batches that costs as little as one can: it takes every request, looks at nothing but its length, and counts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What all takers understand as "I have it", Loki's and OpenTelemetry's clients alike.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Bytes read from a connection at a time.
const BUFFER: usize = 256 * 1024;

/// Takes batches at a port of this machine, until the program ends.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    taken: Arc<Taken>,
}

/// Since the last look.
#[derive(Default)]
struct Taken {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Receiver {
    /// Starts one, in threads of this program: what they take is nobody else's time.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::<Taken>::default();
        let counts = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, counts) = (stream.unwrap(), Arc::clone(&counts));
                // A client that goes in the middle of a request has not been answered, so that it is not taken either.
                thread::spawn(move || serve(stream, &counts).unwrap_or_default());
            }
        });
        Self { address, taken }
    }

    /// Requests, and bytes of their bodies, since this was asked last.
    pub(crate) fn taken(&self) -> (u64, u64) {
        (self.taken.requests.swap(0, Ordering::Relaxed), self.taken.bytes.swap(0, Ordering::Relaxed))
    }
}

/// Answers one request after another; `None` at the end of the connection.
fn serve(mut stream: TcpStream, taken: &Taken) -> Option<()> {
    let mut reader = BufReader::with_capacity(BUFFER, stream.try_clone().ok()?);
    loop {
        let bytes = match body(&mut reader)? {
            Body::Sized(length) => skip(&mut reader, length)?,
            Body::Chunked => skip_chunks(&mut reader)?,
        };
        taken.requests.fetch_add(1, Ordering::Relaxed);
        taken.bytes.fetch_add(bytes, Ordering::Relaxed);
        stream.write_all(ANSWER).ok()?;
    }
}

/// How long a body is.
#[derive(Debug, PartialEq, Eq)]
enum Body {
    Sized(u64),
    Chunked,
}

/// Reads the head of a request.
fn body(reader: &mut impl BufRead) -> Option<Body> {
    let mut body = Body::Sized(0);
    loop {
        let line = line(reader)?.to_ascii_lowercase();
        match line.split_once(':') {
            Some(("content-length", value)) => body = Body::Sized(value.trim().parse().ok()?),
            Some(("transfer-encoding", value)) if value.trim() == "chunked" => body = Body::Chunked,
            _ if line.is_empty() => return Some(body),
            _ => {}
        }
    }
}

/// A line, without its end; `None` if there is no whole one.
fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.ends_with('\n').then(|| line.trim_end().to_owned())
}

/// Reads so many bytes.
fn skip(reader: &mut impl BufRead, length: u64) -> Option<u64> {
    let skipped = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
    (skipped == length).then_some(length)
}

/// Reads chunks up to the last, and the trailer; how many bytes were in them.
fn skip_chunks(reader: &mut impl BufRead) -> Option<u64> {
    let mut total = 0;
    loop {
        let head = line(reader)?;
        let length = u64::from_str_radix(head.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            while !line(reader)?.is_empty() {}
            return Some(total);
        }
        total += skip(reader, length)?;
        line(reader)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_both_kinds_are_counted_whole() {
        let receiver = Receiver::start();
        let mut stream = TcpStream::connect(receiver.address).unwrap();
        for request in [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nlines",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nlin\r\na;x=y\r\nes and end\r\n0\r\nX: y\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n",
        ] {
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = vec![0; ANSWER.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, ANSWER);
        }
        assert_eq!(receiver.taken(), (3, 18));
        assert_eq!(receiver.taken(), (0, 0));
    }

    #[test]
    fn a_broken_off_request_is_not_taken() {
        let mut half = BufReader::new(&b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nlin"[..]);
        assert_eq!(body(&mut half), Some(Body::Sized(5)));
        assert_eq!(skip(&mut half, 5), None);
        assert_eq!(body(&mut BufReader::new(&b"POST / HTTP/1.1\r\nContent-"[..])), None);
    }
}
