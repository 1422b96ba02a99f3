//! One container's stream: how its sessions are opened. What follows from their end is in `ending`.
//!
//! ```text
//!            wanted                  turn has room           head of a 200
//!   Idle ──────────────► Queued ──────────────────► Open ──────────────────► Open (head)
//!    ▲                     ▲  ▲                      │                            │
//!    │   it doesn't run    │  └── the timer ── Waiting ◄── failed, or ended though it is said to run
//!    └─────────────────────┼─────────────────────────┴────────────────────────────┘ ended
//!                          └── engine is back ── ForEngine ◄── no connection
//!   Never ◄── its driver can't be read, or a proxy forbids it, or   Parked ◄── no memory to read it (`parking`)
//!             it isn't followed (`standing`)
//! ```

use docklog_protocol::{EngineKind, Format, Inspected, Timestamp, request};

use super::Core;
use super::ahead::Ahead;
use super::audit::{self, Watch};
use super::exchange::{Command, End, Exchange, StreamId};
use super::notice::Notice;
use super::place::Place;
use super::reader::Reader;
use super::standing::Standing;
use super::tally::Tally;
use super::time::Mono;
use super::timers::Timer;
use super::window::{Ask, Begin};
use crate::limits;

/// Where a stream stands in the life of its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No session, none needed.
    Idle,
    /// Waits for its turn to be opened.
    Queued,
    /// Waits for the answer to an inspect, without which the request can't be made, or mustn't.
    Inspecting,
    /// Waits for a timer.
    Waiting,
    /// Waits for the engine to come back.
    ForEngine,
    /// Was closed for want of memory, and waits for some.
    Parked,
    /// A session is open; `head`: it has answered.
    Open { head: bool },
    /// There will never be one.
    Never,
}

/// What we know of a stream's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormatKnown {
    /// Nobody was asked.
    Unasked,
    /// Inspect was asked; until it answers nothing is read.
    Asked,
    /// From inspect; or, where that failed, to be told from the response itself.
    As(Format),
}

/// How a stream that hasn't begun is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// So.
    As(Begin),
    /// It has started under our eyes (at this time, if an event told), but may have run before: with what follows its
    /// last end, which inspect tells.
    AfterLastEnd(Option<Timestamp>),
}

/// Our subscription to one container's log.
#[derive(Debug)]
pub struct Stream {
    pub(super) phase: Phase,
    pub(super) format: FormatKnown,
    pub(super) opening: Opening,
    /// The container is removed as soon as it ends.
    pub(super) auto_remove: bool,
    /// Where it stands. `None` until the first session is opened.
    pub(super) reader: Option<Reader>,
    /// Where it stood when the outlet had taken all lines; it is to be noted anew.
    pub(super) settled: Option<Box<Place>>,
    pub(super) moved: bool,
    /// Sinks that have more of it than the others.
    pub(super) ahead: Vec<(usize, Ahead)>,
    /// The engine begins new files of its log. Boxed, for most don't.
    pub(super) watch: Option<Box<Watch>>,
    /// Its log was truncated: the engine's follow may be deaf from then on, so leases are short until its next run.
    pub(super) short_lease: bool,
    /// It is behind: read without following, up to the present.
    pub(super) behind: bool,
    /// It is one of the few that catch up after having been parked.
    pub(super) catching_up: bool,
    /// It has had a lease; when it was closed for rotation, until it is live again.
    pub(super) leased: bool,
    pub(super) rotated_at: Option<Mono>,
    /// One of the sessions that `max_streams` counts.
    pub(super) counted: bool,
    /// The rest of this session's bytes is of no use: it is being closed.
    pub(super) discarding: bool,
    /// It has one of the slots of those whose answer is awaited ([`limits::OPENING`]).
    pub(super) has_slot: bool,
    /// Sessions that failed one after another; connects that found the backlog full, one after another.
    pub(super) attempt: u32,
    pub(super) backlog: u32,

    // Of the container's present run:
    /// It has run, as far as we know.
    pub(super) started: bool,
    /// That it has joined was told.
    pub(super) joined: bool,
    /// A session has ended in which the engine could read the log.
    pub(super) caught: bool,
    /// An empty answer has been doubted once.
    pub(super) doubted: bool,

    // Of the present or last session:
    /// It follows.
    pub(super) follow: bool,
    /// When it was asked for; and until when it lasts at the least, for the engine had to search its log for it.
    pub(super) asked_at: Mono,
    pub(super) worth_until: Mono,
    /// When its head came.
    pub(super) head_at: Mono,
    /// It has shown where it stands, at this time: what comes now is the present.
    pub(super) live: bool,
    pub(super) live_at: Mono,
    /// When the last record came.
    pub(super) heard_at: Mono,
    /// It has bytes to read, but there is no memory for them.
    pub(super) starved: bool,
    /// New lines older than this should have come in the session before: it was deaf.
    pub(super) overdue_before: Option<Timestamp>,
    /// It has brought a record; since the last look; and one that is new.
    pub(super) spoke: bool,
    pub(super) heard: bool,
    pub(super) progress: bool,
    /// The engine couldn't open the log, and said so or sent nothing.
    pub(super) barred: bool,
    /// The container started (again) meanwhile: open another when it has ended.
    pub(super) again: bool,
    /// That was told by an event. (A list may still show a container as running that has ended: it is no new run then.)
    pub(super) restarted: bool,
    /// It has ended whole.
    pub(super) complete: bool,
    /// The container ran when it was opened.
    pub(super) ran: bool,
    /// A session was cut in the middle of its answer, and none has been whole since.
    pub(super) cut_short: bool,

    /// What went wrong lately. Told when it goes wrong again: a container that is being removed fails once, in many ways,
    /// and is then simply gone. No second time until a session has worked.
    pub(super) trouble: Option<String>,
    pub(super) told: bool,
    /// Accounted to it in the budget: bytes of open lines, bytes of a cut frame.
    pub(super) lines_held: usize,
    pub(super) frame_held: usize,

    /// What it has brought.
    pub(super) tally: Tally,
    /// While it doesn't bring the present: since when.
    pub(super) deaf_since: Mono,
}

impl Stream {
    /// A stream that nobody has asked for yet.
    pub fn new(opening: Opening, now: Mono) -> Self {
        Self {
            phase: Phase::Idle,
            format: FormatKnown::Unasked,
            opening,
            auto_remove: false,
            reader: None,
            settled: None,
            moved: false,
            ahead: Vec::new(),
            watch: None,
            short_lease: false,
            behind: false,
            catching_up: false,
            leased: false,
            rotated_at: None,
            counted: false,
            discarding: false,
            has_slot: false,
            attempt: 0,
            backlog: 0,
            started: false,
            joined: false,
            caught: false,
            doubted: false,
            follow: false,
            asked_at: Mono::default(),
            worth_until: Mono::default(),
            head_at: Mono::default(),
            live: false,
            live_at: Mono::default(),
            heard_at: Mono::default(),
            starved: false,
            overdue_before: None,
            spoke: false,
            heard: false,
            progress: false,
            barred: false,
            again: false,
            restarted: false,
            complete: false,
            ran: false,
            cut_short: false,
            trouble: None,
            told: false,
            lines_held: 0,
            frame_held: 0,
            tally: Tally::new(now),
            deaf_since: now,
        }
    }

    /// True if nothing will happen to it of itself.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Never)
    }

    /// True if its container's end asks for one more look at the log. A follow's clean end isn't the last word: Docker 20.10
    /// logs a last line without newline only after it (W-99). But where the log is removed at the end, looking could hinder that.
    pub(super) fn owes_a_look(&self) -> bool {
        self.follow && !self.auto_remove
    }

    /// True while a session is open that has no end of its own.
    pub(super) fn is_following(&self) -> bool {
        self.follow && matches!(self.phase, Phase::Open { .. })
    }

    /// True while what comes is the present.
    pub(super) fn is_current(&self) -> bool {
        self.live && self.follow
    }

    /// True while a line is on its way that would have to come again, all of it, if the session were closed now. If that takes longer
    /// than a session may last, it would never end. (Nor do some lines, so this has an end.)
    pub(super) fn is_amid(&self, now: Mono) -> bool {
        let open = self.is_following() && self.reader.as_ref().is_some_and(Reader::is_open);
        open && now.since(self.heard_at) < limits::HISTORY_COMES && now.since(self.head_at) < limits::AMID
    }

    /// What comes is not the present any more.
    fn end_life(&mut self, now: Mono) {
        if self.is_current() {
            self.deaf_since = now;
        }
        (self.live, self.starved) = (false, false);
    }

    /// The container's next run begins.
    pub(super) fn begin_run(&mut self, now: Mono) {
        if !self.is_current() {
            self.deaf_since = now;
        }
        self.started = true;
        (self.doubted, self.short_lease) = (false, false);
        if let Some(reader) = self.reader.as_mut() {
            reader.window_mut().begin_run();
        }
    }
}

/// Where the log of a container's present run begins. The engine keeps the time of the last end: that of the run before,
/// unless this one has ended in the meantime. A start is noted after the process runs, so its first lines may be older; on Podman even
/// the end of a short run (W-69).
fn after_last_end(inspected: &Inspected, started: Option<Timestamp>) -> Begin {
    let ended = !inspected.running && !inspected.paused;
    match (inspected.finished_at, started.or(inspected.started_at)) {
        (Some(end), Some(start)) if end >= start || ended => at_start(start.min(end)),
        (Some(end), _) => Begin::Restart(end),
        (None, _) => Begin::First,
    }
}

fn at_start(start: Timestamp) -> Begin {
    const NOTED_LATE: i64 = 1_000_000_000;
    Begin::Restart(Timestamp::from_unix_nanos(start.unix_nanos().saturating_sub(NOTED_LATE)))
}

impl Core {
    /// The container has started, or its log is asked for: see to it that a session is opened. Not before: a follow doesn't
    /// wait for a start (W-55).
    pub(super) fn want(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        match container.stream.phase {
            Phase::Never | Phase::Queued | Phase::Inspecting | Phase::ForEngine | Phase::Parked => {}
            Phase::Open { .. } => container.stream.again = true,
            Phase::Idle | Phase::Waiting => {
                container.stream.attempt = 0;
                self.timers.cancel(Timer::Open(id));
                self.enqueue(id);
            }
        }
    }

    /// Puts a stream into the queue of those to be opened.
    pub(super) fn enqueue(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.phase = Phase::Queued;
            self.queue.push_back(id);
        }
    }

    /// Opens as many of the queued streams as one turn may.
    pub(super) fn open_queued(&mut self) {
        for _ in 0..limits::OPENS_PER_TURN {
            if self.opening >= limits::OPENING {
                return; // a head, an end or a retry makes room
            }
            if self.sessions >= self.room && !self.queue.is_empty() {
                return self.make_room();
            }
            let Some(id) = self.queue.pop_front() else { return };
            if self.catalogue.get(id).is_some_and(|container| container.stream.phase == Phase::Queued) {
                self.open(id);
            }
        }
        if !self.queue.is_empty() {
            self.timers.set(Timer::Opens, self.now.mono);
        }
    }

    fn open(&mut self, id: StreamId) {
        let link_up = self.link.is_up();
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if !link_up {
            stream.phase = Phase::ForEngine;
            return;
        }
        let ask = stream.format == FormatKnown::Unasked;
        if ask {
            stream.format = FormatKnown::Asked;
        }
        let undecided = ask && container.standing == Standing::Undecided;
        match (&stream.reader, stream.opening) {
            (Some(_), _) if !undecided => self.open_session(id),
            (None, Opening::As(begin)) if !undecided => {
                stream.reader = Some(Reader::new(begin));
                self.open_session(id);
            }
            _ => {
                stream.phase = Phase::Inspecting;
                self.take_slot(id);
            }
        }
        // The log first: it is what a container that is about to be removed takes away.
        if ask {
            self.ask(Exchange::Inspect(id));
        }
    }

    fn open_session(&mut self, id: StreamId) {
        let (api, kind) = (self.link.api, self.link.kind);
        let until = self.rules.until;
        if self.catalogue.get(id).is_some_and(|container| !container.running) {
            self.begin_audit(id); // the last look: no record will come any more that asks for it
        }
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let follow = !self.rules.no_follow && container.running && !container.stream.behind;
        let stream = &mut container.stream;
        let Some(reader) = stream.reader.as_mut() else { return };
        // Where the session before has only just begun, little has come since.
        let begun = stream.head_at != Mono::default();
        let recent = begun && self.now.mono.since(stream.head_at) < limits::HISTORY_COMES;
        let recent = recent || stream.rotated_at.is_some();
        let size = if recent { limits::WINDOW } else { limits::WINDOW_AFTER_RESTART };
        let habit = self.link.habit().filter(|_| stream.watch.is_some());
        let logs = reader.open(&Ask { id: container.source.id, follow, until, engine: kind, size }, habit);
        if stream.watch.is_some() {
            reader.window_mut().count();
        }
        let follow = logs.follow;
        let known = reader.window().has_delivered(); // else the first record may be the first line that is ever written
        stream.begin_search(self.now.mono, known && logs.since.is_some() && kind == EngineKind::Podman);
        stream.end_life(self.now.mono);
        (stream.phase, stream.follow) = (Phase::Open { head: false }, follow);
        (stream.spoke, stream.progress, stream.barred) = (false, false, false);
        (stream.discarding, stream.again, stream.restarted) = (false, false, false);
        stream.overdue_before = stream.overdue_before.filter(|_| stream.rotated_at.is_some());
        stream.ran = container.running;
        if !std::mem::replace(&mut stream.counted, true) {
            self.sessions += 1;
        }
        self.take_slot(id);
        // A follow may keep silent until its first line (Podman, W-06), and only gives up its place then.
        let patience = if follow { limits::PLACE } else { limits::ANSWER };
        self.timers.set(Timer::Answer(Exchange::Logs(id)), self.now.mono.after(patience));
        self.commands.push_back(Command::Open(Exchange::Logs(id), request::logs(api, &logs)));
    }

    /// A session is over, or is about to be closed: nothing waits for it any more.
    pub(super) fn session_is_over(&mut self, id: StreamId) {
        self.leave_slot(id);
        for timer in [Timer::Answer(Exchange::Logs(id)), Timer::Place(id), Timer::Lease(id)] {
            self.timers.cancel(timer);
        }
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.end_life(self.now.mono);
            if std::mem::take(&mut container.stream.counted) {
                self.sessions -= 1;
            }
        }
    }

    fn take_slot(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id)
            && !std::mem::replace(&mut container.stream.has_slot, true)
        {
            self.opening += 1;
        }
    }

    /// Its answer isn't awaited any more.
    pub(super) fn leave_slot(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id)
            && std::mem::replace(&mut container.stream.has_slot, false)
        {
            self.opening -= 1;
        }
    }

    /// The head of a session is late.
    pub(super) fn head_is_late(&mut self, id: StreamId) {
        if self.catalogue.get(id).is_some_and(|container| container.stream.follow) {
            self.leave_slot(id);
            if self.link.kind == EngineKind::Podman {
                self.place_is_due(id); // its head comes with the first line: a look tells whether there is one
            } else {
                self.is_live(id); // so that its lease, or somebody else's turn, ends it
            }
        } else {
            self.commands.push_back(Command::Close(Exchange::Logs(id)));
            self.session_ended(id, End::Late);
        }
    }

    /// The engine has answered a log request with 200.
    pub(super) fn session_head(&mut self, id: StreamId) {
        if self.catalogue.get(id).is_none_or(|container| container.stream.discarding) {
            return; // core has closed this session, and the shell will
        }
        self.timers.cancel(Timer::Answer(Exchange::Logs(id)));
        self.leave_slot(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        (stream.phase, stream.backlog) = (Phase::Open { head: true }, 0);
        stream.head_at = self.now.mono;
        self.counts.sessions += 1;
        self.expect_place(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if !std::mem::replace(&mut stream.joined, true) {
            let name = container.source.name.clone();
            self.say(Notice::Joined { name });
        }
    }

    /// Inspect has answered.
    pub(super) fn inspected(&mut self, id: StreamId, inspected: &Inspected) {
        let habit = self.link.habit();
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        stream.auto_remove = inspected.auto_remove;
        let podman = self.link.kind == EngineKind::Podman; // has other files, and other ways
        let size = audit::file_size(inspected).filter(|_| !podman);
        if stream.watch.as_ref().map(|watch| watch.size()) != size {
            stream.watch = size.map(|size| Box::new(Watch::new(size)));
        }
        // The first session was opened before this was known; nothing of it has been read yet.
        if let (Some(reader), Some(_)) = (stream.reader.as_mut(), &stream.watch) {
            reader.log_is_rotated(habit);
        }
        stream.format = FormatKnown::As(if inspected.tty { Format::Tty } else { Format::Multiplexed });
        if let Opening::AfterLastEnd(started) = stream.opening {
            let begin = after_last_end(inspected, started);
            stream.opening = Opening::As(begin);
            if self.rules.stateful && stream.settled.is_none() {
                stream.settled = begin.place().map(Box::new);
            }
        }
        self.judge_inspected(id, inspected);
    }

    /// The inspect exchange is over, well or not: what waited for it goes on.
    pub(super) fn inspect_ended(&mut self, id: StreamId, end: &End) {
        if self.is_undecided(id, end) {
            return;
        }
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.format == FormatKnown::Asked {
            stream.format = FormatKnown::As(Format::Detect);
        }
        if let Opening::AfterLastEnd(started) = stream.opening {
            stream.opening = Opening::As(started.map_or(Begin::Now(self.now.wall), at_start));
        }
        if stream.phase == Phase::Inspecting {
            self.leave_slot(id);
            self.enqueue(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the present run begins, of a container that runs or has ended: seconds of its start and of its last end.
    fn begin(running: bool, started: i64, finished: Option<i64>) -> Begin {
        let at = |seconds| Timestamp { seconds, nanos: 0 }.rfc3339();
        let finished = finished.map_or("0001-01-01T00:00:00Z".to_owned(), at);
        let state =
            format!(r#"{{"Running":{running},"StartedAt":"{}","FinishedAt":"{finished}"}}"#, at(started));
        let json = format!(r#"{{"Id":"{}","State":{state}}}"#, "0f".repeat(32));
        after_last_end(&Inspected::parse(json.as_bytes()).expect("an inspect"), None)
    }

    #[test]
    fn a_run_begins_behind_the_end_of_the_run_before() {
        let at = |seconds| Begin::Restart(Timestamp { seconds, nanos: 0 });
        assert_eq!(begin(true, 20, None), Begin::First);
        assert_eq!(begin(true, 20, Some(10)), at(10));
        assert_eq!(begin(false, 20, Some(30)), at(19), "it has ended since");
        assert_eq!(
            begin(false, 20, Some(18)),
            at(17),
            "so it has, though its end was noted before its start"
        );
    }
}
