//! The seam to the outside. The loop needs this much of a machine and no more, so a simulated machine can stand in for
//! it: [`crate::shell::host::Host`] is the real one (epoll, signalfd, the clocks), `tests/sim` has one with a virtual
//! clock and an engine in memory.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::Timestamp;

use super::process::Figures;
use crate::config::Settings;
use crate::core::batch::Batch;
use crate::core::checkpoint::FileMark;
use crate::core::source::Source;
use crate::core::time::Now;

/// Names one connection for readiness events. Packs a generation and a slot, so that an event of a closed connection
/// can't be taken for one of its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub usize);

/// How soon readiness of a connection must be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Ends a hold at once: discovery, where a millisecond decides whether a short-lived container is caught.
    Urgent,
    /// May wait for the end of a hold: log data.
    Bulk,
}

/// The ways out of the process that take bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outlet {
    /// Log data for the sink of this number, nothing else.
    Sink(usize),
    /// Our own messages.
    Stderr,
}

/// Requests from outside, by signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// SIGTERM, SIGINT: flush and end.
    Stop,
    /// SIGUSR1: rotate all streams.
    Rotate,
    /// SIGUSR2: say the counts.
    Counts,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// What a wait found. Readiness is edge-triggered: it is told once, and stays true until an operation would block, or has
/// done less than it was asked for (epoll(7)); but for the end of a stream, of which only `closed` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A connection.
    Socket {
        /// Which.
        token: Token,
        /// Bytes, the end of the stream or an error can be read.
        readable: bool,
        /// The other end is closed: what is left can be read, up to the end or the error, and nothing will be told again.
        closed: bool,
        /// There is room for bytes.
        writable: bool,
    },
    /// An outlet that was full may have room again.
    Outlet(Outlet),
    /// Somebody's reader of stdout has gone (a pipe whose reading end was closed), seen without writing to it.
    OutletClosed(Outlet),
    /// Clients may wait to be accepted.
    Accept,
    /// A signal.
    Ask(Ask),
}

/// What work beside the writing asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// There is more to do now.
    pub more: bool,
    /// There will be more to do after this span.
    pub after: Option<Duration>,
    /// It waits for the checkpoint to be saved.
    pub save: bool,
    /// What people should hear of.
    pub notices: Vec<String>,
}

/// A machine: clocks, readiness, connections to the engine, the outlets. No call blocks, but [`World::wait`]. What is about
/// files does nothing on a machine without sinks that are files.
pub trait World {
    /// A non-blocking socket: to the engine, a client of our own HTTP, a receiver of lines, or a name server.
    type Socket: io::Read + io::Write + 'static;

    /// Reads both clocks.
    fn now(&mut self) -> Now;

    /// Opens a connection to the engine's socket, watched for both directions under `token`.
    ///
    /// # Errors
    /// `WouldBlock` if the engine's backlog is full: nothing is in progress then, and nothing will announce room, so
    /// the caller retries by timer. `NotFound`, `ConnectionRefused`, `PermissionDenied` and others as of connect(2);
    /// EMFILE and ENFILE where descriptors ran out (W-81, W-82).
    fn connect(&mut self, token: Token, urgency: Urgency) -> io::Result<Self::Socket>;

    /// Takes the next client of our own HTTP, watched for both directions under `token`. It may have sent something.
    ///
    /// # Errors
    /// `WouldBlock` when nobody waits: [`Ready::Accept`] will tell when somebody does. Others as of accept(2): EMFILE
    /// and ENFILE where descriptors ran out, and nothing tells when they haven't any more.
    fn accept(&mut self, token: Token) -> io::Result<Self::Socket>;

    /// Begins a TCP connection, watched for both directions under `token`. When it is there, or can't be made, it is told
    /// to be writable: a write of nothing says which, by success, `WouldBlock` (not yet) or its error.
    ///
    /// # Errors
    /// As of connect(2): EMFILE and ENFILE where descriptors ran out; what is known at once to lead nowhere.
    fn dial(&mut self, token: Token, to: SocketAddr) -> io::Result<Self::Socket>;

    /// A UDP socket that talks to this name server only, watched for both directions under `token`: each write sends a
    /// datagram, each read takes one.
    ///
    /// # Errors
    /// As of socket(2) and connect(2).
    fn ask(&mut self, token: Token, server: SocketAddr) -> io::Result<Self::Socket>;

    /// Takes the connection off the watch list, then closes it.
    fn close(&mut self, socket: Self::Socket);

    /// Appends what is ready to `ready`. Returns when there is something, when `timeout` has passed (`None`: no limit), or
    /// early without anything. For the span of `hold` only what is urgent ends the wait (signals, outlets, urgent
    /// connections): under load this lets bytes gather, and spares a wake-up for each line.
    ///
    /// # Errors
    /// Those of epoll_wait(2) that are bugs; EINTR isn't reported.
    fn wait(&mut self, hold: Duration, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Writes as much to stderr as it takes now.
    ///
    /// # Errors
    /// As [`World::write_lines`].
    fn complain(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// A batch is to be written to a sink, or gone on with after an error. True if the checkpoint must be saved before a byte of
    /// it is written: then it knows of each file before a line is in it.
    ///
    /// # Errors
    /// Those of open(2).
    fn prepare(&mut self, sink: usize, batch: &Batch) -> io::Result<bool> {
        let _ = (sink, batch);
        Ok(false)
    }

    /// Writes as much as a sink takes now; to a journal, the first entry of these. `source`: whose lines they are, where the
    /// sink puts those of each container elsewhere.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now: [`Ready::Outlet`] will tell when it does. `BrokenPipe` when the reader has
    /// gone. Where lines go to a file, those of write(2); to the journal, what connect(2) says while there is none.
    fn write_lines(&mut self, sink: usize, source: Option<&Rc<Source>>, bytes: &[u8]) -> io::Result<usize>;

    /// All that was written to a sink is settled: what a later docklog finds beyond that in its files, it cuts off.
    fn settle(&mut self, sink: usize) {
        let _ = sink;
    }

    /// The files of a sink, and how much of each is settled.
    fn marks(&self, sink: usize) -> Vec<FileMark> {
        let _ = sink;
        Vec::new()
    }

    /// The files of sinks may have been moved away (logrotate): lines go to new ones from the next batch on.
    fn look_for_files(&mut self) {}

    /// Does a little of the work beside the writing: rotated files are compressed, and deleted.
    fn tend(&mut self, now: Timestamp) -> Tended {
        let _ = now;
        Tended::default()
    }

    /// What the kernel knows of this process.
    fn figures(&mut self) -> Figures;

    /// Tells the service manager, in the words of sd_notify(3); without one nothing happens. What can't be sent now is not
    /// sent: the next news say more.
    fn notify(&mut self, state: &str);

    /// Reads the configuration again. `None`: there is none, and SIGHUP means what it means to any program.
    ///
    /// # Errors
    /// All that is wrong with it, for people.
    fn reload(&mut self) -> Option<Result<Settings, String>>;

    /// True if whoever started us had SIGHUP ignored (`nohup`): then it ends nothing.
    fn outlives_terminal(&self) -> bool {
        false
    }

    /// Replaces the checkpoint. It knows of the present files then.
    ///
    /// # Errors
    /// Those of the file system: the old one stays.
    fn save(&mut self, checkpoint: &[u8]) -> io::Result<()>;
}
