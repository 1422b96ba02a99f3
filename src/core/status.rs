//! What core tells of itself, for people and their monitors. Nothing is gathered for it, and nothing is copied: all is
//! read where it stands, so that it can be asked for in pieces, stream by stream.

use std::time::Duration;

use docklog_protocol::{ApiVersion, ContainerId, EngineKind, Timestamp};

use super::Core;
use super::catalogue::Container;
use super::sinks::Figures;
use super::standing::Standing;
use super::stream::Phase;
use super::tally::Tally;
use super::time::Now;
use crate::limits;

/// Where a stream stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It brings the present.
    Live,
    /// A session is open that has yet to reach the present.
    Reading,
    /// The engine's answer is awaited.
    Opening,
    /// It waits for its turn to be opened.
    Queued,
    /// It waits before it is tried again.
    Waiting,
    /// It waits for the engine to come back.
    Unconnected,
    /// It waits for memory.
    Parked,
    /// Its container doesn't run, and its log was read to the end.
    Idle,
    /// Its log can't be read.
    Unreadable,
    /// Inspect has told what a rule leaves it out for.
    Excluded,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Live,
        Self::Reading,
        Self::Opening,
        Self::Queued,
        Self::Waiting,
        Self::Unconnected,
        Self::Parked,
        Self::Idle,
        Self::Unreadable,
        Self::Excluded,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reading => "reading",
            Self::Opening => "opening",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Unconnected => "unconnected",
            Self::Parked => "parked",
            Self::Idle => "idle",
            Self::Unreadable => "unreadable",
            Self::Excluded => "excluded",
        }
    }
}

/// One stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamStatus<'a> {
    container: &'a Container,
    now: Now,
}

impl<'a> StreamStatus<'a> {
    /// The container's id.
    pub fn id(&self) -> ContainerId {
        self.container.source.id
    }

    /// The container's name.
    pub fn name(&self) -> &'a str {
        &self.container.source.name
    }

    /// True if the engine says that the container runs.
    pub fn running(&self) -> bool {
        self.container.running
    }

    /// Where it stands.
    pub fn condition(&self) -> Condition {
        match self.container.stream.phase {
            // Its head may still be awaited: Podman holds it back until the first line.
            Phase::Open { .. } if self.container.stream.is_current() => Condition::Live,
            Phase::Open { head: true } => Condition::Reading,
            Phase::Open { head: false } | Phase::Inspecting => Condition::Opening,
            Phase::Queued => Condition::Queued,
            Phase::Waiting => Condition::Waiting,
            Phase::ForEngine => Condition::Unconnected,
            Phase::Parked => Condition::Parked,
            Phase::Idle => Condition::Idle,
            Phase::Never if self.container.standing == Standing::Left => Condition::Excluded,
            Phase::Never => Condition::Unreadable,
        }
    }

    /// True if it brings the present.
    pub fn live(&self) -> bool {
        self.condition() == Condition::Live
    }

    /// What it has brought.
    pub fn tally(&self) -> &'a Tally {
        &self.container.stream.tally
    }

    /// Lines per second, lately.
    pub fn rate(&self) -> f64 {
        self.tally().rate(self.now.mono)
    }

    /// How late it is: the age of the last line when it was read; or, if its container runs and it doesn't bring the
    /// present, for how long it hasn't.
    pub fn lag(&self) -> Duration {
        match self.condition() {
            Condition::Unreadable | Condition::Excluded => Duration::ZERO,
            Condition::Live => self.tally().lag(),
            _ if self.container.running => self.deaf_for(),
            _ => Duration::ZERO,
        }
    }

    fn deaf_for(&self) -> Duration {
        self.now.mono.since(self.container.stream.deaf_since)
    }

    /// True if its container has run for longer than is excusable without its bringing the present.
    pub fn is_deaf(&self) -> bool {
        let excused =
            [Condition::Live, Condition::Unreadable, Condition::Excluded].contains(&self.condition());
        self.container.running && !excused && self.deaf_for() > limits::NOT_READY
    }

    /// The time of the last line of stdout (or of a terminal), and of stderr.
    pub fn last_lines(&self) -> [Option<Timestamp>; 2] {
        let place = self.container.stream.reader.as_ref().and_then(|reader| reader.place());
        [0, 1].map(|half| Some(place?.mark(half)?.time))
    }

    /// How long its session has been answered.
    pub fn session_age(&self) -> Option<Duration> {
        let stream = &self.container.stream;
        (stream.phase == Phase::Open { head: true }).then(|| self.now.mono.since(stream.head_at))
    }
}

/// The engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineStatus<'a> {
    /// Its socket.
    pub host: &'a str,
    /// `up`, `asking` or `away`.
    pub state: &'static str,
    /// Since when it answers, or doesn't.
    pub since: Timestamp,
    /// `docker`, `podman` or `other`.
    pub kind: &'static str,
    /// What it calls its version; empty until it has told.
    pub version: &'a str,
    /// The version of its API that is spoken; `None`: its newest.
    pub api: Option<ApiVersion>,
    /// `flowing`, `refused` (then it is asked every two seconds) or `none`.
    pub events: &'static str,
    /// The first list of its containers was compared with what is followed.
    pub listed: bool,
}

/// How a sink fares.
#[derive(Clone, Copy, Debug)]
pub struct SinkStatus<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it has done.
    pub figures: Figures,
    /// Bytes that wait for it, or are in its hand.
    pub waiting: usize,
    /// For how long it has had the batch in hand that it hasn't taken.
    pub stalled: Duration,
}

/// How much there is to do, and with what.
#[derive(Clone, Copy, Debug)]
pub struct LoadStatus {
    /// Log bytes held.
    pub memory: usize,
    /// Log bytes that may be held.
    pub limit: usize,
    /// Log bytes that may be read now.
    pub permit: usize,
    /// Containers known.
    pub containers: usize,
    /// Sessions open.
    pub sessions: usize,
    /// Sessions that may be open; `None`: any number.
    pub room: Option<usize>,
    /// Streams whose answer is awaited.
    pub opening: usize,
    /// Streams that wait for their turn to be opened.
    pub queued: usize,
    /// Streams that wait for memory.
    pub parked: usize,
    /// Streams that catch up after that.
    pub catching_up: usize,
}

/// Whether docklog does what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why it doesn't; empty if it does.
    pub reasons: Vec<String>,
    /// What one should know all the same.
    pub notes: Vec<String>,
}

impl Core {
    /// The streams from this slot on, with their slots.
    pub fn streams_from(&self, slot: usize) -> impl Iterator<Item = (usize, StreamStatus<'_>)> {
        let now = self.now;
        self.catalogue.iter_from(slot).map(move |(id, container)| {
            let slot = usize::try_from(id.slot).unwrap_or(usize::MAX);
            (slot, StreamStatus { container, now })
        })
    }

    /// The engine.
    pub fn engine_status(&self) -> EngineStatus<'_> {
        let link = &self.link;
        EngineStatus {
            host: &self.rules.host,
            state: link.state(),
            since: link.since,
            kind: match link.kind {
                EngineKind::Docker => "docker",
                EngineKind::Podman => "podman",
                EngineKind::Other => "other",
            },
            version: &link.version,
            api: link.api,
            events: match (link.events_flow, link.events_refused) {
                (true, _) => "flowing",
                (false, true) => "refused",
                (false, false) => "none",
            },
            listed: link.settled,
        }
    }

    /// How much there is to do, and with what.
    pub fn load_status(&self) -> LoadStatus {
        LoadStatus {
            memory: self.memory.used(),
            limit: self.memory.limit(),
            permit: self.memory.permit(),
            containers: self.catalogue.count(),
            sessions: self.sessions,
            room: (self.room < usize::MAX).then_some(self.room),
            opening: self.opening,
            queued: self.queue.len(),
            parked: self.parked.len(),
            catching_up: self.catching_up,
        }
    }

    /// How each sink fares.
    pub fn sinks_status(&self) -> impl Iterator<Item = SinkStatus<'_>> {
        let rules = self.rules.sinks.iter().enumerate();
        rules.map(|(index, rules)| SinkStatus {
            name: &rules.name,
            figures: self.sinks.figures(index),
            waiting: self.sinks.held(index),
            stalled: self.sinks.stalled(index, self.now.mono),
        })
    }

    /// Whether docklog does what it is for, and why not.
    pub fn readiness(&self) -> Readiness {
        let mut ready = Readiness::default();
        let (link, host) = (&self.link, &self.rules.host);
        if self.exit.is_some() {
            ready.reasons.push("docklog is about to end".to_owned());
        }
        if !link.is_up() {
            let since = link.since.rfc3339();
            ready.reasons.push(format!("the engine at {host} does not answer (since {since})"));
        }
        if !link.settled {
            ready.reasons.push("the engine's containers have not been listed yet".to_owned());
        }
        if link.is_up() && link.settled && !link.events_flow && !self.rules.no_follow {
            if link.events_refused {
                let note = "note: the engine (or a proxy before it) refuses its events: containers are listed every 2 s";
                ready.notes.push(note.to_owned());
            } else {
                ready.reasons.push("the engine's events are not flowing".to_owned());
            }
        }
        if link.list_refused {
            let note = "note: the engine (or a proxy before it) refuses its list: only containers that start are seen";
            ready.notes.push(note.to_owned());
        }
        if !self.rules.no_follow {
            self.deaf_streams(&mut ready);
        }
        for sink in self.sinks_status().filter(|sink| sink.stalled > limits::NOT_READY) {
            let seconds = sink.stalled.as_secs();
            ready.notes.push(format!("note: the sink {} has taken nothing for {seconds} s", sink.name));
        }
        ready
    }

    fn deaf_streams(&self, ready: &mut Readiness) {
        let (mut deaf, mut unreadable) = (0_usize, 0_usize);
        for (_, stream) in self.streams_from(0) {
            unreadable += usize::from(stream.running() && stream.condition() == Condition::Unreadable);
            if !stream.is_deaf() {
                continue;
            }
            deaf += 1;
            if deaf <= limits::NOT_READY_NAMED {
                let (name, word) = (stream.name(), stream.condition().as_str());
                let seconds = stream.deaf_for().as_secs();
                ready.reasons.push(format!("{name}: not live for {seconds} s ({word})"));
            }
        }
        if deaf > limits::NOT_READY_NAMED {
            ready.reasons.push(format!("and {} more", deaf - limits::NOT_READY_NAMED));
        }
        if unreadable > 0 {
            ready.notes.push(format!("note: the logs of {unreadable} running containers can't be read"));
        }
    }
}
