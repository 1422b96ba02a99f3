//! How long to wait before something that failed is tried again.

use std::time::Duration;

use crate::limits;

/// Pause before try number `attempt` (0: the first repetition): doubles from [`limits::RETRY_FIRST`] up to
/// [`limits::RETRY_MOST`], of which the last quarter is taken off at random, so that a thousand streams that failed
/// together don't come back together.
pub fn pause(attempt: u32, chance: &mut Chance) -> Duration {
    let full = limits::RETRY_FIRST.saturating_mul(1 << attempt.min(16)).min(limits::RETRY_MOST);
    full - full.mul_f64(0.25 * chance.fraction())
}

/// Pause before `connect` is repeated after the `attempt`th EAGAIN (W-82): short, for a backlog empties in milliseconds,
/// unless the engine hangs.
pub fn backlog(attempt: u32) -> Duration {
    limits::BACKLOG_RETRY.saturating_mul(1 << attempt.min(4))
}

/// A small seeded generator (xorshift64*): jitter needs to be spread, not secret, and a simulated run must repeat.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Starts from a seed; any will do.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Between 0 and 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_their_bounds_and_differ() {
        let mut chance = Chance::new(42);
        for attempt in 0..40 {
            let full = limits::RETRY_FIRST.saturating_mul(1 << attempt.min(16)).min(limits::RETRY_MOST);
            let span = pause(attempt, &mut chance);
            assert!(span <= full && span >= full.mul_f64(0.75), "attempt {attempt}: {span:?} of {full:?}");
        }
        let spread: std::collections::BTreeSet<_> = (0..100).map(|_| pause(20, &mut chance)).collect();
        assert!(spread.len() > 90);
    }
}
