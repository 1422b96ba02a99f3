//! Runs the program under test: its output is collected while it runs, and it never outlives the test.

use super::lines::{Gap, Line, Told};
use super::processes::Process;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// How long a test waits for what has to come. Far more than it ever takes: a slow machine fails no test.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program and its arguments, before it runs.
pub(crate) struct Launch {
    program: PathBuf,
    host: String,
    args: Vec<String>,
    environment: Vec<(&'static str, String)>,
    stdout_rests: Duration,
    stderr_unread: bool,
    gaps_may_come: bool,
    to_sinks: bool,
}

impl Launch {
    /// Prints JSON lines of what this host's containers write.
    pub(crate) fn on(host: impl Into<String>) -> Self {
        Self {
            program: std::env::var_os("DOCKLOG_BIN")
                .unwrap_or_else(|| env!("CARGO_BIN_EXE_docklog").into())
                .into(),
            host: host.into(),
            args: Vec::new(),
            environment: Vec::new(),
            stdout_rests: Duration::ZERO,
            stderr_unread: false,
            gaps_may_come: false,
            to_sinks: false,
        }
    }

    /// Another build of it than the one under test.
    pub(crate) fn program(mut self, program: &Path) -> Self {
        self.program = program.to_owned();
        self
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Nobody reads standard output for so long at first.
    pub(crate) fn stdout_rests(mut self, time: Duration) -> Self {
        self.stdout_rests = time;
        self
    }

    /// Nobody reads standard error, a pipe as small as can be, before the program has ended.
    pub(crate) fn stderr_unread(mut self) -> Self {
        self.stderr_unread = true;
        self
    }

    /// The engine may delete lines before they can be read. Elsewhere a gap is an error.
    pub(crate) fn gaps_may_come(mut self) -> Self {
        self.gaps_may_come = true;
        self
    }

    /// Lines go where this configuration file's sinks say.
    pub(crate) fn sinks(mut self, config: &Path) -> Self {
        self.to_sinks = true;
        self.args(["--config", config.to_str().unwrap()])
    }

    /// The command itself, for a test that does otherwise with its streams.
    pub(crate) fn command(&self) -> Command {
        self.command_of(&[self.program.as_os_str()])
    }

    fn command_of(&self, words: &[&OsStr]) -> Command {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["-H", &self.host]).args(&self.args);
        if !self.to_sinks {
            command.args(["-o", "json"]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env_remove("DOCKER_HOST").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(self) -> Docklog {
        self.spawn(self.command())
    }

    /// The same; returns when it watches the engine, so that not even the shortest life escapes it.
    pub(crate) fn start_watching(self) -> Docklog {
        let docklog = self.env("RUST_LOG", "docklog=info").start();
        docklog.wait_until("it to watch the engine", || docklog.stderr().contains("watching: "));
        docklog
    }

    /// Runs it as the last argument of a tracer.
    pub(crate) fn start_under(self, tracer: &[&str]) -> Docklog {
        let mut words: Vec<&OsStr> = tracer.iter().map(OsStr::new).collect();
        words.push(self.program.as_os_str());
        self.spawn(self.command_of(&words))
    }

    fn spawn(&self, mut command: Command) -> Docklog {
        let mut child = command.spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let gaps = Arc::new(Mutex::new(Vec::new()));
        let stderr = Arc::new(Mutex::new(String::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (to_lines, to_gaps, to_stderr) = (lines.clone(), gaps.clone(), stderr.clone());
        if self.stderr_unread {
            fcntl(&err, FcntlArg::F_SETPIPE_SZ(4_096)).unwrap();
        }
        let (ended, at_end) = channel::<()>();
        let (rest, unread) = (self.stdout_rests, self.stderr_unread);
        let reader = spawn(move || collect_lines(out, rest, &to_lines, &to_gaps));
        let listener = spawn(move || {
            // Returns when the sender is dropped: the program has ended.
            let _ = unread.then(|| at_end.recv());
            collect_text(err, &to_stderr);
        });
        let (gaps_may_come, readers) = (self.gaps_may_come, vec![reader, listener]);
        Docklog { child, lines, gaps, gaps_may_come, stderr, readers, ended: Some(ended) }
    }
}

fn collect_lines(stream: impl Read, rest: Duration, lines: &Mutex<Vec<Line>>, gaps: &Mutex<Vec<Gap>>) {
    sleep(rest);
    let mut reader = BufReader::with_capacity(256 * 1_024, stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).unwrap() > 0 {
        if bytes.pop() != Some(b'\n') {
            // Only the very last line can be torn, by an end while the pipe was full; such tests compare what came before.
            return;
        }
        match Told::parse(&bytes) {
            Told::Line(line) => lines.lock().unwrap().push(line),
            Told::Gap(gap) => gaps.lock().unwrap().push(gap),
        }
        bytes.clear();
    }
}

fn collect_text(stream: impl Read, text: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).unwrap() > 0 {
        text.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes));
        bytes.clear();
    }
}

/// The running program.
pub(crate) struct Docklog {
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
    gaps: Arc<Mutex<Vec<Gap>>>,
    gaps_may_come: bool,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// Dropped when it has ended.
    ended: Option<Sender<()>>,
}

/// What it left when it ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) lines: Vec<Line>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) stderr: String,
    /// From the signal to the end of the process.
    pub(crate) took: Duration,
}

impl Finished {
    /// The first of its messages that holds this text.
    pub(crate) fn message(&self, text: &str) -> Option<&str> {
        messages(&self.stderr).find(|line| line.contains(text))
    }
}

impl Docklog {
    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    /// How many lines there are so far.
    pub(crate) fn count(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    /// What it said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until the lines are such; they are looked at time and again, so the test should be a cheap one.
    pub(crate) fn wait_for(&self, what: &str, test: impl Fn(&[Line]) -> bool) {
        self.wait_until(what, || test(&self.lines.lock().unwrap()));
    }

    /// Waits until there are so many lines, and a moment longer: what comes twice would come now.
    pub(crate) fn wait_for_count(&self, count: usize) {
        self.wait_for(&format!("{count} lines"), |lines| lines.len() >= count);
        sleep(Duration::from_millis(300));
    }

    /// Waits until it says something that holds this text.
    pub(crate) fn wait_for_message(&self, text: &str) {
        self.wait_until(&format!("a message with {text:?}"), || self.said(text) > 0);
    }

    /// Waits for anything at all; panics with what docklog said when it doesn't come.
    pub(crate) fn wait_until(&self, what: &str, mut test: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !test() {
            assert!(
                Instant::now() < deadline,
                "waited for {what} in vain; {} lines came; stderr: {}",
                self.count(),
                tail(&self.stderr())
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// How many of its messages (not of its debugging output) hold this text.
    pub(crate) fn said(&self, text: &str) -> usize {
        messages(&self.stderr()).filter(|line| line.contains(text)).count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Its figures, as SIGUSR2 has it tell them. It must be watching already: before, the signal would end it.
    pub(crate) fn counts(&self) -> Value {
        let said = self.stderr.lock().unwrap().len();
        self.signal(Signal::SIGUSR2);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.stderr.lock().unwrap()[said..]
                .lines()
                .find_map(|line| line.strip_prefix("docklog: counts ").map(str::to_owned));
            if let Some(figures) = told {
                return serde_json::from_str(&figures).unwrap();
            }
            assert!(Instant::now() < deadline, "no figures after SIGUSR2");
            sleep(Duration::from_millis(1));
        }
    }

    /// One of its figures.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        self.counts()[name].as_u64().unwrap()
    }

    /// Ends it by SIGTERM, which has to be a good end.
    pub(crate) fn terminate(self) -> Finished {
        let finished = self.end_by(Signal::SIGTERM);
        assert_eq!(finished.status.code(), Some(0), "ended by SIGTERM; stderr: {}", tail(&finished.stderr));
        finished
    }

    pub(crate) fn end_by(self, signal: Signal) -> Finished {
        self.signal(signal);
        self.wait_end()
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait_end(mut self) -> Finished {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "docklog doesn't end; stderr: {}", tail(&self.stderr()));
            sleep(Duration::from_millis(2));
        };
        let took = start.elapsed();
        self.ended = None;
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let gaps = std::mem::take(&mut *self.gaps.lock().unwrap());
        assert!(self.gaps_may_come || gaps.is_empty(), "gaps where none can be: {gaps:?}");
        Finished {
            status,
            lines: std::mem::take(&mut self.lines.lock().unwrap()),
            gaps,
            stderr: self.stderr(),
            took,
        }
    }
}

/// docklog's messages to its user.
fn messages(stderr: &str) -> impl Iterator<Item = &str> {
    let debugging =
        |message: &str| ["trace:", "debug:", "info:"].iter().any(|level| message.starts_with(level));
    stderr
        .lines()
        .filter(move |line| line.strip_prefix("docklog: ").is_some_and(|message| !debugging(message)))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

impl Drop for Docklog {
    fn drop(&mut self) {
        if self.ended.take().is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            if std::thread::panicking() {
                eprintln!("docklog's stderr ended with: {}", tail(&self.stderr()));
            }
        }
    }
}
