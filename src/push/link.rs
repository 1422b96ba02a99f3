//! A connection to a receiver, plain or encrypted, from its first packet on.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

#[cfg(feature = "tls")]
use super::secure::{self, Secure};
use super::target::Target;

/// A connection.
#[derive(Debug)]
pub(super) enum Link<S> {
    /// As it is.
    Plain(S),
    /// Under TLS.
    #[cfg(feature = "tls")]
    Secure(Box<Secure<S>>),
}

impl<S: Read + Write> Link<S> {
    /// One over this socket, which may not be connected yet.
    ///
    /// # Errors
    /// If this receiver can't be spoken to in this way; with the socket, to be closed.
    pub(super) fn new(socket: S, target: &Target) -> Result<Self, (S, String)> {
        if !target.is_secure() {
            return Ok(Self::Plain(socket));
        }
        #[cfg(feature = "tls")]
        if let Some(config) = &target.tls {
            return match secure::session(config, target.host()) {
                Ok(tls) => Ok(Self::Secure(Box::new(Secure::new(socket, tls)))),
                Err(why) => Err((socket, why)),
            };
        }
        Err((socket, "TLS isn't set up".to_owned()))
    }

    /// True once the socket is connected; the error if it can't be.
    pub(super) fn is_connected(&mut self) -> io::Result<bool> {
        match self.socket().write(&[]) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Goes on with what comes before the first request. True once that is done.
    pub(super) fn shake(&mut self) -> Result<bool, String> {
        match self {
            Self::Plain(_) => Ok(true),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.shake(),
        }
    }

    /// The socket, to be closed.
    pub(super) fn into_socket(self) -> S {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.into_socket(),
        }
    }

    fn socket(&mut self) -> &mut S {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.socket(),
        }
    }
}

impl<S: Read + Write> Read for Link<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(out),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.read(out),
        }
    }
}

impl<S: Read + Write> Write for Link<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.write(bytes),
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write_vectored(pieces),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Self::Secure(secure) => secure.flush(),
        }
    }
}
