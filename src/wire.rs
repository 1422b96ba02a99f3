//! A socket in hyper's terms, for our own HTTP and for the receivers of lines. Readiness is a state here, too: [`Wire::mark`]
//! sets it, only `WouldBlock` clears it, and nobody is woken, for whoever marks polls as well.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::ReadBufCursor;

use crate::limits;

/// A socket, and what is known of it.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    socket: RefCell<Option<S>>,
    readable: Cell<bool>,
    writable: Cell<bool>,
    received: Cell<u64>,
    /// Bytes that may still be read in this step.
    allowance: Cell<usize>,
    /// What becomes of a write that has failed.
    failed: Failed,
}

#[derive(Debug)]
enum Failed {
    /// It is told.
    Told,
    /// It is kept quiet, and nothing is written from then on: reading goes on, and tells what there is to be told, for
    /// an answer may have come before.
    Quiet(Cell<bool>),
}

impl<S: io::Read + io::Write> Wire<S> {
    /// To a client that was accepted: it may have sent something before.
    pub(crate) fn to_client(socket: S) -> Rc<Self> {
        Self::new(socket, Failed::Told)
    }

    /// To a server, which may answer before it has all of the request, and close the connection.
    pub(crate) fn to_server(socket: S) -> Rc<Self> {
        Self::new(socket, Failed::Quiet(Cell::new(false)))
    }

    fn new(socket: S, failed: Failed) -> Rc<Self> {
        let (readable, writable) = (Cell::new(true), Cell::new(true));
        Rc::new(Self {
            socket: RefCell::new(Some(socket)),
            readable,
            writable,
            received: Cell::new(0),
            allowance: Cell::new(0),
            failed,
        })
    }

    /// An event has told this.
    pub(crate) fn mark(&self, readable: bool, writable: bool) {
        self.readable.set(self.readable.get() | readable);
        self.writable.set(self.writable.get() | writable);
    }

    /// A step begins. However fast the other end is, it ends.
    pub(crate) fn begin_step(&self) {
        self.allowance.set(limits::HTTP_READ_PER_STEP);
    }

    /// Bytes read so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Takes the socket out, to close it.
    pub(crate) fn take(&self) -> Option<S> {
        self.socket.take()
    }

    fn attempt<T>(
        &self,
        ready: &Cell<bool>,
        mut act: impl FnMut(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
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

    fn write<T>(
        &self,
        ready: &Cell<bool>,
        context: &mut Context<'_>,
        act: impl FnMut(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let Failed::Quiet(failed) = &self.failed else { return self.attempt(ready, act) };
        if failed.get() {
            return Poll::Pending;
        }
        let result = self.attempt(ready, act);
        if let Poll::Ready(Err(error)) = &result {
            log::debug!("a write failed: {error}");
            failed.set(true);
            self.readable.set(true);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        result
    }
}

/// Hyper's hold on a [`Wire`].
#[derive(Debug)]
pub(crate) struct End<S>(pub(crate) Rc<Wire<S>>);

impl<S: io::Read + io::Write> hyper::rt::Read for End<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; limits::HTTP_READ];
        let wire = &self.0;
        let room = out.remaining().min(bytes.len()).min(wire.allowance.get());
        if room == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        wire.attempt(&wire.readable, |socket| socket.read(&mut bytes[..room])).map_ok(|read| {
            wire.received.set(wire.received.get() + read as u64);
            wire.allowance.set(wire.allowance.get() - read);
            out.put_slice(&bytes[..read]);
        })
    }
}

impl<S: io::Read + io::Write> hyper::rt::Write for End<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = &self.0;
        wire.write(&wire.writable, context, |socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = &self.0;
        wire.write(&wire.writable, context, |socket| socket.write_vectored(pieces))
    }

    /// An encrypted socket may hold something back. A plain one has nothing to flush, writable or not.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.write(&Cell::new(true), context, io::Write::flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // it is closed at once
    }
}

/// Hyper yields by waking itself; that is all the waking there is.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    /// One that is down, and what raises it.
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self::default());
        (Arc::clone(&flag), Waker::from(flag))
    }

    /// Takes it down.
    pub(crate) fn lower(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// True if somebody has raised it.
    pub(crate) fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
