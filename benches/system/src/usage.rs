//! What processes have used so far, by the kernel's account.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::fs;
use std::ops::Sub;

/// Processor time and wake-ups.
#[derive(Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system, in seconds.
    pub(crate) cpu: f64,
    /// How often it waited, and was waked.
    pub(crate) wakeups: u64,
}

impl Usage {
    /// Of processes that run. `schedstat` counts nanoseconds where `stat` counts ticks of 10 ms, too coarse for an idle
    /// reader; but only threads that are still there.
    pub(crate) fn of(pids: &[u32]) -> Self {
        let mut usage = Self::default();
        for pid in pids {
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
                let nanos = read("schedstat").split(' ').next().and_then(|n| n.parse::<f64>().ok());
                usage.cpu += nanos.unwrap_or(0.0) / 1e9;
                let status = read("status");
                let field = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
                usage.wakeups += field.and_then(|n| n.trim().parse::<u64>().ok()).unwrap_or(0);
            }
        }
        usage
    }

    /// Of all children that have ended and were waited for: what wait4(2) tells, added up.
    pub(crate) fn of_ended_children() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let cpu = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
        Self { cpu, wakeups: usage.voluntary_context_switches().unsigned_abs() }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        // Threads that have ended take their share along.
        Self { cpu: (self.cpu - before.cpu).max(0.0), wakeups: self.wakeups.saturating_sub(before.wakeups) }
    }
}

/// Memory of one process, in KiB: what is resident; of several: their proportional shares, for they share their code.
pub(crate) fn memory(pids: &[u32]) -> u64 {
    let field = if pids.len() == 1 { "Rss:" } else { "Pss:" };
    let of = |pid: &u32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = rollup.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
    };
    pids.iter().map(of).sum()
}

/// The most that a process had resident since it was started, in KiB. (`ru_maxrss` would tell of its parent, too: the most
/// of a process before execve(2) counts there.)
pub(crate) fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// dockerd and containerd. Not the shims, which copy what containers write, whoever reads it; and not what runs in the
/// containers, which doesn't inherit this environment.
pub(crate) fn engine_processes(mark: &str) -> Vec<u32> {
    let variable = format!("DOCKLOG_TEST_ENGINE={mark}");
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let marked = environment.split(|byte| *byte == 0).any(|text| text == variable.as_bytes());
        marked && !name.starts_with("containerd-shim")
    })
    .collect()
}

/// Waits until these processes have nothing to do any more: less than 1 % of a core.
pub(crate) fn settle(pids: &[u32]) {
    const LOOK: std::time::Duration = std::time::Duration::from_millis(500);
    let mut last = Usage::of(pids);
    loop {
        std::thread::sleep(LOOK);
        let now = Usage::of(pids);
        if (now - last).cpu < 0.01 * LOOK.as_secs_f64() {
            return;
        }
        last = now;
    }
}
