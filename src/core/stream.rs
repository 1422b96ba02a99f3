//! One container's stream: when a session is opened, and what follows from its end.
//!
//! ```text
//!            wanted                  turn has room           head of a 200
//!   Idle ──────────────► Queued ──────────────────► Open ──────────────────► Open (head)
//!    ▲                     ▲  ▲                      │                            │
//!    │   it doesn't run    │  └── the timer ── Waiting ◄── failed, or ended though it is said to run
//!    └─────────────────────┼─────────────────────────┴────────────────────────────┘ ended
//!                          └── engine is back ── ForEngine ◄── no connection
//!   Never ◄── its driver can't be read, or a proxy forbids it
//! ```

use docklog_protocol::{Format, Inspected, LineJoiner, Parts, Refusal, Timestamp, limits as wire, request};

use super::Core;
use super::exchange::{Command, ConnectError, End, Exchange, StreamId};
use super::notice::Notice;
use super::place::{Begin, Window};
use super::retry;
use super::time::Mono;
use super::timers::Timer;
use crate::limits;

/// Where a stream stands in the life of its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No session, none needed.
    Idle,
    /// Waits for its turn to be opened.
    Queued,
    /// Waits for the answer to an inspect, without which the request can't be made.
    Inspecting,
    /// Waits for a timer.
    Waiting,
    /// Waits for the engine to come back.
    ForEngine,
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
    /// `None` until the first session is opened.
    pub(super) window: Option<Window>,
    pub(super) joiner: LineJoiner,
    /// The rest of this session's bytes is of no use: it is being closed.
    pub(super) discarding: bool,
    /// Sessions that failed one after another.
    pub(super) attempt: u32,
    /// The container started (again) while a session was open: open another when that one has ended.
    pub(super) again: bool,
    /// That it has joined was told.
    pub(super) joined: bool,
    /// A session of the container's present run has ended in which the engine could read the log.
    pub(super) caught: bool,
    /// In this session the engine sent an error before any record: it couldn't open the log.
    pub(super) barred: bool,
    /// This session follows.
    pub(super) follow: bool,
    /// When the head came.
    pub(super) head_at: Mono,
    /// The last session ended whole.
    pub(super) complete: bool,
    /// The container has run, as far as we know.
    pub(super) started: bool,
    /// This session has brought a record.
    pub(super) fruitful: bool,
    /// Its trouble was told; no second time until it has worked again.
    pub(super) told: bool,
    /// What went wrong in the last session. Told if it goes wrong again: a container that is being removed fails once,
    /// in many ways, and is then simply gone.
    pub(super) trouble: Option<String>,
    /// Accounted to it in the budget: bytes of open lines, bytes of a cut frame.
    pub(super) lines_held: usize,
    pub(super) frame_held: usize,
}

impl Stream {
    /// A stream that nobody has asked for yet.
    pub fn new(opening: Opening, parts: Parts) -> Self {
        Self {
            phase: Phase::Idle,
            format: FormatKnown::Unasked,
            opening,
            window: None,
            joiner: LineJoiner::new(parts, wire::LINE),
            discarding: false,
            attempt: 0,
            again: false,
            joined: false,
            caught: false,
            barred: false,
            follow: false,
            head_at: Mono::default(),
            complete: false,
            started: false,
            fruitful: false,
            told: false,
            trouble: None,
            lines_held: 0,
            frame_held: 0,
        }
    }

    /// True if nothing will happen to it of itself.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Never)
    }
}

/// The container is removed, or about to be.
fn is_gone(refusal: &Refusal) -> bool {
    matches!(refusal.status, 404 | 409)
}

/// Where the log of a container's present run begins. The engine keeps the time of the last end: that of the run before,
/// unless this one has ended in the meantime. A start is noted after the process runs, so its first lines may be older.
fn after_last_end(inspected: &Inspected, started: Option<Timestamp>) -> Begin {
    const NOTED_LATE: i64 = 1_000_000_000;
    match (inspected.finished_at, started.or(inspected.started_at)) {
        (Some(end), Some(start)) if end >= start => {
            Begin::Restart(Timestamp::from_unix_nanos(start.unix_nanos().saturating_sub(NOTED_LATE)))
        }
        (Some(end), _) => Begin::Restart(end),
        (None, _) => Begin::First,
    }
}

impl Core {
    /// The container has started, or its log is asked for: see to it that a session is opened.
    pub(super) fn want(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        match container.stream.phase {
            Phase::Never | Phase::Queued | Phase::Inspecting | Phase::ForEngine => {}
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
        match (&stream.window, stream.opening) {
            (None, Opening::AfterLastEnd(_)) => stream.phase = Phase::Inspecting,
            (None, Opening::As(begin)) => {
                stream.window = Some(Window::new(begin));
                self.open_session(id);
            }
            (Some(_), _) => self.open_session(id),
        }
        // The log first: it is what a container that is about to be removed takes away.
        if ask {
            self.ask(Exchange::Inspect(id));
        }
    }

    fn open_session(&mut self, id: StreamId) {
        let (api, kind) = (self.link.api, self.link.kind);
        let until = self.rules.until;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let follow = !self.rules.no_follow && container.running;
        let stream = &mut container.stream;
        let Some(window) = stream.window.as_mut() else { return };
        let logs = window.open(container.source.id, follow, until, kind);
        stream.follow = follow;
        stream.joiner = LineJoiner::new(
            if kind == docklog_protocol::EngineKind::Podman { Parts::Podman } else { Parts::Docker },
            wire::LINE,
        );
        stream.phase = Phase::Open { head: false };
        (stream.discarding, stream.fruitful, stream.barred, stream.again) = (false, false, false, false);
        self.opening += 1;
        self.commands.push_back(Command::Open(Exchange::Logs(id), request::logs(api, &logs)));
    }

    /// The engine has answered a log request with 200.
    pub(super) fn session_head(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.discarding {
            return; // core has closed this session, and the shell will
        }
        if stream.phase == (Phase::Open { head: false }) {
            self.opening -= 1;
        }
        stream.phase = Phase::Open { head: true };
        stream.head_at = self.now.mono;
        self.counts.sessions += 1;
        if !std::mem::replace(&mut stream.joined, true) {
            let name = container.source.name.clone();
            self.say(Notice::Joined { name });
        }
    }

    /// Inspect has answered.
    pub(super) fn inspected(&mut self, id: StreamId, inspected: &Inspected) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        stream.format = FormatKnown::As(if inspected.tty { Format::Tty } else { Format::Multiplexed });
        if let Opening::AfterLastEnd(started) = stream.opening {
            stream.opening = Opening::As(after_last_end(inspected, started));
        }
    }

    /// The inspect exchange is over, well or not: what waited for it goes on.
    pub(super) fn inspect_ended(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.format == FormatKnown::Asked {
            stream.format = FormatKnown::As(Format::Detect);
        }
        if matches!(stream.opening, Opening::AfterLastEnd(_)) {
            stream.opening = Opening::As(Begin::First);
        }
        if stream.phase == Phase::Inspecting {
            self.enqueue(id);
        }
    }

    /// A session has ended; its connection is closed.
    pub(super) fn session_ended(&mut self, id: StreamId, end: End) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.discarding {
            return;
        }
        if stream.phase == (Phase::Open { head: false }) {
            self.opening -= 1;
        }
        self.note_end(id, &end);
        if end == End::Complete {
            self.finish_lines(id); // what is open now was the container's last word
        }
        self.release(id);
        match end {
            End::Complete => self.session_complete(id),
            End::Refused(refusal) => self.session_refused(id, &refusal),
            End::Unconnected(ConnectError::Busy) => {
                let Some(container) = self.catalogue.get_mut(id) else { return };
                let span = retry::backlog(container.stream.attempt);
                container.stream.attempt = container.stream.attempt.saturating_add(1);
                self.wait(id, span);
            }
            End::Unconnected(ConnectError::Descriptors) => {
                self.tell(id, |_| Notice::Descriptors);
                self.fail(id);
            }
            End::Unconnected(_) => self.fail(id),
            End::Truncated | End::Late => {
                self.counts.truncated += 1;
                self.fail(id);
            }
            End::Broken(error) => {
                self.counts.broken += 1;
                self.trouble(id, format!("its answer can't be understood: {error}"));
                self.fail(id);
            }
        }
    }

    /// What a session's end says about the stream.
    fn note_end(&mut self, id: StreamId, end: &End) {
        let follow = !self.rules.no_follow;
        let now = self.now.mono;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let headed = stream.phase == (Phase::Open { head: true });
        stream.phase = Phase::Idle;
        let complete = *end == End::Complete;
        if !matches!(end, End::Refused(refusal) if is_gone(refusal)) {
            stream.complete = complete; // that it is gone takes nothing back
        }
        let long = now.since(stream.head_at) >= limits::HISTORY_COMES;
        if headed && complete && follow && !stream.fruitful && !long && stream.attempt == 0 {
            // Nothing, and at once. An engine that is removing a container may make its log anew, empty, only because
            // it is asked for it; that must not pass for the truth, unless it is so again.
            stream.barred = true;
            stream.trouble.get_or_insert_with(|| "its log was empty by then (or always was)".to_owned());
        }
        stream.caught |= headed && !stream.barred;
        if headed
            && (complete || long)
            && !stream.fruitful
            && !stream.barred
            && let Some(window) = stream.window.as_mut()
        {
            window.was_empty();
        }
    }

    fn session_complete(&mut self, id: StreamId) {
        let follow = !self.rules.no_follow;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.barred && !container.running && stream.attempt >= limits::BARRED_TRIES {
            let message = stream.trouble.clone().unwrap_or_default();
            self.never(id, |name| Notice::Unreadable { name, message });
        } else if stream.barred {
            self.fail(id);
        } else if stream.again && follow {
            stream.attempt = 0;
            self.enqueue(id);
        } else if (container.running && follow) || (stream.follow && !self.link.follows_to_the_end()) {
            // The `die` event is still on its way; or the engine gave up on a log it can't read on; or it is one whose
            // follow leaves the rest of the last line behind: then, once more without following.
            if stream.fruitful {
                stream.attempt = 0;
            }
            let span = retry::pause(stream.attempt, &mut self.chance).max(limits::DIE_MAY_FOLLOW);
            stream.attempt = stream.attempt.saturating_add(1);
            self.wait(id, span);
        } else {
            self.rest(id);
        }
    }

    fn session_refused(&mut self, id: StreamId, refusal: &Refusal) {
        let message = refusal.message.clone();
        match refusal.status {
            _ if is_gone(refusal) => {
                if let Some(container) = self.catalogue.get_mut(id) {
                    container.gone = true;
                }
                self.rest(id);
            }
            403 => self.never(id, |name| Notice::Forbidden { name, message }),
            501 => self.never(id, |name| Notice::Unreadable { name, message }),
            _ if message.contains("does not support reading") => {
                self.never(id, |name| Notice::Unreadable { name, message });
            }
            status => {
                self.trouble(id, format!("HTTP {status}: {message}"));
                self.fail(id);
            }
        }
    }

    /// Its log can't be read, now or later: say so, once.
    fn never(&mut self, id: StreamId, notice: impl FnOnce(String) -> Notice) {
        self.counts.unreadable += 1;
        self.tell(id, notice);
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.phase = Phase::Never;
            container.stream.caught = true; // it was not missed: we know why there is nothing
        }
        self.rest(id);
    }

    /// The session failed, and lines may be left: again, ever more slowly, or when the engine is back.
    fn fail(&mut self, id: StreamId) {
        let link_up = self.link.is_up();
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.fruitful {
            stream.attempt = 0;
        }
        let mut span = retry::pause(stream.attempt, &mut self.chance);
        if !container.running || stream.trouble.is_some() {
            // It may be on its way out. Asking meanwhile could make its log anew, which hinders the removal (seen: 20.10).
            span = span.max(limits::DIE_MAY_FOLLOW);
        }
        stream.attempt = stream.attempt.saturating_add(1);
        if link_up {
            self.wait(id, span);
        } else {
            stream.phase = Phase::ForEngine;
        }
    }

    fn wait(&mut self, id: StreamId, span: std::time::Duration) {
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.phase = Phase::Waiting;
            self.timers.set(Timer::Open(id), self.now.mono.after(span));
        }
    }

    /// Nothing more to read for now: the container doesn't run.
    fn rest(&mut self, id: StreamId) {
        self.timers.cancel(Timer::Open(id));
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if container.stream.phase != Phase::Never {
            container.stream.phase = Phase::Idle;
        }
        if container.gone {
            self.forget(id);
        } else if container.stream.complete && container.stream.started {
            let name = container.source.name.clone();
            (container.stream.caught, container.stream.joined, container.stream.started) =
                (false, false, false);
            self.say(Notice::Left { name, gone: false });
        }
    }

    /// The container doesn't run any more. A session that is open goes on to its end: the last lines are the crash.
    pub(super) fn stopped(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        container.running = false;
        let owed = container.stream.follow && !self.link.follows_to_the_end();
        if container.stream.phase == Phase::Waiting && container.stream.complete && !owed {
            self.rest(id);
        }
    }

    /// The container was removed.
    pub(super) fn removed(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        (container.running, container.gone) = (false, true);
        let waits_for_nothing = container.stream.phase == Phase::Waiting && container.stream.complete;
        if container.stream.is_at_rest() || waits_for_nothing {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.remove(id) else { return };
        self.cancel_timers(id);
        self.commands.push_back(Command::Close(Exchange::Inspect(id)));
        let (name, hex) = (container.source.name.clone(), container.source.id.to_string());
        let short = hex[..12].to_owned();
        if container.stream.started && !container.stream.caught {
            self.counts.missed += 1;
            let total = self.counts.missed;
            let reason = container.stream.trouble;
            self.say(Notice::Missed { name, id: short, total, reason });
        } else if container.stream.started
            && !container.stream.complete
            && container.stream.phase != Phase::Never
        {
            self.say(Notice::CutShort { name, id: short });
        } else if container.stream.started {
            self.say(Notice::Left { name, gone: true });
        }
    }

    /// Notes what went wrong, and tells it if that is the second time.
    pub(super) fn trouble(&mut self, id: StreamId, detail: String) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if container.stream.trouble.replace(detail.clone()).is_some() {
            self.tell(id, |name| Notice::LogTrouble { name, detail });
        }
    }

    /// Says something about a stream unless it has been told already.
    pub(super) fn tell(&mut self, id: StreamId, notice: impl FnOnce(String) -> Notice) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if !std::mem::replace(&mut container.stream.told, true) {
            let name = container.source.name.clone();
            self.say(notice(name));
        }
    }
}
