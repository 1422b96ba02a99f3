//! Where lines may be missing that an engine has skipped: between two that were delivered one after the other nothing was, so what
//! the log holds there is new. The longest such times are kept, for an engine skips much at once.

use docklog_protocol::Timestamp;

use super::Gap;
use crate::core::place::Mark;
use crate::limits;

/// A time in which nothing was delivered, in nanoseconds; neither end is part of it.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    from: i64,
    to: i64,
    /// Up to here it has been filled.
    filled: i64,
    /// The line before it has come by in the present session: what follows stands behind that in the log.
    begun: bool,
    /// It hasn't, but a line of this time.
    shown: Option<i64>,
}

impl Hole {
    fn length(&self) -> i64 {
        self.to.saturating_sub(self.from)
    }

    fn has(&self, time: i64) -> bool {
        self.filled < time && time < self.to
    }
}

/// Of one channel, or of both, since the anchor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holes {
    /// The latest time of a line that was delivered.
    newest: i64,
    /// A line was older than that: of one channel, the clock was set back.
    back: bool,
    /// The longest first.
    longest: [Hole; limits::HOLES],
}

impl Holes {
    /// Of a channel of which so much was delivered.
    pub(super) fn after(mark: Mark) -> Self {
        let newest = match mark {
            // By its place in the log, not by time, a line behind the anchor is wanted.
            Mark::Beginning | Mark::Origin(_) => i64::MIN,
            Mark::At(line) => line.time.unix_nanos(),
        };
        Self { newest, back: false, longest: Default::default() }
    }

    /// Of both channels together. The last line of `last` is the anchor.
    pub(super) fn of_both(channels: &[Self; 2], last: usize) -> Self {
        let [anchor, other] = [&channels[last], &channels[1 - last]];
        // The other's last line may bear a later time than the anchor, but stands before it: no line that comes by must equal it.
        let newest = if other.newest > anchor.newest { other.newest + 1 } else { anchor.newest };
        Self { newest, back: false, longest: Default::default() }
    }

    /// A line of this time was delivered.
    pub(super) fn delivered(&mut self, time: i64) {
        if time < self.newest {
            return self.shorten(time);
        }
        let from = std::mem::replace(&mut self.newest, time);
        let hole = Hole { from, to: time, filled: from, ..Hole::default() };
        if hole.length() <= self.longest[limits::HOLES - 1].length() {
            return;
        }
        if let Some(at) = self.longest.iter().position(|other| hole.length() > other.length()) {
            self.longest[at..].rotate_right(1);
            self.longest[at] = hole;
        }
    }

    /// The clock was set back, or (of both channels) the other's stamp is younger.
    fn shorten(&mut self, time: i64) {
        self.back = true;
        for hole in self.longest.iter_mut().filter(|hole| hole.has(time)) {
            let (before, after) = (Hole { to: time, ..*hole }, Hole { from: time, filled: time, ..*hole });
            *hole = if before.length() > after.length() { before } else { after };
        }
        self.longest.sort_unstable_by_key(|hole| std::cmp::Reverse(hole.length()));
    }

    /// Times may have left out what was skipped.
    pub(super) fn went_back(&self) -> bool {
        self.back
    }

    /// Another session begins.
    pub(super) fn begin_session(&mut self) {
        self.longest.iter_mut().for_each(|hole| (hole.begun, hole.shown) = (false, None));
    }

    /// The log holds a line of this time.
    pub(super) fn pass(&mut self, time: i64) {
        for hole in &mut self.longest {
            hole.begun |= time == hole.from;
            if hole.shown.is_none() && !hole.begun && hole.has(time) {
                hole.shown = Some(time);
            }
        }
    }

    /// True if that line lies in a hole: it is taken for delivered from now on. `behind`: it stands behind the anchor, and before the
    /// last line delivered.
    pub(super) fn fill(&mut self, time: i64, behind: bool) -> bool {
        // Lines of a log come in order, so what is older has come, or won't.
        let fill = |hole: &mut Hole| hole.filled = time;
        self.longest.iter_mut().find(|hole| (behind || hole.begun) && hole.has(time)).map(fill).is_some()
    }

    /// True if it is newer than all that was delivered.
    pub(super) fn is_newer(&self, time: i64) -> bool {
        time > self.newest
    }

    /// It is delivered after all.
    pub(super) fn take(&mut self, time: i64) {
        self.fill(time, true);
        self.newest = self.newest.max(time);
    }

    /// Where lines may be missing that nothing can bring any more, for the line before isn't in the log: so long that at this pace
    /// (so many bytes, since this time) so many bytes would have come, which an engine skips at the least.
    pub(super) fn unproven(&self, pace: (u64, i64), least: u64) -> Option<Gap> {
        let (bytes, since) = pace;
        let span = self.newest.saturating_sub(since).max(0);
        let is_long = |hole: &&Hole| {
            !hole.begun
                && i128::from(hole.length()) * i128::from(bytes) >= i128::from(span) * i128::from(least)
        };
        let long = || self.longest.iter().filter(|hole| hole.length() > 0).filter(is_long);
        let from = long().map(|hole| hole.from.max(since)).min()?;
        let to = long().map(|hole| hole.shown.unwrap_or(hole.to)).max()?;
        Some(Gap { from: Timestamp::from_unix_nanos(from), to: Timestamp::from_unix_nanos(to) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(times: &[i64]) -> Holes {
        let mut holes = Holes::after(Mark::Beginning);
        holes.take(times[0]);
        times[1..].iter().for_each(|&time| holes.delivered(time));
        holes
    }

    /// The times of these that a log's lines fill.
    fn filled(holes: &mut Holes, times: &[i64], behind: bool) -> Vec<i64> {
        let fill = |&time: &i64| {
            holes.pass(time);
            holes.fill(time, behind)
        };
        times.iter().copied().filter(fill).collect()
    }

    #[test]
    fn what_lies_between_two_lines_is_new_once() {
        let mut holes = delivered(&[10, 20, 30, 100, 110]);
        let log = [15, 20, 30, 31, 40, 99, 100, 105, 110, 120];
        assert_eq!(filled(&mut holes, &log, true), [15, 31, 40, 99, 105]);
        assert_eq!(filled(&mut holes, &log, true), [0; 0]);
    }

    #[test]
    fn nothing_is_new_before_a_place_that_was_delivered() {
        let mut holes = delivered(&[10, 20, 30, 100, 110]);
        // Behind line 30 it is known where we stand, as far as that hole goes.
        assert_eq!(filled(&mut holes, &[15, 40, 30, 50, 105], false), [50]);
        holes.begin_session();
        assert_eq!(filled(&mut holes, &[60], false), [0; 0]);
        assert_eq!(filled(&mut holes, &[30, 40, 50, 60], false), [60]);
    }

    #[test]
    fn what_is_newer_than_all_is_new_once() {
        let mut holes = delivered(&[10, 20]);
        assert_eq!([20, 25].map(|time| holes.is_newer(time)), [false, true]);
        holes.take(25);
        assert_eq!([25, 26].map(|time| holes.is_newer(time)), [false, true]);
        assert!(Holes::after(Mark::Beginning).is_newer(1));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_new() {
        let mut holes = delivered(&[10, 20, 100, 50, 55, 200]);
        assert_eq!(filled(&mut holes, &[20, 30, 50, 52, 55, 60, 100, 150, 200], true), [60, 150]);
        assert_eq!(filled(&mut holes, &[20, 30, 50, 55, 60, 100, 150, 200], true), [0; 0]);
    }

    #[test]
    fn the_longest_are_kept() {
        let (mut times, mut inside) = (vec![0], Vec::new());
        for pause in [5, 100, 7, 300, 9, 200, 3, 150, 8] {
            let last = times[times.len() - 1];
            inside.push((pause, last + 1));
            times.push(last + pause);
        }
        let mut holes = delivered(&times);
        inside.retain(|(_, time)| holes.fill(*time, true));
        assert_eq!(inside.iter().map(|hole| hole.0).collect::<Vec<_>>(), [100, 300, 200, 150]);
    }

    #[test]
    fn what_is_unproven_is_long_and_its_beginning_gone() {
        let gap = |from, to| {
            Some(Gap { from: Timestamp::from_unix_nanos(from), to: Timestamp::from_unix_nanos(to) })
        };
        // Ten bytes a nanosecond; a hole of 60, one of 40, others of 10.
        let mut holes = delivered(&[0, 10, 20, 80, 90, 100, 140, 150]);
        let pace = (1_500, 0);
        assert_eq!(holes.unproven(pace, 500), gap(20, 80));
        assert_eq!(holes.unproven(pace, 400), gap(20, 140));
        assert_eq!(holes.unproven(pace, 700), None);
        // The log begins in the midst of it.
        [50, 60, 80, 90, 100].into_iter().for_each(|time| holes.pass(time));
        assert_eq!(holes.unproven(pace, 400), gap(20, 50));
    }
}
