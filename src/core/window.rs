//! How a stream's place is found again in a new session, and what of that session is new.
//!
//! A session opened with `tail=N` (no `since`: W-57) is a suffix of the log, what was delivered is a prefix of it (W-92).
//! **If the suffix holds the last line that was delivered, nothing lies between the two: up to that line all is replay,
//! after it all is new**, whatever the time stamps say (W-93; between stdout and stderr they don't rise, W-46, and clocks are
//! set back). If the suffix doesn't hold that line it is asked for again, larger, at last whole. If even the whole log
//! doesn't hold it, the engine has deleted it, and perhaps more: a gap. Only there, and on Podman, time stamps decide.
//!
//! ```text
//!   log:       ···│ o17 e9 o18 E10a o19 │ o20 E10b o21 ···     delivered: up to o19; E10 was open
//!   tail=4:                       └─ o19: known, but E10 may have begun before: larger
//!   tail=8:         └─ … e9 … E10a, o19: found. o20, E10 (whole), o21 are new
//! ```

mod anchor;
mod holes;
mod judge;
mod silence;

use docklog_protocol::{Channel, ContainerId, EngineKind, Logs, Tail, Timestamp};

use super::place::{Mark, Place, half};
use crate::limits;
use anchor::Anchor;

/// How a stream that has no place yet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With its first line.
    First,
    /// With what comes after the newest line there is; on engines that can't tell that one, after this moment.
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

impl Begin {
    /// What a checkpoint must know of a stream that is to begin so, and hasn't.
    pub fn place(self) -> Option<Place> {
        match self {
            Self::First => Some(Place::default()),
            Self::Restart(time) => Some(Place::beginning(Mark::Origin(time))),
            Self::Now(_) | Self::History { .. } => None,
        }
    }
}

/// What is to become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new.
    Deliver,
    /// It was delivered by an earlier session.
    Replay,
    /// The engine had skipped it: it is new, though younger lines were delivered before it.
    Late,
    /// Its beginning was delivered, in segments.
    Rest {
        /// Leave out so many bytes.
        skip: usize,
        /// The rest is this segment.
        number: u32,
    },
}

/// Where a line that leaves has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With the record that was admitted last.
    Here,
    /// With the record of this number, its channel's last before that one, which shows that the line was over.
    Before(u64),
    /// Nobody saw it, and nothing can bring its rest any more.
    Unseen,
}

/// Something that the engine's log doesn't hold any more and that was not delivered (W-95): perhaps lines, perhaps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Time of the last line before it.
    pub from: Timestamp,
    /// Time of the first line after it.
    pub to: Timestamp,
}

/// What the end of a session, or its silence, means for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The session has done what it was for.
    Fine,
    /// It has not shown where we stand: open another at once.
    Again,
}

/// What a session is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// Nothing: all of it is new.
    Nothing,
    /// The line at which a stream begins that begins now: the only one it brings.
    Newest,
    /// The last line delivered.
    Line,
    /// A moment: what is older isn't wanted.
    Moment,
    /// Each line's time is compared with its channel's mark: where the last line can't be asked for (Podman), or is gone.
    Time,
}

/// What of one channel was seen in the present session.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Number of its last record; 0: it had none.
    record: u64,
    /// A record as new as its mark has come by.
    reached: bool,
    /// Lines at the time of its mark; and whether that mark itself has come by.
    lines: u32,
    mark: bool,
    /// A new line has come by: all that follows is new.
    live: bool,
    /// Bytes that have come by of a line whose beginning was delivered in segments.
    open_bytes: u64,
}

/// What a session is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Whose log.
    pub id: ContainerId,
    /// Stay for what comes.
    pub follow: bool,
    /// `--until`.
    pub until: Option<Timestamp>,
    /// The engine's dialect.
    pub engine: EngineKind,
    /// Records that the first window should have.
    pub size: u64,
}

/// Nothing was delivered.
const NOTHING: Place = Place::beginning(Mark::Beginning);

/// A stream's sessions as seen by its place.
#[derive(Debug)]
pub struct Window {
    place: Place,
    begin: Begin,
    begun: bool,
    /// The next window's size, `None` for the whole log; if the last was too small. Until what is searched for is found:
    /// sessions may fail before they tell anything.
    larger: Option<Option<u64>>,
    /// The last line isn't in the log any more.
    lost: bool,
    /// It is, but with another text: it was torn.
    by_time: bool,
    /// The last session kept silent: let one without `follow` tell what there is. It has, once.
    check: bool,
    checking: bool,
    checked: bool,
    /// The engine doesn't answer a request for the log's end: it is asked for what is new, which it must search for.
    tail_hangs: bool,
    /// A silent session of a stream that has delivered nothing was looked into, once.
    looked: bool,
    /// Lines are counted from an anchor on; and the present session is compared with that count.
    audited: bool,
    /// Boxed, for it exists only where the engine begins new files.
    anchor: Option<Box<Anchor>>,
    auditing: bool,

    /// When the stream began, if that was in the middle of a second in which more had been written (Podman). Boxed, for most
    /// streams don't begin so.
    begun_amid: Option<Box<Timestamp>>,

    // Of the present session:
    /// The place when it was opened, as long as something that was delivered before may still come by. Boxed, for a
    /// session soon has shown where it stands, and lasts for long.
    resumed: Option<Box<Place>>,
    search: Search,
    follows: bool,
    /// Records asked for; `None`: the whole log.
    asked: Option<u64>,
    records: u64,
    /// What is searched for has come by: a part of it; and whole.
    reached: bool,
    found: bool,
    /// Number of the record that ended the last line.
    last_record: u64,
    seen: [Seen; 2],
    /// A line of the time of the last one has come by, but of another text.
    torn: bool,
    /// A line has come by that was delivered before.
    replayed: bool,
    first: Option<Timestamp>,
    /// It may begin in the middle of a second.
    amid: bool,
    /// A line that lacks its newline comes joined with the next run's first (Podman); and one was taken as ended.
    joins: bool,
    taken_as_ended: bool,
    /// Lines were deleted: to be told before the next line, whose time is its end.
    gap_from: Option<Box<Timestamp>>,
    /// Lines are missing: to be told.
    gap: Option<Box<Gap>>,
}

impl Window {
    /// For a stream that has delivered nothing.
    pub fn new(begin: Begin) -> Self {
        let mark = match begin {
            Begin::Now(time) | Begin::Restart(time) => Mark::Origin(time),
            Begin::History { since: Some(time), .. } => Mark::Origin(time),
            Begin::First | Begin::History { since: None, .. } => Mark::Beginning,
        };
        Self::at(Place::beginning(mark), begin)
    }

    /// For a stream that goes on from a checkpoint.
    pub fn resume(place: Place) -> Self {
        let begin = match place.halves[0].mark {
            Mark::Origin(time) => Begin::Restart(time),
            Mark::Beginning | Mark::At(_) => Begin::First,
        };
        Self { begun: true, ..Self::at(place, begin) }
    }

    fn at(place: Place, begin: Begin) -> Self {
        Self {
            place,
            begin,
            begun: false,
            larger: None,
            lost: false,
            by_time: false,
            check: false,
            checking: false,
            checked: false,
            tail_hangs: false,
            looked: false,
            follows: false,
            audited: false,
            anchor: None,
            auditing: false,
            resumed: None,
            search: Search::Nothing,
            asked: None,
            records: 0,
            reached: false,
            found: false,
            last_record: 0,
            seen: [Seen::default(); 2],
            torn: false,
            replayed: false,
            amid: false,
            joins: false,
            taken_as_ended: false,
            begun_amid: None,
            first: None,
            gap_from: None,
            gap: None,
        }
    }

    /// Where the stream stands. `None` as long as that isn't known.
    pub fn place(&self) -> Option<Place> {
        (!matches!(self.begin, Begin::Now(_)) || self.place.last.is_some()).then_some(self.place)
    }

    /// What had been delivered when the session was opened.
    fn resumed(&self) -> &Place {
        self.resumed.as_deref().unwrap_or(&NOTHING)
    }

    /// The request for the next session, and the start of its judgement.
    pub fn open(&mut self, ask: &Ask) -> Logs {
        // Once a look has found it, a silent follow is taken for what it is, once: else it may be deaf (W-98).
        let has_found = std::mem::take(&mut self.checking) && self.found;
        self.checked = has_found || self.checked && self.larger.is_some();
        self.resumed = (self.place != NOTHING).then(|| Box::new(self.place));
        self.seen = [Seen::default(); 2];
        (self.records, self.reached, self.found) = (0, false, false);
        (self.torn, self.replayed) = (false, false);
        let podman = ask.engine == EngineKind::Podman;
        self.joins = podman;
        self.taken_as_ended =
            podman && (0..2).any(|half| self.place.mark(half).is_some_and(|line| !line.ended));
        (self.first, self.gap_from) = (None, None);
        if let Some(anchor) = self.anchor.as_mut() {
            anchor.begin_session();
        }
        // What this session's records come after: a line that an earlier one has delivered.
        self.last_record = u64::from(self.place.last.is_some());
        let (search, tail, since) = self.approach(ask);
        self.begun = true;
        self.checking = self.check;
        let follow = ask.follow && search != Search::Newest && !self.checking;
        (self.search, self.follows) = (search, follow);
        self.asked = match tail {
            Tail::All => None,
            Tail::Last(size) => Some(size),
        };
        let part = tail != Tail::All || since.is_some();
        self.amid = podman && search == Search::Nothing && part;
        Logs { id: ask.id, follow, tail, since, until: ask.until }
    }

    fn approach(&mut self, ask: &Ask) -> (Search, Tail, Option<Timestamp>) {
        let podman = ask.engine == EngineKind::Podman;
        match self.begin {
            _ if self.has_delivered() && podman => (Search::Time, Tail::All, self.podman_since()),
            _ if self.lost => {
                self.larger = None; // this one is whole, and the next needn't be
                (Search::Time, Tail::All, None)
            }
            // `since` costs the engine more, but ends (W-53, W-54).
            _ if self.place.last.is_some() && self.tail_hangs => {
                (Search::Line, Tail::All, self.place.earliest())
            }
            _ if self.place.last.is_some() => (Search::Line, self.suffix(ask.size), None),
            Begin::First => (Search::Nothing, Tail::All, None),
            Begin::Now(_) if !podman && ask.follow => (Search::Newest, Tail::Last(1), None),
            Begin::Now(_) if !self.begun => (Search::Nothing, Tail::Last(0), None),
            Begin::History { tail, since } if !self.has_delivered() && (!self.begun || since.is_none()) => {
                (Search::Nothing, tail, since)
            }
            _ if podman => (Search::Time, Tail::All, self.podman_since()),
            _ if self.tail_hangs => (Search::Moment, Tail::All, self.place.earliest()),
            Begin::Now(_) | Begin::Restart(_) | Begin::History { .. } => {
                (Search::Moment, self.suffix(ask.size), None)
            }
        }
    }

    /// A moment earlier than the line that must come, for only what is later comes. (Whether it has lost some of what came
    /// before, nobody can tell: W-27.)
    fn podman_since(&self) -> Option<Timestamp> {
        let (earliest, moment) = (self.place.earliest()?, i64::from(self.place.last.is_some()));
        Some(Timestamp::from_unix_nanos(earliest.unix_nanos().saturating_sub(moment)))
    }

    /// A window that must prove itself.
    fn suffix(&mut self, first: u64) -> Tail {
        let audited = self
            .anchor
            .as_ref()
            .filter(|_| self.auditing)
            .map_or(0, |anchor| anchor.records + limits::WINDOW);
        let size = self.larger.unwrap_or(Some(first.max(audited)));
        size.filter(|&size| size <= limits::WINDOW_MOST).map_or(Tail::All, Tail::Last)
    }

    /// A session has shown that there was no history: from now on all is new, and `--tail` has had its say.
    pub fn was_empty(&mut self) {
        if let Begin::History { tail, .. } = &mut self.begin {
            *tail = Tail::All;
        }
    }

    /// True while the session's new lines can't be told from the old ones.
    pub fn is_searching(&self) -> bool {
        match self.search {
            Search::Line | Search::Moment => !self.found && !self.reached,
            Search::Newest => true,
            Search::Nothing | Search::Time => false,
        }
    }

    /// True if [`Window::was_taken_as_ended`] must be asked.
    pub fn may_join_what_was_ended(&self) -> bool {
        self.taken_as_ended
    }

    /// True if it would be no surprise to get nothing from this session.
    pub fn may_be_empty(&self) -> bool {
        self.checking || matches!(self.search, Search::Newest | Search::Time) || self.place.last.is_some()
    }

    /// The number that the session's last record of this channel has; 0: it had none.
    pub fn last_of(&self, channel: Channel) -> u64 {
        self.seen[half(channel)].record
    }

    /// Looks at a record before its line is whole. False: this window begins after lines that we don't know, or inside a
    /// line (W-94); close the session and open the next, larger one.
    pub fn admit(&mut self, channel: Channel, time: Option<Timestamp>) -> bool {
        self.records += 1;
        if let Some(anchor) = self.anchor.as_mut().filter(|_| self.search != Search::Line || self.found) {
            anchor.records += 1;
        }
        let Some(time) = time else { return true };
        let half = half(channel);
        let first_of_log = self.first.is_none();
        let first_of_channel = std::mem::replace(&mut self.seen[half].record, self.records) == 0;
        self.first.get_or_insert(time);
        if std::mem::take(&mut self.amid) {
            self.begun_amid = Some(Box::new(time));
        }
        let fits = match self.search {
            Search::Nothing | Search::Newest => true,
            Search::Time => {
                // Of its own second there may be many (Podman): those are counted.
                self.seen[half].reached |= self.resumed().mark(half).is_some_and(|mark| time > mark.time);
                if first_of_log && self.lost && self.is_newer(half, time) {
                    self.search = Search::Nothing; // the last line is gone, and all that is left came after it
                }
                true
            }
            Search::Moment => self.admit_to_moment(half, time, first_of_log, first_of_channel),
            Search::Line => self.admit_to_line(half, time, first_of_channel),
        };
        if !fits {
            self.grow();
        }
        fits
    }

    fn admit_to_moment(&mut self, half: usize, time: Timestamp, first: bool, first_of_channel: bool) -> bool {
        let origin = matches!(self.resumed().halves[half].mark, Mark::Origin(origin) if time < origin);
        let fits =
            self.asked.is_none() || (!first || origin) && self.begins_here(half, time, first_of_channel);
        if fits && !std::mem::replace(&mut self.found, true) {
            self.larger = None;
        }
        fits
    }

    fn admit_to_line(&mut self, half: usize, time: Timestamp, first_of_channel: bool) -> bool {
        let Some((last, line)) = self.resumed().last() else { return true };
        self.reached |= half == last && time == line.time;
        match self.asked {
            None => !(self.found && self.auditing), // once more, see `end_audit`
            Some(_) if !self.begins_here(half, time, first_of_channel) => false,
            Some(_) if self.found => !self.auditing, // the window doesn't reach back to the anchor
            Some(asked) => self.reached || self.records <= asked,
        }
    }

    /// True if the window has come to its end without the line that it was searched for: let it grow, close the session and
    /// open the next.
    pub fn is_exhausted(&self) -> bool {
        let ended = self.asked.is_some_and(|asked| self.records >= asked);
        ended && self.search == Search::Line && self.is_searching()
    }

    /// True unless the window may begin inside the open line of this channel, all parts of which bear one time; or among
    /// several lines of one time, which can only be counted from the first.
    fn begins_here(&self, half: usize, time: Timestamp, first_of_channel: bool) -> bool {
        let resumed = &self.resumed().halves[half];
        let in_open = resumed.open.is_some_and(|open| open.time == time);
        let in_equals = matches!(resumed.mark, Mark::At(line) if line.lines > 1 && line.time == time);
        !(first_of_channel && (in_open || in_equals))
    }

    /// As far as time tells.
    fn is_newer(&self, half: usize, time: Timestamp) -> bool {
        match (self.resumed().halves[half].mark, self.resumed().last()) {
            (Mark::At(line), _) => time > line.time,
            (_, Some((_, line))) => time > line.time,
            _ => false,
        }
    }

    /// The next session asks for more.
    pub fn grow(&mut self) {
        let larger = self.asked.map(|size| size.max(1) * limits::WINDOW_GROWTH);
        self.larger = Some(larger.filter(|&size| size <= limits::WINDOW_MOST));
    }

    /// The session's response is complete: was it what it should be?
    pub fn complete(&mut self) -> After {
        if self.search != Search::Line {
            self.check = false; // it was only a look whether the engine answers
        }
        match self.search {
            Search::Newest => {
                if let (None, Some(time)) = (self.place.last, self.first) {
                    // A part of a line whose end has not come.
                    self.begin = Begin::Restart(time);
                    self.place = Place::beginning(Mark::Origin(time));
                } else if self.place.last.is_none() {
                    // Nothing was ever written.
                    (self.begin, self.place) = (Begin::First, Place::default());
                }
                After::Again
            }
            Search::Line if self.is_searching() => {
                if self.asked.is_none_or(|asked| self.records < asked) {
                    // This was the whole log.
                    self.check = false;
                    (self.by_time, self.lost, self.larger) = (self.torn, !self.torn, Some(None));
                } else {
                    self.grow();
                }
                After::Again
            }
            Search::Line if self.auditing && self.found => {
                if self.asked.is_some_and(|asked| self.records < asked) {
                    self.asked = None; // it was the whole log
                    self.end_audit();
                }
                if !self.auditing {
                    return After::Fine;
                }
                self.grow();
                After::Again
            }
            _ => After::Fine,
        }
    }

    /// The last line isn't in the log any more, and nothing has come since.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// True once a line, or a part of one, has been delivered.
    pub fn has_delivered(&self) -> bool {
        self.place.last.is_some()
            || self.place.halves.iter().any(|half| half.open.is_some_and(|open| open.segments > 0))
    }
}
