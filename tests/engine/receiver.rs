//! The strict receivers of `tests/receivers`, run as the programs that they are. They can be killed and come back on the same port.

use super::ledger::Ledger;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Why receivers of a test can't run here, if they can't.
pub(crate) fn missing() -> Option<String> {
    let installed = root().join("target/receivers/venv/installed");
    let reason = || format!("there is no {}; .ci/receivers installs it", installed.display());
    (!installed.exists()).then(reason)
}

/// A program of `tests/receivers`: it prints its port, and that on which it takes commands.
struct Program {
    child: Child,
    port: u16,
    control: u16,
}

impl Program {
    /// `log`: a file for what it says on standard error.
    fn start(name: &str, args: &[String], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut child = Command::new("python3")
            .arg(root().join("tests/receivers").join(name))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<u16> = line.split(' ').filter_map(|word| word.trim().parse().ok()).collect();
        assert_eq!(ports.len(), 2, "{name} {args:?} says {line:?}");
        Self { child, port: ports[0], control: ports[1] }
    }

    fn command(&self, line: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).unwrap();
        writeln!(stream, "{line}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{line}: {answer}: {error}"))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A receiver of one format.
pub(crate) struct Receiver {
    args: Vec<String>,
    log: PathBuf,
    program: Option<Program>,
    port: u16,
    pub(crate) ledger: Ledger,
}

impl Receiver {
    /// Starts one that keeps its ledger in this folder, under this name.
    pub(crate) fn start(folder: &Path, name: &str, format: &str, options: &[&str]) -> Self {
        let (ledger, log) = (folder.join(format!("{name}.ledger")), folder.join(format!("{name}.log")));
        let mut args = vec![format.to_owned(), "--ledger".into(), ledger.to_str().unwrap().into()];
        args.extend(options.iter().map(|option| (*option).to_owned()));
        let mut receiver = Self { args, log, program: None, port: 0, ledger: Ledger::at(&ledger) };
        receiver.restart();
        receiver
    }

    /// Starts it, or starts it again, on its port.
    pub(crate) fn restart(&mut self) {
        let mut args = self.args.clone();
        if self.port > 0 {
            args.extend(["--port".to_owned(), self.port.to_string()]);
        }
        let program = Program::start("receiver.py", &args, &self.log);
        self.port = program.port;
        self.program = Some(program);
    }

    /// Kills it without warning: nobody listens any more.
    pub(crate) fn kill(&mut self) {
        self.program = None;
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn program(&self) -> &Program {
        self.program.as_ref().unwrap()
    }

    /// From now on this plan; `tests/receivers/faults.py` has the words.
    pub(crate) fn faults(&self, plan: &str) {
        self.program().command(&format!("faults {plan}"));
    }

    /// One of its counts since it was started last.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.program().command("counts")[name].as_u64().unwrap()
    }

    /// What it said on standard error.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it: it must have seen nothing that the published interface forbids. Its ledger.
    pub(crate) fn finish(mut self) -> Ledger {
        let mut program = self.program.take().unwrap();
        program.signal(Signal::SIGTERM);
        let status = program.child.wait().unwrap();
        let mut ledger = Ledger::at(Path::new(&self.args[2]));
        ledger.read();
        assert!(ledger.violations.is_empty(), "{:?}", ledger.violations);
        assert_eq!(status.code(), Some(0), "{}", self.said());
        ledger
    }
}

/// A DNS server, on an address of its own.
pub(crate) struct Names(Program);

impl Names {
    /// One that listens on this address, port 53.
    pub(crate) fn start(folder: &Path, address: &str, records: &[&str]) -> Self {
        let mut args = vec!["--address".to_owned(), address.into(), "--port".into(), "53".into()];
        args.extend(records.iter().flat_map(|record| ["--record".to_owned(), (*record).to_owned()]));
        Self(Program::start("dns.py", &args, &folder.join("dns.log")))
    }

    /// `mode MODE`, `set NAME ADDRESS…`: `tests/receivers/dns.py` has all.
    pub(crate) fn command(&self, line: &str) -> Value {
        self.0.command(line)
    }
}
