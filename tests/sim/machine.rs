//! The machine that docklog believes to run on: virtual time, the engine, the sockets to it, the outlets, and the
//! scenario's timed acts. `world.rs` shows it to docklog through the seam.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;

use docklog::shell::world::{Ask, Outlet as Way, Ready, Token, Urgency};

use super::engine::{Channel, Dialect, Process, Refusal, SimEngine, Spec, State};
use super::knobs::Knobs;
use super::link::{Ending, Link};
use super::model::Model;
use super::outlet::Outlet;
use super::rng::Rng;

/// Wall time at the start: 2026-11-23T20:16:07Z.
pub const EPOCH: u64 = 1_795_464_967_000_000_000;

/// One millisecond in the machine's unit of time.
pub const MS: u64 = 1_000_000;

/// Waits in a row, each shorter than a millisecond and without any progress, that count as a spin.
const SPIN: u32 = 300;

/// What a scenario does at a point in time.
pub struct Act {
    label: String,
    run: Box<dyn FnOnce(&mut Machine)>,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

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

/// The machine.
#[derive(Debug)]
pub struct Machine {
    /// Monotonic time.
    pub now: u64,
    /// What an administrator added to the wall clock.
    pub wall_step: i64,
    pub engine: SimEngine,
    pub model: Model,
    pub rng: Rng,
    pub knobs: Knobs,
    pub tally: Tally,
    pub stdout: Outlet,
    pub stderr: Outlet,
    pub links: BTreeMap<u64, Link>,
    /// When a container started last.
    pub last_start: u64,
    /// Bytes that are flipped on their way from the engine, one in so many writes; 0: none.
    pub flips: u64,
    /// Waits after which the run is given up.
    pub most_waits: u64,
    next_link: u64,
    script: BTreeMap<(u64, u64), Act>,
    next_act: u64,
    asks: VecDeque<Ask>,
    closed_tokens: VecDeque<Token>,
    /// Rises with everything that moves; a loop that turns while it stands still spins.
    progress: u64,
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
            last_start: 0,
            flips: 0,
            most_waits: 3_000_000,
            next_link: 0,
            script: BTreeMap::new(),
            next_act: 0,
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

    /// Plans an act for a point in time, in milliseconds.
    pub fn at(&mut self, ms: u64, label: &str, run: impl FnOnce(&mut Machine) + 'static) {
        self.at_nanos(ms * MS, label, run);
    }

    /// The same, in nanoseconds.
    pub fn at_nanos(&mut self, at: u64, label: &str, run: impl FnOnce(&mut Machine) + 'static) {
        self.next_act += 1;
        self.script.insert((at, self.next_act), Act { label: label.into(), run: Box::new(run) });
    }

    /// Plans an act for a point in time, or as soon after it as `condition` holds; not at all if that takes a minute.
    pub fn when(
        &mut self,
        ms: u64,
        label: &str,
        condition: impl Fn(&Machine) -> bool + 'static,
        run: impl FnOnce(&mut Machine) + 'static,
    ) {
        self.try_until(ms, ms + 60_000, label, condition, run);
    }

    fn try_until(
        &mut self,
        ms: u64,
        last_ms: u64,
        label: &str,
        condition: impl Fn(&Machine) -> bool + 'static,
        run: impl FnOnce(&mut Machine) + 'static,
    ) {
        let again = label.to_owned();
        self.at(ms, label, move |machine| {
            if condition(machine) {
                run(machine);
            } else if ms < last_ms {
                machine.try_until(ms + 300, last_ms, &again, condition, run);
            }
        });
    }

    /// Plans the end of the run, so long after everything else.
    pub fn stop_after(&mut self, settle_ms: u64) {
        let last = self.script.keys().next_back().map_or(0, |key| key.0 / MS);
        self.at(last.max(self.now / MS) + settle_ms, "SIGTERM", move |machine| {
            if machine.script.is_empty() {
                machine.stop_signal();
            } else {
                machine.stop_after(settle_ms);
            }
        });
    }

    // What containers do: told to the engine and to the model.

    pub fn run(&mut self, spec: Spec) {
        let name = spec.name.clone();
        self.create(spec);
        self.start(&name);
    }

    pub fn create(&mut self, spec: Spec) {
        let (name, tty, driver) = (spec.name.clone(), spec.tty, spec.driver);
        let id = self.engine.create(self.wall(), spec);
        self.model.created(&id, &name, tty, driver);
    }

    pub fn start(&mut self, name: &str) {
        self.last_start = self.now;
        self.engine.start(self.wall(), name);
    }

    /// The container writes: lines, or a part of one.
    pub fn write(&mut self, name: &str, channel: Channel, bytes: &[u8]) {
        let id = self.id(name);
        self.model.wrote(&id, self.now, channel, bytes);
        // What one channel writes may be stamped after, and yet come into the log before what the other wrote.
        let early = if channel == Channel::Stderr { self.rng.below(self.knobs.delay) } else { 0 };
        self.engine.write(self.wall() - early.min(self.now), name, channel, bytes);
    }

    /// The container writes a numbered line.
    pub fn line(&mut self, name: &str, channel: Channel, filler: usize) {
        let number = self.model.next_number(&self.id(name), channel);
        let what = if channel == Channel::Stdout { "out" } else { "err" };
        let line = format!("{name} {what} {number} {}\n", "x".repeat(filler));
        self.write(name, channel, line.as_bytes());
    }

    /// So many lines on both channels, in random order.
    pub fn lines(&mut self, name: &str, count: u64, filler: usize) {
        for _ in 0..count {
            let channel = self.rng.pick(&[Channel::Stdout, Channel::Stderr]);
            self.line(name, channel, filler);
        }
    }

    pub fn die(&mut self, name: &str) {
        let id = self.id(name);
        self.engine.die(self.wall(), name, 0);
        self.model.ended(&id, self.now);
    }

    pub fn restart(&mut self, name: &str) {
        let id = self.id(name);
        self.model.ended(&id, self.now);
        self.last_start = self.now;
        self.engine.restart(self.wall(), name);
    }

    pub fn remove(&mut self, name: &str) {
        let id = self.id(name);
        self.model.ended(&id, self.now);
        self.model.removed(&id);
        self.engine.remove(self.wall(), name);
    }

    pub fn rename(&mut self, name: &str, to: &str) {
        let id = self.id(name);
        self.model.renamed(&id, to);
        self.engine.rename(self.wall(), name, to);
    }

    /// Docklog hears what happens to containers.
    pub fn is_watched(&self) -> bool {
        self.engine.process() == Process::Up && self.engine.has_subscriber()
    }

    /// Docklog reads this container's log.
    pub fn is_followed(&self, name: &str) -> bool {
        self.is_watched() && self.engine.find(name).is_some_and(|c| self.engine.has_reader(&c.id))
    }

    pub fn is_running(&self, name: &str) -> bool {
        self.engine.find(name).is_some_and(|c| c.state == State::Running)
    }

    fn id(&self, name: &str) -> String {
        self.engine.find(name).unwrap_or_else(|| panic!("scenario: no container {name}")).id.clone()
    }

    // What befalls the engine.

    /// It dies: every connection is cut, anywhere in what was on its way.
    pub fn engine_down(&mut self, orderly: bool) {
        self.engine.go_down(orderly);
        for link in self.links.values_mut() {
            let unread = link.unread();
            // Mostly what was sent arrives; now and then a cut falls anywhere in it.
            if self.rng.percent(40) {
                link.lose_after(self.rng.below(unread as u64 + 1) as usize);
            }
            let ending = if self.rng.percent(25) { Ending::Reset } else { Ending::Close };
            link.end(self.now + self.rng.below(self.knobs.delay), ending);
        }
    }

    pub fn engine_up(&mut self, live_restore: bool) {
        let alive: Vec<String> =
            self.engine.containers().iter().filter(|c| c.is_alive()).map(|c| c.id.clone()).collect();
        self.engine.come_up(self.wall(), live_restore);
        if !live_restore {
            for id in alive {
                self.model.ended(&id, self.now);
            }
        }
    }

    pub fn stop_signal(&mut self) {
        self.asks.push_back(Ask::Stop);
    }

    // What docklog does, through the seam.

    pub fn connect(&mut self, token: Token, urgency: Urgency) -> io::Result<u64> {
        if self.links.values().any(|link| link.token == token) {
            self.violate(format!("{token:?} is in use by an open connection"));
        }
        let busy = self.engine.process() == Process::Up && self.rng.percent(self.knobs.busy);
        let conn = if busy { Err(Refusal::Full) } else { self.engine.connect() };
        let conn = conn.map_err(|refusal| {
            self.tally.refused.push(self.now);
            match refusal {
                Refusal::Absent => io::Error::from_raw_os_error(2),
                Refusal::Refused => io::Error::from_raw_os_error(111),
                Refusal::Denied => io::Error::from_raw_os_error(13),
                Refusal::Full => io::Error::from_raw_os_error(11),
            }
        })?;
        self.progress += 1;
        self.tally.connects.push(self.now);
        self.next_link += 1;
        self.links.insert(self.next_link, Link::new(token, urgency, conn));
        self.tally.most_open = self.tally.most_open.max(self.links.len());
        Ok(self.next_link)
    }

    pub fn close(&mut self, id: u64) {
        let Some(link) = self.links.remove(&id) else { return self.violate("closed twice".into()) };
        self.progress += 1;
        self.tally.most_read = self.tally.most_read.max(link.bytes_read);
        if let Some(conn) = link.conn {
            self.engine.disconnect(conn);
        }
        self.closed_tokens.push_back(link.token);
        if self.closed_tokens.len() > 50 {
            self.closed_tokens.pop_front();
        }
    }

    pub fn read(&mut self, id: u64, out: &mut [u8]) -> io::Result<usize> {
        let Some(link) = self.links.get_mut(&id) else {
            self.violate("read after close".into());
            return Err(io::ErrorKind::NotConnected.into());
        };
        self.tally.reads += 1;
        if self.rng.percent(self.knobs.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut n = link.available(self.now).min(out.len());
        if n == 0 {
            if out.is_empty() {
                self.violate("read of no bytes: its answer looks like the end".into());
                return Ok(0);
            }
            return match link.ended(self.now) {
                Some(Ending::Close) => Ok(0),
                Some(Ending::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
                None => {
                    link.read_armed = true;
                    Err(io::ErrorKind::WouldBlock.into())
                }
            };
        }
        if self.rng.percent(self.knobs.short_reads) {
            n = self.rng.between(1, n as u64) as usize;
        }
        link.take_down(&mut out[..n]);
        self.progress += 1;
        self.tally.bytes_read += n as u64;
        if self.rng.percent(self.knobs.refill) {
            self.pump(id);
        }
        Ok(n)
    }

    pub fn write_up(&mut self, id: u64, bytes: &[u8]) -> io::Result<usize> {
        let Some(link) = self.links.get_mut(&id) else {
            self.violate("write after close".into());
            return Err(io::ErrorKind::NotConnected.into());
        };
        if self.rng.percent(self.knobs.interrupted) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if link.conn.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut n = link.request_room(self.knobs.request_room).min(bytes.len());
        if n == 0 {
            link.write_armed = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.rng.percent(self.knobs.short_writes) {
            n = self.rng.between(1, n as u64) as usize;
        }
        // Not too slow: with a byte at a time it adds up.
        link.push_up(self.now + self.rng.below(self.knobs.delay.min(2 * MS)), &bytes[..n]);
        self.progress += 1;
        Ok(n)
    }

    pub fn write_out(&mut self, way: Way, bytes: &[u8]) -> io::Result<usize> {
        let now = self.now;
        let most = if self.rng.percent(self.knobs.short_writes) {
            self.rng.between(1, (bytes.len() as u64).max(1)) as usize
        } else {
            bytes.len()
        };
        let taken = self.outlet(way).write(now, &bytes[..most.min(bytes.len())])?;
        self.progress += 1;
        Ok(taken)
    }

    pub fn outlet(&mut self, way: Way) -> &mut Outlet {
        match way {
            Way::Stdout => &mut self.stdout,
            Way::Stderr => &mut self.stderr,
        }
    }

    pub fn violate(&mut self, what: String) {
        self.tally.violations.push(what);
    }

    // Time.

    /// Lets everything happen that is due up to now, in order.
    pub fn settle(&mut self) {
        let now = self.now;
        while let Some(entry) = self.script.first_entry().filter(|entry| entry.key().0 <= now) {
            let act = entry.remove();
            self.progress += 1;
            (act.run)(self);
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

    fn pump(&mut self, id: u64) {
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
        let act = self.script.keys().next().map(|key| key.0);
        let arrivals = self.links.values().filter_map(|link| link.next_arrival(self.now)).min();
        let outlets = [&self.stdout, &self.stderr].into_iter().filter_map(|o| o.next_due(self.now)).min();
        [act, arrivals, outlets].into_iter().flatten().min()
    }

    /// The wait of the seam.
    pub fn wait(&mut self, hold: u64, timeout: Option<u64>, ready: &mut Vec<Ready>) {
        self.now += self.knobs.turn;
        self.settle();
        self.count_wait();
        if self.rng.percent(self.knobs.spurious) && self.rng.percent(20) {
            self.progress += 1;
            return;
        }
        let (began, began_at) = (ready.len(), self.now);
        let hold_end = self.now.saturating_add(hold);
        let deadline = timeout.map(|span| self.now.saturating_add(span));
        loop {
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
        for way in [Way::Stdout, Way::Stderr] {
            if self.outlet(way).take_edge(now) {
                ready.push(Ready::Outlet(way));
            }
            if self.outlet(way).take_close() {
                ready.push(Ready::OutletClosed(way));
            }
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
                ready.push(Ready::Socket { token: link.token, readable, writable });
            }
        }
    }

    /// Events that mean nothing.
    fn add_noise(&mut self, ready: &mut Vec<Ready>) {
        if self.rng.percent(self.knobs.stale) && !self.closed_tokens.is_empty() {
            let token = self.closed_tokens[self.rng.below(self.closed_tokens.len() as u64) as usize];
            if self.links.values().all(|link| link.token != token) {
                ready.push(Ready::Socket { token, readable: true, writable: true });
            }
        }
        if self.rng.percent(self.knobs.spurious) && !self.links.is_empty() {
            let pick = self.rng.below(self.links.len() as u64) as usize;
            if let Some(link) = self.links.values().nth(pick) {
                ready.push(Ready::Socket {
                    token: link.token,
                    readable: true,
                    writable: self.rng.percent(50),
                });
            }
        }
    }
}
