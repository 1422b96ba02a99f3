//! A socket, whichever way it came about: to the engine, a client of our own HTTP, a receiver of lines, a name server.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use mio::event::Source;
use mio::net::{TcpStream, UdpSocket, UnixStream};
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
    /// Each write sends a datagram, each read takes one.
    Udp(UdpSocket),
}

impl Socket {
    /// A connection to a listener of this machine.
    ///
    /// # Errors
    /// Those of connect(2); `WouldBlock`: its backlog is full.
    pub(super) fn connect(path: &Path, urgency: Urgency) -> io::Result<Self> {
        Ok(Self { stream: Stream::Unix(UnixStream::connect(path)?), urgency })
    }

    /// Begins a connection over a network.
    ///
    /// # Errors
    /// Those of connect(2) that are known at once.
    pub(super) fn dial(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?; // what is written is whole
        Ok(stream.into())
    }

    /// A socket for datagrams to this server, and from nobody else.
    ///
    /// # Errors
    /// Those of bind(2) and connect(2).
    pub(super) fn ask(server: SocketAddr) -> io::Result<Self> {
        let any = match server {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        Ok(Self { stream: Stream::Udp(socket), urgency: Urgency::Bulk })
    }

    pub(super) fn urgency(&self) -> Urgency {
        self.urgency
    }
}

/// None of those is urgent.
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
            Stream::Udp(socket) => socket.recv(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Udp(socket) => socket.send(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Unix(stream) => stream.write_vectored(pieces),
            Stream::Tcp(stream) => stream.write_vectored(pieces),
            Stream::Udp(socket) => socket.send(pieces.first().map_or(&[], |piece| piece)),
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
            Self::Udp(socket) => socket,
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
