//! Counts system calls. strace makes a reader many times slower, so this is done in runs of its own, whose time nobody looks at.

use crate::machine::on_path;
use crate::running::Running;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// System calls of a reader that runs, within so many seconds. `None` without strace.
pub(crate) fn calls_within(running: &Running, seconds: f64) -> Option<u64> {
    let mut strace = strace()?;
    strace.args(running.pids().iter().flat_map(|pid| ["-p".to_owned(), pid.to_string()]));
    let strace = strace.stderr(Stdio::piped()).spawn().ok()?;
    sleep(Duration::from_secs_f64(seconds));
    kill(Pid::from_raw(strace.id().cast_signed()), Signal::SIGINT).ok()?;
    total(&strace.wait_with_output().ok()?.stderr)
}

/// System calls of a command from its start to its end.
pub(crate) fn calls_of(command: &Command) -> Option<u64> {
    let mut strace = strace()?;
    strace.arg("--").arg(command.get_program()).args(command.get_args());
    total(&strace.stdin(Stdio::null()).stdout(Stdio::null()).output().ok()?.stderr)
}

fn strace() -> Option<Command> {
    if !on_path("strace") {
        eprintln!("  system calls are not counted: there is no strace on PATH");
        return None;
    }
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-c", "-U", "calls,name"]);
    Some(command)
}

/// The last line of the summary: `1234 total`.
fn total(summary: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(summary);
    let line = text.lines().rfind(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().next()?.parse().ok()
}
