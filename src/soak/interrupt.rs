//! SIGINT and SIGTERM, asked for between two steps, so that containers are removed before the end.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Whether somebody wants us to end.
#[derive(Debug)]
pub(super) struct Interrupt {
    signals: SignalFd,
    seen: AtomicBool,
}

impl Interrupt {
    /// Takes over SIGINT and SIGTERM of this thread and of those that it starts. SIGUSR2 is blocked as well, for the
    /// child's sake: it inherits that, so that one which comes before it listens waits instead of killing it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn new() -> Result<Self, String> {
        let take = || {
            let asked = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
            asked.thread_block()?;
            SigSet::from_iter([Signal::SIGUSR2]).thread_block()?;
            SignalFd::with_flags(&asked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        };
        let signals = take().map_err(|error| format!("can't wait for signals: {error}"))?;
        Ok(Self { signals, seen: AtomicBool::new(false) })
    }

    /// # Errors
    /// If there was a signal.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Ok(Some(_)) = self.signals.read_signal() {
            self.seen.store(true, Ordering::Relaxed);
        }
        match self.seen.load(Ordering::Relaxed) {
            true => Err("interrupted: no verdict".to_owned()),
            false => Ok(()),
        }
    }
}
