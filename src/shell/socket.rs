//! A connection: to the engine, or to a client of our own HTTP.

use std::io::{self, Read, Write};
use std::path::Path;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use super::world::Urgency;

/// A non-blocking socket, and where it is registered.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    urgency: Urgency,
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    /// A connection to a listener of this machine.
    ///
    /// # Errors
    /// Those of connect(2); `WouldBlock`: its backlog is full.
    pub(super) fn connect(path: &Path, urgency: Urgency) -> io::Result<Self> {
        Ok(Self { stream: Stream::Unix(UnixStream::connect(path)?), urgency })
    }

    pub(super) fn urgency(&self) -> Urgency {
        self.urgency
    }
}

/// Clients that were accepted. None of them is urgent.
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self { stream: Stream::Unix(stream), urgency: Urgency::Bulk }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self { stream: Stream::Tcp(stream), urgency: Urgency::Bulk }
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Unix(stream) => stream.read(bytes),
            Stream::Tcp(stream) => stream.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unix(stream) => stream,
            Self::Tcp(stream) => stream,
        }
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.stream.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.stream.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.source().deregister(registry)
    }
}
