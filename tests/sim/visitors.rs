//! Clients of docklog's own HTTP.

use std::collections::VecDeque;
use std::io;

use docklog::shell::world::{Token, Urgency};

use super::link::{Ending, Link};
use super::machine::Machine;

/// A client.
#[derive(Debug, Default)]
pub struct Visitor {
    /// What it has sent before it was accepted, and whether it has left by then.
    sent: Vec<u8>,
    left: bool,
    /// What docklog has sent to it.
    pub got: Vec<u8>,
    /// It takes no more than this.
    pub takes: usize,
    /// When docklog closed the connection.
    pub closed_at: Option<u64>,
    link: Option<u64>,
}

/// All clients, in the order of their coming.
#[derive(Debug, Default)]
pub struct Visitors {
    pub all: Vec<Visitor>,
    waiting: VecDeque<usize>,
    /// Somebody has come since this was told.
    pub(super) knocked: bool,
}

impl Machine {
    /// Somebody connects, and sends this.
    pub fn visit(&mut self, bytes: &[u8]) -> usize {
        let who = self.visitors.all.len();
        self.visitors.all.push(Visitor { sent: bytes.to_vec(), takes: usize::MAX, ..Visitor::default() });
        self.visitors.waiting.push_back(who);
        self.visitors.knocked = true;
        who
    }

    /// The client sends more.
    pub fn visitor_sends(&mut self, who: usize, bytes: &[u8]) {
        let at = self.now + self.rng.below(self.knobs.delay);
        match self.visitors.all[who].link.and_then(|link| self.links.get_mut(&link)) {
            Some(link) => link.push_down(at, bytes),
            None => self.visitors.all[who].sent.extend_from_slice(bytes),
        }
    }

    /// The client closes its connection.
    pub fn visitor_leaves(&mut self, who: usize) {
        let now = self.now;
        let visitor = &mut self.visitors.all[who];
        visitor.left = true;
        if let Some(link) = visitor.link.and_then(|link| self.links.get_mut(&link)) {
            link.end(now, Ending::Reset);
        }
    }

    pub(super) fn accept(&mut self, token: Token) -> io::Result<u64> {
        if self.rng.percent(self.knobs.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Some(&who) = self.visitors.waiting.front() else { return Err(io::ErrorKind::WouldBlock.into()) };
        if self.links.len() >= self.most_links {
            return Err(io::Error::from_raw_os_error(24));
        }
        if self.links.values().any(|link| link.token == token) {
            self.violate(format!("{token:?} is in use by an open connection"));
        }
        self.visitors.waiting.pop_front();
        self.progress += 1;
        self.next_link += 1;
        let visitor = &mut self.visitors.all[who];
        let mut link = Link::of_visitor(token, Urgency::Bulk, who);
        link.push_down(self.now, &std::mem::take(&mut visitor.sent));
        if visitor.left {
            link.end(self.now, Ending::Reset);
        }
        visitor.link = Some(self.next_link);
        self.links.insert(self.next_link, link);
        Ok(self.next_link)
    }

    /// Docklog writes to a client.
    pub(super) fn write_to_visitor(&mut self, id: u64, who: usize, bytes: &[u8]) -> io::Result<usize> {
        let visitor = &mut self.visitors.all[who];
        if visitor.left {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = visitor.takes.saturating_sub(visitor.got.len()).min(bytes.len());
        if room == 0 {
            if let Some(link) = self.links.get_mut(&id) {
                link.full = true; // and stays so: nobody takes anything
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = if self.rng.percent(self.knobs.short_writes) {
            1 + self.rng.below(room as u64) as usize
        } else {
            room
        };
        let taken = most.min(room);
        visitor.got.extend_from_slice(&bytes[..taken]);
        self.progress += 1;
        Ok(taken)
    }

    pub(super) fn visitor_is_closed(&mut self, who: usize) {
        self.visitors.all[who].closed_at = Some(self.now);
    }
}
