//! The real machine: epoll by mio, signals by signalfd, the system's clocks.
//!
//! Two epoll instances, the second watched by the first: urgent things (signals, outlets, discovery) are registered with
//! the inner one, so that a hold can wait for them alone while log data gathers in its sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use docklog_protocol::{ContainerId, Timestamp};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::journal::Journal;
use super::listener::Listener;
use super::manager::Manager;
use super::outlet;
use super::process::{self, Figures, Process};
use super::socket::Socket;
use super::state::State;
use super::world::{Ask, Outlet, Ready, Tended, Token, Urgency, World};
use crate::config::Settings;
use crate::core::batch::Batch;
use crate::core::checkpoint::FileMark;
use crate::core::source::Source;
use crate::core::time::{Mono, Now};
use crate::files::Files;
use crate::limits;
use crate::web::listen::Listen;

const URGENT: mio::Token = mio::Token(usize::MAX);
const SIGNALS: mio::Token = mio::Token(usize::MAX - 1);
const STDERR: mio::Token = mio::Token(usize::MAX - 2);
const LISTENER: mio::Token = mio::Token(usize::MAX - 3);
/// The first of the sinks; the next has the next number.
const SINKS: usize = usize::MAX - 3 - limits::SINKS;

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

const SIGNALS_TAKEN: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// This machine, seen by one docklog.
pub struct Host {
    path: PathBuf,
    all: Poll,
    urgent: Poll,
    events: Events,
    signals: SignalFd,
    sinks: Vec<Way>,
    stderr: outlet::Outlet,
    state: Option<State>,
    manager: Option<Manager>,
    reload: Reload,
    outlives_terminal: bool,
    listener: Option<Listener>,
    process: Process,
    start: Instant,
    /// The wall clock, as it was read last.
    wall: Timestamp,
    /// When the present turn has begun, and how long the longest was.
    turned: Instant,
    longest_turn: Duration,
}

/// Reads the configuration again, if there is one.
pub type Reload = Box<dyn FnMut() -> Option<Result<Settings, String>>>;

/// Where lines and places go, if not to stdout and nowhere.
#[derive(Debug, Default)]
pub struct Keeping {
    /// Where lines go: the sinks, in the order of their numbers.
    pub sinks: Vec<Lines>,
    /// Where checkpoints go.
    pub state: Option<State>,
}

/// Where lines go.
#[derive(Debug, Default)]
pub enum Lines {
    /// stdout.
    #[default]
    Stdout,
    /// Files.
    Files(Box<Files>),
    /// systemd's journal.
    Journal(Journal),
    /// A receiver: by connections like others.
    Sent,
}

/// How they get there.
#[derive(Debug)]
enum Way {
    Stdout(outlet::Outlet),
    /// Also whose lines those are that aren't told apart.
    Files(Box<Files>, Rc<Source>),
    Journal(Journal),
    Sent,
}

impl Way {
    fn new(lines: Lines) -> io::Result<Self> {
        Ok(match lines {
            Lines::Stdout => Self::Stdout(outlet::Outlet::new(io::stdout().as_fd())?),
            Lines::Files(files) => {
                let (id, name) = (ContainerId::from([0; 32]), String::new());
                Self::Files(files, Rc::new(Source { id, name, fields: Vec::new() }))
            }
            Lines::Journal(journal) => Self::Journal(journal),
            Lines::Sent => Self::Sent,
        })
    }

    /// What says when it takes bytes again, if anything does.
    fn raw_fd(&self) -> Option<RawFd> {
        match self {
            Self::Stdout(outlet) => Some(outlet.raw_fd()),
            Self::Journal(journal) => Some(journal.raw_fd()),
            Self::Files(..) | Self::Sent => None,
        }
    }
}

fn wall() -> Timestamp {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX))
}

/// Raises the soft limit of descriptors to the hard one, and returns how many sessions that leaves room for beside so many sinks.
pub fn room(sinks: usize) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft, // there are fewer streams then, no more
    };
    usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(limits::OTHER_DESCRIPTORS + sinks * limits::SINK_DESCRIPTORS)
        .max(1)
}

impl Host {
    /// Takes over the signals that mean something to us, from this thread.
    ///
    /// # Errors
    /// If stdout or stderr is closed, or the kernel refuses epoll or signalfd.
    pub fn new(engine: PathBuf, keeping: Keeping, reload: Reload) -> io::Result<Self> {
        let asked = SigSet::from_iter(SIGNALS_TAKEN);
        asked.thread_block()?;
        let signals = SignalFd::with_flags(&asked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let (all, urgent) = (Poll::new()?, Poll::new()?);
        let sinks = keeping.sinks.into_iter().map(Way::new).collect::<io::Result<Vec<_>>>()?;
        let stderr = outlet::Outlet::new(io::stderr().as_fd())?;
        all.registry().register(&mut SourceFd(&urgent.as_raw_fd()), URGENT, Interest::READABLE)?;
        urgent.registry().register(&mut SourceFd(&signals.as_raw_fd()), SIGNALS, Interest::READABLE)?;
        let outlets = sinks.iter().enumerate();
        let outlets = outlets.filter_map(|(index, sink)| Some((sink.raw_fd()?, mio::Token(SINKS + index))));
        for (fd, token) in outlets.chain([(stderr.raw_fd(), STDERR)]) {
            // Refused for regular files and /dev/null (EPERM): they never say that they would block.
            let _ = urgent.registry().register(&mut SourceFd(&fd), token, Interest::WRITABLE);
        }
        let events = Events::with_capacity(limits::EVENTS);
        Ok(Self {
            path: engine,
            all,
            urgent,
            events,
            signals,
            sinks,
            stderr,
            state: keeping.state,
            manager: Manager::from_environment(),
            reload,
            outlives_terminal: process::ignores_hangups(),
            listener: None,
            process: Process::open(),
            start: Instant::now(),
            wall: wall(),
            turned: Instant::now(),
            longest_turn: Duration::ZERO,
        })
    }

    /// Begins to listen for clients of our own HTTP. They may wait for the end of a hold.
    ///
    /// # Errors
    /// If that isn't possible here, for people.
    pub fn listen(&mut self, at: &Listen) -> Result<(), String> {
        let mut listener = Listener::bind(at)?;
        let registered = self.all.registry().register(&mut listener, LISTENER, Interest::READABLE);
        registered.map_err(|error| format!("can't listen on {at}: {error}"))?;
        self.listener = Some(listener);
        Ok(())
    }

    /// Watches a socket for both directions.
    fn watched(&self, token: Token, mut socket: Socket) -> io::Result<Socket> {
        self.registry(socket.urgency()).register(&mut socket, mio::Token(token.0), BOTH)?;
        Ok(socket)
    }

    fn registry(&self, urgency: Urgency) -> &Registry {
        match urgency {
            Urgency::Urgent => self.urgent.registry(),
            Urgency::Bulk => self.all.registry(),
        }
    }

    fn files(&mut self) -> impl Iterator<Item = &mut Files> {
        self.sinks.iter_mut().filter_map(|sink| match sink {
            Way::Files(files, _) => Some(&mut **files),
            _ => None,
        })
    }

    fn poll(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Tells what is ready. True if the inner epoll has something.
    fn tell(&mut self, ready: &mut Vec<Ready>) -> bool {
        let mut inner = false;
        for event in &self.events {
            match event.token() {
                URGENT => inner = true,
                SIGNALS => {
                    while let Ok(Some(signal)) = self.signals.read_signal() {
                        ready.push(Ready::Ask(match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
                            Ok(Ok(Signal::SIGUSR1)) => Ask::Rotate,
                            Ok(Ok(Signal::SIGUSR2)) => Ask::Counts,
                            Ok(Ok(Signal::SIGHUP)) => Ask::Reload,
                            _ => Ask::Stop,
                        }));
                    }
                }
                STDERR => ready.push(outlet_ready(Outlet::Stderr, event)),
                LISTENER => ready.push(Ready::Accept),
                mio::Token(token @ SINKS..) => {
                    let sink = token - SINKS;
                    ready.push(match self.sinks[sink] {
                        Way::Journal(_) => Ready::Outlet(Outlet::Sink(sink)), // one that has gone may come again
                        _ => outlet_ready(Outlet::Sink(sink), event),
                    });
                }
                mio::Token(token) => ready.push(Ready::Socket {
                    token: Token(token),
                    readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                    closed: event.is_read_closed() || event.is_error(),
                    writable: event.is_writable() || event.is_write_closed() || event.is_error(),
                }),
            }
        }
        inner
    }
}

fn outlet_ready(outlet: Outlet, event: &mio::event::Event) -> Ready {
    if event.is_error() || event.is_write_closed() {
        Ready::OutletClosed(outlet)
    } else {
        Ready::Outlet(outlet)
    }
}

impl World for Host {
    type Socket = Socket;

    fn now(&mut self) -> Now {
        self.turned = Instant::now();
        let mono = u64::try_from((self.turned - self.start).as_nanos()).unwrap_or(u64::MAX);
        self.wall = wall();
        Now { mono: Mono(mono), wall: self.wall }
    }

    fn connect(&mut self, token: Token, urgency: Urgency) -> io::Result<Socket> {
        self.watched(token, Socket::connect(&self.path, urgency)?)
    }

    fn accept(&mut self, token: Token) -> io::Result<Socket> {
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        self.watched(token, listener.accept()?)
    }

    fn dial(&mut self, token: Token, to: SocketAddr) -> io::Result<Socket> {
        self.watched(token, Socket::dial(to)?)
    }

    fn ask(&mut self, token: Token, server: SocketAddr) -> io::Result<Socket> {
        self.watched(token, Socket::ask(server)?)
    }

    fn close(&mut self, mut socket: Socket) {
        // Can't fail for a socket that is registered; and it is closed in any case.
        let _ = self.registry(socket.urgency()).deregister(&mut socket);
    }

    fn wait(&mut self, hold: Duration, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.longest_turn = self.longest_turn.max(self.turned.elapsed());
        let hold = timeout.map_or(hold, |timeout| hold.min(timeout));
        if hold > Duration::ZERO {
            Self::poll(&mut self.urgent, &mut self.events, Some(hold))?;
            self.tell(ready);
        }
        let rest =
            if ready.is_empty() { timeout.map(|timeout| timeout - hold) } else { Some(Duration::ZERO) };
        Self::poll(&mut self.all, &mut self.events, rest)?;
        if !self.tell(ready) {
            return Ok(());
        }
        // The outer epoll tells of the inner one's news once: what one call leaves behind must be asked for.
        loop {
            Self::poll(&mut self.urgent, &mut self.events, Some(Duration::ZERO))?;
            self.tell(ready);
            if self.events.iter().count() < limits::EVENTS {
                return Ok(());
            }
        }
    }

    fn complain(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stderr.write(bytes)
    }

    fn prepare(&mut self, sink: usize, batch: &Batch) -> io::Result<bool> {
        let Way::Files(files, all) = &mut self.sinks[sink] else { return Ok(false) };
        match batch.runs().next() {
            Some(_) => files.prepare(batch.runs(), self.wall),
            None => files.prepare([(&*all, batch.size())], self.wall),
        }
    }

    fn write_lines(&mut self, sink: usize, source: Option<&Rc<Source>>, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sinks[sink] {
            Way::Stdout(outlet) => outlet.write(bytes),
            Way::Files(files, all) => files.write(source.unwrap_or(all), bytes),
            Way::Journal(journal) => journal.write(bytes),
            Way::Sent => Err(io::ErrorKind::Unsupported.into()), // batches don't come this way
        }
    }

    fn settle(&mut self, sink: usize) {
        if let Way::Files(files, _) = &mut self.sinks[sink] {
            files.settle();
        }
    }

    fn marks(&self, sink: usize) -> Vec<FileMark> {
        match &self.sinks[sink] {
            Way::Files(files, _) => files.marks().collect(),
            _ => Vec::new(),
        }
    }

    fn look_for_files(&mut self) {
        self.files().for_each(Files::reopen);
    }

    fn tend(&mut self, now: Timestamp) -> Tended {
        let mut tended = Tended::default();
        for files in self.files() {
            tended.more |= files.step(now);
            tended.after = tended.after.into_iter().chain(files.deadline(now)).min();
            tended.save |= files.needs_save();
            tended.notices.append(&mut files.take_notices());
        }
        tended
    }

    fn figures(&mut self) -> Figures {
        Figures { longest_turn: Some(self.longest_turn), ..self.process.figures() }
    }

    fn notify(&mut self, state: &str) {
        if let Some(manager) = &self.manager {
            manager.tell(state);
        }
    }

    fn reload(&mut self) -> Option<Result<Settings, String>> {
        (self.reload)()
    }

    fn outlives_terminal(&self) -> bool {
        self.outlives_terminal
    }

    fn save(&mut self, checkpoint: &[u8]) -> io::Result<()> {
        self.state.as_ref().map_or(Ok(()), |state| state.save(checkpoint))?;
        self.files().for_each(Files::saved);
        Ok(())
    }
}
