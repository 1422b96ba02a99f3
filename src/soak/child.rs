//! The docklog under test: a child process of the same binary, watched from outside.
//!
//! Its output goes to the ledger. Its own figures come by SIGUSR2, those of the system from `/proc`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::ledger::Ledger;
use super::options::Options;
use super::workload::{LABEL, lock};
use super::{interrupt::Interrupt, say_aside};
use crate::limits;

/// How docklog begins the line that answers SIGUSR2.
const COUNTS: &str = "docklog: counts ";

/// Readings per checkpoint, and the pause between two. Each figure is the middle one: a request that is just under way
/// is no leak.
const READINGS: usize = 7;
/// See [`READINGS`].
const BETWEEN: Duration = Duration::from_millis(50);

/// What docklog says of itself, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Streams that are open.
    pub(super) open: u64,
    /// Streams that were closed and resumed, since the start.
    pub(super) rotations: u64,
    /// Failures, since the start.
    pub(super) errors: u64,
}

impl Counts {
    /// Reads a line of docklog's messages. Keys that we don't know are left alone, missing ones are 0.
    fn read(message: &str) -> Option<Self> {
        let counts: Value = serde_json::from_str(message.strip_prefix(COUNTS)?).ok()?;
        let count = |key: &str| counts[key].as_u64().unwrap_or(0);
        Some(Self { open: count("open"), rotations: count("rotations"), errors: count("errors") })
    }
}

/// What the system says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Threads.
    pub(super) threads: u64,
    /// Open descriptors.
    pub(super) descriptors: u64,
    /// Resident memory in KiB.
    pub(super) rss: u64,
}

/// The answers to SIGUSR2 so far, and the last of them.
type Answers = Arc<(Mutex<(u64, Counts)>, Condvar)>;

/// A docklog that runs until this is dropped.
#[derive(Debug)]
pub(super) struct Docklog {
    process: Child,
    ledger: Arc<Mutex<Ledger>>,
    answers: Answers,
    readers: Vec<JoinHandle<()>>,
}

impl Docklog {
    /// Starts it; its output is entered in the ledger.
    ///
    /// # Errors
    /// If there can't be another process or thread.
    pub(super) fn start(socket: &Path, options: &Options, ledger: Ledger) -> Result<Self, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("can't find docklog's own binary: {error}. Is /proc mounted?"))?;
        let mut command = Command::new(&program);
        command.args([
            "--config",
            "none",
            "-o",
            "json",
            "--tail",
            "all",
            "--label",
            &format!("{LABEL}={}", std::process::id()),
        ]);
        command.arg("-H").arg(format!("unix://{}", socket.display()));
        command.args(["--rotate-every", options.rotate_every.as_ref().map_or("0", |(_, every)| every)]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0); // Ctrl-C is for us: docklog must go on until we have counted
        let process =
            command.spawn().map_err(|error| format!("can't start {}: {error}", program.display()))?;
        let (ledger, answers) = (Arc::new(Mutex::new(ledger)), Answers::default());
        let mut docklog =
            Self { process, ledger: Arc::clone(&ledger), answers: Arc::clone(&answers), readers: Vec::new() };
        if let Some(output) = docklog.process.stdout.take() {
            docklog.read(move || each_line(output, |line| lock(&ledger).take(line)))?;
        }
        if let Some(output) = docklog.process.stderr.take() {
            docklog.read(move || each_line(output, |line| hear(line, &answers)))?;
        }
        Ok(docklog)
    }

    fn read(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let reader = std::thread::Builder::new().name("reader".to_owned()).spawn(work);
        self.readers.push(reader.map_err(|error| format!("can't start a thread: {error}"))?);
        Ok(())
    }

    /// The accounts.
    pub(super) fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed())
    }

    /// What docklog says of itself; `None` if it doesn't answer.
    pub(super) fn counts(&self) -> Option<Counts> {
        let (answers, arrived) = &*self.answers;
        let answers = lock(answers);
        let before = answers.0;
        kill(self.pid(), Signal::SIGUSR2).ok()?;
        let (answers, late) = arrived
            .wait_timeout_while(answers, limits::SOAK_COUNTS, |answers| answers.0 == before)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        (!late.timed_out()).then_some(answers.1)
    }

    /// What the system says of it.
    ///
    /// # Errors
    /// If `/proc` can't be read.
    pub(super) fn figures(&self) -> Result<Figures, String> {
        let mut readings = Vec::new();
        for _ in 0..READINGS {
            let reading = figures(self.process.id());
            readings
                .push(reading.map_err(|error| format!("can't read docklog's figures in /proc: {error}"))?);
            sleep(BETWEEN);
        }
        let middle = |figure: fn(&Figures) -> u64| {
            let mut values: Vec<u64> = readings.iter().map(figure).collect();
            values.sort_unstable();
            values[READINGS / 2]
        };
        Ok(Figures {
            threads: middle(|figures| figures.threads),
            descriptors: middle(|figures| figures.descriptors),
            rss: middle(|figures| figures.rss),
        })
    }

    /// Waits until `done`, or until the time is over. Tells whether it is done.
    ///
    /// # Errors
    /// If docklog ends meanwhile, or somebody interrupts.
    pub(super) fn wait(
        &mut self,
        until: Instant,
        interrupt: &Interrupt,
        done: impl Fn(&Ledger) -> bool,
    ) -> Result<bool, String> {
        loop {
            interrupt.check()?;
            if done(&self.ledger()) {
                return Ok(true);
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!(
                    "docklog ended too early ({status}); what it said about it stands above"
                ));
            }
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(false),
                rest => sleep(rest.min(Duration::from_millis(50))),
            }
        }
    }

    /// Asks it to end, as a user would, and waits until all of its output is entered.
    ///
    /// # Errors
    /// If it doesn't end with 0 in time.
    pub(super) fn end(&mut self) -> Result<(), String> {
        let _ = kill(self.pid(), Signal::SIGTERM);
        let until = Instant::now() + limits::SOAK_END;
        while Instant::now() < until {
            match self.process.try_wait() {
                Ok(None) => sleep(Duration::from_millis(20)),
                Ok(Some(status)) => {
                    self.readers.drain(..).for_each(|reader| drop(reader.join()));
                    return if status.success() { Ok(()) } else { Err(status.to_string()) };
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("didn't end within {} s of SIGTERM", limits::SOAK_END.as_secs()))
    }
}

impl Drop for Docklog {
    fn drop(&mut self) {
        let _ = self.process.kill(); // no harm if it has ended: its process is still ours then
        let _ = self.process.wait();
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
    }
}

fn each_line(output: impl Read, mut take: impl FnMut(&[u8])) {
    let mut output = BufReader::with_capacity(64 * 1024, output);
    let mut line = Vec::new();
    while let Ok(1..) = output.read_until(b'\n', &mut line) {
        take(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}

/// Counts are for us, all else is for people.
fn hear(line: &[u8], answers: &Answers) {
    let message = String::from_utf8_lossy(line);
    match Counts::read(&message) {
        Some(counts) => {
            let (last, arrived) = &**answers;
            let mut last = lock(last);
            *last = (last.0 + 1, counts);
            arrived.notify_all();
        }
        None => say_aside(message.strip_prefix("docklog: ").unwrap_or(&message)),
    }
}

fn figures(process: u32) -> std::io::Result<Figures> {
    let count = |folder| {
        let entries = fs::read_dir(format!("/proc/{process}/{folder}"))?;
        Ok::<u64, std::io::Error>(entries.map(|_| 1).sum())
    };
    // smaps_rollup counts pages. VmRSS of `status` is a sum of counters per processor, and off by some 100 KiB.
    let rss = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))
        .ok()
        .and_then(|text| kibibytes(&text, "Rss:"));
    let rss = match rss {
        Some(rss) => rss,
        None => kibibytes(&fs::read_to_string(format!("/proc/{process}/status"))?, "VmRSS:").unwrap_or(0),
    };
    Ok(Figures { threads: count("task")?, descriptors: count("fd")?, rss })
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_from_other_messages() {
        let line = r#"docklog: counts {"streams":50,"open":49,"rotations":123,"new":7}"#;
        assert_eq!(Counts::read(line), Some(Counts { open: 49, rotations: 123, errors: 0 }));
        assert_eq!(Counts::read("docklog: counts of lines"), None);
        assert_eq!(Counts::read("docklog: following web"), None);
    }

    #[test]
    fn the_system_tells_of_this_process() {
        let figures = figures(std::process::id()).expect("there is /proc");
        assert!(figures.threads >= 1 && figures.descriptors >= 3 && figures.rss > 100, "{figures:?}");
    }
}
