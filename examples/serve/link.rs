//! One connection to a client: what came, and what the socket hasn't taken yet.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

use super::engine::ConnId;
use super::faults::{Fault, Faults};

/// How far a write got.
pub(super) enum Sent {
    /// Nothing is left.
    All,
    /// The socket is full.
    Some,
}

pub(super) struct Link {
    stream: UnixStream,
    pub(super) conn: ConnId,
    /// What is being written, and how much of it is.
    write: Vec<u8>,
    sent: usize,
    /// Something may be readable.
    heard: bool,
    /// The socket was full, and hasn't told of room since; is it asked to tell?
    full: bool,
    asked: bool,
    /// The connection is to be cut after this write.
    cut: bool,
    /// Nothing is written until then.
    pub(super) stalled: Option<Instant>,
    /// The container whose log it reads.
    pub(super) follows: Option<usize>,
    /// It stands in the list of those who have something to do.
    pub(super) queued: bool,
}

impl Link {
    pub(super) fn new(stream: UnixStream, conn: ConnId) -> Self {
        Link {
            stream,
            conn,
            write: Vec::new(),
            sent: 0,
            heard: true,
            full: false,
            asked: false,
            cut: false,
            stalled: None,
            follows: None,
            queued: false,
        }
    }

    /// An event has told this.
    pub(super) fn mark(&mut self, readable: bool, writable: bool) {
        self.heard |= readable;
        self.full &= !writable;
    }

    /// What has come; an error is the end of the connection.
    pub(super) fn hear(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !std::mem::take(&mut self.heard) {
            return Ok(None);
        }
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(all)),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn is_stalled(&mut self, stalls: &mut VecDeque<(Instant, usize)>, slot: usize) -> bool {
        let Some(until) = self.stalled else { return false };
        if until > Instant::now() {
            return true;
        }
        self.stalled = None;
        stalls.retain(|stall| stall.1 != slot);
        false
    }

    /// The next write, once the one before is done.
    pub(super) fn send(&mut self, write: Vec<u8>, fault: Option<Fault>, faults: &mut Faults) {
        (self.write, self.sent) = (write, 0);
        match fault {
            Some(Fault::Cut) => {
                self.write.truncate(faults.below(self.write.len()));
                self.cut = true;
            }
            Some(Fault::Corrupt) => {
                let at = faults.below(self.write.len());
                if let Some(byte) = self.write.get_mut(at) {
                    *byte ^= 1 << faults.below(8);
                }
            }
            _ => {}
        }
    }

    /// Writes what there is; an error is the end of the connection.
    pub(super) fn flush(&mut self) -> io::Result<Sent> {
        while self.sent < self.write.len() {
            if self.full {
                return Ok(Sent::Some);
            }
            match self.stream.write(&self.write[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.full = true,
                Err(error) => return Err(error),
            }
        }
        if self.cut { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(Sent::All) }
    }

    /// Wants to be told when there is room. Otherwise it isn't told, for the client's reads would pay for these events.
    pub(super) fn wants_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if !std::mem::replace(&mut self.asked, true) {
            registry.reregister(&mut self.stream, token, Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(())
    }

    /// Has no need of room any more.
    pub(super) fn has_said_all(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if std::mem::take(&mut self.asked) {
            registry.reregister(&mut self.stream, token, Interest::READABLE)?;
        }
        Ok(())
    }
}
