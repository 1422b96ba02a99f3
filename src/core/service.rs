//! What a service manager is told: that docklog is ready, how it fares, that it is alive. The last is told by a timer of the
//! loop itself, so that a manager's watchdog watches the loop, not a bystander.

use super::Core;
use super::Rules;
use super::exchange::Command;
use super::timers::Timer;

/// News for a service manager (sd_notify(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The first list is reconciled: whatever runs is followed.
    Ready,
    /// The loop turns.
    Alive,
    /// How it fares may have changed.
    Status,
    /// It is about to end.
    Stopping,
}

impl Core {
    pub(super) fn begin_watchdog(&mut self) {
        if let Some(every) = self.rules.watchdog {
            self.timers.set(Timer::Watchdog, self.now.mono.after(every));
        }
    }

    pub(super) fn watchdog_is_due(&mut self) {
        self.notify(Service::Alive);
        self.begin_watchdog();
    }

    pub(super) fn notify(&mut self, service: Service) {
        self.commands.push_back(Command::Notify(service));
    }

    /// How docklog fares, in one line; `rate`: lines per second of late.
    pub fn fares(&self, rate: u64) -> String {
        let counts = &self.counts;
        let (known, open) = (self.followed(), self.sessions);
        let engine = if self.link.is_up() { "" } else { "waiting for the engine; " };
        format!(
            "{engine}{open} streams open of {known} containers, {rate} lines/s; {} lines, {} rotations, {} gaps",
            counts.lines, counts.rotations, counts.gaps
        )
    }

    /// Other rules from now on. Streams that they don't concern keep their sessions.
    pub(super) fn reload(&mut self, rules: Rules) {
        let old = std::mem::replace(&mut self.rules, rules);
        // What only a start can decide.
        self.rules.host = old.host;
        (self.rules.no_follow, self.rules.until) = (old.no_follow, old.until);
        (self.rules.all, self.rules.show_stopped) = (old.all, old.show_stopped);
        (self.rules.stopped_too, self.rules.stateful) = (old.stopped_too, old.stateful);
        (self.rules.watchdog, self.rules.sinks) = (old.watchdog, old.sinks);
        self.rules.fields.keep(&old.fields); // the sinks may need them
        self.room = self.rules.max_streams.max(1);
        self.memory.set_limit(self.rules.memory);
        if self.rules.rotate_every != old.rotate_every {
            self.renew_leases();
        }
        self.select_again(old.selection);
    }
}
