//! Where docklog writes to: a pipe with a reader who may be slow, stall, or go away.

use std::io;

/// A pipe's capacity.
const PIPE: u64 = 64 * 1024;

/// Room at which a full pipe tells that it can be written again.
const PIPE_BUF: u64 = 4096;

/// One of stdout and stderr.
#[derive(Debug)]
pub struct Outlet {
    /// All that was written.
    pub taken: Vec<u8>,
    /// When how much of it had been written.
    pub times: Vec<(u64, usize)>,
    /// Bytes per second that the reader takes; `None`: whatever comes.
    rate: Option<u64>,
    inside: u64,
    drained_at: u64,
    blocked: bool,
    closed: bool,
    close_told: bool,
    /// Writes that found no room.
    pub blocks: u64,
}

impl Outlet {
    pub fn new() -> Self {
        Outlet {
            taken: Vec::new(),
            times: Vec::new(),
            rate: None,
            inside: 0,
            drained_at: 0,
            blocked: false,
            closed: false,
            close_told: false,
            blocks: 0,
        }
    }

    /// The reader takes so many bytes a second from now on; 0 is a stall.
    pub fn set_rate(&mut self, now: u64, rate: Option<u64>) {
        self.drain(now);
        self.rate = rate;
        self.drain(now);
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The reader goes away.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Another process writes from now on, who was told nothing.
    pub fn forget_writer(&mut self) {
        (self.blocked, self.close_told) = (false, false);
    }

    fn drain(&mut self, now: u64) {
        let span = now - self.drained_at;
        match self.rate {
            None => self.inside = 0,
            Some(rate) => {
                let bytes = (u128::from(span) * u128::from(rate) / 1_000_000_000) as u64;
                if bytes == 0 && rate > 0 && self.inside > 0 {
                    return; // less than a byte: let the time add up
                }
                self.inside = self.inside.saturating_sub(bytes);
            }
        }
        self.drained_at = now;
    }

    pub fn write(&mut self, now: u64, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.drain(now);
        let room = if self.rate.is_none() { u64::MAX } else { PIPE - self.inside };
        let n = (bytes.len() as u64).min(room) as usize;
        if n == 0 && !bytes.is_empty() {
            self.blocked = true;
            self.blocks += 1;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.inside += n as u64;
        self.taken.extend_from_slice(&bytes[..n]);
        self.times.push((now, self.taken.len()));
        Ok(n)
    }

    /// Whether it is to be told that there is room again.
    pub fn take_edge(&mut self, now: u64) -> bool {
        self.drain(now);
        let edge = self.blocked && (self.rate.is_none() || PIPE - self.inside >= PIPE_BUF);
        self.blocked &= !edge;
        edge
    }

    /// Whether it is to be told that the reader has gone.
    pub fn take_close(&mut self) -> bool {
        let told = self.closed && !self.close_told;
        self.close_told |= told;
        told
    }

    /// When a full pipe will have room again.
    pub fn next_due(&self, now: u64) -> Option<u64> {
        if (self.closed && !self.close_told) || (self.blocked && self.rate.is_none()) {
            return Some(now);
        }
        let rate = self.rate.filter(|&rate| rate > 0 && self.blocked)?;
        let missing = PIPE_BUF.saturating_sub(PIPE - self.inside);
        Some(now.max(self.drained_at + (missing + 1) * 1_000_000_000 / rate))
    }
}
