//! A Docker engine as its API shows it: no IO, no clock, no thread. Whoever holds it hands in the time and the bytes
//! of each connection, and takes the answers write by write, as the engine would make them on its socket. Tests put it
//! into a world of virtual time, the examples `engine` and `demo` behind a real Unix socket.

#![allow(dead_code, unused_imports)] // Each of its users needs a part.

mod answers;
mod conn;
mod container;
mod dialect;
mod events;
mod files;
mod hostile;
mod http;
mod logs;
mod serve;
mod stamp;

use std::collections::BTreeMap;

pub use conn::ConnId;
pub use container::{Channel, Container, Driver, Spec, State};
pub use dialect::{Dialect, Quirks};
pub use files::{LogFiles, Logged, Record, Rotation};
pub use hostile::{ALL as ALL_HOSTILITIES, Hostility};
pub use stamp::{Nanos, SECOND, rfc3339};

use conn::Conn;
use events::Events;

/// The paths that a follower may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Ping,
    Version,
    Events,
    List,
    Inspect,
    Logs,
}

/// Why a connect fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No socket file.
    Absent,
    /// A socket file with nobody behind it.
    Refused,
    /// Not in the group.
    Denied,
    /// The backlog is full: try again later.
    Full,
}

/// Whether the engine's process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Up,
    /// Stopped by SIGSTOP: the kernel goes on to accept into the backlog, nobody answers.
    Stopped,
    /// Killed: its socket file is still there.
    Crashed,
    /// Not installed, or ended in good order: no socket file.
    Absent,
}

/// What can be wrong with an engine, set by a scenario at will.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Connects beyond this many unanswered ones find the backlog full.
    pub backlog: usize,
    /// The socket can't be opened.
    pub denied: bool,
    /// A proxy before the engine answers 403 to these.
    pub forbidden: Vec<Endpoint>,
    /// Those who listen hear of no events; those who ask later for the past do.
    pub drop_events: bool,
    /// Events tell a container's id and name, but neither its image nor its labels. No engine is known that does so.
    pub bare_events: bool,
    /// Follows give nothing more and never end, as after some faults of real engines.
    pub deaf_follows: bool,
    /// Hostile answers, to one kind of request or to all.
    pub hostile: Option<(Hostility, Option<Endpoint>)>,
}

/// The engine.
#[derive(Debug)]
pub struct SimEngine {
    dialect: Dialect,
    process: Process,
    containers: Vec<Container>,
    /// Where in `containers` those stand that aren't removed, by name; and all of them, by id.
    names: BTreeMap<String, usize>,
    by_id: BTreeMap<String, usize>,
    events: Events,
    conns: BTreeMap<ConnId, Conn>,
    next_conn: u64,
    ids: u64,
    /// What is wrong with it.
    pub faults: Faults,
    /// What its readers do when log files are rotated or spoilt.
    pub quirks: Quirks,
    /// Every request line, with its time.
    pub requests: Vec<(Nanos, String)>,
}

impl SimEngine {
    /// A running engine without containers. `seed` makes the ids.
    pub fn new(dialect: Dialect, seed: u64) -> Self {
        let faults = Faults {
            backlog: 4096,
            denied: false,
            forbidden: Vec::new(),
            drop_events: false,
            bare_events: false,
            deaf_follows: false,
            hostile: None,
        };
        SimEngine {
            dialect,
            process: Process::Up,
            containers: Vec::new(),
            names: BTreeMap::new(),
            by_id: BTreeMap::new(),
            events: Events::default(),
            conns: BTreeMap::new(),
            next_conn: 0,
            ids: seed,
            faults,
            quirks: dialect.quirks(),
            requests: Vec::new(),
        }
    }

    /// Whose API it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether it runs.
    pub fn process(&self) -> Process {
        self.process
    }

    /// All containers, the removed ones too.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// The container of this name that isn't removed.
    pub fn find(&self, name: &str) -> Option<&Container> {
        self.index(name).map(|i| &self.containers[i])
    }

    /// Where this container stands in [`Self::containers`].
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    fn must_index(&self, name: &str) -> usize {
        self.index(name).unwrap_or_else(|| panic!("scenario: no container {name}"))
    }

    /// Makes a container; returns its id.
    pub fn create(&mut self, now: Nanos, spec: Spec) -> String {
        assert!(self.index(&spec.name).is_none(), "scenario: name {} is taken", spec.name);
        let id: String = (0..4).map(|_| format!("{:016x}", self.next_id_part())).collect();
        self.names.insert(spec.name.clone(), self.containers.len());
        self.by_id.insert(id.clone(), self.containers.len());
        self.containers.push(Container::new(id.clone(), spec, now));
        self.tell(now, self.containers.len() - 1, "create", &[]);
        id
    }

    fn next_id_part(&mut self) -> u64 {
        // SplitMix64: ids look like ids, and follow from the seed.
        self.ids = self.ids.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.ids ^ (self.ids >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Starts a container, for the first time or again.
    pub fn start(&mut self, now: Nanos, name: &str) {
        let index = self.must_index(name);
        assert!(!self.containers[index].is_alive(), "scenario: {name} runs already");
        self.containers[index].start(now);
        if self.dialect.is_podman() {
            self.tell(now, index, "init", &[]);
        }
        self.tell(now, index, "start", &[]);
    }

    /// Makes and starts one.
    pub fn run(&mut self, now: Nanos, spec: Spec) -> String {
        let name = spec.name.clone();
        let id = self.create(now, spec);
        self.start(now, &name);
        id
    }

    /// The container writes bytes: lines, or parts of one. While the engine is down they wait in the pipe.
    pub fn write(&mut self, now: Nanos, name: &str, channel: Channel, bytes: &[u8]) {
        self.write_to(now, self.must_index(name), channel, bytes);
    }

    /// The same for one of [`Self::containers`], by its index: without a search.
    pub fn write_to(&mut self, now: Nanos, index: usize, channel: Channel, bytes: &[u8]) {
        let container = &mut self.containers[index];
        assert!(container.state == State::Running, "scenario: {} does not run", container.spec.name);
        match self.process {
            // Podman's containers log by a process of their own.
            _ if self.dialect.is_podman() => container.write(now, self.dialect, channel, bytes),
            Process::Up | Process::Stopped => container.write(now, self.dialect, channel, bytes),
            Process::Crashed | Process::Absent => container.write_while_down(channel, bytes),
        }
    }

    /// The container's process ends.
    pub fn die(&mut self, now: Nanos, name: &str, code: i32) {
        let index = self.must_index(name);
        self.containers[index].end(now, self.dialect, code);
        self.tell(now, index, "die", &[("exitCode", code.to_string())]);
    }

    /// Ends and starts again, under the same id.
    pub fn restart(&mut self, now: Nanos, name: &str) {
        let index = self.must_index(name);
        self.tell(now, index, "kill", &[("signal", "15".into())]);
        self.die(now, name, 143);
        self.tell(now, index, "stop", &[]);
        self.start(now, name);
        self.tell(now, index, "restart", &[]);
    }

    /// Freezes.
    pub fn pause(&mut self, now: Nanos, name: &str) {
        let index = self.must_index(name);
        self.containers[index].state = State::Paused;
        self.tell(now, index, "pause", &[]);
    }

    /// Thaws.
    pub fn unpause(&mut self, now: Nanos, name: &str) {
        let index = self.must_index(name);
        self.containers[index].state = State::Running;
        self.tell(now, index, "unpause", &[]);
    }

    /// Gives it another name.
    pub fn rename(&mut self, now: Nanos, name: &str, to: &str) {
        let index = self.must_index(name);
        assert!(self.index(to).is_none(), "scenario: name {to} is taken");
        self.names.remove(name);
        self.names.insert(to.into(), index);
        self.containers[index].spec.name = to.into();
        self.tell(now, index, "rename", &[("oldName", format!("/{name}"))]);
    }

    /// The moment in a removal when the log answers 409.
    pub fn mark_removing(&mut self, name: &str) {
        let index = self.must_index(name);
        self.containers[index].state = State::Removing;
    }

    /// The moment in a removal when the log reads as empty.
    pub fn mark_vanished(&mut self, name: &str) {
        let index = self.must_index(name);
        self.containers[index].log_vanished = true;
    }

    /// Removes it, whatever its state. Its id stays unknown from then on.
    pub fn remove(&mut self, now: Nanos, name: &str) {
        let index = self.must_index(name);
        if self.containers[index].is_alive() {
            self.tell(now, index, "kill", &[("signal", "9".into())]);
            self.die(now, name, 137);
        }
        self.tell(now, index, if self.dialect.is_podman() { "remove" } else { "destroy" }, &[]);
        self.names.remove(name);
        self.containers[index].state = State::Removed;
    }

    /// An operator truncates its log file.
    pub fn truncate(&mut self, now: Nanos, name: &str) {
        let index = self.must_index(name);
        self.containers[index].log_mut().truncate(now);
    }

    /// Something that is no message gets into its log file.
    pub fn corrupt(&mut self, name: &str) {
        let index = self.must_index(name);
        self.containers[index].log_mut().corrupt();
    }

    /// An administrator sets the clock back: stamps may be lower from now on.
    pub fn clock_was_set_back(&mut self) {
        self.containers.iter_mut().for_each(Container::clock_was_set_back);
    }

    /// An operator deletes its log file.
    pub fn unlink_log(&mut self, name: &str) {
        let index = self.must_index(name);
        self.containers[index].log_unlinked = true;
    }

    fn tell(&mut self, now: Nanos, index: usize, action: &'static str, extra: &[(&str, String)]) {
        let container = &self.containers[index];
        let mut attributes: Vec<(String, String)> = Vec::new();
        if !self.faults.bare_events {
            attributes.clone_from(&container.spec.labels);
            attributes.push(("image".into(), container.spec.image.clone()));
        }
        attributes.push(("name".into(), container.spec.name.clone()));
        attributes.extend(extra.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        self.events.push(now, action, &container.id, attributes, self.faults.drop_events);
    }

    /// kill -9, or an orderly end: every connection is cut. Containers live on and write into their pipes.
    pub fn go_down(&mut self, orderly: bool) {
        self.process = if orderly { Process::Absent } else { Process::Crashed };
        self.conns.clear();
    }

    /// It was never there.
    pub fn be_absent(&mut self) {
        self.go_down(true);
    }

    /// Starts again. With `live_restore` the containers have lived on, without it the engine ends those it finds; what
    /// they wrote meanwhile is logged either way. Events of before are forgotten.
    pub fn come_up(&mut self, now: Nanos, live_restore: bool) {
        self.process = Process::Up;
        self.events.forget();
        for container in &mut self.containers {
            container.take_up(now, self.dialect);
            if !live_restore && container.is_alive() {
                container.end(now, self.dialect, 137);
            }
        }
    }

    /// SIGSTOP and SIGCONT.
    pub fn set_stopped(&mut self, stopped: bool) {
        self.process = if stopped { Process::Stopped } else { Process::Up };
    }

    /// Somebody connects.
    ///
    /// # Errors
    /// As connect(2) on the engine's socket.
    pub fn connect(&mut self) -> Result<ConnId, Refusal> {
        match self.process {
            Process::Absent => return Err(Refusal::Absent),
            _ if self.faults.denied => return Err(Refusal::Denied),
            Process::Crashed => return Err(Refusal::Refused),
            Process::Stopped if self.waiting() > self.faults.backlog => return Err(Refusal::Full),
            Process::Stopped | Process::Up => {}
        }
        self.next_conn += 1;
        let id = ConnId(self.next_conn);
        self.conns.insert(id, Conn::new());
        Ok(id)
    }

    /// Connections that nobody has begun to serve.
    fn waiting(&self) -> usize {
        self.conns.values().filter(|c| c.serving.is_none()).count()
    }

    /// Somebody hears the events.
    pub fn has_subscriber(&self) -> bool {
        self.conns.values().any(|c| matches!(c.body, conn::Body::Events(_)))
    }

    /// When somebody asked for this container's log first.
    pub fn first_read(&self, id: &str) -> Option<Nanos> {
        let asks = |line: &str| line.contains(id) && line.contains("/logs");
        self.requests.iter().find(|(_, line)| asks(line)).map(|(at, _)| *at)
    }

    /// Somebody reads this container's log.
    pub fn has_reader(&self, id: &str) -> bool {
        let reads =
            |c: &Conn| matches!(&c.body, conn::Body::Logs(r) if self.containers[r.container].id == id);
        self.conns.values().any(reads)
    }

    /// The container whose log this connection reads at present, as an index.
    pub fn reads(&self, conn: ConnId) -> Option<usize> {
        match &self.conns.get(&conn)?.body {
            conn::Body::Logs(reader) => Some(reader.container),
            _ => None,
        }
    }

    /// Sends up to so many of the log's messages again, as 20.10 does after a rotation.
    pub fn repeat(&mut self, conn: ConnId, count: u64) {
        if let Some(conn::Body::Logs(reader)) = self.conns.get_mut(&conn).map(|conn| &mut conn.body) {
            reader.go_back(self.containers[reader.container].log(), count);
        }
    }

    /// Gives back the memory of messages that nobody can read any more; with `keep`, also of all but the newest so many of
    /// each log, which new readers then find there. Those who have come less far still get theirs.
    pub fn forget(&mut self, keep: Option<usize>) {
        let mut read: BTreeMap<usize, u64> = BTreeMap::new();
        for conn in self.conns.values() {
            if let conn::Body::Logs(reader) = &conn.body {
                let least = read.entry(reader.container).or_insert(u64::MAX);
                *least = reader.position().min(*least);
            }
        }
        for (index, container) in self.containers.iter_mut().enumerate() {
            container.log_mut().forget(keep, read.get(&index).copied().unwrap_or(u64::MAX));
        }
    }

    /// Bytes from the other side.
    pub fn feed(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.inbox.extend_from_slice(bytes);
        }
    }

    /// The other side has closed.
    pub fn disconnect(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
    }

    /// The engine has closed, and every write was taken; or its process has gone.
    pub fn has_closed(&self, conn: ConnId) -> bool {
        self.conns.get(&conn).is_none_or(|c| c.over)
    }
}
