//! Where a stream stands, and what of a new session it has delivered before.
//!
//! Within one channel of one container time stamps rise; between stdout and stderr they don't (seen: by seconds, under
//! load). The engine delivers in the order of its log. So what was delivered is a prefix of the log, a session opened
//! with `tail=N` is a suffix, and **if the first record of that suffix is one we know, nothing lies between the two**.
//! If it isn't, the window was too small, and is asked for again, larger.

use docklog_protocol::{Channel, ContainerId, EngineKind, Logs, Segment, Tail, Timestamp};

use crate::limits;

/// What of one channel has been delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mark {
    /// Nothing, and whatever comes is new.
    #[default]
    Beginning,
    /// Nothing, and what is older than this isn't wanted.
    Origin(Timestamp),
    /// All up to this time, of which so many lines bear exactly this time.
    At { time: Timestamp, lines: u32 },
}

/// A line whose end has not come: its session was cut, or it leaves in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OpenLine {
    time: Timestamp,
    /// Segments delivered of it, and how many bytes they had. (Segments differ in size: memory may have been short.)
    segments: u32,
    bytes: u64,
}

/// One channel's part of a [`Place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Half {
    mark: Mark,
    open: Option<OpenLine>,
}

/// Where a stream stands: what it has delivered, per channel ([`half`]). A few dozen bytes.
type Place = [Half; 2];

/// What of one channel was seen in the present session.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Lines at the time of the mark.
    lines: u32,
    /// The last delivered line has come by, or a part of it; and whole: from there on position decides, not the clock,
    /// which may have been set back.
    reached: bool,
    passed: bool,
    /// A new line has come by: all that follows is new.
    live: bool,
    /// A record older than the open line has come by, so that line will come whole.
    before_open: bool,
    /// Bytes of the open line that have come by.
    open_bytes: u64,
}

/// How a stream that has no place yet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With its first line.
    First,
    /// With what comes after this moment.
    Now(Timestamp),
    /// As asked by `--tail` and `--since`.
    History {
        /// How many of the last messages.
        tail: Tail,
        /// Not before this moment.
        since: Option<Timestamp>,
    },
    /// With what is newer than its container's last end: it ran before, and nobody asked for that.
    Restart(Timestamp),
}

/// What is to become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new.
    Deliver,
    /// It was delivered by an earlier session.
    Replay,
    /// Its beginning was delivered, in segments.
    Rest {
        /// Leave out so many bytes.
        skip: usize,
        /// The rest is this segment.
        number: u32,
    },
}

/// A session as seen by the place: which request it needs, and what of its records is new.
#[derive(Debug)]
pub struct Window {
    place: Place,
    /// The place when this session was opened.
    resumed: Place,
    seen: [Seen; 2],
    begin: Begin,
    /// A session was opened.
    begun: bool,
    /// Messages asked for; `None`: the whole log.
    size: Option<u64>,
    /// This session is a window that may be too small.
    doubtful: bool,
    /// Its first record has not been recognised.
    unproven: bool,
    /// It was too small: the next must be larger.
    rejected: bool,
}

impl Window {
    /// For a stream that has delivered nothing.
    pub fn new(begin: Begin) -> Self {
        let mark = match begin {
            Begin::Now(time) | Begin::Restart(time) => Mark::Origin(time),
            Begin::First | Begin::History { .. } => Mark::Beginning,
        };
        let half = Half { mark, open: None };
        Self {
            place: [half; 2],
            resumed: [half; 2],
            seen: [Seen::default(); 2],
            begin,
            begun: false,
            size: Some(limits::WINDOW),
            doubtful: false,
            unproven: false,
            rejected: false,
        }
    }

    /// The request for the next session, and the start of its judgement.
    pub fn open(
        &mut self,
        id: ContainerId,
        follow: bool,
        until: Option<Timestamp>,
        engine: EngineKind,
    ) -> Logs {
        self.seen = [Seen::default(); 2];
        self.resumed = self.place;
        (self.doubtful, self.unproven) = (false, false);
        let again = std::mem::replace(&mut self.begun, true);
        let (tail, since) = match self.begin {
            Begin::First if !self.delivered() => (Tail::All, None),
            Begin::History { tail, since } if !self.delivered() => (tail, since),
            Begin::Now(_) if !again => (Tail::Last(0), None),
            _ if engine == EngineKind::Podman => (Tail::All, earliest(&self.place)),
            _ => (self.suffix(), None),
        };
        Logs { id, follow, tail, since, until }
    }

    /// A window of the present size, whose first record must prove that it is large enough.
    fn suffix(&mut self) -> Tail {
        if !std::mem::replace(&mut self.rejected, false) {
            self.size = Some(limits::WINDOW);
        }
        self.doubtful = self.size.is_some();
        self.unproven = self.doubtful;
        self.size.map_or(Tail::All, Tail::Last)
    }

    /// A session has shown that there was no history: from now on all is new, and `--tail` has had its say.
    pub fn was_empty(&mut self) {
        if let Begin::History { tail, .. } = &mut self.begin {
            *tail = Tail::All;
        }
    }

    /// Looks at a record before its line is whole. False: this window begins after records that we don't know, or inside a
    /// line; close the session and open the next, larger one.
    pub fn proves(&mut self, channel: Channel, time: Option<Timestamp>) -> bool {
        if let (Mark::At { time: mark, .. }, Some(time)) = (self.resumed[half(channel)].mark, time) {
            self.seen[half(channel)].reached |= time >= mark; // its line may stay open for long
        }
        if !self.doubtful {
            return true;
        }
        let first = std::mem::replace(&mut self.unproven, false);
        let proven = (!first || self.knows(channel, time)) && self.has_line_begun(channel, time);
        if !proven {
            self.rejected = true;
            self.size = self
                .size
                .map(|size| size * limits::WINDOW_GROWTH)
                .filter(|&size| size <= limits::WINDOW_MOST);
        }
        proven
    }

    /// True if this record, or a later one of its channel, was delivered; or is older than what is wanted.
    fn knows(&self, channel: Channel, time: Option<Timestamp>) -> bool {
        match (self.resumed[half(channel)].mark, time) {
            (Mark::At { time: mark, .. }, Some(time)) => time <= mark,
            (Mark::Origin(origin), Some(time)) => time < origin,
            (Mark::Beginning, _) | (_, None) => false,
        }
    }

    /// All parts of a line bear one time, so a window that begins inside a line can't be told from one that begins with it:
    /// the window must hold a record of the channel from before.
    fn has_line_begun(&mut self, channel: Channel, time: Option<Timestamp>) -> bool {
        let seen = &mut self.seen[half(channel)];
        let (Some(open), Some(time)) = (self.resumed[half(channel)].open, time) else { return true };
        seen.before_open |= time < open.time;
        seen.before_open
    }

    /// Decides about a whole line, or a segment of one, and notes what is delivered. `bytes`: its length.
    pub fn judge(
        &mut self,
        channel: Channel,
        time: Option<Timestamp>,
        segment: Option<Segment>,
        bytes: usize,
    ) -> Verdict {
        let Some(time) = time else { return Verdict::Deliver }; // an engine's own words: there is no telling
        let half = half(channel);
        let last = segment.is_none_or(|segment| segment.last);
        if let Some(open) = self.resumed[half].open.filter(|open| open.time == time && open.bytes > 0) {
            let from = self.seen[half].open_bytes;
            self.seen[half].open_bytes += bytes as u64;
            if self.seen[half].open_bytes <= open.bytes && !last {
                return Verdict::Replay;
            }
            if from == 0 || self.place[half].open.is_some() {
                let skip = open.bytes.saturating_sub(from).min(bytes as u64) as usize;
                let number = self.place[half].open.map_or(0, |open| open.segments) + 1;
                self.deliver(half, time, Some(Segment { number, last }), bytes - skip);
                return Verdict::Rest { skip, number };
            }
        }
        if !self.seen[half].live && self.is_replay(channel, time, last) {
            return Verdict::Replay;
        }
        self.deliver(half, time, segment, bytes);
        Verdict::Deliver
    }

    fn deliver(&mut self, half: usize, time: Timestamp, segment: Option<Segment>, bytes: usize) {
        (self.seen[half].live, self.seen[half].reached) = (true, true);
        self.place[half].advance(time, segment, bytes);
    }

    fn is_replay(&mut self, channel: Channel, time: Timestamp, last: bool) -> bool {
        let mark = self.resumed[half(channel)].mark;
        let other = 1 - half(channel);
        let seen = &mut self.seen[half(channel)];
        match mark {
            // Nothing of this channel was delivered; so what stands before the last line of the other was not wanted.
            Mark::Beginning => {
                matches!(self.resumed[other].mark, Mark::At { .. }) && !self.seen[other].reached
            }
            Mark::Origin(origin) => time < origin,
            Mark::At { .. } if seen.passed => false,
            Mark::At { time: mark, .. } if time != mark => time < mark,
            Mark::At { lines, .. } if last => {
                seen.lines += 1;
                seen.passed |= seen.lines == lines;
                seen.lines <= lines
            }
            Mark::At { lines, .. } => seen.lines < lines,
        }
    }

    /// The open lines that are about to end are those of the session before: what was delivered of them isn't in them.
    pub fn goes_on_with_old_lines(&mut self) {
        for (seen, resumed) in self.seen.iter_mut().zip(&self.resumed) {
            seen.open_bytes = resumed.open.map_or(0, |open| open.bytes);
        }
    }

    /// The session was cut while this line was open. It will come again, whole.
    pub fn cut(&mut self, channel: Channel, time: Timestamp) {
        let half = &mut self.place[half(channel)];
        if matches!(half.mark, Mark::At { time: mark, .. } if time <= mark) {
            return; // it was only being replayed
        }
        half.open.get_or_insert(OpenLine { time, segments: 0, bytes: 0 });
    }

    /// True once a line has been delivered.
    pub fn delivered(&self) -> bool {
        self.place.iter().any(|half| {
            half.open.is_some_and(|open| open.segments > 0) || matches!(half.mark, Mark::At { .. })
        })
    }
}

/// The earlier of both marks: what Podman, whose `tail` is broken, is asked for with `since`.
fn earliest(place: &Place) -> Option<Timestamp> {
    let times = place.map(|half| match half.mark {
        Mark::Beginning => None,
        Mark::Origin(time) | Mark::At { time, .. } => Some(time),
    });
    times.into_iter().flatten().min()
}

/// Which half of a place: a TTY has one channel only, which is kept where stdout's would be.
fn half(channel: Channel) -> usize {
    usize::from(channel == Channel::Stderr)
}

impl Half {
    fn advance(&mut self, time: Timestamp, segment: Option<Segment>, bytes: usize) {
        if let Some(Segment { number, last: false }) = segment {
            let before = self.open.filter(|open| open.time == time).map_or(0, |open| open.bytes);
            self.open = Some(OpenLine { time, segments: number, bytes: before + bytes as u64 });
            return;
        }
        self.open = None;
        self.mark = match self.mark {
            Mark::At { time: before, lines } if before == time => {
                Mark::At { time, lines: lines.saturating_add(1) }
            }
            _ => Mark::At { time, lines: 1 },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Channel = Channel::Stdout;
    const ERR: Channel = Channel::Stderr;

    fn id() -> ContainerId {
        ContainerId::parse(&"ab".repeat(32)).expect("64 hex digits")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn open(window: &mut Window) -> Logs {
        window.open(id(), true, None, EngineKind::Docker)
    }

    /// A session that delivers these lines from a window; `None` if it must be asked for again.
    fn session(window: &mut Window, lines: &[(Channel, i64)]) -> Option<Vec<(Channel, i64)>> {
        let mut new = Vec::new();
        for &(channel, seconds) in lines {
            if !window.proves(channel, Some(at(seconds))) {
                return None;
            }
            if window.judge(channel, Some(at(seconds)), None, 1) == Verdict::Deliver {
                new.push((channel, seconds));
            }
        }
        Some(new)
    }

    #[test]
    fn the_first_session_is_as_asked() {
        let tail = |begin| open(&mut Window::new(begin)).tail;
        assert_eq!(tail(Begin::First), Tail::All);
        assert_eq!(tail(Begin::Now(at(5))), Tail::Last(0));
        assert_eq!(tail(Begin::History { tail: Tail::Last(7), since: None }), Tail::Last(7));
        assert_eq!(tail(Begin::Restart(at(5))), Tail::Last(limits::WINDOW));
    }

    #[test]
    fn a_resumed_session_delivers_what_is_new_on_each_channel() {
        let mut window = Window::new(Begin::First);
        open(&mut window);
        let log = [(OUT, 1), (ERR, 3), (OUT, 2), (OUT, 4)];
        assert_eq!(session(&mut window, &log).as_deref(), Some(&log[..]));
        assert_eq!(open(&mut window).tail, Tail::Last(limits::WINDOW));
        // An stderr line that is older than the last stdout line, but was written after it.
        let later = [(ERR, 3), (OUT, 2), (OUT, 4), (ERR, 3), (ERR, 4), (OUT, 5)];
        let new = session(&mut window, &later);
        assert_eq!(
            new.as_deref(),
            Some(&[(ERR, 3), (ERR, 4), (OUT, 5)][..]),
            "a second line at one time is new"
        );
    }

    #[test]
    fn a_window_that_begins_after_the_place_grows_to_the_whole_log() {
        let mut window = Window::new(Begin::First);
        open(&mut window);
        session(&mut window, &[(OUT, 1)]);
        let mut sizes = Vec::new();
        loop {
            sizes.push(open(&mut window).tail);
            if session(&mut window, &[(OUT, 5), (OUT, 6)]).is_some() {
                break;
            }
        }
        assert_eq!(
            sizes,
            [Tail::Last(64), Tail::Last(1024), Tail::Last(16_384), Tail::Last(262_144), Tail::All]
        );
    }

    #[test]
    fn a_stream_from_now_on_never_delivers_what_is_older() {
        let mut window = Window::new(Begin::Now(at(10)));
        open(&mut window);
        assert_eq!(session(&mut window, &[]).as_deref(), Some(&[][..]));
        assert_eq!(open(&mut window).tail, Tail::Last(limits::WINDOW), "what came meanwhile is asked for");
        let new = session(&mut window, &[(OUT, 9), (OUT, 10), (ERR, 11)]);
        assert_eq!(new.as_deref(), Some(&[(OUT, 10), (ERR, 11)][..]));
    }

    #[test]
    fn a_tail_is_asked_for_until_a_session_has_shown_that_there_is_none() {
        let mut window = Window::new(Begin::History { tail: Tail::Last(3), since: None });
        assert_eq!(open(&mut window).tail, Tail::Last(3));
        assert_eq!(open(&mut window).tail, Tail::Last(3));
        window.was_empty();
        assert_eq!(open(&mut window).tail, Tail::All);
    }

    #[test]
    fn a_restarted_container_begins_after_its_last_end() {
        let mut window = Window::new(Begin::Restart(at(10)));
        open(&mut window);
        let new = session(&mut window, &[(OUT, 8), (ERR, 9), (OUT, 11), (ERR, 12)]);
        assert_eq!(new.as_deref(), Some(&[(OUT, 11), (ERR, 12)][..]));
    }

    #[test]
    fn segments_delivered_of_a_cut_line_are_not_delivered_again() {
        let mut window = Window::new(Begin::First);
        open(&mut window);
        let judge = |window: &mut Window, number, last, bytes| {
            window.judge(OUT, Some(at(1)), Some(Segment { number, last }), bytes)
        };
        assert_eq!(judge(&mut window, 1, false, 100), Verdict::Deliver);
        assert_eq!(judge(&mut window, 2, false, 100), Verdict::Deliver);
        open(&mut window);
        assert_eq!(judge(&mut window, 1, false, 150), Verdict::Replay, "the same bytes, cut elsewhere");
        assert_eq!(judge(&mut window, 2, false, 150), Verdict::Rest { skip: 50, number: 3 });
        assert_eq!(judge(&mut window, 3, true, 20), Verdict::Rest { skip: 0, number: 4 });
        open(&mut window);
        assert_eq!(judge(&mut window, 1, false, 300), Verdict::Replay);
        assert_eq!(judge(&mut window, 2, true, 20), Verdict::Replay);
        assert_eq!(window.judge(OUT, Some(at(2)), None, 5), Verdict::Deliver);
    }

    #[test]
    fn a_line_that_was_pressed_out_in_part_comes_with_its_rest_only() {
        let mut window = Window::new(Begin::First);
        open(&mut window);
        let pressed = Some(Segment { number: 1, last: false });
        assert_eq!(window.judge(OUT, Some(at(1)), pressed, 100), Verdict::Deliver);
        open(&mut window);
        assert_eq!(window.judge(OUT, Some(at(1)), None, 130), Verdict::Rest { skip: 100, number: 2 });
        assert_eq!(window.judge(OUT, Some(at(2)), None, 1), Verdict::Deliver);
    }

    #[test]
    fn a_window_that_begins_inside_a_cut_line_is_too_small() {
        let mut window = Window::new(Begin::First);
        open(&mut window);
        session(&mut window, &[(OUT, 1), (ERR, 2), (ERR, 3)]);
        window.cut(OUT, at(2));
        open(&mut window);
        assert_eq!(session(&mut window, &[(ERR, 3), (OUT, 2)]), None);
        assert_eq!(open(&mut window).tail, Tail::Last(limits::WINDOW * limits::WINDOW_GROWTH));
        let new = session(&mut window, &[(OUT, 1), (OUT, 2), (ERR, 2), (ERR, 3), (ERR, 4)]);
        assert_eq!(new.as_deref(), Some(&[(OUT, 2), (ERR, 4)][..]));
    }

    #[test]
    fn a_clock_set_back_hides_nothing_after_the_place() {
        let mut window = Window::new(Begin::First);
        open(&mut window);
        session(&mut window, &[(OUT, 100), (OUT, 101)]);
        open(&mut window);
        let new = session(&mut window, &[(OUT, 100), (OUT, 101), (OUT, 40), (OUT, 41)]);
        assert_eq!(new.as_deref(), Some(&[(OUT, 40), (OUT, 41)][..]));
    }

    #[test]
    fn a_channel_that_was_never_wanted_before_begins_after_the_other() {
        let mut window = Window::new(Begin::History { tail: Tail::Last(1), since: None });
        open(&mut window);
        session(&mut window, &[(OUT, 5)]);
        open(&mut window);
        let new = session(&mut window, &[(OUT, 3), (ERR, 4), (OUT, 5), (ERR, 4), (OUT, 6)]);
        assert_eq!(new.as_deref(), Some(&[(ERR, 4), (OUT, 6)][..]));
    }

    #[test]
    fn podman_is_asked_since_the_place_and_counts_within_its_second() {
        let mut window = Window::new(Begin::First);
        window.open(id(), true, None, EngineKind::Podman);
        session(&mut window, &[(OUT, 5), (OUT, 5), (ERR, 6)]);
        let logs = window.open(id(), true, None, EngineKind::Podman);
        assert_eq!((logs.tail, logs.since), (Tail::All, Some(at(5))));
        let new = session(&mut window, &[(OUT, 5), (OUT, 5), (ERR, 6), (OUT, 5), (ERR, 6)]);
        assert_eq!(new.as_deref(), Some(&[(OUT, 5), (ERR, 6)][..]));
    }
}
