//! Where lines may be missing that an engine has skipped (W-96): between two that were delivered one after the other nothing was, so what
//! the log holds there is new. The longest such times are kept, for an engine skips much at once.

use docklog_protocol::Timestamp;

use super::Gap;
use crate::core::place::Mark;
use crate::limits;

/// A time in which nothing was delivered, in nanoseconds; neither end is part of it.
#[derive(Clone, Copy, Debug)]
struct Hole {
    from: i64,
    to: i64,
    /// Up to here it has been filled.
    filled: i64,
    /// The line before it has come by in the present session: what follows stands behind that in the log.
    begun: bool,
    /// It hasn't, but a line of this time. `MAX`: neither.
    shown: i64,
}

impl Hole {
    const fn between(from: i64, to: i64) -> Self {
        Self { from, to, filled: from, begun: false, shown: i64::MAX }
    }

    fn length(&self) -> i64 {
        self.to.saturating_sub(self.from)
    }

    fn has(&self, time: i64) -> bool {
        self.filled < time && time < self.to
    }
}

/// What is known of a line that the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was delivered, or isn't wanted.
    Delivered,
    /// It was not, and stands among lines that were; or behind the last one of its channel. It is taken for delivered from now on.
    Missing,
    /// See `Missing`.
    AtEnd,
    /// It was not, unless it stands before the anchor.
    Perhaps,
}

/// What is known of the last line that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is of this channel: behind it nothing was delivered.
    OfThis,
    /// It is of the other, and will follow.
    Follows,
    /// It may have been deleted.
    Unknown,
}

/// The longest pauses, the longest first. A log that pauses seldom has few.
#[derive(Clone, Debug, Default)]
struct Longest(Vec<Hole>);

impl Longest {
    fn insert(&mut self, hole: Hole) {
        if self.0.len() == limits::HOLES {
            if self.0.last().is_some_and(|last| hole.length() <= last.length()) {
                return;
            }
            self.0.pop();
        }
        let at = self.0.partition_point(|other| other.length() >= hole.length());
        self.0.insert(at, hole);
    }

    fn begin_session(&mut self) {
        self.0.iter_mut().for_each(|hole| (hole.begun, hole.shown) = (false, i64::MAX));
    }
}

/// Of one channel, since the anchor.
#[derive(Clone, Debug)]
pub(super) struct Holes {
    /// The latest time of a line that was delivered; and whether that line has come by in the present session.
    newest: i64,
    passed: bool,
    /// It stands behind the anchor.
    fresh: bool,
    /// A line was older than that: the clock was set back.
    back: bool,
    longest: Longest,
}

impl Holes {
    /// Of a channel of which so much was delivered.
    pub(super) fn after(mark: Mark) -> Self {
        let newest = match mark {
            // By its place in the log, not by time, a line behind the anchor is wanted.
            Mark::Beginning | Mark::Origin(_) => i64::MIN,
            Mark::At(line) => line.time.unix_nanos(),
        };
        Self { newest, passed: false, fresh: false, back: false, longest: Longest::default() }
    }

    /// A line of this time was delivered.
    pub(super) fn delivered(&mut self, time: i64) {
        self.fresh = true;
        if time < self.newest {
            return self.shorten(time);
        }
        self.longest.insert(Hole::between(std::mem::replace(&mut self.newest, time), time));
    }

    /// The clock was set back.
    fn shorten(&mut self, time: i64) {
        self.back = true;
        for hole in self.longest.0.iter_mut().filter(|hole| hole.has(time)) {
            let (before, after) = (Hole::between(hole.from, time), Hole::between(time, hole.to));
            *hole = if before.length() > after.length() { before } else { after };
        }
        self.longest.0.sort_unstable_by_key(|hole| std::cmp::Reverse(hole.length()));
    }

    /// Times may have left out what was skipped.
    pub(super) fn went_back(&self) -> bool {
        self.back
    }

    /// Another session begins.
    pub(super) fn begin_session(&mut self) {
        self.passed = false;
        self.longest.begin_session();
    }

    /// The log holds a line of this time.
    pub(super) fn pass(&mut self, time: i64) {
        self.passed |= time == self.newest;
        self.longest.0.iter_mut().for_each(|hole| hole.begun |= time == hole.from);
    }

    /// What of a channel's line before the last line delivered follows from its time. `behind`: it stands behind the anchor, and is
    /// whole.
    pub(super) fn find(&mut self, time: i64, behind: bool, end: End) -> Found {
        let newer = time > self.newest && end != End::OfThis;
        // Time alone doesn't tell: the clock may have been set back in what was skipped.
        if newer && (self.passed || behind && end == End::Follows && !self.fresh) {
            (self.newest, self.passed) = (time, true);
            return Found::AtEnd;
        }
        let Some(hole) = self.longest.0.iter_mut().find(|hole| hole.has(time)) else {
            return if newer { Found::Perhaps } else { Found::Delivered };
        };
        if !behind && !hole.begun {
            return Found::Perhaps;
        }
        // Lines of a log come in order, so what is older has come, or won't.
        hole.filled = time;
        Found::Missing
    }
}

/// Pauses of both channels together, behind the anchor: what was delivered before stands before it, though it may be younger. A line
/// that is older than one before it (a long one bears the time of its beginning) tells nothing of where it stands.
#[derive(Clone, Debug)]
pub(super) struct Pauses {
    /// The latest time of a line that was delivered; and of one that has come by in the present session.
    newest: i64,
    latest: i64,
    longest: Longest,
}

impl Pauses {
    /// Of lines that are delivered behind an anchor of this time.
    pub(super) fn behind(anchor: Timestamp) -> Self {
        Self { newest: anchor.unix_nanos(), latest: i64::MIN, longest: Longest::default() }
    }

    /// A line of this time was delivered.
    pub(super) fn delivered(&mut self, time: i64) {
        if time > self.newest {
            self.longest.insert(Hole::between(std::mem::replace(&mut self.newest, time), time));
        }
    }

    /// Another session begins.
    pub(super) fn begin_session(&mut self) {
        self.latest = i64::MIN;
        self.longest.begin_session();
    }

    /// The log holds a line of this time.
    pub(super) fn pass(&mut self, time: i64) {
        if time < self.latest {
            return;
        }
        self.latest = time;
        for hole in &mut self.longest.0 {
            hole.begun |= time == hole.from;
            if !hole.begun && hole.has(time) {
                hole.shown = hole.shown.min(time);
            }
        }
    }

    /// Where lines may be missing that nothing can bring any more, for the line before isn't in the log. Pauses up to this length
    /// hide nothing.
    pub(super) fn unproven(&self, innocent: i64) -> Option<Gap> {
        let long = || self.longest.0.iter().filter(|hole| !hole.begun && hole.length() > innocent);
        let from = long().map(|hole| hole.from).min()?;
        let to = long().map(|hole| hole.to.min(hole.shown)).max()?;
        Some(Gap { from: Timestamp::from_unix_nanos(from), to: Timestamp::from_unix_nanos(to) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::place::LastLine;

    fn at(time: i64) -> Mark {
        Mark::At(LastLine { time: Timestamp::from_unix_nanos(time), lines: 1, print: None, ended: true })
    }

    fn delivered(times: &[i64]) -> Holes {
        let mut holes = Holes::after(at(times[0]));
        times[1..].iter().for_each(|&time| holes.delivered(time));
        holes
    }

    /// The times of these of a log's lines that are found missing.
    fn missing(holes: &mut Holes, times: &[i64], behind: bool) -> Vec<i64> {
        let is_missing = |&time: &i64| {
            holes.pass(time);
            holes.find(time, behind, End::OfThis) == Found::Missing
        };
        times.iter().copied().filter(is_missing).collect()
    }

    #[test]
    fn what_lies_between_two_lines_is_new_once() {
        let mut holes = delivered(&[10, 20, 30, 100, 110]);
        let log = [15, 20, 30, 31, 40, 99, 100, 105, 110, 120];
        assert_eq!(missing(&mut holes, &log, true), [15, 31, 40, 99, 105]);
        assert_eq!(missing(&mut holes, &log, true), [0; 0]);
    }

    #[test]
    fn nothing_is_new_before_a_place_that_was_delivered() {
        let mut holes = delivered(&[10, 20, 30, 100, 110]);
        assert_eq!(holes.find(15, false, End::OfThis), Found::Perhaps);
        // Behind line 30 it is known where we stand, as far as that hole goes.
        assert_eq!(missing(&mut holes, &[15, 40, 30, 50, 105], false), [50]);
        holes.begin_session();
        assert_eq!(missing(&mut holes, &[60], false), [0; 0]);
        assert_eq!(missing(&mut holes, &[30, 40, 50, 60], false), [60]);
    }

    #[test]
    fn what_is_newer_than_all_is_new_once_but_not_behind_the_last_line() {
        let mut holes = delivered(&[10, 20]);
        assert_eq!(holes.find(25, true, End::OfThis), Found::Delivered);
        assert_eq!(holes.find(25, true, End::Unknown), Found::Perhaps);
        holes.pass(20);
        assert_eq!(
            [20, 25, 25].map(|time| holes.find(time, false, End::Unknown)),
            [Found::Delivered, Found::AtEnd, Found::Delivered]
        );
        assert_eq!(Holes::after(Mark::Beginning).find(1, true, End::Follows), Found::AtEnd);
    }

    #[test]
    fn a_line_that_came_out_of_order_lies_in_no_hole() {
        let mut holes = delivered(&[10, 100, 40, 45, 200]);
        assert!(holes.went_back());
        assert_eq!(missing(&mut holes, &[40, 45, 60, 100, 150, 200], true), [60, 150]);
    }

    #[test]
    fn the_longest_are_kept() {
        let (mut times, mut inside) = (vec![0], Vec::new());
        let (long, short) = (100..100 + limits::HOLES as i64, 3..50);
        for pause in long.clone().zip(short).flat_map(|(long, short)| [short, long, 2]) {
            let last = times[times.len() - 1];
            inside.push((pause, last + 1));
            times.push(last + pause);
        }
        let mut holes = delivered(&times);
        inside.retain(|(_, time)| holes.find(*time, true, End::OfThis) == Found::Missing);
        assert_eq!(inside.iter().map(|hole| hole.0).collect::<Vec<_>>(), long.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_unproven_is_long_and_its_beginning_gone() {
        let gap = |from, to| {
            Some(Gap { from: Timestamp::from_unix_nanos(from), to: Timestamp::from_unix_nanos(to) })
        };
        // A hole of 60, one of 40, others of 10.
        let mut holes = Pauses::behind(Timestamp::from_unix_nanos(0));
        [10, 20, 80, 90, 100, 140, 150].into_iter().for_each(|time| holes.delivered(time));
        assert_eq!(holes.unproven(50), gap(20, 80));
        assert_eq!(holes.unproven(39), gap(20, 140));
        assert_eq!(holes.unproven(60), None);
        // The log begins in the midst of it.
        [50, 60, 80, 90, 100].into_iter().for_each(|time| holes.pass(time));
        assert_eq!(holes.unproven(30), gap(20, 50));
    }

    #[test]
    fn a_line_that_is_older_than_one_before_it_proves_nothing() {
        let gap = Gap { from: Timestamp::from_unix_nanos(10), to: Timestamp::from_unix_nanos(100) };
        let mut pauses = Pauses::behind(Timestamp::from_unix_nanos(0));
        // The one of time 20 is long: it began before what was skipped, and ended behind it.
        [10, 100, 20, 110].into_iter().for_each(|time| pauses.delivered(time));
        [105, 20, 110].into_iter().for_each(|time| pauses.pass(time));
        assert_eq!(pauses.unproven(50), Some(gap));
    }
}
