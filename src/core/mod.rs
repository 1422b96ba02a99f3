//! The decisions. Pure: no socket, no clock, no file. What comes in is an [`Input`], what is to be done a [`Command`], and
//! time is a parameter; so a run is its list of inputs, and can be repeated.
//!
//! | file | decides |
//! |---|---|
//! | `exchange` | what comes in, and what is to be done |
//! | `catalogue`, `time` | the containers that are known; what time is |
//! | `discovery` | which containers there are |
//! | `selection`, `pattern` | which of them are followed, and why |
//! | `standing` | what follows when that changes |
//! | `metadata`, `source` | what records say of them |
//! | `stream` | when and how a session is opened |
//! | `ending` | what follows from its end |
//! | `rotation` | when it is closed and opened again |
//! | `parking` | who is closed for want of memory |
//! | `place` | what is known of what was delivered |
//! | `window` | what of a session is new |
//! | `repeats` | what an engine sends twice |
//! | `reader` | one stream's records to new lines, by the three before |
//! | `audit` | whether an engine has skipped lines |
//! | `checkpoint` | what survives us |
//! | `intake` | what becomes of a record |
//! | `sinks` | who wants a line, and what waits for whom |
//! | `progress` | up to where all sinks have all |
//! | `ahead` | what a sink has that others lack |
//! | `memory` | who may read how much |
//! | `batch`, `usual` | what is on its way out, and what room it keeps |
//! | `pace` | how long bytes may gather |
//! | `timers`, `retry` | when |
//! | `notice`, `count`, `tally`, `status` | what is told |
//! | `service` | what a service manager is told, and a reload |

pub mod ahead;
mod audit;
pub mod batch;
pub mod catalogue;
pub mod checkpoint;
pub mod count;
mod discovery;
mod ending;
pub mod exchange;
mod intake;
pub mod memory;
pub mod metadata;
pub mod notice;
pub mod pace;
mod parking;
pub mod pattern;
pub mod place;
pub mod progress;
pub mod reader;
pub mod repeats;
pub mod retry;
mod rotation;
pub mod selection;
pub mod service;
pub mod sinks;
pub mod source;
pub mod standing;
pub mod status;
mod stream;
pub mod tally;
pub mod time;
pub mod timers;
pub mod usual;
pub mod window;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use docklog_protocol::{ContainerId, Tail, Timestamp};

use batch::Batch;
use catalogue::Catalogue;
use checkpoint::Saved;
use count::Counts;
use discovery::Link;
use exchange::{Command, ConnectError, End, Exchange, Input, StreamId};
use memory::Memory;
use metadata::Fields;
use notice::Notice;
use progress::Progress;
use retry::Chance;
use selection::Selection;
use service::Service;
use sinks::{SinkRules, Sinks};
use time::{Mono, Now};
use timers::{Timer, Timers};

use crate::encode::Encoder;
use crate::limits;

/// What the user asked for, as far as decisions depend on it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which containers.
    pub selection: Selection,
    /// What records say of their container beside id and name.
    pub fields: Fields,
    /// The engine's socket, for messages.
    pub host: String,
    /// Read what there is, then end.
    pub no_follow: bool,
    /// `--all`.
    pub all: bool,
    /// The list must hold stopped containers too; and those that are there before us are to be shown.
    pub stopped_too: bool,
    /// See `stopped_too`.
    pub show_stopped: bool,
    /// `--tail` and `--since`, if one was given: for containers that are there before us.
    pub history: Option<(Tail, Option<Timestamp>)>,
    /// `--until`.
    pub until: Option<Timestamp>,
    /// Lines of stdout (and of terminals) are wanted.
    pub stdout: bool,
    /// Lines of stderr are wanted.
    pub stderr: bool,
    /// What the patterns were, for messages; empty if there were none.
    pub patterns: String,
    /// How long a session lasts; `None`: until it ends.
    pub rotate_every: Option<Duration>,
    /// Sessions that may be open at a time.
    pub max_streams: usize,
    /// Places are kept in a checkpoint.
    pub stateful: bool,
    /// How often a service manager wants to hear that the loop turns.
    pub watchdog: Option<Duration>,
    /// Where lines go.
    pub sinks: Vec<SinkRules>,
    /// Log bytes held between the engine's sockets and the sinks, all streams together.
    pub memory: usize,
}

/// All decisions and what they rest on.
#[derive(Debug)]
pub struct Core {
    rules: Rules,
    now: Now,
    link: Link,
    catalogue: Catalogue,
    /// How often the selection was changed; and the one before, until a list has told whom that concerns.
    selections: u32,
    before: Option<Selection>,
    /// Containers that were followed, and aren't any more though they exist.
    left: HashSet<ContainerId>,
    /// Streams waiting to be opened.
    queue: VecDeque<StreamId>,
    /// Sessions whose head is awaited.
    opening: usize,
    /// Sessions open, and how many may be.
    sessions: usize,
    room: usize,
    /// Streams waiting for memory, and how many of those that had it are catching up.
    parked: VecDeque<StreamId>,
    catching_up: usize,
    /// What an earlier run has left.
    saved: Saved,
    /// Streams whose place has changed in this epoch.
    moved: Vec<StreamId>,
    timers: Timers,
    memory: Memory,
    sinks: Sinks,
    progress: Progress,
    /// The time of the record that was accepted last.
    heard: Option<Timestamp>,
    commands: VecDeque<Command>,
    chance: Chance,
    counts: Counts,
    /// The stream that may finish its cut frame when frames hold all memory.
    favoured: Option<StreamId>,
    descriptors_told: bool,
    items_lost_told: bool,
    /// Something that was asked for couldn't be had (`--no-follow`).
    failed: bool,
    /// Set once: end with this code when all is flushed.
    exit: Option<i32>,
    /// When somebody asked to stop.
    asked_to_stop: Option<Mono>,
    /// The time to flush is over.
    overdue: bool,
    /// How long what is read may have waited for us.
    held: Duration,
}

impl Core {
    /// Starts: the first commands ask for the engine's version. `seed` spreads the pauses of retries.
    pub fn new(rules: Rules, saved: Saved, now: Now, seed: u64) -> Self {
        let mut core = Self {
            room: rules.max_streams.max(1),
            sessions: 0,
            parked: VecDeque::new(),
            catching_up: 0,
            saved,
            moved: Vec::new(),
            memory: Memory::new(rules.memory),
            sinks: Sinks::new(rules.sinks.len()),
            progress: Progress::default(),
            rules,
            now,
            link: Link::new(now.wall),
            catalogue: Catalogue::default(),
            selections: 0,
            before: None,
            left: HashSet::new(),
            queue: VecDeque::new(),
            opening: 0,
            timers: Timers::default(),
            heard: None,
            commands: VecDeque::new(),
            chance: Chance::new(seed),
            counts: Counts::default(),
            favoured: None,
            descriptors_told: false,
            items_lost_told: false,
            failed: false,
            exit: None,
            asked_to_stop: None,
            overdue: false,
            held: Duration::ZERO,
        };
        core.begin_until();
        core.begin_watchdog();
        core.ask_version();
        core
    }

    /// With `--until` in the past there is nothing to follow.
    fn begin_until(&mut self) {
        let Some(until) = self.rules.until else { return };
        let left = until.unix_nanos().saturating_sub(self.now.wall.unix_nanos());
        match u64::try_from(left) {
            Ok(left) if left > 0 => {
                let at = self.now.mono.after(std::time::Duration::from_nanos(left) + limits::UNTIL_GRACE);
                self.timers.set(Timer::Until, at);
            }
            _ => {
                self.rules.no_follow = true;
                self.rules.show_stopped |= self.rules.selection.is_explicit();
                self.rules.stopped_too |= self.rules.show_stopped;
            }
        }
    }

    /// `--until` has come: what was written until then is still read, by sessions that don't follow.
    fn until_has_come(&mut self) {
        self.rules.no_follow = true;
        if !self.link.settled {
            return self.finish(0); // there never was an engine
        }
        self.commands.push_back(Command::Close(Exchange::Events));
        self.timers.cancel(Timer::Reconcile);
        for id in self.catalogue.streams() {
            if self.catalogue.get(id).is_some_and(|container| container.stream.is_following()) {
                self.reopen(id);
            }
        }
    }

    /// What is read may have waited so long for us (`--max-latency`).
    pub fn set_hold(&mut self, hold: Duration) {
        self.held = hold;
    }

    /// Begins a turn: everything in it happens at `now`. Deadlines that have come are dealt with.
    pub fn begin_turn(&mut self, now: Now) {
        self.now = now;
        self.sinks.set_now(now.wall);
        while let Some(timer) = self.timers.due(now.mono) {
            self.timer(timer);
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Engine => self.ask_version(),
            Timer::Answer(Exchange::Logs(id)) => self.head_is_late(id),
            Timer::Answer(exchange) => {
                self.commands.push_back(Command::Close(exchange));
                self.ended(exchange, End::Late);
            }
            Timer::Ask(exchange) => self.ask(exchange),
            Timer::Open(id) => self.enqueue(id),
            Timer::Deaf(id) => self.perhaps_deaf(id),
            Timer::Place(id) => self.place_is_due(id),
            Timer::Lease(id) => self.lease_is_over(id),
            Timer::Park => self.park(),
            Timer::Save => self.commands.push_back(Command::Save),
            Timer::Watchdog => self.watchdog_is_due(),
            Timer::Reconcile => {
                self.notify(Service::Status);
                self.room = self.rules.max_streams.max(1); // descriptors may have become free
                self.list();
            }
            Timer::Opens | Timer::Yield => {} // end_turn opens what is queued, and makes room
            Timer::Batch => {}                // it is taken when lines are delivered
            Timer::Until => self.until_has_come(),
            Timer::Stop => self.overdue = true,
        }
    }

    /// Takes what has happened.
    pub fn handle(&mut self, input: Input) {
        if self.exit.is_some() && !matches!(input, Input::Stop) {
            return;
        }
        match input {
            Input::Head(Exchange::Events, _) => self.events_head(),
            Input::Head(Exchange::Logs(id), _) => self.session_head(id),
            Input::Head(..) => {}
            Input::Version(version) => self.version(&version),
            Input::Listed(listed) => self.listed(listed),
            Input::Event(event) => self.event(event),
            Input::Inspected(id, inspected) => self.inspected(id, &inspected),
            Input::ItemLost(exchange, detail) => self.item_lost(exchange, detail),
            Input::Ended(exchange, end) => self.ended(exchange, end),
            Input::Rotate => self.rotate_all(),
            Input::Reload(rules) => self.reload(*rules),
            Input::Stop => self.stop(),
        }
    }

    /// A signal: flush and end. A second one: end.
    fn stop(&mut self) {
        let now = self.now.mono;
        match self.asked_to_stop {
            Some(first) => self.overdue |= now.since(first) >= limits::SAME_SIGNAL,
            None => {
                self.asked_to_stop = Some(now);
                self.finish(0);
                let sends = self.rules.sinks.iter().any(|sink| sink.batches.is_some());
                self.timers
                    .set(Timer::Stop, now.after(if sends { limits::STOP_SENDING } else { limits::STOP }));
            }
        }
    }

    fn ended(&mut self, exchange: Exchange, end: End) {
        self.timers.cancel(Timer::Answer(exchange));
        match (&end, exchange) {
            (_, Exchange::Logs(_)) => {}
            (End::Unconnected(ConnectError::Busy), _) => return self.ask_later(exchange),
            (
                End::Unconnected(ConnectError::Descriptors),
                Exchange::Version | Exchange::Events | Exchange::List,
            ) => {
                self.say_descriptors();
                return self.ask_later(exchange);
            }
            _ => self.link.busy = 0,
        }
        match exchange {
            Exchange::Version => self.version_ended(end),
            Exchange::Events => self.events_ended(end),
            Exchange::List => self.list_ended(end),
            Exchange::Inspect(id) => self.inspect_ended(id, &end),
            Exchange::Logs(id) => self.session_ended(id, end),
        }
    }

    /// An event that could not be read may have been one that matters: the list tells.
    fn item_lost(&mut self, exchange: Exchange, detail: String) {
        self.counts.items_lost += 1;
        if !std::mem::replace(&mut self.items_lost_told, true) {
            self.say(Notice::ItemLost { detail });
        }
        match exchange {
            Exchange::Events => self.list(),
            _ => self.link.list_lossy = true,
        }
    }

    /// Ends a turn: opens what is queued, frees memory where only that helps, and sees whether all is done.
    pub fn end_turn(&mut self) {
        if self.exit.is_none() {
            self.unpark();
            self.open_queued();
            self.unstick();
            self.end_if_done();
        }
    }

    /// Who is asked for, in the words of messages.
    pub(super) fn asked(&self) -> String {
        if self.rules.patterns.is_empty() { "these options".to_owned() } else { self.rules.patterns.clone() }
    }

    fn end_if_done(&mut self) {
        let done = self.rules.no_follow
            && self.link.settled
            && self.catalogue.iter().all(|(_, container)| container.stream.is_at_rest());
        if !done {
            return;
        }
        let matched = self.counts.sessions + self.counts.unreadable + self.counts.missed > 0;
        if !matched && self.rules.selection.is_selective() {
            self.say(Notice::NothingMatches { asked: self.asked() });
            return self.finish(1);
        }
        self.finish(i32::from(self.failed));
    }

    /// Closes everything. Lines whose end hasn't come leave as they are, for they won't be asked for again; unless there is
    /// a checkpoint: then they will, whole.
    fn finish(&mut self, code: i32) {
        if self.exit.is_some() {
            return;
        }
        self.exit = Some(code);
        self.notify(Service::Stopping);
        for exchange in [Exchange::Version, Exchange::Events, Exchange::List] {
            self.commands.push_back(Command::Close(exchange));
        }
        for id in self.catalogue.streams() {
            self.commands.push_back(Command::Close(Exchange::Inspect(id)));
            self.commands.push_back(Command::Close(Exchange::Logs(id)));
            if !self.rules.stateful {
                self.finish_lines(id);
            }
        }
        self.queue.clear();
        self.timers = Timers::default();
        self.begin_watchdog(); // a receiver may take its time
    }

    /// Forgets a container that isn't followed any more.
    fn drop_stream(&mut self, id: StreamId) {
        self.close_session(id);
        self.has_caught_up(id);
        self.commands.push_back(Command::Close(Exchange::Inspect(id)));
        self.cancel_timers(id);
        self.catalogue.remove(id);
    }

    fn cancel_timers(&mut self, id: StreamId) {
        let inspect = Exchange::Inspect(id);
        let stream = [Timer::Open(id), Timer::Deaf(id), Timer::Place(id), Timer::Lease(id)];
        for timer in stream.into_iter().chain([Timer::Answer(inspect), Timer::Ask(inspect)]) {
            self.timers.cancel(timer);
        }
    }

    /// The next thing to do.
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When the next turn must begin at the latest, and why.
    pub fn deadline(&self) -> Option<(Mono, Timer)> {
        self.timers.next()
    }

    /// The lines that are read from now on look so for this sink; without it, they are JSON.
    pub fn set_encoder(&mut self, sink: usize, encoder: Encoder) {
        self.sinks.set_encoder(sink, encoder);
    }

    /// Lines have been read, and the sinks get their turn: what was read since the last call is theirs.
    pub fn end_epoch(&mut self) {
        let begun = self.sinks.end_epoch(&self.rules.sinks, self.progress.open(), self.memory.limit());
        if begun || !self.moved.is_empty() {
            self.note_places(begun);
            self.settle_places();
        }
        for (sink, lost) in self.sinks.changes(&self.rules.sinks, self.memory.limit()) {
            let name = self.rules.sinks[sink].name.to_string();
            self.say(match lost {
                None => Notice::SinkFull { name },
                Some(lines) => Notice::SinkTakes { name, lines },
            });
        }
        self.account_sinks();
    }

    /// The sinks have had their turn. Lines that still wait for more of them, and for nothing else, do so until a deadline.
    pub fn end_service(&mut self) {
        match self.sinks.due(&self.rules.sinks) {
            Some(at) => self.timers.set(Timer::Batch, at),
            None => self.timers.cancel(Timer::Batch),
        }
    }

    /// Takes the next lines for a sink that has none in hand; `None` if it must wait for more. Give it back by [`Core::settle`].
    pub fn take_batch(&mut self, sink: usize) -> Option<Batch> {
        let hurry = self.exit.is_some() || self.memory.permit() == 0;
        let batch = self.sinks.take(sink, &self.rules.sinks[sink], self.now.mono, hurry)?;
        self.account_sinks();
        Some(batch)
    }

    /// A sink has taken all lines of this batch, but for those that it has refused for good: its memory may be used again.
    pub fn settle(&mut self, sink: usize, batch: Batch, refused: u64) {
        self.counts.refused += refused;
        self.sinks.give_back(sink, batch, refused);
        self.settle_places();
        self.save_soon();
        self.account_sinks();
        if !self.parked.is_empty() {
            self.timers.set(Timer::Opens, self.now.mono); // the end of a turn sees whether there is memory for one
        }
    }

    /// The run ends, and a sink hasn't taken this batch: where its streams stand can't be told.
    pub fn abandon(&mut self, sink: usize, batch: &Batch) {
        self.sinks.abandon(sink, batch);
        self.account_sinks();
    }

    fn account_sinks(&mut self) {
        self.memory.sinks_hold(self.sinks.open_size(), self.sinks.waiting_size(), self.progress.size());
    }

    /// True if the sinks should have their turn before more is read.
    pub fn has_enough(&self) -> bool {
        self.sinks.has_enough()
    }

    /// True if no line waits for [`Core::take_batch`].
    pub fn has_no_lines(&self) -> bool {
        self.sinks.is_empty() && self.moved.is_empty()
    }

    /// What a sink has done.
    pub fn sink_figures(&self, sink: usize) -> sinks::Figures {
        self.sinks.figures(sink)
    }

    /// The sinks, in the order of their numbers.
    pub fn sink_rules(&self) -> &[SinkRules] {
        &self.rules.sinks
    }

    /// Set when the run is to end, with its exit code; what was read must still be written, unless [`Core::overdue`].
    pub fn exit(&self) -> Option<i32> {
        self.exit
    }

    /// True when flushing has taken too long.
    pub fn overdue(&self) -> bool {
        self.overdue
    }

    /// The time of this turn.
    pub fn now(&self) -> Now {
        self.now
    }

    /// What has happened so far, as a flat JSON object of numbers.
    pub fn figures(&self) -> String {
        self.counts.to_json(self.followed(), self.sessions)
    }

    /// What has happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    fn say(&mut self, notice: Notice) {
        if let Notice::Joined { name } = &notice {
            self.sinks.expect(name);
        }
        self.commands.push_back(Command::Say(notice));
    }
}

#[cfg(test)]
mod tests;
