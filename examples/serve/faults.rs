//! What an engine, or what lies before it, can do wrong in the middle of a log's response: by chance, from a seed.

use std::time::Duration;

use super::rng::Rng;

/// So many messages come again.
pub const REPEATED: u64 = 20;

/// A fault that strikes a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed in the middle of it.
    Cut,
    /// It comes later, and so does all after it.
    Stall,
    /// The last [`REPEATED`] messages follow again.
    Repeat,
    /// A bit of it is flipped, be it of the text or of what frames it.
    Corrupt,
}

/// How often which fault strikes.
pub struct Faults {
    /// The chance of each fault, per write of a log's response.
    pub chances: [(Fault, f64); 4],
    /// How often each has struck, in that order.
    pub struck: [u64; 4],
    /// How long a stall lasts.
    pub stall_for: Duration,
    /// How long a client waits to be accepted; they are accepted one after the other.
    pub accept_after: Duration,
    rng: Rng,
}

impl Faults {
    /// None at first.
    pub fn new(seed: u64) -> Self {
        Faults {
            chances: [Fault::Cut, Fault::Stall, Fault::Repeat, Fault::Corrupt].map(|fault| (fault, 0.0)),
            struck: [0; 4],
            stall_for: Duration::from_secs(1),
            accept_after: Duration::ZERO,
            rng: Rng::new(seed),
        }
    }

    /// The same with this chance of a fault, from 0 to 1.
    pub fn with(mut self, fault: Fault, chance: f64) -> Self {
        self.chances[fault as usize].1 = chance;
        self
    }

    /// Whether the next write is struck.
    pub(super) fn strike(&mut self) -> Option<Fault> {
        for (at, &(fault, chance)) in self.chances.iter().enumerate() {
            // 53 bits are what a float can hold.
            if chance > 0.0 && ((self.rng.next() >> 11) as f64) < chance * (1_u64 << 53) as f64 {
                self.struck[at] += 1;
                return Some(fault);
            }
        }
        None
    }

    /// A number from 0 up to, not including, this.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.rng.below(end as u64) as usize
    }
}
