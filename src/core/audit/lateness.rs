//! How late the engine was with a record. What waited for us in the socket isn't late, unless the socket was full: then the engine
//! waited, too, and meanwhile its log files may have been rotated away.

use std::time::Duration;

use crate::core::time::{Mono, Now};
use crate::limits;

/// A live follow, which alone skips lines.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Live {
    /// Since when: what was logged before is read from the files, however late.
    pub(in crate::core) since: Mono,
    /// Records may have waited so long in the socket for us to read them. In one that is full, the engine's waits with them.
    pub(in crate::core) held: Duration,
}

impl Live {
    /// So much later than it was logged a record was sent at the least, in nanoseconds. `full`: its socket was full.
    pub(super) fn lateness(self, time: i64, now: Now, full: bool) -> i64 {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let age = now.wall.unix_nanos().saturating_sub(time);
        let held = if full { 0 } else { nanos(self.held) };
        if age < nanos(now.mono.since(self.since)) { age.saturating_sub(held) } else { 0 }
    }
}

/// What one turn has brought of a stream so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Brought {
    at: Mono,
    records: u32,
    bytes: u64,
    /// The turn before had found the socket full: what the engine held back meanwhile comes in this one.
    before: bool,
}

impl Brought {
    /// A record of so many bytes has come. True if the engine had to wait for us before it could send it: the socket was all but full
    /// (W-84) of it and those before, or when we read last.
    pub(super) fn fills(&mut self, at: Mono, bytes: u64) -> bool {
        if at != self.at {
            *self = Self { at, before: self.is_full(), ..Self::default() };
        }
        (self.records, self.bytes) = (self.records.saturating_add(1), self.bytes.saturating_add(bytes));
        self.before || self.is_full()
    }

    /// More than a turn reads may have been there.
    fn is_full(self) -> bool {
        let bytes = limits::SOCKET_BYTES.min(limits::READ_PER_TURN) as u64;
        self.records >= limits::SOCKET_CHUNKS * 9 / 10 || self.bytes >= bytes * 9 / 10
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::Timestamp;

    use super::*;

    #[test]
    fn what_was_logged_before_the_session_may_come_late() {
        let at = |millis: u64| Mono(millis * 1_000_000);
        let live = Live { since: at(100), held: Duration::from_millis(20) };
        let lateness = |logged: i64, now: u64, full: bool| {
            let wall = Timestamp::from_unix_nanos(i64::try_from(at(now).0).expect("it fits"));
            live.lateness(logged * 1_000_000, Now { mono: at(now), wall }, full)
        };
        let of_empty = [90, 110, 145].map(|logged| lateness(logged, 150, false));
        assert_eq!(of_empty, [0, 20_000_000, -15_000_000]);
        // The engine waited, too.
        assert_eq!([90, 145].map(|logged| lateness(logged, 150, true)), [0, 5_000_000]);
    }

    #[test]
    fn a_turn_tells_that_the_socket_was_full() {
        let mut brought = Brought::default();
        let mut all = |at: u64, records: usize, bytes: u64| {
            (0..records).map(|_| brought.fills(Mono(at), bytes)).collect::<Vec<_>>()
        };
        assert!(all(1, 240, 100).iter().all(|full| !full));
        assert!(all(2, 240, 100).iter().all(|full| !full), "another turn");
        assert!(all(2, 240, 100)[20..].iter().all(|&full| full), "the same");
        assert_eq!(all(3, 1, 100), [true], "what the engine held back until then");
        assert_eq!(all(4, 1, 100), [false]);
        assert_eq!(all(5, 4, 16_384), [false, false, false, true]);
    }
}
