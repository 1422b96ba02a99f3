//! The machine that docklog believes to run on: virtual time, the engine, the sockets to it, the outlets, and a
//! scenario's plan. `world.rs` shows it to docklog through the seam.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use docklog::config::Settings;
use docklog::config::sink::Destination;
use docklog::core::checkpoint::{FileMark, Saved, decode};
use docklog::shell::world::{Ask, Outlet as Way, Ready, Token, Urgency};

use super::engine::{Dialect, SimEngine};
use super::knobs::Knobs;
use super::link::{Ending, Link};
use super::model::Model;
use super::outlet::Outlet;
use super::plan::Plan;
use super::rng::Rng;
use super::visitors::Visitors;

/// Wall time at the start: 2026-11-23T20:16:07Z.
pub const EPOCH: u64 = 1_795_464_967_000_000_000;

/// One millisecond in the machine's unit of time.
pub const MS: u64 = 1_000_000;

/// Waits in a row, each shorter than a millisecond and without any progress, that count as a spin.
const SPIN: u32 = 300;

/// What docklog did to the machine.
#[derive(Debug, Default)]
pub struct Tally {
    pub waits: u64,
    /// Waits that ended with nothing but their timeout, with its time.
    pub timeouts: Vec<u64>,
    pub clock_reads: u64,
    /// Times of all connects that succeeded, and of those that failed.
    pub connects: Vec<u64>,
    pub refused: Vec<u64>,
    pub reads: u64,
    pub bytes_read: u64,
    /// The most that one connection gave.
    pub most_read: u64,
    /// The most connections at a time.
    pub most_open: usize,
    /// Things that no correct user of the seam does.
    pub violations: Vec<String>,
}

/// A sink beside stdout.
#[derive(Debug)]
pub struct Sink {
    pub outlet: Outlet,
    /// It is a file.
    pub output: Option<FileMark>,
    /// How much had come to it at each kill.
    pub kills: Vec<usize>,
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    /// Monotonic time.
    pub now: u64,
    /// What an administrator added to the wall clock.
    pub(super) wall_step: i64,
    pub engine: SimEngine,
    pub model: Model,
    pub rng: Rng,
    pub knobs: Knobs,
    pub tally: Tally,
    pub stdout: Outlet,
    pub stderr: Outlet,
    pub links: BTreeMap<u64, Link>,
    pub visitors: Visitors,
    /// What docklog has saved last.
    pub checkpoint: Option<Vec<u8>>,
    /// Stdout is docklog's output file.
    pub output: Option<FileMark>,
    /// Sinks beside the first, which is stdout.
    pub others: Vec<Sink>,
    /// Docklog's command line and its configuration file, if it has one.
    pub args: Vec<String>,
    pub configuration: Option<String>,
    /// What the service manager was told, and when.
    pub manager: Vec<(u64, String)>,
    /// How often it wants to hear of docklog.
    pub watchdog: Option<Duration>,
    /// How often docklog was started.
    pub starts: u64,
    /// When a container started last.
    pub last_start: u64,
    /// Connections for which there are descriptors.
    pub most_links: usize,
    /// Bytes that are flipped on their way from the engine, one in so many writes; 0: none.
    pub flips: u64,
    /// Waits after which the run is given up.
    pub most_waits: u64,
    /// Docklog was killed, and isn't started again yet.
    pub killed: bool,
    /// How much had come to stdout at each kill.
    pub kills: Vec<usize>,
    pub(super) plan: Plan,
    pub(super) next_link: u64,
    pub(super) asks: VecDeque<Ask>,
    pub(super) closed_tokens: VecDeque<Token>,
    /// Rises with everything that moves; a loop that turns while it stands still spins.
    pub(super) progress: u64,
    seen_progress: u64,
    slept: u64,
    spins: u32,
}

impl Machine {
    pub fn new(seed: u64, dialect: Dialect, knobs: Knobs) -> Self {
        Machine {
            now: 0,
            wall_step: 0,
            engine: SimEngine::new(dialect, seed),
            model: Model::default(),
            rng: Rng::new(seed),
            knobs,
            tally: Tally::default(),
            stdout: Outlet::new(),
            stderr: Outlet::new(),
            links: BTreeMap::new(),
            visitors: Visitors::default(),
            checkpoint: None,
            output: None,
            others: Vec::new(),
            args: Vec::new(),
            configuration: None,
            manager: Vec::new(),
            watchdog: None,
            starts: 0,
            last_start: 0,
            most_links: usize::MAX,
            flips: 0,
            most_waits: 3_000_000,
            killed: false,
            kills: Vec::new(),
            next_link: 0,
            plan: Plan::default(),
            asks: VecDeque::new(),
            closed_tokens: VecDeque::new(),
            progress: 0,
            seen_progress: 0,
            slept: 0,
            spins: 0,
        }
    }

    /// Wall time.
    pub fn wall(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.wall_step)
    }
    /// Lets everything happen that is due up to now, in order.
    pub fn settle(&mut self) {
        let now = self.now;
        while let Some(act) = self.plan.take_due(now) {
            self.progress += 1;
            act(self);
            self.deliver();
        }
        self.deliver();
    }

    /// Takes to the engine what has arrived there, and lets it write where there is room.
    fn deliver(&mut self) {
        let ids: Vec<u64> = self.links.keys().copied().collect();
        for id in ids {
            self.pump(id);
        }
    }

    pub(super) fn pump(&mut self, id: u64) {
        let (now, wall, limit) = (self.now, self.wall(), self.knobs.socket_limit);
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(conn) = link.conn else { return };
        let request = link.take_up(now);
        if !request.is_empty() {
            self.engine.feed(conn, &request);
        }
        while link.has_room(limit) {
            match self.engine.next_write(wall, conn) {
                Some(mut write) => {
                    if self.flips > 0 && self.rng.below(self.flips) == 0 && !write.is_empty() {
                        let at = self.rng.below(write.len() as u64) as usize;
                        write[at] ^= 1 << self.rng.below(8);
                    }
                    let slow = self.rng.percent(30);
                    let delay = if slow { self.rng.below(self.knobs.delay) } else { 1 };
                    link.push_down(now + delay, &write);
                    self.progress += 1;
                }
                None => break,
            }
        }
        if self.engine.has_closed(conn) {
            link.end(now + self.rng.below(self.knobs.delay), Ending::Close);
        }
    }

    /// When something happens next.
    fn next_due(&self) -> Option<u64> {
        let arrivals = self.links.values().filter_map(|link| link.next_arrival(self.now)).min();
        let others = self.others.iter().map(|sink| &sink.outlet);
        let outlets = [&self.stdout, &self.stderr].into_iter().chain(others);
        let outlets = outlets.filter_map(|outlet| outlet.next_due(self.now)).min();
        [self.plan.next(), arrivals, outlets].into_iter().flatten().min()
    }

    /// The wait of the seam. It fails when docklog is killed.
    pub fn wait(&mut self, hold: u64, timeout: Option<u64>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.now += self.knobs.turn;
        self.settle();
        self.count_wait();
        if self.rng.percent(self.knobs.spurious) && self.rng.percent(20) {
            self.progress += 1;
            return self.alive();
        }
        let (began, began_at) = (ready.len(), self.now);
        let hold_end = self.now.saturating_add(hold);
        let deadline = timeout.map(|span| self.now.saturating_add(span));
        loop {
            self.alive()?;
            let timed_out = deadline.is_some_and(|at| self.now >= at);
            self.collect(self.now < hold_end && !timed_out, ready);
            if ready.len() > began {
                break;
            }
            if timed_out {
                self.tally.timeouts.push(self.now);
                break;
            }
            let hold_end = Some(hold_end).filter(|&at| at > self.now);
            let next = [self.next_due(), deadline, hold_end].into_iter().flatten().min();
            let Some(next) = next else {
                panic!("waits for ever: nothing is planned, and no timeout was given")
            };
            self.now = next.max(self.now);
            self.settle();
        }
        if ready.len() > began {
            self.progress += 1;
        }
        self.slept = self.now - began_at;
        self.add_noise(ready);
        self.rng.shuffle(&mut ready[began..]);
        Ok(())
    }

    fn alive(&self) -> io::Result<()> {
        if self.killed { Err(io::Error::other("killed")) } else { Ok(()) }
    }

    /// What the kernel does about a process that was killed: closes its connections.
    pub fn bury(&mut self) {
        for link in std::mem::take(&mut self.links).into_values() {
            if let Some(conn) = link.conn {
                self.engine.disconnect(conn);
            }
        }
        self.asks.clear();
        self.closed_tokens.clear();
        self.stdout.forget_writer();
        self.stderr.forget_writer();
        self.others.iter_mut().for_each(|sink| sink.outlet.forget_writer());
    }

    /// What docklog does before its loop: it takes up its checkpoint, and cuts off what its output file holds beyond.
    pub fn take_up(&mut self, settings: &Settings) -> Saved {
        self.starts += 1;
        let left = self.checkpoint.as_ref().filter(|_| settings.state.is_some());
        let saved = left.map_or_else(Saved::default, |bytes| decode(bytes).unwrap());
        while self.others.len() + 1 < settings.sinks.len() {
            self.others.push(Sink { outlet: Outlet::new(), output: None, kills: Vec::new() });
        }
        for (index, sink) in settings.sinks.iter().enumerate() {
            let (outlet, kills, output) = match index {
                0 => (&mut self.stdout, &mut self.kills, &mut self.output),
                _ => {
                    let other = &mut self.others[index - 1];
                    (&mut other.outlet, &mut other.kills, &mut other.output)
                }
            };
            let Destination::File(template, _) = &sink.destination else { continue };
            if let Some(settled) = saved.files.get(&sink.name) {
                outlet.taken.truncate(settled[0].length as usize);
                kills.clear(); // it is one output again
            }
            let (inode, length) = (index as u64, outlet.taken.len() as u64);
            let path = template.single().expect("scenario: one file a sink");
            *output = Some(FileMark { path, device: 1, inode, length });
        }
        saved
    }

    /// Goes on without docklog, until it is started again.
    pub fn go_on_alone(&mut self) {
        while self.killed {
            let next = self.plan.next().expect("scenario: docklog is started again after a kill");
            self.now = next.max(self.now);
            self.settle();
        }
    }

    fn count_wait(&mut self) {
        self.tally.waits += 1;
        assert!(self.tally.waits < self.most_waits, "too many turns of the loop");
        let moved = self.progress != self.seen_progress || self.slept >= MS;
        self.spins = if moved { 0 } else { self.spins + 1 };
        (self.seen_progress, self.slept) = (self.progress, 0);
        assert!(self.spins < SPIN, "spins: {SPIN} turns in a row for nothing");
    }

    fn collect(&mut self, urgent_only: bool, ready: &mut Vec<Ready>) {
        let (now, strict, room) = (self.now, self.knobs.strict_edges, self.knobs.request_room);
        ready.extend(self.asks.drain(..).map(Ready::Ask));
        let sinks = (0..=self.others.len()).map(Way::Sink);
        for way in sinks.chain([Way::Stderr]) {
            if self.outlet(way).take_edge(now) {
                ready.push(Ready::Outlet(way));
            }
            if self.outlet(way).take_close() {
                ready.push(Ready::OutletClosed(way));
            }
        }
        if !urgent_only && std::mem::take(&mut self.visitors.knocked) {
            ready.push(Ready::Accept);
        }
        for link in self.links.values_mut() {
            if urgent_only && link.urgency == Urgency::Bulk {
                continue;
            }
            let (readable, writable) = (link.readable(now), link.writable(now, room));
            if link.read_edge(now, strict) || (link.write_armed && writable) {
                if readable {
                    link.read_told(now);
                }
                link.write_armed &= !writable;
                ready.push(Ready::Socket {
                    token: link.token,
                    readable,
                    closed: link.is_closed(now),
                    writable,
                });
            }
        }
    }

    /// Events that mean nothing.
    fn add_noise(&mut self, ready: &mut Vec<Ready>) {
        if self.rng.percent(self.knobs.stale) && !self.closed_tokens.is_empty() {
            let token = self.closed_tokens[self.rng.below(self.closed_tokens.len() as u64) as usize];
            if self.links.values().all(|link| link.token != token) {
                ready.push(Ready::Socket { token, readable: true, closed: false, writable: true });
            }
        }
        if self.rng.percent(self.knobs.spurious) && !self.links.is_empty() {
            let pick = self.rng.below(self.links.len() as u64) as usize;
            if let Some(link) = self.links.values().nth(pick) {
                ready.push(Ready::Socket {
                    token: link.token,
                    readable: true,
                    closed: false,
                    writable: self.rng.percent(50),
                });
            }
        }
    }
}
