//! The simulated engine of the tests, served on a real Unix socket: one thread, one epoll. `examples/engine` is a tool made
//! of it, `examples/demo.rs` a show, and `tests/serve.rs` sees to it that a client can rely on it.
//!
//! Each message of a log is one chunk and one write(2), as real engines send them: what a client pays for receiving
//! depends on that.

#[path = "../../tests/sim/engine/mod.rs"]
pub mod engine;
mod faults;
mod link;
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/sim/rng.rs"]
mod rng;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::UnixListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use engine::{Channel, Nanos, SimEngine};
pub use faults::{Fault, Faults};
use link::{Link, Sent};

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// How often memory is given back and requests are counted.
const TIDY: Duration = Duration::from_secs(1);

/// Writes that one connection may make before it is the others' turn.
const WRITES_A_TURN: usize = 300;

/// After accept(2) failed, for want of descriptors as a rule.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Lines that containers have written.
    pub lines: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Log requests.
    pub sessions: u64,
    /// Writes on log responses.
    pub writes: u64,
}

/// Why [`Server::serve_until`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Its time was over.
    All,
    /// What it was told to stop on is readable.
    Stop,
}

/// The engine with its sockets.
pub struct Server {
    socket: PathBuf,
    /// None while the engine is down.
    listener: Option<UnixListener>,
    poll: Poll,
    events: Events,
    engine: SimEngine,
    /// What is done to clients on purpose.
    pub faults: Faults,
    /// Lines that a log keeps for new readers; `None`: all.
    pub keep: Option<usize>,
    links: Vec<Option<Link>>,
    vacant: Vec<usize>,
    /// The links that read a container's log.
    readers: Vec<Vec<usize>>,
    /// Links that may have something to do.
    ready: VecDeque<usize>,
    /// Links that were stalled, and until when.
    stalls: VecDeque<(Instant, usize)>,
    /// Somebody may wait to be accepted; and no one is before this.
    knocked: bool,
    accept_at: Instant,
    tidy_at: Instant,
    counts: Counts,
}

/// Wall time, as the engine stamps lines with it.
pub fn now() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
}

impl Server {
    /// Listens on this path.
    ///
    /// # Errors
    /// As of bind(2) and epoll.
    pub fn new(socket: &Path, engine: SimEngine, faults: Faults) -> io::Result<Self> {
        let mut server = Server {
            socket: socket.to_owned(),
            listener: None,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            engine,
            faults,
            keep: None,
            links: Vec::new(),
            vacant: Vec::new(),
            readers: Vec::new(),
            ready: VecDeque::new(),
            stalls: VecDeque::new(),
            knocked: false,
            accept_at: Instant::now(),
            tidy_at: Instant::now() + TIDY,
            counts: Counts::default(),
        };
        server.listen()?;
        Ok(server)
    }

    fn listen(&mut self) -> io::Result<()> {
        // The standard library's backlog is as long as the kernel allows.
        let listener = std::os::unix::net::UnixListener::bind(&self.socket)?;
        listener.set_nonblocking(true)?;
        let mut listener = UnixListener::from_std(listener);
        self.poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Serving ends early when this descriptor is readable.
    ///
    /// # Errors
    /// As of epoll.
    pub fn stop_on(&mut self, descriptor: RawFd) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&descriptor), STOP, Interest::READABLE)
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &SimEngine {
        &self.engine
    }

    /// What was done so far.
    pub fn counts(&mut self) -> Counts {
        self.count_requests();
        self.counts.clone()
    }

    /// Something happens to the engine or its containers. Everybody may have something to hear of it.
    pub fn act(&mut self, deed: impl FnOnce(&mut SimEngine, Nanos)) {
        deed(&mut self.engine, now());
        self.look_at_all();
    }

    /// A container (by its index in the engine) writes a line; those who follow it get it when serving goes on.
    pub fn write(&mut self, container: usize, channel: Channel, line: &[u8]) {
        self.engine.write_to(now(), container, channel, line);
        self.counts.lines += 1;
        for at in 0..self.readers.get(container).map_or(0, Vec::len) {
            self.look_at(self.readers[container][at]);
        }
    }

    /// The engine's process is killed: all connections are cut, its socket file stays.
    pub fn crash(&mut self) {
        self.engine.go_down(false);
        self.listener = None;
        for slot in 0..self.links.len() {
            self.close(slot);
        }
    }

    /// And starts again; its containers have lived on.
    ///
    /// # Errors
    /// As of bind(2).
    pub fn come_up(&mut self) -> io::Result<()> {
        std::fs::remove_file(&self.socket)?;
        self.engine.come_up(now(), true);
        self.listen()
    }

    /// Serves until then, or until it is to stop.
    ///
    /// # Errors
    /// As of epoll.
    pub fn serve_until(&mut self, end: Instant) -> io::Result<Served> {
        loop {
            self.serve_ready();
            let wait = self.next_deadline(end).saturating_duration_since(Instant::now());
            let wait = if self.ready.is_empty() { wait } else { Duration::ZERO };
            match self.poll.poll(&mut self.events, Some(wait)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if self.take_events() == Served::Stop {
                return Ok(Served::Stop);
            }
            self.accept();
            self.tidy();
            if Instant::now() >= end {
                self.serve_ready();
                return Ok(Served::All);
            }
        }
    }

    fn next_deadline(&self, end: Instant) -> Instant {
        let stall = self.stalls.front().map(|stall| stall.0);
        let accept = self.knocked.then_some(self.accept_at);
        stall.into_iter().chain(accept).fold(end.min(self.tidy_at), Instant::min)
    }

    fn take_events(&mut self) -> Served {
        let mut served = Served::All;
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                STOP => served = Served::Stop,
                LISTENER if !self.knocked => {
                    self.knocked = true;
                    self.accept_at = Instant::now() + self.faults.accept_after;
                }
                LISTENER => {}
                Token(slot) => {
                    if let Some(Some(link)) = self.links.get_mut(slot) {
                        link.mark(event.is_readable() || event.is_read_closed(), event.is_writable());
                        self.look_at(slot);
                    }
                }
            }
        }
        self.events = events;
        let now = Instant::now();
        while let Some(&(_, slot)) = self.stalls.front().filter(|stall| stall.0 <= now) {
            self.stalls.pop_front();
            self.look_at(slot);
        }
        served
    }

    fn accept(&mut self) {
        while self.knocked && self.accept_at <= Instant::now() {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, _)) => {
                    self.accept_at += self.faults.accept_after;
                    self.admit(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.knocked = false,
                Err(_) => self.accept_at = Instant::now() + ACCEPT_AGAIN,
            }
        }
    }

    fn admit(&mut self, mut stream: mio::net::UnixStream) {
        let Ok(conn) = self.engine.connect() else { return };
        let slot = self.vacant.pop().unwrap_or(self.links.len());
        if self.poll.registry().register(&mut stream, Token(slot), Interest::READABLE).is_err() {
            self.engine.disconnect(conn);
            return self.vacant.push(slot);
        }
        if slot == self.links.len() {
            self.links.push(None);
        }
        self.links[slot] = Some(Link::new(stream, conn));
        self.counts.connections += 1;
        self.look_at(slot);
    }

    fn look_at(&mut self, slot: usize) {
        if let Some(Some(link)) = self.links.get_mut(slot)
            && !std::mem::replace(&mut link.queued, true)
        {
            self.ready.push_back(slot);
        }
    }

    fn look_at_all(&mut self) {
        for slot in 0..self.links.len() {
            self.look_at(slot);
        }
    }

    /// Each that is ready has its turn.
    fn serve_ready(&mut self) {
        for _ in 0..self.ready.len() {
            let Some(slot) = self.ready.pop_front() else { return };
            match self.serve(slot) {
                Ok(true) => self.look_at(slot),
                Ok(false) => {}
                Err(_) => self.close(slot),
            }
        }
    }

    /// Takes what has come, and gives what there is to say, as far as the socket takes it. True: there is more.
    fn serve(&mut self, slot: usize) -> io::Result<bool> {
        let Some(Some(link)) = self.links.get_mut(slot) else { return Ok(false) };
        link.queued = false;
        if let Some(request) = link.hear()? {
            self.engine.feed(link.conn, &request);
        }
        if link.is_stalled(&mut self.stalls, slot) {
            return Ok(false);
        }
        let now = now();
        for _ in 0..WRITES_A_TURN {
            match link.flush()? {
                Sent::All => {}
                Sent::Some => {
                    link.wants_room(self.poll.registry(), Token(slot))?;
                    return Ok(false);
                }
            }
            match self.engine.next_write(now, link.conn) {
                Some(write) if link.follows.is_some() => {
                    self.counts.writes += 1;
                    let fault = self.faults.strike();
                    link.send(write, fault, &mut self.faults);
                    match fault {
                        Some(Fault::Stall) => {
                            let until = Instant::now() + self.faults.stall_for;
                            link.stalled = Some(until);
                            self.stalls.push_back((until, slot));
                            return Ok(false);
                        }
                        Some(Fault::Repeat) => self.engine.repeat(link.conn, faults::REPEATED),
                        _ => {}
                    }
                }
                Some(write) => {
                    link.send(write, None, &mut self.faults);
                    // The head of a log's response is the first write of which the engine knows that.
                    follow(&mut self.readers, link, self.engine.reads(link.conn), slot);
                }
                None if self.engine.has_closed(link.conn) => return Err(ErrorKind::ConnectionAborted.into()),
                None => {
                    follow(&mut self.readers, link, self.engine.reads(link.conn), slot);
                    link.has_said_all(self.poll.registry(), Token(slot))?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn close(&mut self, slot: usize) {
        let Some(mut link) = self.links.get_mut(slot).and_then(Option::take) else { return };
        follow(&mut self.readers, &mut link, None, slot);
        self.engine.disconnect(link.conn);
        self.stalls.retain(|stall| stall.1 != slot);
        self.vacant.push(slot);
    }

    fn tidy(&mut self) {
        if Instant::now() >= self.tidy_at {
            self.tidy_at = Instant::now() + TIDY;
            self.engine.forget(self.keep);
            self.count_requests();
        }
    }

    fn count_requests(&mut self) {
        let requests = self.engine.requests.drain(..);
        self.counts.sessions += requests.filter(|(_, line)| line.contains("/logs?")).count() as u64;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone with its folder.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Notes whose log this link reads.
fn follow(readers: &mut Vec<Vec<usize>>, link: &mut Link, container: Option<usize>, slot: usize) {
    if link.follows == container {
        return;
    }
    if let Some(before) = std::mem::replace(&mut link.follows, container) {
        readers[before].retain(|reader| *reader != slot);
    }
    if let Some(container) = container {
        if readers.len() <= container {
            readers.resize_with(container + 1, Vec::new);
        }
        readers[container].push(slot);
    }
}
