//! A socket in hyper's terms. Readiness is a state here, too: [`Wire::mark`] sets it, only `WouldBlock` clears it, and
//! nobody is woken, for whoever marks polls as well.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::ReadBufCursor;

use crate::limits;

/// A client's socket, and what is known of it.
#[derive(Debug)]
pub(super) struct Wire<S> {
    socket: RefCell<Option<S>>,
    readable: Cell<bool>,
    writable: Cell<bool>,
}

impl<S: io::Read + io::Write> Wire<S> {
    /// A client that was accepted: it may have sent something before.
    pub(super) fn new(socket: S) -> Rc<Self> {
        let (readable, writable) = (Cell::new(true), Cell::new(true));
        Rc::new(Self { socket: RefCell::new(Some(socket)), readable, writable })
    }

    /// An event has told this.
    pub(super) fn mark(&self, readable: bool, writable: bool) {
        self.readable.set(self.readable.get() | readable);
        self.writable.set(self.writable.get() | writable);
    }

    /// Takes the socket out, to close it. What was sent and not read is read now, as far as it is there.
    pub(super) fn take(&self) -> Option<S> {
        let mut socket = self.socket.take()?;
        let mut left = [0; limits::HTTP_READ];
        for _ in 0..limits::HTTP_LEFTOVERS / limits::HTTP_READ {
            if !matches!(socket.read(&mut left), Ok(1..)) {
                break;
            }
        }
        Some(socket)
    }

    fn attempt(
        &self,
        ready: &Cell<bool>,
        mut act: impl FnMut(&mut S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let mut socket = self.socket.borrow_mut();
        let Some(socket) = socket.as_mut() else { return Poll::Ready(Err(ErrorKind::NotConnected.into())) };
        while ready.get() {
            match act(socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready.set(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
        Poll::Pending
    }
}

/// Hyper's hold on a [`Wire`].
#[derive(Debug)]
pub(super) struct End<S>(pub(super) Rc<Wire<S>>);

impl<S: io::Read + io::Write> hyper::rt::Read for End<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; limits::HTTP_READ];
        let room = out.remaining().min(bytes.len());
        let wire = &self.0;
        wire.attempt(&wire.readable, |socket| socket.read(&mut bytes[..room]))
            .map_ok(|read| out.put_slice(&bytes[..read]))
    }
}

impl<S: io::Read + io::Write> hyper::rt::Write for End<S> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = &self.0;
        wire.attempt(&wire.writable, |socket| socket.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // nothing is held here
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // it is closed at once
    }
}
