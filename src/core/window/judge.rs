//! What becomes of a line, once its record was admitted: is it new, a replay, or the rest of one?

use docklog_protocol::{Channel, Segment, Timestamp};

use super::{Begin, Ended, Gap, Search, Seen, Verdict, Window};
use crate::core::place::{Half, LastLine, Mark, fingerprint, half};
use crate::core::time::latest;
use crate::limits;

impl Window {
    /// Decides about a whole line, or a segment of one, and notes what is delivered. `print`: of a whole line that comes again as it is.
    pub fn judge(
        &mut self,
        channel: Channel,
        time: Option<Timestamp>,
        segment: Option<Segment>,
        bytes: usize,
        print: Option<u64>,
        end: Ended,
    ) -> Verdict {
        let Some(time) = time else { return Verdict::Deliver }; // an engine's own words: there is no telling
        let (half, ended) = (half(channel), end != Ended::Unseen);
        let last = segment.is_none_or(|segment| segment.last);
        if let Some(verdict) = self.judge_begun(half, time, last, bytes, end) {
            return verdict;
        }
        let line = LastLine { time, lines: 1, print, ended };
        let known = match self.search {
            Search::Nothing => None,
            Search::Newest => {
                // It may be the last part of a line only, so its text tells nothing.
                self.place.halves[half].delivered(time, None, ended);
                (self.place.last, self.begin) = (Some(half), Begin::Restart(time));
                Some(Verdict::Replay)
            }
            Search::Moment => {
                let unwanted = !self.seen[half].live
                    && matches!(self.resumed().halves[half].mark, Mark::Origin(origin) if time < origin);
                unwanted.then_some(Verdict::Replay)
            }
            Search::Line => self.before_line(half, &line, last),
            Search::Time if self.seen[half].live => None,
            Search::Time => self.before_time(half, &line, last),
        };
        if let Some(verdict) = known {
            self.replayed |= verdict == Verdict::Replay;
            return verdict;
        }
        self.deliver(half, &line, segment, bytes, end);
        Verdict::Deliver
    }

    /// A line of which segments were delivered comes again, whole or cut otherwise.
    fn judge_begun(
        &mut self,
        half: usize,
        time: Timestamp,
        last: bool,
        bytes: usize,
        end: Ended,
    ) -> Option<Verdict> {
        let open = self.resumed().halves[half].open.filter(|open| open.time == time && open.bytes > 0)?;
        let from = self.seen[half].open_bytes;
        self.seen[half].open_bytes += bytes as u64;
        if self.seen[half].open_bytes <= open.bytes && !last {
            return Some(Verdict::Replay);
        }
        if from > 0 && self.place.halves[half].open.is_none() {
            return None; // another line of that time
        }
        // It ended after the last line that was delivered, which hasn't come by: this window shows that one torn, or not at all.
        // To deliver the end now would be to pass over what stands between the two.
        if last && self.search == Search::Line && !self.found && !self.reached {
            return Some(Verdict::Replay);
        }
        let skip = open.bytes.saturating_sub(from).min(bytes as u64) as usize;
        let number = self.place.halves[half].open.map_or(0, |open| open.segments) + 1;
        let line = LastLine { time, lines: 1, print: None, ended: true };
        self.deliver(half, &line, Some(Segment { number, last }), bytes - skip, end);
        Some(Verdict::Rest { skip, number })
    }

    /// Before the last line delivered all is replay, unless an audit finds that it was skipped; after it nothing, but for the one
    /// line that is known by itself: the last of the other channel, which may stand further on if its end was never seen.
    fn before_line(&mut self, half: usize, line: &LastLine, whole: bool) -> Option<Verdict> {
        let (last, mark) = self.resumed().last()?;
        let own = self.resumed().mark(half);
        let seen = &mut self.seen[half];
        // Of several lines of one time the last is found by counting, for they may be equal.
        let is_own = !seen.mark
            && own.is_some_and(|own| {
                let counts = own.lines > 1 || self.by_time && half == last;
                is_same(line, &own) || counts && own.time == line.time
            });
        if is_own && whole {
            seen.lines += 1;
            seen.mark = own.is_none_or(|own| seen.lines >= own.lines);
        }
        if half == last && whole && !is_own && !self.found {
            // Another line of that time; or this one, torn by a deletion: then its time must do.
            self.torn |= mark.time == line.time;
            self.reached = false;
        }
        let before = if self.found {
            // A line that left in segments is known by its time alone: once its end was seen, another of that time is new.
            is_own && own.is_some_and(|own| !own.ended || own.print.is_some())
        } else if self.reached && half != last && !mark.ended {
            // The last line has come by, but where it ended nobody saw.
            own.is_some_and(|own| line.time <= own.time)
        } else {
            true
        };
        let verdict = before.then(|| self.audit_line(half, line, whole));
        if half == last && self.seen[half].mark && !std::mem::replace(&mut self.found, true) {
            (self.larger, self.check) = (None, false);
            self.end_audit();
        }
        if self.found && self.all_has_come_by() {
            self.resumed = None;
        }
        verdict
    }

    /// Nothing that was delivered before can come by in this session any more.
    fn all_has_come_by(&self) -> bool {
        let gone = |(seen, half): (&Seen, &Half)| {
            half.open.is_none() && (seen.mark || !matches!(half.mark, Mark::At(_)))
        };
        !self.auditing && self.seen.iter().zip(&self.resumed().halves).all(gone)
    }

    /// Up to the time of the last line delivered all is replay; and of that time, all up to that line.
    fn before_time(&mut self, half: usize, line: &LastLine, last: bool) -> Option<Verdict> {
        let time = line.time;
        let other = self.resumed().mark(1 - half);
        // Where many lines bear one time (Podman), that of an open one tells nothing; nor need it, for it ends behind what was delivered.
        let begun = !self.joins && self.resumed().halves[half].open.is_some_and(|open| open.time == time);
        let seen = &self.seen[1 - half];
        let other_reached = seen.reached || seen.mark || seen.live;
        let (mark, joins) = (self.resumed().halves[half].mark, self.joins);
        let seen = &mut self.seen[half];
        if begun {
            return None; // it was not delivered
        }
        let before = match mark {
            // Nothing of this channel was delivered; so what stands before the last line of the other was not wanted.
            Mark::Beginning => other.is_some_and(|other| !joins || time <= other.time) && !other_reached,
            Mark::Origin(origin) => latest(time) < origin,
            Mark::At(own) if time != own.time => time < own.time && !seen.mark,
            Mark::At(_) if seen.mark => false,
            // The number alone doesn't do: a follow may have left out some of them, which the log holds (W-27).
            Mark::At(own) if last => {
                seen.lines += 1;
                seen.mark = seen.lines >= own.lines && is_same(line, &own);
                if seen.mark {
                    self.place.halves[half].counted(seen.lines);
                } else if joins && own.lines == 1 && seen.lines >= own.lines {
                    return Some(Verdict::Late); // none but the last was delivered
                }
                true
            }
            Mark::At(_) => true,
        };
        before.then_some(Verdict::Replay)
    }

    fn deliver(&mut self, half: usize, line: &LastLine, segment: Option<Segment>, bytes: usize, end: Ended) {
        self.seen[half].live = true;
        if let Some(Segment { number, last: false }) = segment {
            return self.place.halves[half].delivered_segment(line.time, number, bytes);
        }
        let place = &mut self.place.halves[half];
        match place.mark {
            Mark::At(LastLine { ended: false, .. }) if self.joins => {
                place.delivered_joined(line.time, line.print, line.ended);
            }
            _ => place.delivered(line.time, line.print, line.ended),
        }
        if self.begun_amid.as_ref().is_some_and(|begun| **begun == line.time)
            || self.begins_amid(half, line.time)
        {
            self.place.halves[half].began_amid();
        }
        self.by_time = false;
        if std::mem::take(&mut self.lost) {
            let anchor = self.anchor.take().filter(|_| std::mem::take(&mut self.auditing));
            let since = anchor.map(|anchor| anchor.line.time).or(self.resumed().settled_until());
            self.gap_from = since.filter(|_| !self.replayed).map(Box::new);
        }
        // A line that is taken as ended may stand before one that has been delivered.
        let record = if let Ended::Before(record) = end { record } else { self.seen[half].record };
        if record >= self.last_record || self.place.last.is_none() {
            (self.place.last, self.last_record) = (Some(half), record);
        }
        match self.anchor.as_mut() {
            Some(anchor) => anchor.delivered(half, line.time),
            None if self.audited => self.anchor_here(),
            None => {}
        }
    }

    /// Lines of this time may stand before it that were not wanted: those before the moment from which on lines were, or before
    /// the last of the other channel.
    fn begins_amid(&self, half: usize, time: Timestamp) -> bool {
        let other = self.resumed().mark(1 - half);
        self.joins
            && self.search == Search::Time
            && match self.resumed().halves[half].mark {
                Mark::Beginning => other.is_some_and(|other| other.time == time),
                Mark::Origin(origin) => origin.seconds == time.seconds,
                Mark::At(_) => false,
            }
    }

    /// What was deleted before the line of this time, which is to be delivered now; or, without a time, what is known to be
    /// missing before whatever comes next.
    pub fn take_gap(&mut self, to: Option<Timestamp>) -> Option<Gap> {
        if let Some(to) = to
            && let Some(from) = self.gap_from.take()
        {
            return Some(Gap { from: *from, to });
        }
        self.gap.take().map(|gap| *gap)
    }

    /// The open lines that are about to end are those of the session before: what was delivered of them isn't in them.
    pub fn goes_on_with_old_lines(&mut self) {
        let resumed = *self.resumed();
        for (seen, resumed) in self.seen.iter_mut().zip(&resumed.halves) {
            seen.open_bytes = resumed.open.map_or(0, |open| open.bytes);
        }
        (self.search, self.found) = (Search::Nothing, true);
    }

    /// The session was cut while this line was open. It will come again, whole.
    pub fn cut(&mut self, channel: Channel, time: Timestamp) {
        if self.is_real(half(channel), time) {
            self.place.halves[half(channel)].opened(time);
        }
    }

    /// Whether an open line ends with one that was taken as ended, for its container was, and delivered: what follows is of the next
    /// run, be there a newline or not (Podman, W-43). Runs before that one may have ended so, too.
    pub fn was_taken_as_ended(&self, channel: Channel, time: Option<Timestamp>, text: &[u8]) -> bool {
        let own = self.resumed().mark(half(channel)).filter(|own| !own.ended && time <= Some(own.time));
        let is_own = |begin: usize| own.is_some_and(|own| own.print == Some(fingerprint(&text[begin..])));
        is_own(0) || own.is_some() && (1..text.len()).rev().take(limits::LAST_WORDS).any(is_own)
    }

    /// An open line is one that hasn't been delivered, unless it was only being replayed.
    pub fn is_real(&self, half: usize, time: Timestamp) -> bool {
        match self.search {
            Search::Nothing => true,
            Search::Newest => false,
            Search::Line => self.found,
            Search::Moment => !matches!(self.place.halves[half].mark, Mark::Origin(origin) if time < origin),
            // Podman's second may hold the last line and one that was begun behind it.
            Search::Time if self.joins && (self.seen[half].live || self.seen[half].mark) => true,
            Search::Time => self.place.mark(half).is_none_or(|line| time > line.time),
        }
    }
}

/// The same line, as far as can be told.
pub(super) fn is_same(a: &LastLine, b: &LastLine) -> bool {
    a.time == b.time && (a.print.is_none() || b.print.is_none() || a.print == b.print)
}
