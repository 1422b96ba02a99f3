//! The loop. One turn: wait, read the clock once, mark what is ready, run connections round-robin within their budgets,
//! carry out core's commands, deliver what was read.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::time::Duration;

use super::connection::{Connection, Outcome};
use super::messages::Messages;
use super::sinks::Sinks;
use super::table::Table;
use super::world::{Ask, Outlet, Ready, Token, Urgency, World};
use crate::config::Settings;
use crate::config::keys::Key;
use crate::config::values::Values;
use crate::core::Core;
use crate::core::checkpoint::{self, Saved, SavedSink};
use crate::core::exchange::{Command, ConnectError, End, Exchange, Input};
use crate::core::notice::{Notice, Weight};
use crate::core::pace::{Load, Pace};
use crate::core::service::Service;
use crate::core::time::{Mono, Now};
use crate::encode;
use crate::limits;
use crate::web::listen::Listen;
use crate::web::{Ways, Web};

/// The loop and what it drives.
pub struct Turn<W: World> {
    world: W,
    core: Core,
    connections: Table<Connection<W::Socket>>,
    tokens: HashMap<Exchange, Token>,
    web: Web<W::Socket>,
    /// Connections that are ready to run.
    run: VecDeque<Token>,
    /// Those that are ready, but without a permit.
    starved: Vec<Token>,
    ready: Vec<Ready>,
    buffer: Box<[u8]>,
    pace: Pace,
    load: Load,
    sinks: Sinks<W::Socket>,
    /// There is work beside the writing: now, or then.
    more_to_tend: bool,
    tend_at: Option<Mono>,
    messages: Messages,
    news: bool,
    /// A sink takes nothing any more (nobody reads stdout): end with this code.
    closed: Option<i32>,
    stateful: bool,
    /// What was set at the start; and what holds of it that can be changed since.
    values: Values,
    in_force: Values,
    /// When the service manager was told last how docklog fares, and how many lines there were.
    fared: (Mono, u64),
    /// The last checkpoint could not be written, and that was said.
    unsaved: bool,
}

/// What becomes of a connection after it has run.
enum After {
    /// It has more: next round.
    Again,
    /// Until the next event.
    Waits,
    /// It may not read now.
    Starved,
    /// The exchange is over.
    Over(End),
}

impl<W: World> Turn<W> {
    /// Starts: the first request is on its way when the loop runs. `saved`: what an earlier run has left.
    pub fn new(settings: Settings, saved: Saved, mut world: W, messages: Messages) -> Self {
        let now = world.now();
        let stateful = settings.rules.stateful;
        let ways = Ways {
            local: matches!(settings.http, Some(Listen::Unix(_))),
            per_container: settings.http_per_container,
        };
        let seed = now.wall.unix_nanos().unsigned_abs() ^ u64::from(std::process::id());
        let seed = settings.seed.unwrap_or(seed);
        let mut core = Core::new(settings.rules, saved, now, seed);
        core.set_hold(settings.max_latency);
        let sinks = Sinks::new(settings.sinks, &mut core, seed);
        Self {
            world,
            core,
            connections: Table::default(),
            tokens: HashMap::new(),
            web: Web::new(ways),
            run: VecDeque::new(),
            starved: Vec::new(),
            ready: Vec::new(),
            buffer: vec![0; limits::READ_BUFFER].into_boxed_slice(),
            pace: Pace::new(settings.max_latency),
            load: Load::default(),
            sinks,
            more_to_tend: false,
            tend_at: None,
            messages,
            news: settings.news,
            closed: None,
            stateful,
            in_force: settings.values.clone(),
            values: settings.values,
            fared: (now.mono, 0),
            unsaved: false,
        }
    }

    /// Turns until all is done, or somebody asks to stop. Returns the exit code.
    pub fn run(&mut self) -> i32 {
        let mut now = self.world.now();
        if self.stateful {
            self.save(); // what is written from now on, and not settled, can be told
        }
        loop {
            self.carry_out();
            self.talk();
            self.deliver();
            if let Some(code) = self.over() {
                log::info!("{:?}", self.core.counts());
                if self.stateful {
                    self.save();
                }
                self.web.close(&mut self.world);
                self.sinks.close(&mut self.world);
                self.talk();
                return code;
            }
            self.feed_starved();
            let hold = self.pace.hold(now.mono, std::mem::take(&mut self.load));
            if let Err(error) = self.wait(now, hold) {
                self.messages.push(format!("docklog: waiting for events failed: {error}\n").as_bytes());
                self.talk();
                return 1;
            }
            now = self.world.now();
            self.core.begin_turn(now);
            self.sinks.begin_turn(now.mono);
            self.mark();
            self.run_connections();
            self.web.turn(&mut self.world, &mut self.core, &self.messages);
            self.core.end_turn();
        }
    }

    fn wait(&mut self, now: Now, hold: Duration) -> io::Result<()> {
        let busy = !self.run.is_empty() || self.sinks.is_busy() || self.more_to_tend || self.web.is_busy();
        let (core, web) = (self.core.deadline(), self.web.deadline());
        let sinks = self.sinks.deadline();
        let (hold, timeout) =
            match core.map(|(at, _)| at).into_iter().chain(web).chain(sinks).chain(self.tend_at).min() {
                _ if busy => (Duration::ZERO, Some(Duration::ZERO)),
                Some(at) => (hold, Some(at.since(now.mono))),
                None => (hold, None),
            };
        log::trace!(
            "waiting: hold {hold:?}, timeout {timeout:?} for {core:?}, for our HTTP {web:?}, for sinks {sinks:?}"
        );
        self.ready.clear();
        self.world.wait(hold, timeout, &mut self.ready)
    }

    /// Notes what is ready. Nothing is done yet, and nothing closed: one event must not spoil another.
    fn mark(&mut self) {
        let mut marked = std::mem::take(&mut self.ready);
        for ready in marked.drain(..) {
            match ready {
                Ready::Socket { token, readable, closed, writable } => {
                    if self.web.mark(token, readable, writable) || self.sinks.mark(token, readable, writable)
                    {
                        continue;
                    }
                    let Some(connection) = self.connections.get_mut(token) else { continue };
                    connection.readable |= readable;
                    connection.closed |= closed;
                    connection.writable |= writable;
                    if !std::mem::replace(&mut connection.queued, true) {
                        self.run.push_back(token);
                    }
                }
                Ready::Accept => self.web.knock(),
                Ready::Outlet(Outlet::Sink(sink)) => self.sinks.reopen(sink),
                Ready::OutletClosed(Outlet::Sink(sink)) => {
                    self.sinks.lose(sink);
                    self.closed = Some(0);
                }
                Ready::Outlet(Outlet::Stderr) | Ready::OutletClosed(Outlet::Stderr) => {}
                Ready::Ask(Ask::Stop) => self.core.handle(Input::Stop),
                Ready::Ask(Ask::Rotate) => self.core.handle(Input::Rotate),
                Ready::Ask(Ask::Counts) => self.say_counts(),
                Ready::Ask(Ask::Reload) => self.reload(),
            }
        }
        self.ready = marked;
    }

    /// Whoever was starved and may read now runs in the next turn. Its readiness was told once and won't be told again.
    fn feed_starved(&mut self) {
        for token in std::mem::take(&mut self.starved) {
            let Some(connection) = self.connections.get_mut(token) else { continue };
            if permit(connection, &self.core) > 0 {
                self.run.push_back(token);
            } else {
                self.starved.push(token);
            }
        }
    }

    /// One round: each connection that is ready runs once, within its budget. If that has brought many lines, the sinks have
    /// their turn first, and the rest of the round is the next turn's.
    fn run_connections(&mut self) {
        for _ in 0..self.run.len() {
            if self.core.has_enough() {
                return;
            }
            let Some(token) = self.run.pop_front() else { return };
            match self.run_one(token) {
                After::Again => self.run.push_back(token),
                After::Starved => {
                    self.starved.push(token);
                    if let Some(&Exchange::Logs(id)) = self.connections.get_mut(token).map(|c| &c.exchange) {
                        self.core.starved(id);
                    }
                }
                After::Waits => {
                    if let Some(connection) = self.connections.get_mut(token) {
                        connection.queued = false;
                    }
                }
                After::Over(end) => self.over_with(token, end),
            }
        }
    }

    fn run_one(&mut self, token: Token) -> After {
        let Some(connection) = self.connections.get_mut(token) else { return After::Waits };
        // A response may come before the request is sent in full (an error), so a failed write is no reason not to read.
        let _ = connection.send();
        let (mut total, mut records) = (0, 0);
        let after = loop {
            if !connection.readable {
                break After::Waits;
            }
            if total >= limits::READ_PER_TURN {
                break After::Again;
            }
            let permit = permit(connection, &self.core).min(self.buffer.len());
            if permit == 0 {
                break After::Starved;
            }
            match connection.socket.read(&mut self.buffer[..permit]) {
                Ok(0) => break After::Over(connection.finish(&mut self.core)),
                Ok(read) => {
                    // Less than asked for is all there was (epoll(7)), unless the end follows: it was told with the data.
                    connection.readable = read == permit || connection.closed;
                    let (outcome, brought) = connection.feed(&self.buffer[..read], &mut self.core);
                    total += read;
                    records += brought;
                    if let Outcome::Over(end) = outcome {
                        break After::Over(end);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break After::Over(End::Truncated),
            }
        };
        if matches!(connection.exchange, Exchange::Logs(_)) {
            self.load.add(records, total, self.core.age());
        }
        after
    }

    /// The exchange is over: close first, then tell core.
    fn over_with(&mut self, token: Token, end: End) {
        if let Some(connection) = self.connections.remove(token) {
            let exchange = connection.exchange;
            log::debug!("{exchange:?} ended: {end:?}");
            self.tokens.remove(&exchange);
            self.world.close(connection.socket);
            self.core.handle(Input::Ended(exchange, end));
        }
    }

    fn carry_out(&mut self) {
        while let Some(command) = self.core.next_command() {
            match command {
                Command::Open(exchange, request) => self.open(exchange, request),
                Command::Close(exchange) => {
                    if let Some(token) = self.tokens.remove(&exchange)
                        && let Some(connection) = self.connections.remove(token)
                    {
                        log::debug!("{exchange:?} closed");
                        self.world.close(connection.socket);
                    }
                }
                Command::Say(notice) => self.say(&notice),
                Command::Save => self.save(),
                Command::Notify(service) => self.notify(service),
            }
        }
    }

    /// Tells the service manager.
    fn notify(&mut self, service: Service) {
        let word = match service {
            Service::Ready => "READY=1\n",
            Service::Alive => "WATCHDOG=1\n",
            Service::Stopping => return self.world.notify("STOPPING=1"),
            Service::Status => "",
        };
        let (now, lines) = (self.core.now().mono, self.core.counts().lines);
        let (then, lines_then) = std::mem::replace(&mut self.fared, (now, lines));
        let millis = u64::try_from(now.since(then).as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = (lines - lines_then).saturating_mul(1000).saturating_add(millis / 2) / millis;
        self.world.notify(&format!("{word}STATUS={}", self.core.fares(rate)));
    }

    /// SIGHUP: the configuration is read again. If it is valid, it holds from now on; else the old one stays.
    fn reload(&mut self) {
        let files = self.sinks.have_files();
        self.world.look_for_files();
        let Some(read) = self.world.reload() else {
            // Without a configuration SIGHUP means what it means to any program; unless a file may have been exchanged.
            if !files && !self.world.outlives_terminal() {
                self.core.handle(Input::Stop);
            }
            return;
        };
        self.world.notify("RELOADING=1");
        match read {
            Ok(settings) => {
                let text = self.take_over(settings);
                self.messages.push(format!("docklog: {text}\n").as_bytes());
            }
            Err(error) => self.messages.push(
                format!("docklog: the configuration stays as it was, for the new one is wrong:\n{error}\n")
                    .as_bytes(),
            ),
        }
        self.notify(Service::Ready);
    }

    /// Applies new settings. Returns what was changed, for people.
    fn take_over(&mut self, mut settings: Settings) -> String {
        let called = |keys: Vec<&Key>| keys.iter().map(|key| key.path).collect::<Vec<_>>().join(", ");
        let (fixed, _): (Vec<_>, Vec<_>) = self.values.differing(&settings.values).partition(|key| key.fixed);
        let changed = self.in_force.differing(&settings.values).filter(|key| !key.fixed).collect();
        let mut text = match called(changed) {
            none if none.is_empty() => "the configuration was read again: nothing has changed".to_owned(),
            changed => format!("the configuration was read again: {changed} changed"),
        };
        if !fixed.is_empty() {
            text.push_str(&format!("; a restart is needed for {}", called(fixed)));
        }
        self.sinks.take_over(settings.sinks, &mut self.core);
        self.news = settings.news;
        self.pace.set_longest(settings.max_latency);
        self.core.set_hold(settings.max_latency);
        self.web.set_per_container(settings.http_per_container);
        if self.sinks.have_journal() {
            settings.rules.selection.leave_the_journals();
        }
        self.in_force = settings.values;
        self.core.handle(Input::Reload(Box::new(settings.rules)));
        text
    }

    /// Writes the checkpoint: up to where all lines are written, and how long the sinks' files were then. Without one the files are
    /// told all the same that what they hold is settled.
    fn save(&mut self) {
        let bytes = if self.stateful { self.checkpoint() } else { Vec::new() };
        match self.world.save(&bytes) {
            Ok(()) => self.unsaved = false,
            Err(error) => {
                if !std::mem::replace(&mut self.unsaved, true) {
                    let text =
                        "docklog: can't write the checkpoint, so lines would come twice after a restart";
                    self.messages.push(format!("{text}: {error}\n").as_bytes());
                }
            }
        }
    }

    fn checkpoint(&self) -> Vec<u8> {
        let (core, world) = (&self.core, &self.world);
        let sinks = core.sink_rules().iter().enumerate().map(|(index, rules)| SavedSink {
            name: &rules.name,
            files: world.marks(index),
            ahead: core.places_ahead(index),
        });
        checkpoint::encode(core.taken(), core.settled_places(), &sinks.collect::<Vec<_>>())
    }

    /// SIGUSR2: how many of what, for people and for `docklog soak`.
    fn say_counts(&mut self) {
        self.messages.push(format!("docklog: counts {}\n", self.core.figures()).as_bytes());
    }

    fn open(&mut self, exchange: Exchange, request: Vec<u8>) {
        log::debug!(
            "{exchange:?} opens: {}",
            String::from_utf8_lossy(&request).lines().next().unwrap_or_default()
        );
        let token = self.connections.vacant();
        let urgency = if matches!(exchange, Exchange::Logs(_)) { Urgency::Bulk } else { Urgency::Urgent };
        match self.world.connect(token, urgency) {
            Ok(socket) => {
                let mut connection = Connection::new(socket, exchange, request);
                let _ = connection.send(); // a failure shows as the end of the stream
                self.connections.insert(connection);
                self.tokens.insert(exchange, token);
            }
            Err(error) => self.core.handle(Input::Ended(exchange, End::Unconnected(reason(&error)))),
        }
    }

    fn say(&mut self, notice: &Notice) {
        let mut line = Vec::new();
        match notice.weight() {
            Weight::Warning => line.extend_from_slice(b"docklog: "),
            Weight::News if self.news => {}
            Weight::News | Weight::Detail => return log::info!("{}", notice.to_string().escape_debug()),
        }
        if encode::show(notice.to_string().as_bytes(), &mut line) {
            line.extend_from_slice(b"\x1b[0m"); // names and errors come from outside, and may be coloured
        }
        line.push(b'\n');
        self.messages.push(&line);
    }

    fn deliver(&mut self) {
        let asks = self.sinks.run(&mut self.world, &mut self.core, &self.messages);
        self.closed = self.closed.or(asks.end);
        let tended = self.world.tend(self.core.now().wall);
        tended
            .notices
            .iter()
            .for_each(|notice| self.messages.push(format!("docklog: {notice}\n").as_bytes()));
        self.more_to_tend = tended.more;
        self.tend_at = tended.after.map(|span| self.core.now().mono.after(span));
        if asks.save || tended.save {
            self.save();
        }
    }

    fn talk(&mut self) {
        if !self.messages.is_empty() {
            let world = &mut self.world;
            // Without stderr there is nobody left to tell.
            let _ = self.messages.drain(|bytes| world.complain(bytes));
        }
    }

    /// The exit code, once the run is over.
    fn over(&mut self) -> Option<i32> {
        if self.closed.is_some() {
            self.sinks.give_up(&mut self.core, &self.messages);
            return self.closed;
        }
        let code = self.core.exit()?;
        if self.sinks.are_done(&self.core) {
            return Some(code);
        }
        if !self.core.overdue() {
            return None;
        }
        self.sinks.give_up(&mut self.core, &self.messages);
        Some(code)
    }
}

/// How much this connection may read. Discovery is never held back: it has its own limits, and no log data.
fn permit<S: Read + io::Write>(connection: &mut Connection<S>, core: &Core) -> usize {
    let Exchange::Logs(id) = connection.exchange else { return limits::READ_BUFFER };
    if let Some(format) = core.format(id) {
        connection.set_format(format);
    }
    core.permit(id)
}

/// What an error of `connect` means (W-81, W-82).
fn reason(error: &io::Error) -> ConnectError {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    match error.kind() {
        io::ErrorKind::WouldBlock => ConnectError::Busy,
        io::ErrorKind::NotFound => ConnectError::Missing,
        io::ErrorKind::ConnectionRefused => ConnectError::Refused,
        io::ErrorKind::PermissionDenied => ConnectError::Denied,
        _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => ConnectError::Descriptors,
        _ => ConnectError::Other(error.to_string()),
    }
}
