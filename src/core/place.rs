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

/// The segments delivered of a line longer than the limit whose end hasn't come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OpenLine {
    time: Timestamp,
    segments: u32,
}

/// One channel's part of a [`Place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Half {
    mark: Mark,
    open: Option<OpenLine>,
}

/// Where a stream stands: what it has delivered, per channel. A few dozen bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    stdout: Half,
    stderr: Half,
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
}

/// A session as seen by the place: which request it needs, and what of its records is new.
#[derive(Debug)]
pub struct Window {
    place: Place,
    begin: Begin,
    /// A session was opened.
    begun: bool,
    /// Messages asked for; `None`: the whole log.
    size: Option<u64>,
    /// The first record must still be recognised.
    unproven: bool,
    /// Lines seen in this session at the time of the mark.
    stdout_seen: u32,
    stderr_seen: u32,
    /// Past its mark, a channel is live.
    stdout_live: bool,
    stderr_live: bool,
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
            place: Place { stdout: half, stderr: half },
            begin,
            begun: false,
            size: Some(limits::WINDOW),
            unproven: false,
            stdout_seen: 0,
            stderr_seen: 0,
            stdout_live: false,
            stderr_live: false,
        }
    }

    /// The request for the next session, and the start of its judgement.
    pub fn open(&mut self, id: ContainerId, follow: bool, until: Option<Timestamp>, engine: EngineKind) -> Logs {
        (self.stdout_seen, self.stderr_seen) = (0, 0);
        (self.stdout_live, self.stderr_live) = (false, false);
        self.unproven = false;
        let again = std::mem::replace(&mut self.begun, true);
        let (tail, since) = match self.begin {
            Begin::First if !self.delivered() => (Tail::All, None),
            Begin::History { tail, since } if !self.delivered() => (tail, since),
            Begin::Now(_) if !again => (Tail::Last(0), None),
            _ if engine == EngineKind::Podman => (Tail::All, self.place.earliest()),
            _ => (self.suffix(), None),
        };
        Logs { id, follow, tail, since, until }
    }

    /// A window of the present size, whose first record must prove that it is large enough.
    fn suffix(&mut self) -> Tail {
        self.unproven = self.size.is_some();
        self.size.map_or(Tail::All, Tail::Last)
    }

    /// A session has shown that there was no history: from now on all is new, and `--tail` has had its say.
    pub fn was_empty(&mut self) {
        if let Begin::History { tail, .. } = &mut self.begin {
            *tail = Tail::All;
        }
    }

    /// Looks at a record before its line is whole. False: this window begins after records that we don't know; close the
    /// session and open the next, larger one.
    pub fn proves(&mut self, channel: Channel, time: Option<Timestamp>) -> bool {
        if !self.unproven {
            return true;
        }
        self.unproven = false;
        let known = match (self.place.half(channel).mark, time) {
            (Mark::At { time: mark, .. }, Some(time)) => time <= mark,
            (Mark::Origin(origin), Some(time)) => time < origin,
            (Mark::Beginning, _) | (_, None) => false,
        };
        if known {
            self.size = Some(limits::WINDOW);
        } else {
            self.size = self.size.map(|size| size * limits::WINDOW_GROWTH).filter(|&size| size <= limits::WINDOW_MOST);
        }
        known
    }

    /// Decides about a whole line, or a segment of one, and notes what is delivered.
    pub fn judge(&mut self, channel: Channel, time: Option<Timestamp>, segment: Option<Segment>) -> Verdict {
        let Some(time) = time else { return Verdict::Deliver }; // an engine's own words: there is no telling
        let live = if is_stderr(channel) { self.stderr_live } else { self.stdout_live };
        if !live && self.is_replay(channel, time, segment) {
            return Verdict::Replay;
        }
        if is_stderr(channel) { self.stderr_live = true } else { self.stdout_live = true }
        self.place.half_mut(channel).advance(time, segment);
        Verdict::Deliver
    }

    fn is_replay(&mut self, channel: Channel, time: Timestamp, segment: Option<Segment>) -> bool {
        let half = *self.place.half(channel);
        if let (Some(open), Some(segment)) = (half.open, segment)
            && open.time == time
        {
            return segment.number <= open.segments;
        }
        match half.mark {
            Mark::Beginning => false,
            Mark::Origin(origin) => time < origin,
            Mark::At { time: mark, .. } if time < mark => true,
            Mark::At { time: mark, .. } if time > mark => false,
            Mark::At { lines, .. } => {
                let seen = if is_stderr(channel) { &mut self.stderr_seen } else { &mut self.stdout_seen };
                if segment.is_none_or(|segment| segment.last) {
                    *seen += 1;
                    return *seen <= lines;
                }
                *seen < lines
            }
        }
    }

    /// True once a line has been delivered.
    pub fn delivered(&self) -> bool {
        [self.place.stdout, self.place.stderr]
            .iter()
            .any(|half| half.open.is_some() || matches!(half.mark, Mark::At { .. }))
    }
}

impl Place {
    fn half(&self, channel: Channel) -> &Half {
        if is_stderr(channel) { &self.stderr } else { &self.stdout }
    }

    fn half_mut(&mut self, channel: Channel) -> &mut Half {
        if is_stderr(channel) { &mut self.stderr } else { &mut self.stdout }
    }

    /// The earlier of both marks: what Podman, whose `tail` is broken, is asked for with `since`.
    fn earliest(&self) -> Option<Timestamp> {
        let times = [self.stdout, self.stderr].map(|half| match half.mark {
            Mark::Beginning => None,
            Mark::Origin(time) | Mark::At { time, .. } => Some(time),
        });
        times.into_iter().flatten().min()
    }
}

impl Half {
    fn advance(&mut self, time: Timestamp, segment: Option<Segment>) {
        if let Some(Segment { number, last: false }) = segment {
            self.open = Some(OpenLine { time, segments: number });
            return;
        }
        self.open = None;
        self.mark = match self.mark {
            Mark::At { time: before, lines } if before == time => Mark::At { time, lines: lines.saturating_add(1) },
            _ => Mark::At { time, lines: 1 },
        };
    }
}

/// A TTY has one channel only, which is kept where stdout's would be.
fn is_stderr(channel: Channel) -> bool {
    channel == Channel::Stderr
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
            if window.judge(channel, Some(at(seconds)), None) == Verdict::Deliver {
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
        assert_eq!(new.as_deref(), Some(&[(ERR, 3), (ERR, 4), (OUT, 5)][..]), "a second line at one time is new");
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
        assert_eq!(sizes, [Tail::Last(64), Tail::Last(1024), Tail::Last(16_384), Tail::All]);
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
        let segment = |number, last| Some(Segment { number, last });
        assert_eq!(window.judge(OUT, Some(at(1)), segment(1, false)), Verdict::Deliver);
        assert_eq!(window.judge(OUT, Some(at(1)), segment(2, false)), Verdict::Deliver);
        open(&mut window);
        assert_eq!(window.judge(OUT, Some(at(1)), segment(1, false)), Verdict::Replay);
        assert_eq!(window.judge(OUT, Some(at(1)), segment(2, false)), Verdict::Replay);
        assert_eq!(window.judge(OUT, Some(at(1)), segment(3, true)), Verdict::Deliver);
        open(&mut window);
        assert_eq!(window.judge(OUT, Some(at(1)), segment(3, true)), Verdict::Replay);
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
