//! A scenario's plan: acts at points in virtual time.

use std::collections::BTreeMap;
use std::fmt;

use super::machine::{MS, Machine};

type Act = Box<dyn FnOnce(&mut Machine)>;

/// Acts by time, those of one time in the order they were planned.
#[derive(Default)]
pub struct Plan {
    acts: BTreeMap<(u64, u64), (String, Act)>,
    planned: u64,
}

impl Plan {
    /// Takes the next act that is due.
    pub fn take_due(&mut self, now: u64) -> Option<Act> {
        let entry = self.acts.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove().1)
    }

    /// When the next is due.
    pub fn next(&self) -> Option<u64> {
        self.acts.keys().next().map(|key| key.0)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.acts.iter().map(|(key, act)| (key.0 / MS, &act.0))).finish()
    }
}

impl Machine {
    /// Plans an act for a point in time, in milliseconds.
    pub fn at(&mut self, ms: u64, label: &str, run: impl FnOnce(&mut Machine) + 'static) {
        self.at_nanos(ms * MS, label, run);
    }

    /// The same, in nanoseconds.
    pub fn at_nanos(&mut self, at: u64, label: &str, run: impl FnOnce(&mut Machine) + 'static) {
        self.plan.planned += 1;
        self.plan.acts.insert((at, self.plan.planned), (label.into(), Box::new(run)));
    }

    /// Plans an act for a point in time, or as soon after it as `condition` holds; not at all if that takes a minute.
    pub fn when(
        &mut self,
        ms: u64,
        label: &str,
        condition: impl Fn(&Machine) -> bool + 'static,
        run: impl FnOnce(&mut Machine) + 'static,
    ) {
        self.try_until(ms, ms + 60_000, label, condition, run);
    }

    fn try_until(
        &mut self,
        ms: u64,
        last_ms: u64,
        label: &str,
        condition: impl Fn(&Machine) -> bool + 'static,
        run: impl FnOnce(&mut Machine) + 'static,
    ) {
        let again = label.to_owned();
        self.at(ms, label, move |machine| {
            if condition(machine) {
                run(machine);
            } else if ms < last_ms {
                machine.try_until(ms + 300, last_ms, &again, condition, run);
            }
        });
    }

    /// Plans the end of the run, so long after everything else.
    pub fn stop_after(&mut self, settle_ms: u64) {
        let last = self.plan.acts.keys().next_back().map_or(0, |key| key.0 / MS);
        self.at(last.max(self.now / MS) + settle_ms, "SIGTERM", move |machine| {
            if machine.plan.acts.is_empty() {
                machine.stop_signal();
            } else {
                machine.stop_after(settle_ms);
            }
        });
    }
}
