//! How long to let bytes gather before the next wait. Under load an engine writes a small chunk for each line, and would
//! wake us for each; a short hold makes one wake-up of many. But a Unix socket queues few chunks before the engine has
//! to wait itself (W-84), so the hold shrinks as the rate grows.

use std::time::Duration;

use super::time::Mono;
use crate::limits;

/// Part of a socket's queue that may fill during a hold.
const FILL: f64 = 0.36;

/// A hold ends with a wake-up, so it must spare some: it begins once so many more records than one per longest hold have come.
/// Two that come close together may be all there is; three are a flow.
const FLOW: f64 = 3.0;

/// What one turn has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Records of all connections.
    pub total: u32,
    /// Those of the connection with most.
    pub busiest: u32,
    /// Bytes of the connection with most of them.
    pub bytes: usize,
    /// How old the records of the connection were that is furthest behind.
    pub age: Duration,
}

impl Load {
    /// Takes one connection's part into account.
    pub fn add(&mut self, records: u32, bytes: usize, age: Duration) {
        self.total = self.total.saturating_add(records);
        self.busiest = self.busiest.max(records);
        self.bytes = self.bytes.max(bytes);
        self.age = self.age.max(age);
    }
}

/// Remembers when the last turn was, and how much has come lately.
#[derive(Debug)]
pub struct Pace {
    last: Mono,
    /// Records that have come, less one for each longest hold that has passed since.
    flow: f64,
    longest: Duration,
}

impl Pace {
    /// Lines may wait for `longest`; zero: each is read as soon as it comes.
    pub fn new(longest: Duration) -> Self {
        Self { last: Mono::default(), flow: 0.0, longest }
    }

    /// The same from now on.
    pub fn set_longest(&mut self, longest: Duration) {
        self.longest = longest;
    }

    /// The span for which only what is urgent may end the next wait. Zero after a turn that read no log data: the first
    /// line after a quiet time goes out at once. Zero, too, while lines come so slowly that it would hold none, or one: it would
    /// only wake us once more.
    pub fn hold(&mut self, now: Mono, load: Load) -> Duration {
        let elapsed = now.since(self.last);
        self.last = now;
        if self.longest.is_zero() {
            return Duration::ZERO;
        }
        let leaked = elapsed.as_secs_f64() / self.longest.as_secs_f64();
        self.flow = ((self.flow - leaked).max(0.0) + f64::from(load.total)).min(2.0 * FLOW);
        let filled = (f64::from(load.busiest) / f64::from(limits::SOCKET_CHUNKS))
            .max(load.bytes as f64 / limits::SOCKET_BYTES as f64);
        if filled == 0.0 || self.flow < FLOW {
            return Duration::ZERO;
        }
        // Who is behind isn't made to wait: a socket may queue less than we think.
        let late = load.age > 2 * self.longest + limits::LATE;
        let longest = if late { self.longest.min(limits::HOLD_OF_LATE) } else { self.longest };
        elapsed.min(Duration::from_secs(1)).mul_f64(FILL / filled).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const LONGEST: Duration = Duration::from_millis(20);

    #[test]
    fn a_turn_without_log_data_holds_nothing() {
        assert_eq!(Pace::new(LONGEST).hold(Mono(MS), Load::default()), Duration::ZERO);
    }

    #[test]
    fn a_steady_flow_is_held_for_the_whole_span() {
        let load = Load { total: 5, busiest: 5, bytes: 700, age: LONGEST };
        assert_eq!(Pace::new(LONGEST).hold(Mono(5 * MS), load), LONGEST);
        assert_eq!(Pace::new(Duration::ZERO).hold(Mono(5 * MS), load), Duration::ZERO);
    }

    #[test]
    fn lines_that_come_one_by_one_are_not_held_but_those_of_many_quiet_streams_are() {
        let one = Load { total: 1, busiest: 1, bytes: 150, age: Duration::ZERO };
        let mut pace = Pace::new(LONGEST);
        assert_eq!(pace.hold(Mono(200 * MS), one), Duration::ZERO, "one in 200 ms");
        assert_eq!(pace.hold(Mono(230 * MS), one), Duration::ZERO, "one in 30 ms");
        assert_eq!(pace.hold(Mono(231 * MS), one), Duration::ZERO, "two close together may be all");
        assert_eq!(pace.hold(Mono(232 * MS), one), Duration::ZERO, "less than a hold brings three");
        assert_eq!(pace.hold(Mono(233 * MS), one), LONGEST, "so many so soon: there are more to come");
        assert_eq!(pace.hold(Mono(262 * MS), Load { total: 5, ..one }), LONGEST, "five streams in 30 ms");
        assert_eq!(pace.hold(Mono(462 * MS), one), Duration::ZERO, "quiet again");
    }

    #[test]
    fn a_slow_flow_is_held_as_soon_as_a_hold_spares_wake_ups() {
        let one = Load { total: 1, busiest: 1, bytes: 150, age: Duration::ZERO };
        let held = |millis: u64| {
            let mut pace = Pace::new(LONGEST);
            (1..200).filter(|n| !pace.hold(Mono(n * millis * MS), one).is_zero()).count()
        };
        assert_eq!([held(25), held(20)], [0, 0], "no more than one in each hold");
        assert!(held(10) > 190, "two in each");
    }

    #[test]
    fn who_is_behind_is_read_at_once() {
        let load = Load { total: 5, busiest: 2, bytes: 300, age: Duration::from_secs(3) };
        assert_eq!(Pace::new(LONGEST).hold(Mono(5 * MS), load), limits::HOLD_OF_LATE);
    }

    #[test]
    fn a_flood_shortens_the_hold_until_the_socket_fills_by_a_third() {
        let mut pace = Pace::new(LONGEST);
        let chunks = limits::SOCKET_CHUNKS;
        let full = Load { total: chunks, busiest: chunks, bytes: 40_000, age: Duration::ZERO };
        let hold = pace.hold(Mono(2 * MS), full);
        assert!(hold > Duration::from_micros(700) && hold < Duration::from_micros(730), "{hold:?}");
        let large = Load { busiest: 13, bytes: limits::SOCKET_BYTES, ..full };
        assert!(pace.hold(Mono(3 * MS), large) < Duration::from_micros(370));
    }
}
