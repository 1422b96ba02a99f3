//! A reader at work. Dropped, it is ended.

use crate::reader::{Reader, Span};
use crate::stage::Source;
use crate::usage::peak;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{PipeReader, pipe};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The processes of a reader.
pub(crate) struct Running(Vec<Child>);

impl Running {
    /// Starts it; what it prints goes nowhere.
    pub(crate) fn silent(reader: &Reader, source: &Source, span: Span) -> Self {
        let start = |mut command: std::process::Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null());
            if reader.splits_channels() {
                command.stderr(Stdio::null());
            }
            command.spawn().unwrap()
        };
        Self(reader.commands(source, span).into_iter().map(start).collect())
    }

    /// Starts it; what it prints, through one pipe.
    pub(crate) fn piped(reader: &Reader, source: &Source, span: Span) -> (Self, PipeReader) {
        let (output, input) = pipe().unwrap();
        let start = |mut command: std::process::Command| {
            command.stdin(Stdio::null()).stdout(input.try_clone().unwrap());
            if reader.splits_channels() {
                command.stderr(input.try_clone().unwrap());
            }
            command.spawn().unwrap()
        };
        (Self(reader.commands(source, span).into_iter().map(start).collect()), output)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Child::id).collect()
    }

    /// Waits until it has ended by itself; how long that took since `start`, and its peak of memory in KiB. That is looked
    /// at 50 times a second: of a process that has ended nobody knows it.
    pub(crate) fn ended(mut self, start: Instant) -> (f64, u64) {
        let mut most = 0;
        while self.0.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            let peaks = self.0.iter().filter_map(|child| peak(child.id()));
            most = most.max(peaks.sum());
            sleep(Duration::from_millis(20));
        }
        let seconds = start.elapsed().as_secs_f64();
        for child in &mut self.0 {
            let status = child.wait().unwrap();
            assert!(status.success(), "it has not read all: {status}");
        }
        (seconds, most)
    }

    /// Sends a signal to all its processes that are still there.
    pub(crate) fn signal(&mut self, signal: Signal) {
        for child in &mut self.0 {
            if child.try_wait().unwrap().is_none() {
                kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.0.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            if Instant::now() > deadline {
                self.signal(Signal::SIGKILL);
            }
            sleep(Duration::from_millis(10));
        }
    }
}
