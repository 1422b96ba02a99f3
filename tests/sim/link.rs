//! One connection between docklog and the engine: bytes on their way, what a socket has room for, and when readiness is
//! told.

use std::collections::VecDeque;

use docklog::shell::world::{Token, Urgency};

use super::engine::ConnId;

/// What the kernel adds to a piece of data in its accounting: 278 small writes fit into a socket, 44 of 4 KiB, 13 of
/// 16 KiB.
const OVERHEAD: usize = 768;

/// The kernel cuts larger writes.
const PIECE: usize = 32 * 1024;

fn cost(len: usize) -> usize {
    if len <= 300 { OVERHEAD } else { len + OVERHEAD }
}

#[derive(Debug)]
struct Piece {
    arrives: u64,
    bytes: Vec<u8>,
    taken: usize,
}

/// How a connection ends for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Close,
    Reset,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    pub token: Token,
    pub urgency: Urgency,
    /// The engine's end; `None` once it has gone.
    pub conn: Option<ConnId>,
    /// It leads to a client of docklog's own HTTP instead; and that takes nothing more.
    pub visitor: Option<usize>,
    pub full: bool,
    down: VecDeque<Piece>,
    down_cost: usize,
    up: VecDeque<Piece>,
    up_len: usize,
    ending: Option<(u64, Ending)>,
    last_arrival: u64,
    last_sent: u64,
    /// Readiness isn't told again before an operation would have blocked.
    pub read_armed: bool,
    pub write_armed: bool,
    /// When readiness to read was told last, and what had arrived by then; whether the end was told.
    told_arrivals: u64,
    told_end: bool,
    pub bytes_read: u64,
}

impl Link {
    pub fn new(token: Token, urgency: Urgency, conn: ConnId) -> Self {
        Link {
            token,
            urgency,
            conn: Some(conn),
            visitor: None,
            full: false,
            down: VecDeque::new(),
            down_cost: 0,
            up: VecDeque::new(),
            up_len: 0,
            ending: None,
            last_arrival: 0,
            last_sent: 0,
            read_armed: true,
            write_armed: true,
            told_arrivals: 0,
            told_end: false,
            bytes_read: 0,
        }
    }

    /// To a client of docklog's own HTTP.
    pub fn of_visitor(token: Token, urgency: Urgency, who: usize) -> Self {
        Link { conn: None, visitor: Some(who), ..Link::new(token, urgency, ConnId::default()) }
    }

    /// Whether the engine's next write finds room.
    pub fn has_room(&self, limit: usize) -> bool {
        self.ending.is_none() && self.down_cost < limit
    }

    /// The engine writes; its bytes arrive at `at`, or later if those before do.
    pub fn push_down(&mut self, at: u64, bytes: &[u8]) {
        self.last_arrival = self.last_arrival.max(at);
        for piece in bytes.chunks(PIECE) {
            self.down_cost += cost(piece.len());
            self.down.push_back(Piece { arrives: self.last_arrival, bytes: piece.to_vec(), taken: 0 });
        }
    }

    /// The engine closes, or is gone.
    pub fn end(&mut self, at: u64, ending: Ending) {
        self.last_arrival = self.last_arrival.max(at);
        self.ending.get_or_insert((self.last_arrival, ending));
        self.conn = None;
        self.up.clear(); // nobody will take it
    }

    /// Loses all but the first `keep` of the bytes that docklog hasn't read: what a reset, or a proxy, may do.
    pub fn lose_after(&mut self, mut keep: usize) {
        for piece in &mut self.down {
            let left = piece.bytes.len() - piece.taken;
            piece.bytes.truncate(piece.taken + keep.min(left));
            keep = keep.saturating_sub(left);
        }
        self.down.retain(|piece| piece.taken < piece.bytes.len());
        self.down_cost = self.down.iter().map(|piece| cost(piece.bytes.len())).sum();
    }

    /// Bytes that docklog hasn't read, arrived or not.
    pub fn unread(&self) -> usize {
        self.down.iter().map(|piece| piece.bytes.len() - piece.taken).sum()
    }

    /// Bytes that can be read now.
    pub fn available(&self, now: u64) -> usize {
        self.down.iter().take_while(|p| p.arrives <= now).map(|p| p.bytes.len() - p.taken).sum()
    }

    /// How the stream ends, if all before was read and the end has arrived.
    pub fn ended(&self, now: u64) -> Option<Ending> {
        let (at, ending) = self.ending?;
        (self.down.is_empty() && at <= now).then_some(ending)
    }

    /// Takes bytes for a read.
    pub fn take_down(&mut self, out: &mut [u8]) {
        let mut done = 0;
        while done < out.len() {
            let Some(piece) = self.down.front_mut() else { break };
            let n = (piece.bytes.len() - piece.taken).min(out.len() - done);
            out[done..done + n].copy_from_slice(&piece.bytes[piece.taken..piece.taken + n]);
            piece.taken += n;
            done += n;
            if piece.taken == piece.bytes.len() {
                self.down_cost -= cost(piece.bytes.len());
                self.down.pop_front();
            }
        }
        self.bytes_read += done as u64;
    }

    /// Room for a write of docklog's.
    pub fn request_room(&self, limit: usize) -> usize {
        limit.saturating_sub(self.up_len)
    }

    /// Docklog writes.
    pub fn push_up(&mut self, at: u64, bytes: &[u8]) {
        self.last_sent = self.last_sent.max(at);
        self.up_len += bytes.len();
        self.up.push_back(Piece { arrives: self.last_sent, bytes: bytes.to_vec(), taken: 0 });
    }

    /// Takes what has reached the engine.
    pub fn take_up(&mut self, now: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while self.up.front().is_some_and(|piece| piece.arrives <= now) {
            out.extend(self.up.pop_front().into_iter().flat_map(|piece| piece.bytes));
        }
        self.up_len -= out.len();
        out
    }

    /// When something arrives next, on either side.
    pub fn next_arrival(&self, now: u64) -> Option<u64> {
        let up = self.up.front().map(|p| p.arrives);
        let later = self.down.iter().map(|p| p.arrives).find(|&at| at > now);
        let end = self.ending.map(|(at, _)| at).filter(|&at| at > now);
        [up, later, end].into_iter().flatten().min()
    }

    /// Bytes, the end or an error can be read.
    pub fn readable(&self, now: u64) -> bool {
        self.available(now) > 0 || self.ended(now).is_some()
    }

    /// A write wouldn't block: there is room, or it fails at once.
    pub fn writable(&self, now: u64, limit: usize) -> bool {
        (self.request_room(limit) > 0 && !self.full) || self.is_closed(now)
    }

    /// Whether readiness to read is to be told: an edge.
    pub fn read_edge(&self, now: u64, strict: bool) -> bool {
        let arrived_since = !strict && self.arrivals(now) > self.told_arrivals;
        self.readable(now) && (self.read_armed || arrived_since)
    }

    /// It was told.
    pub fn read_told(&mut self, now: u64) {
        self.read_armed = false;
        self.told_arrivals = self.arrivals(now);
        self.told_end |= self.is_closed(now);
    }

    /// A read has taken less than was asked for: what arrives from now on is told, and an end that has been told isn't.
    pub fn read_short(&mut self, now: u64) {
        self.read_armed = self.available(now) > 0 || !self.told_end;
    }

    /// The end has arrived, perhaps behind bytes that haven't been read.
    pub fn is_closed(&self, now: u64) -> bool {
        self.ending.is_some_and(|(at, _)| at <= now)
    }

    /// A number that rises with each arrival.
    fn arrivals(&self, now: u64) -> u64 {
        let end = self.is_closed(now);
        self.bytes_read + self.available(now) as u64 + u64::from(end)
    }
}
