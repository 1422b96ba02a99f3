//! Which containers there are. Subscribe to the events first, then list, then reconcile (W-77): an event that came since the
//! list was asked for says more than the list does.
//!
//! ```text
//!   Away ── timer ──► Asking (/version) ──► Up: events ──► list ──► reconciled, again every minute
//!    ▲                   │                      │            │
//!    └───────────────────┴──────────────────────┴────────────┴── no connection, no answer, or the events ended
//! ```

use std::rc::Rc;

use docklog_protocol::{
    Action, ApiVersion, EngineKind, Event, Listed, Refusal, Tail, Timestamp, Version, request,
};

use super::Core;
use super::catalogue::Container;
use super::exchange::{Command, ConnectError, End, Exchange, StreamId};
use super::metadata::{clean, describe};
use super::notice::Notice;
use super::reader::Reader;
use super::repeats::Habit;
use super::retry;
use super::selection::Facts;
use super::service::Service;
use super::sinks::Wanted;
use super::standing::Standing;
use super::stream::{Opening, Phase, Stream};
use super::time::Mono;
use super::timers::Timer;
use super::window::Begin;
use crate::limits;

/// API versions that this program was tested with. What releases speak: W-17.
const OLDEST_API: ApiVersion = ApiVersion { major: 1, minor: 24 };
const NEWEST_API: ApiVersion = ApiVersion { major: 1, minor: 51 };

/// What an engine is to tell of (W-76); health checks alone would wake us three times each.
const ACTIONS: [&str; 5] = ["create", "start", "die", "destroy", "rename"];

/// Our relation to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is none; a timer is set.
    Away,
    /// `/version` was asked.
    Asking,
    /// It answers.
    Up,
}

/// What we know of the engine.
#[derive(Debug)]
pub(super) struct Link {
    state: State,
    /// The version in request paths (W-16, W-66); `None`: no prefix, which every engine understands as its newest.
    pub(super) api: Option<ApiVersion>,
    pub(super) kind: EngineKind,
    attempt: u32,
    /// Times that its backlog was full, one after another.
    pub(super) busy: u32,
    /// That it is away has been said.
    told: bool,
    /// Time of the last event seen: where the next subscription goes on, as far as the engine remembers (W-75).
    last_event: Option<Timestamp>,
    /// The event that a renewed subscription repeats, because `since` includes it (W-79).
    repeated: Option<Timestamp>,
    pub(super) events_refused: bool,
    pub(super) list_refused: bool,
    /// When the subscription began; and how many ended soon after they began, one after another.
    events_at: Mono,
    events_short: u32,
    /// Lists asked for so far. Marks what was seen in which.
    lists: u32,
    listing: bool,
    /// Something has happened that the list under way may not show: ask again after it.
    list_again: bool,
    /// A part of the list could not be understood: who isn't in it may exist.
    pub(super) list_lossy: bool,
    /// It was lost since the last list: a killed engine adds lines to logs when it comes back.
    was_lost: bool,
    /// The first list is complete: what turns up from now on has started under our eyes.
    pub(super) settled: bool,
    /// What the engine calls its version.
    pub(super) version: String,
    /// Since when it answers, or doesn't.
    pub(super) since: Timestamp,
    /// Its events are subscribed to.
    pub(super) events_flow: bool,
}

/// A refusal that will last: a socket proxy's, most often. Others (429, 5xx) may pass.
fn is_refusal(refusal: &Refusal) -> bool {
    matches!(refusal.status, 401 | 403 | 404 | 405)
}

impl Link {
    /// Nothing is known yet.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            state: State::Away,
            api: None,
            kind: EngineKind::Docker,
            attempt: 0,
            busy: 0,
            told: false,
            last_event: None,
            repeated: None,
            events_refused: false,
            list_refused: false,
            events_at: Mono::default(),
            events_short: 0,
            lists: 0,
            listing: false,
            list_again: false,
            list_lossy: false,
            was_lost: false,
            settled: false,
            version: String::new(),
            since: now,
            events_flow: false,
        }
    }

    /// How it sends records again after its log files were rotated, if it does. (API 1.42 came with Docker 23.)
    pub(super) fn habit(&self) -> Option<Habit> {
        let old = self.api.is_none_or(|api| api < ApiVersion { major: 1, minor: 42 });
        let habit = if old { Habit::Stretches } else { Habit::Single };
        (self.kind == EngineKind::Docker).then_some(habit)
    }

    /// In a word.
    pub(super) fn state(&self) -> &'static str {
        match self.state {
            State::Away => "away",
            State::Asking => "asking",
            State::Up => "up",
        }
    }

    /// True if the engine answers.
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }
}

impl Core {
    /// First question to the engine, and after each loss.
    pub(super) fn ask_version(&mut self) {
        self.link.state = State::Asking;
        self.link.api = None;
        self.ask(Exchange::Version);
    }

    /// The engine's backlog was full. Nothing announces room, so it is tried again by timer; everything else goes on.
    pub(super) fn ask_later(&mut self, exchange: Exchange) {
        let span = retry::backlog(self.link.busy);
        self.link.busy = self.link.busy.saturating_add(1);
        if self.link.busy == limits::BUSY_TOLD && !std::mem::replace(&mut self.link.told, true) {
            self.say(Notice::EngineAway {
                host: self.rules.host.clone(),
                error: ConnectError::Busy,
                again: true,
            });
        }
        self.timers.set(Timer::Ask(exchange), self.now.mono.after(span));
    }

    /// Opens an exchange and sets the time limit of its answer.
    pub(super) fn ask(&mut self, exchange: Exchange) {
        let (api, since) = (self.link.api, self.link.last_event);
        let limit = if matches!(exchange, Exchange::Inspect(_)) { limits::INSPECT } else { limits::ANSWER };
        let bytes = match exchange {
            Exchange::Version => request::version(),
            // Podman has other names for some of them.
            Exchange::Events if self.link.kind == EngineKind::Podman => request::events(api, since, &[]),
            Exchange::Events => request::events(api, since, &ACTIONS),
            Exchange::List => request::list(api, self.rules.stopped_too),
            Exchange::Inspect(id) => match self.catalogue.get(id) {
                Some(container) => request::inspect(api, container.source.id),
                None => return,
            },
            Exchange::Logs(_) => return, // has its own way: stream::open_session
        };
        self.timers.set(Timer::Answer(exchange), self.now.mono.after(limit));
        self.commands.push_back(Command::Open(exchange, bytes));
    }

    /// The engine told its version.
    pub(super) fn version(&mut self, version: &Version) {
        self.link.kind = version.kind;
        self.link.version.clone_from(&version.version);
        self.link.api = match (version.api, version.min_api) {
            _ if version.kind == EngineKind::Podman => None, // takes any path, means nothing by it
            (_, Some(min)) if min > NEWEST_API => {
                if !self.link.told {
                    self.say(Notice::UntestedVersion { api: min });
                }
                Some(min)
            }
            (Some(api), _) if api >= OLDEST_API => Some(api.min(NEWEST_API)),
            _ => None,
        };
        let again = self.link.told; // that it was away
        self.say(Notice::EngineHere { version: version.version.clone(), api: version.api, again });
    }

    /// `/version` is over: with an answer, or refused by a proxy, which is no reason to give up.
    pub(super) fn version_ended(&mut self, end: End) {
        match end {
            End::Complete | End::Refused(_) => {}
            other => return self.lose_by(other, "GET /version"),
        }
        (self.link.state, self.link.since) = (State::Up, self.now.wall);
        let waiting: Vec<StreamId> = self
            .catalogue
            .iter()
            .filter(|(_, container)| container.stream.phase == Phase::ForEngine)
            .map(|(id, _)| id)
            .collect();
        for id in waiting {
            self.enqueue(id);
        }
        if self.rules.no_follow || self.link.events_refused {
            self.list();
        } else {
            self.link.repeated = self.link.last_event;
            self.ask(Exchange::Events);
        }
    }

    /// The subscription stands: what happens from now on will be told, so the list can't miss anything.
    pub(super) fn events_head(&mut self) {
        self.timers.cancel(Timer::Answer(Exchange::Events));
        (self.link.events_at, self.link.events_flow) = (self.now.mono, true);
        if self.link.list_refused {
            self.link.told = false;
        }
        self.list();
    }

    /// The events are over. They never end of themselves: the engine is gone, or a proxy refuses or cuts them.
    pub(super) fn events_ended(&mut self, end: End) {
        self.link.events_flow = false;
        let short = self.now.mono.since(self.link.events_at) < limits::EVENTS_SHORT;
        match end {
            End::Refused(refusal) if is_refusal(&refusal) => self.do_without_events(),
            End::Complete | End::Truncated if short && self.link.events_short + 1 >= limits::EVENTS_TRIES => {
                self.do_without_events();
            }
            // The streams end of themselves if the engine is gone; if only this connection was cut, they go on.
            End::Complete | End::Truncated => {
                self.link.events_short = if short { self.link.events_short + 1 } else { 0 };
                self.lose(None);
            }
            other => self.lose_by(other, "GET /events"),
        }
    }

    fn do_without_events(&mut self) {
        if !std::mem::replace(&mut self.link.events_refused, true) {
            self.say(Notice::NoEvents);
        }
        self.list();
    }

    /// Asks for the list, unless that is under way.
    pub(super) fn list(&mut self) {
        if self.link.list_refused || !self.link.is_up() || self.rules.no_follow && self.link.settled {
            return;
        }
        if self.link.listing {
            self.link.list_again = true;
            return;
        }
        self.link.listing = true;
        self.link.lists += 1;
        self.ask(Exchange::List);
    }

    /// The list is over.
    pub(super) fn list_ended(&mut self, end: End) {
        self.link.listing = false;
        match end {
            End::Complete => self.reconcile(),
            End::Refused(refusal) if is_refusal(&refusal) && !self.rules.no_follow => {
                self.link.list_refused = true;
                self.say(if self.link.events_refused { Notice::NothingAllowed } else { Notice::NoList });
            }
            other => return self.lose_by(other, "GET /containers/json"),
        }
        if !std::mem::replace(&mut self.link.settled, true) {
            self.say(Notice::Watching { containers: self.followed() });
            if self.followed() == 0 && self.rules.selection.is_selective() && !self.rules.no_follow {
                self.say(Notice::NothingYet { asked: self.asked() });
            }
            self.notify(Service::Ready);
        }
        self.link.told = false;
        if self.link.events_short == 0 {
            self.link.attempt = 0;
        }
        if std::mem::take(&mut self.link.list_again) {
            self.list();
        } else {
            self.before = None;
        }
    }

    /// Compares the catalogue with the list: who is thought to run, but isn't in it and hasn't been heard of since, has
    /// ended without our being told.
    fn reconcile(&mut self) {
        let list = self.link.lists;
        let lossy = std::mem::take(&mut self.link.list_lossy);
        for id in self.catalogue.streams() {
            let Some(container) = self.catalogue.get(id) else { continue };
            let unheard = container.listed != list && container.touched != list;
            if unheard && self.rules.stopped_too && !lossy {
                self.destroyed(id);
            } else if unheard && container.running {
                self.stopped(id);
            }
        }
        let span =
            if self.link.events_refused { limits::RECONCILE_WITHOUT_EVENTS } else { limits::RECONCILE };
        if self.rules.stopped_too && !lossy {
            self.saved.forget_others();
        }
        if std::mem::take(&mut self.link.was_lost) {
            self.look_at_stopped();
        }
        if !self.rules.no_follow {
            self.timers.set(Timer::Reconcile, self.now.mono.after(span));
        }
    }

    /// It doesn't exist any more.
    fn destroyed(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            container.destroyed = true;
        }
        self.removed(id);
    }

    /// An engine that was killed adds what its containers had written meanwhile, and then they are stopped (W-88).
    fn look_at_stopped(&mut self) {
        for id in self.catalogue.streams() {
            let Some(container) = self.catalogue.get(id) else { continue };
            let stream = &container.stream;
            if !container.running && !container.gone && stream.phase == Phase::Idle && stream.reader.is_some()
            {
                self.want(id);
            }
        }
    }

    /// The engine can't be worked with at present, for this reason.
    pub(super) fn lose_by(&mut self, end: End, what: &'static str) {
        let host = self.rules.host.clone();
        self.lose(Some(match end {
            End::Unconnected(error) => Notice::EngineAway { host, error, again: !self.rules.no_follow },
            End::Late => Notice::EngineSilent { host },
            End::Refused(refusal) => {
                let detail = format!("HTTP {}: {}", refusal.status, refusal.message);
                Notice::EngineTrouble { what, detail }
            }
            End::Broken(error) => Notice::EngineTrouble { what, detail: error.to_string() },
            End::Complete | End::Truncated => Notice::EngineTrouble {
                what,
                detail: "the connection ended before it was complete".to_owned(),
            },
        }));
    }

    /// The engine can't be worked with at present: say why, once, if there is a reason (there is none yet when it has only
    /// ended a connection), and ask again later.
    fn lose(&mut self, why: Option<Notice>) {
        for exchange in [Exchange::Version, Exchange::Events, Exchange::List] {
            self.timers.cancel(Timer::Answer(exchange));
            self.timers.cancel(Timer::Ask(exchange));
            self.commands.push_back(Command::Close(exchange));
        }
        self.timers.cancel(Timer::Reconcile);
        (self.link.listing, self.link.list_again) = (false, false);
        (self.link.events_refused, self.link.list_refused) = (false, false);
        if self.link.is_up() {
            self.link.since = self.now.wall;
        }
        (self.link.state, self.link.events_flow) = (State::Away, false);
        self.link.was_lost = self.link.settled;
        self.notify(Service::Status);
        let fatal = why.is_some() && self.rules.no_follow;
        if let Some(notice) = why
            && !std::mem::replace(&mut self.link.told, true)
        {
            self.say(notice);
        }
        if fatal {
            return self.finish(1);
        }
        let span = retry::pause(self.link.attempt, &mut self.chance);
        self.link.attempt = self.link.attempt.saturating_add(1);
        self.timers.set(Timer::Engine, self.now.mono.after(span));
    }

    /// A container stands in the list. As long as the list goes on, it isn't late.
    pub(super) fn listed(&mut self, mut listed: Listed) {
        self.timers.set(Timer::Answer(Exchange::List), self.now.mono.after(limits::ANSWER));
        clean(&mut listed.name);
        let running = matches!(listed.state.as_str(), "running" | "paused");
        self.saved.exists(listed.id);
        let list = self.link.lists;
        let facts = Facts::from(&listed);
        if let Some(id) = self.catalogue.find(listed.id) {
            return self.listed_again(id, &facts, running);
        }
        let Some(standing) = self.standing(&facts) else { return };
        // One that was created while nobody looked has brought nothing yet.
        let is_new = self.saved.is_older_than(listed.created);
        let opening = match self.link.settled {
            true if self.was_left(&facts) || self.left.contains(&listed.id) => {
                self.opening_of_selected(listed.id, running)
            }
            true => Opening::AfterLastEnd(None),
            false if is_new => Opening::As(Begin::First),
            false => Opening::As(self.begin(running)),
        };
        let was_known = self.saved.places.contains_key(&listed.id);
        let stopped_wanted = is_new
            || was_known
            || self.rules.show_stopped && (self.rules.all || self.rules.selection.is_explicit());
        if !running && !stopped_wanted && !self.rules.show_stopped {
            return; // the next start will tell of it
        }
        let Some(id) = self.insert(&facts, standing, opening) else { return };
        if let Some(container) = self.catalogue.get_mut(id) {
            container.listed = list;
        }
        if running {
            self.started(id);
        } else if stopped_wanted && !self.link.settled {
            self.shown(id);
        }
    }

    /// The list shows a container that we know.
    fn listed_again(&mut self, id: StreamId, facts: &Facts<'_>, running: bool) {
        let list = self.link.lists;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        container.listed = list;
        // If an event has told since, it knows better; but not which rules are in force.
        let told_since = container.touched == list;
        let started = running && !container.running;
        let name = if told_since { "" } else { facts.name };
        if !self.told_again(id, &Facts { name, ..*facts }) || told_since {
            return;
        }
        if started {
            self.started(id);
        } else if !running {
            self.stopped(id);
        }
    }

    /// How a container that was there before us begins.
    pub(super) fn begin(&self, running: bool) -> Begin {
        match self.rules.history {
            Some((Tail::Last(0), _)) => Begin::Now(self.now.wall),
            Some((tail, since)) => Begin::History { tail, since },
            None if self.rules.no_follow || !running => Begin::History { tail: Tail::All, since: None },
            None if self.link.settled => Begin::Now(self.now.wall), // a reload has selected it
            // Of this one nothing had come when the checkpoint was written.
            None => self.saved.taken.map_or(Begin::Now(self.now.wall), Begin::Restart),
        }
    }

    /// A container event.
    pub(super) fn event(&mut self, mut event: Event) {
        clean(&mut event.name);
        if self.link.repeated.take() == Some(event.time) {
            return;
        }
        self.link.last_event = Some(event.time);
        if event.action == Action::Destroy {
            self.saved.places.remove(&event.id);
            self.left.remove(&event.id);
        }
        let facts = Facts::from(&event);
        let known = self.catalogue.find(event.id);
        let id = match known {
            // All engines tell image and labels with each event. Of one that doesn't, the list tells.
            Some(_) if event.image.is_empty() && matches!(event.action, Action::Rename { .. }) => {
                return self.list();
            }
            Some(id) if event.image.is_empty() => id,
            Some(id) if self.told_again(id, &facts) => id,
            Some(_) => return,
            None => match self.joins(&event) {
                Some(id) => id,
                None => return,
            },
        };
        let list = self.link.lists;
        if let Some(container) = self.catalogue.get_mut(id) {
            container.touched = list;
        }
        match event.action {
            Action::Start => {
                self.started(id);
                if let Some(container) = self.catalogue.get_mut(id) {
                    container.stream.restarted = container.stream.again;
                }
            }
            Action::Die { .. } => self.stopped(id),
            Action::Destroy => {
                self.destroyed(id);
            }
            Action::Rename { .. } if known.is_none() => self.list(), // it may run: the list tells
            _ => {}
        }
    }

    /// Makes known a container that wasn't, if this event brings one that is ours to follow.
    fn joins(&mut self, event: &Event) -> Option<StreamId> {
        let opening = match event.action {
            Action::Create => Opening::As(Begin::First),
            Action::Start => Opening::AfterLastEnd(Some(event.time)),
            Action::Rename { .. } => Opening::As(Begin::Now(self.now.wall)),
            _ => return None,
        };
        let facts = Facts::from(event);
        let standing = self.standing(&facts)?;
        self.insert(&facts, standing, opening)
    }

    fn insert(&mut self, facts: &Facts<'_>, standing: Standing, opening: Opening) -> Option<StreamId> {
        if self.catalogue.count() >= limits::CONTAINERS {
            self.forget_a_resting_one();
        }
        if self.catalogue.count() >= limits::CONTAINERS {
            self.counts.untracked += 1;
            if self.counts.untracked == 1 {
                self.say(Notice::TooMany { name: facts.name.to_owned(), limit: limits::CONTAINERS });
            }
            return None;
        }
        let settled = self.saved.places.remove(&facts.id);
        let reader = settled.map(Reader::resume);
        let settled = settled.or(match opening {
            Opening::As(begin) => begin.place(),
            Opening::AfterLastEnd(_) => None,
        });
        let settled = settled.filter(|_| self.rules.stateful).map(Box::new);
        let ahead = self.saved.ahead_of(facts.id, settled.as_deref(), &self.rules.sinks);
        let stream = Stream { settled, reader, ahead, ..Stream::new(opening, self.now.mono) };
        let source = describe(facts, &self.rules.selection, &self.rules.fields);
        Some(self.catalogue.insert(Container {
            other_name: (facts.name != source.name).then(|| facts.name.into()),
            source: Rc::new(source),
            wanted: Wanted::by(&self.rules.sinks, facts),
            standing,
            judged_by: self.selections,
            made: None,
            running: false,
            gone: false,
            destroyed: false,
            listed: 0,
            touched: 0,
            stream,
        }))
    }

    /// Room for another: one that is stopped, and at rest, may have been removed without our being told.
    fn forget_a_resting_one(&mut self) {
        let resting =
            self.catalogue.iter().find(|(_, container)| !container.running && container.stream.is_at_rest());
        if let Some((id, _)) = resting {
            self.drop_stream(id);
        }
    }

    fn started(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            if container.running && !container.stream.is_at_rest() {
                return; // told twice: by the list and by an event
            }
            (container.running, container.gone) = (true, false);
            if container.standing == Standing::Left {
                return;
            }
            container.stream.begin_run(self.now.mono);
            self.want(id);
        }
    }

    /// A stopped container whose log was asked for.
    fn shown(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.begin_run(self.now.mono);
            self.want(id);
        }
    }
}
