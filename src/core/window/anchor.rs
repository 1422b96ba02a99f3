//! Lines delivered, counted from an anchor on, and compared with what the log holds: see `core::audit`.

use docklog_protocol::Timestamp;

use super::holes::{End, Found, Holes, Pauses};
use super::judge::is_same;
use super::{Gap, Verdict, Window};
use crate::core::place::{LastLine, Place};

/// A line from which on delivered lines are counted, to be compared with what the log holds: see [`Window::audit`].
#[derive(Debug)]
pub(super) struct Anchor {
    half: usize,
    pub(super) line: LastLine,
    /// Lines that were delivered since; and records that the log has got since, as far as we know.
    delivered: u64,
    pub(super) records: u64,
    /// It has come by in the present session, and so many lines since.
    since: Option<u64>,
    /// A line of its time has come by, but of another text: what was delivered of it may have been torn.
    torn: bool,
    /// A line has come by that was not delivered, unless it stands before the anchor.
    passed_over: bool,
    /// It is gone: the whole log doesn't hold it, so all that it holds stood behind it.
    gone: bool,
    /// See [`Window::audit`].
    innocent: Option<i64>,
    /// Where lines may be missing: of each channel, and of both together.
    holes: [Holes; 2],
    both: Pauses,
}

impl Anchor {
    fn at(place: &Place) -> Option<Self> {
        let (half, line) = place.last()?;
        let holes = [0, 1].map(|half: usize| Holes::after(place.halves[half].mark));
        let both = Pauses::behind(line.time);
        let (delivered, records, innocent) = (0, 0, None);
        let (since, torn, passed_over, gone) = (None, false, false, false);
        Some(Self { half, line, delivered, records, since, torn, passed_over, gone, innocent, holes, both })
    }

    /// A line was delivered.
    pub(super) fn delivered(&mut self, half: usize, time: Timestamp) {
        self.delivered += 1;
        let time = time.unix_nanos();
        self.holes[half].delivered(time);
        self.both.delivered(time);
    }

    /// It isn't in the log, which has come by as a whole: where lines may be missing.
    fn unproven(&self, last: Timestamp) -> Option<Gap> {
        let all = Some(Gap { from: self.line.time, to: last });
        if self.passed_over && !self.torn {
            return all; // it stood behind the anchor
        }
        let innocent = self.innocent?;
        if self.went_back() { all } else { self.both.unproven(innocent) }
    }

    /// The clock was set back.
    fn went_back(&self) -> bool {
        self.holes.iter().any(Holes::went_back)
    }

    /// Another session begins.
    pub(super) fn begin_session(&mut self) {
        (self.since, self.torn, self.passed_over) = (None, false, false);
        self.holes.iter_mut().for_each(Holes::begin_session);
        self.both.begin_session();
    }
}

impl Window {
    /// Counts what is delivered, from the next line on if nothing is counted yet.
    pub fn count(&mut self) {
        self.audited = true;
        if self.anchor.is_none() {
            self.anchor_here();
        }
    }

    /// Counts what is delivered from here on, unless that is being compared.
    pub fn anchor_here(&mut self) {
        if self.auditing {
            return;
        }
        self.anchor = Anchor::at(&self.place).map(Box::new);
    }

    /// Lets the next session compare the log with what was delivered since [`Window::anchor_here`]: an engine may skip
    /// lines in the middle of a follow, without a word, and no later window would show it. `innocent`: if the log doesn't hold the
    /// anchor any more, a gap is told where nothing came for more nanoseconds than that, unless the log shows that nothing is missing
    /// there. (A healthy burst may delete the anchor.)
    pub fn audit(&mut self, innocent: Option<i64>) {
        self.auditing = self.anchor.is_some() && !self.tail_hangs;
        if let Some(anchor) = self.anchor.as_mut() {
            anchor.innocent = innocent.or(anchor.innocent);
        }
    }

    /// The log holds this line, before the last one: it was delivered, unless an audit shows that it can't have been.
    pub(super) fn audit_line(&mut self, half: usize, line: &LastLine, whole: bool) -> Verdict {
        let auditing = self.auditing && !self.found && whole;
        let Some(anchor) = self.anchor.as_mut().filter(|_| auditing) else { return Verdict::Replay };
        let at_anchor_time = line.time == anchor.line.time;
        let at_anchor = at_anchor_time && half == anchor.half;
        match anchor.since.as_mut() {
            Some(lines) => *lines += 1,
            None if at_anchor && is_same(line, &anchor.line) => anchor.since = Some(0),
            None => anchor.torn |= at_anchor,
        }
        let time = line.time.unix_nanos();
        // Another line of the anchor's time may stand before it.
        if anchor.since.is_some() || !at_anchor_time {
            anchor.both.pass(time);
        }
        let back = anchor.went_back();
        let holes = &mut anchor.holes[half];
        holes.pass(time);
        // Behind a line that could be the last, but has another text, nothing may have been delivered yet. And where a clock was set
        // back, times prove nothing.
        if self.torn || back {
            return Verdict::Replay;
        }
        let end = match self.place.last {
            Some(last) if last == half => End::OfThis,
            // Logs are deleted from their beginning.
            _ if anchor.since.is_some() => End::Follows,
            _ => End::Unknown,
        };
        // What bears the time of the session's first record, or an older one, may have begun before that, and be torn.
        let torn = self.first.is_none_or(|first| line.time <= first);
        let behind = !torn && (anchor.since.is_some() || anchor.gone && self.asked.is_none());
        let found = holes.find(time, behind, end);
        if found == Found::Delivered {
            return Verdict::Replay;
        }
        // Of a line that comes in segments the first have passed for replays.
        if found == Found::Perhaps || line.print.is_none() {
            anchor.passed_over = true;
            return Verdict::Replay;
        }
        if found == Found::AtEnd || self.seen[half].mark {
            // It stands behind the last of its channel; but not behind what is open.
            let place = &mut self.place.halves[half];
            let open = place.open.filter(|open| open.time > line.time);
            place.delivered(line.time, line.print, line.ended);
            place.open = open;
        }
        anchor.delivered += 1;
        Verdict::Late
    }

    /// The last line is found: are the lines since the anchor those that were delivered?
    pub(super) fn end_audit(&mut self) {
        let Some((_, line)) = self.resumed().last() else { return };
        let whole = self.asked.is_none();
        let Some(anchor) = self.anchor.as_mut().filter(|_| self.auditing) else { return };
        let gap = match anchor.since {
            Some(lines) if lines <= anchor.delivered => None,
            Some(_) => Some(Gap { from: anchor.line.time, to: line.time }),
            None if !whole => return, // the next record, or silence, asks for a larger window
            // The anchor was deleted, and nothing can be counted from it.
            None => match anchor.unproven(line.time) {
                // Once more, for what of the missing lines the log still holds.
                Some(_) if !anchor.torn && !std::mem::replace(&mut anchor.gone, true) => return,
                gap => gap,
            },
        };
        self.gap = self.gap.take().or(gap.map(Box::new));
        self.auditing = false;
        self.anchor_here();
    }
}
