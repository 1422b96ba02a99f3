//! One connection, as the engine's HTTP server handles it: requests in turn, each answer made of single writes that
//! the other side takes when it has room.

use std::collections::VecDeque;

use super::Endpoint;
use super::dialect::Dialect;
use super::events::Subscriber;
use super::hostile::Attack;
use super::http::{LAST_CHUNK, chunk};
use super::logs::Reader;

/// Names a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(super) u64);

/// What is being sent.
#[derive(Debug)]
pub(super) enum Body {
    /// The next request is awaited.
    Idle,
    /// A container's log.
    Logs(Reader),
    /// Events.
    Events(Subscriber),
    /// Something evil.
    Attack(Attack),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) inbox: Vec<u8>,
    pub(super) writes: VecDeque<Vec<u8>>,
    pub(super) body: Body,
    /// The head that Podman holds back until the log's first line.
    pub(super) late_head: Option<Vec<u8>>,
    pub(super) chunked: bool,
    pub(super) close_after: bool,
    pub(super) over: bool,
    pub(super) serving: Option<Endpoint>,
}

impl Conn {
    pub(super) fn new() -> Self {
        Conn {
            inbox: Vec::new(),
            writes: VecDeque::new(),
            body: Body::Idle,
            late_head: None,
            chunked: true,
            close_after: false,
            over: false,
            serving: None,
        }
    }

    /// Queues a piece of a body of unknown length.
    pub(super) fn send(&mut self, data: &[u8], dialect: Dialect) {
        self.writes.extend(self.late_head.take());
        if !self.chunked {
            self.writes.push_back(data.to_vec());
        } else if dialect.is_podman() && data.len() > 2048 {
            // Podman's writer has a buffer of 2 KiB: long frames span chunks.
            let (first, rest) = data.split_at(2048);
            self.writes.extend([chunk(first), chunk(rest)]);
        } else {
            self.writes.push_back(chunk(data));
        }
    }

    /// Queues the end of a body of unknown length.
    pub(super) fn finish(&mut self) {
        self.writes.extend(self.late_head.take());
        if self.chunked {
            self.writes.push_back(LAST_CHUNK.to_vec());
        }
        self.body = Body::Idle;
    }
}
