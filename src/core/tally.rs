//! What one stream has brought, in numbers. The totals of all streams are in `count`.

use std::time::Duration;

use docklog_protocol::Timestamp;

use super::time::{Mono, Now};
use crate::limits;

/// Counters of one stream since docklog knows its container.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Lines handed to the outlet, and bytes of their text.
    pub lines: u64,
    /// See `lines`.
    pub bytes: u64,
    /// Lines not handed on because the user doesn't want them.
    pub filtered: u64,
    /// Lines that an earlier session had delivered.
    pub replayed: u64,
    /// Lines that the session before had missed.
    pub healed: u64,
    /// Spans that the engine deleted, or skipped, before they could be read.
    pub gaps: u32,
    /// Sessions closed by lease or on demand, to be opened again.
    pub rotations: u32,
    /// Sessions that ended wrongly, and errors inside them.
    pub errors: u32,
    /// How old the last line was when it was read, in seconds.
    lag: f32,
    /// Lines read, up to the last time that they were heard.
    seen: u64,
    rate: Rate,
}

/// Lines per second, as a mean in which what is long ago counts ever less.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    mean: f32,
    /// Up to here it is in the mean: this time, and these lines.
    until: Mono,
    lines: u64,
}

impl Tally {
    /// A stream that begins now.
    pub(super) fn new(now: Mono) -> Self {
        Self { rate: Rate { until: now, ..Rate::default() }, ..Self::default() }
    }

    /// Lines read, wanted or not.
    fn read(&self) -> u64 {
        self.lines + self.filtered
    }

    /// A read has brought lines.
    pub(super) fn has_news(&self) -> bool {
        self.read() != self.seen
    }

    /// After a read that has brought lines: what depends on the time. `last`: the newest line's; `live_for`: so long the
    /// stream brings the present. What is older than that is history, and not late.
    pub(super) fn heard(&mut self, last: Option<Timestamp>, live_for: Duration, now: Now) {
        self.seen = self.read();
        let age = last.map_or(0, |last| now.wall.unix_nanos().saturating_sub(last.unix_nanos()));
        let age = Duration::from_nanos(u64::try_from(age).unwrap_or_default());
        if age <= live_for {
            self.lag = age.as_secs_f32();
        }
        if now.mono.since(self.rate.until) >= limits::RATE_STEP {
            self.rate.mean = self.rate(now.mono) as f32;
            (self.rate.until, self.rate.lines) = (now.mono, self.read());
        }
    }

    /// Lines per second, lately.
    pub fn rate(&self, now: Mono) -> f64 {
        let span = now.since(self.rate.until).as_secs_f64();
        let old = f64::from(self.rate.mean);
        if span <= 0.0 {
            return old;
        }
        let present = (self.read() - self.rate.lines) as f64 / span.max(limits::RATE_STEP.as_secs_f64());
        let weight = fade(span / limits::RATE_MEAN.as_secs_f64());
        old * weight + present * (1.0 - weight)
    }

    /// How old the last line was when it was read, history left out.
    pub fn lag(&self) -> Duration {
        Duration::from_secs_f32(self.lag.max(0.0))
    }
}

/// What is left of 1 after so many mean lives: e^-lives, near enough, as (1 + lives/64)^-64. (`exp` itself would be all that
/// we take of libm, which costs every process 300 KiB.)
fn fade(lives: f64) -> f64 {
    (0..6).fold(1.0 / (1.0 + lives / 64.0), |left, _| left * left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64) -> Now {
        Now {
            mono: Mono(seconds * 1_000_000_000),
            wall: Timestamp { seconds: 1_000_000 + seconds as i64, nanos: 0 },
        }
    }

    #[test]
    fn a_rate_follows_what_comes_and_fades_in_silence() {
        let mut tally = Tally::new(now(0).mono);
        for second in 1..=30 {
            tally.lines += 100;
            tally.heard(None, Duration::ZERO, now(second));
        }
        let steady = tally.rate(now(30).mono);
        assert!((95.0..=100.5).contains(&steady), "{steady}");
        let later = tally.rate(now(35).mono);
        assert!(later > 20.0 && later < 50.0, "{later}");
        assert!(tally.rate(now(90).mono) < 0.1);
    }

    #[test]
    fn fades_as_an_exponential_does() {
        for lives in [0.0, 0.01, 0.2, 1.0, 3.0, 20.0] {
            let (near, exact) = (fade(lives), f64::exp(-lives));
            assert!((near - exact).abs() < 0.01, "{lives}: {near}, not {exact}");
        }
    }

    #[test]
    fn a_burst_is_spread_over_a_second_however_soon_one_looks() {
        let mut tally = Tally::new(now(5).mono);
        tally.lines = 1000;
        let soon = tally.rate(Mono(now(5).mono.0 + 1_000_000));
        assert!(soon < 1.0, "{soon}");
    }

    #[test]
    fn lag_is_the_age_of_the_last_line_and_never_below_zero() {
        let line = |seconds| Some(Timestamp { seconds, nanos: 500_000_000 });
        let mut tally = Tally::default();
        tally.heard(line(1_000_007), Duration::from_secs(9), now(10));
        assert_eq!(tally.lag(), Duration::from_millis(2500));
        tally.heard(line(2_000_000), Duration::from_secs(9), now(10));
        assert_eq!(tally.lag(), Duration::ZERO);
    }

    #[test]
    fn history_is_not_late() {
        let mut tally = Tally::default();
        tally.heard(Some(Timestamp { seconds: 5, nanos: 0 }), Duration::from_secs(9), now(10));
        assert_eq!(tally.lag(), Duration::ZERO);
    }
}
