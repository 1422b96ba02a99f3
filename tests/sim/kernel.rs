//! The calls that docklog makes of a kernel: connect, close, read, write.

use std::io;

use docklog::shell::world::{Outlet as Way, Token, Urgency};

use super::engine::{Process, Refusal};
use super::link::{Ending, Link};
use super::machine::{MS, Machine};
use super::outlet::Outlet;

impl Machine {
    pub fn connect(&mut self, token: Token, urgency: Urgency) -> io::Result<u64> {
        if self.links.values().any(|link| link.token == token) {
            self.violate(format!("{token:?} is in use by an open connection"));
        }
        if self.links.len() >= self.most_links {
            self.tally.refused.push(self.now);
            return Err(io::Error::from_raw_os_error(24));
        }
        let busy = self.engine.process() == Process::Up && self.rng.percent(self.knobs.busy);
        let conn = if busy { Err(Refusal::Full) } else { self.engine.connect() };
        let conn = conn.map_err(|refusal| {
            self.tally.refused.push(self.now);
            match refusal {
                Refusal::Absent => io::Error::from_raw_os_error(2),
                Refusal::Refused => io::Error::from_raw_os_error(111),
                Refusal::Denied => io::Error::from_raw_os_error(13),
                Refusal::Full => io::Error::from_raw_os_error(11),
            }
        })?;
        self.progress += 1;
        self.tally.connects.push(self.now);
        self.next_link += 1;
        self.links.insert(self.next_link, Link::new(token, urgency, conn));
        self.tally.most_open = self.tally.most_open.max(self.links.len());
        Ok(self.next_link)
    }

    pub fn close(&mut self, id: u64) {
        let Some(link) = self.links.remove(&id) else { return self.violate("closed twice".into()) };
        self.progress += 1;
        self.tally.most_read = self.tally.most_read.max(link.bytes_read);
        if let Some(conn) = link.conn {
            self.engine.disconnect(conn);
        }
        if let Some(who) = link.visitor {
            self.visitor_is_closed(who);
        }
        self.closed_tokens.push_back(link.token);
        if self.closed_tokens.len() > 50 {
            self.closed_tokens.pop_front();
        }
    }

    pub fn read(&mut self, id: u64, out: &mut [u8]) -> io::Result<usize> {
        let Some(link) = self.links.get_mut(&id) else {
            self.violate("read after close".into());
            return Err(io::ErrorKind::NotConnected.into());
        };
        self.tally.reads += 1;
        if self.rng.percent(self.knobs.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut n = link.available(self.now).min(out.len());
        if n == 0 {
            if out.is_empty() {
                self.violate("read of no bytes: its answer looks like the end".into());
                return Ok(0);
            }
            return match link.ended(self.now) {
                Some(Ending::Close) => Ok(0),
                Some(Ending::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
                None => {
                    link.read_armed = true;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        if self.rng.percent(self.knobs.short_reads) {
            n = self.rng.between(1, n as u64) as usize;
        }
        link.take_down(&mut out[..n]);
        if n < out.len() {
            link.read_short(self.now);
        }
        self.progress += 1;
        self.tally.bytes_read += n as u64;
        if self.rng.percent(self.knobs.refill) {
            self.pump(id);
        }
        Ok(n)
    }

    pub fn write_up(&mut self, id: u64, bytes: &[u8]) -> io::Result<usize> {
        let Some(link) = self.links.get_mut(&id) else {
            self.violate("write after close".into());
            return Err(io::ErrorKind::NotConnected.into());
        };
        if self.rng.percent(self.knobs.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Some(who) = link.visitor {
            return self.write_to_visitor(id, who, bytes);
        }
        if link.conn.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut n = link.request_room(self.knobs.request_room).min(bytes.len());
        if n == 0 {
            link.write_armed = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.rng.percent(self.knobs.short_writes) {
            n = self.rng.between(1, n as u64) as usize;
        }
        // Not too slow: with a byte at a time it adds up.
        link.push_up(self.now + self.rng.below(self.knobs.delay.min(2 * MS)), &bytes[..n]);
        self.progress += 1;
        Ok(n)
    }

    pub fn write_out(&mut self, way: Way, bytes: &[u8]) -> io::Result<usize> {
        if self.killed {
            return Err(io::ErrorKind::WouldBlock.into()); // the dead don't write
        }
        let now = self.now;
        let most = if self.rng.percent(self.knobs.short_writes) {
            self.rng.between(1, (bytes.len() as u64).max(1)) as usize
        } else {
            bytes.len()
        };
        let taken = self.outlet(way).write(now, &bytes[..most.min(bytes.len())])?;
        self.progress += 1;
        Ok(taken)
    }

    /// True if the checkpoint doesn't know a sink's file yet.
    pub fn prepare(&mut self, sink: usize) -> bool {
        let mark = if sink == 0 { &self.output } else { &self.others[sink - 1].output };
        let Some(mark) = mark else { return false };
        let path = mark.path.display().to_string();
        !String::from_utf8_lossy(self.checkpoint.as_deref().unwrap_or_default()).contains(&path)
    }

    /// All that was written to a sink is settled.
    pub fn settle_sink(&mut self, sink: usize) {
        let (mark, outlet) = match sink {
            0 => (&mut self.output, &self.stdout),
            _ => {
                let other = &mut self.others[sink - 1];
                (&mut other.output, &other.outlet)
            }
        };
        if let Some(mark) = mark {
            mark.length = outlet.taken.len() as u64;
        }
    }

    pub fn outlet(&mut self, way: Way) -> &mut Outlet {
        match way {
            Way::Sink(0) => &mut self.stdout,
            Way::Sink(other) => &mut self.others[other - 1].outlet,
            Way::Stderr => &mut self.stderr,
        }
    }

    pub fn violate(&mut self, what: String) {
        self.tally.violations.push(what);
    }
}
