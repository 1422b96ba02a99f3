//! What the kernel says of a process, in `/proc`.

use std::fs;
use std::path::PathBuf;

/// A process by its id.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

/// A socket that a process holds.
pub(crate) struct Socket {
    pub(crate) descriptor: u32,
    pub(crate) nonblocking: bool,
}

impl Process {
    fn path(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    /// A number from `/proc/PID/status`: sizes are in KiB.
    pub(crate) fn status(self, field: &str) -> u64 {
        let status = fs::read_to_string(self.path("status")).unwrap();
        let line = status.lines().find(|line| line.split(':').next() == Some(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn threads(self) -> usize {
        fs::read_dir(self.path("task")).unwrap().count()
    }

    /// How many files it holds open.
    pub(crate) fn descriptors(self) -> usize {
        fs::read_dir(self.path("fd")).unwrap().count()
    }

    /// Processor time used so far, in clock ticks (100 a second).
    pub(crate) fn ticks(self) -> u64 {
        let stat = fs::read_to_string(self.path("stat")).unwrap();
        // The second field, the name, may hold spaces; the rest follows its closing bracket.
        let rest = stat.rsplit(") ").next().unwrap();
        rest.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum()
    }

    /// The sockets among its open files; those that close while we look are left out.
    pub(crate) fn sockets(self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for entry in fs::read_dir(self.path("fd")).unwrap().flatten() {
            let Some(descriptor) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let is_socket = fs::read_link(entry.path())
                .is_ok_and(|target| target.to_string_lossy().starts_with("socket:"));
            let Ok(info) = fs::read_to_string(self.path(&format!("fdinfo/{descriptor}"))) else { continue };
            if is_socket && let Some(flags) = flags(&info) {
                const O_NONBLOCK: u32 = 0o4000;
                sockets.push(Socket { descriptor, nonblocking: flags & O_NONBLOCK != 0 });
            }
        }
        sockets
    }
}

fn flags(info: &str) -> Option<u32> {
    let line = info.lines().find(|line| line.starts_with("flags:"))?;
    u32::from_str_radix(line.split_whitespace().nth(1)?, 8).ok()
}

/// Every process whose command line, environment or control group holds this text, ourselves excepted.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    let holds = |pid: u32, file: &str| {
        let bytes = fs::read(Process(pid).path(file)).unwrap_or_default();
        bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
    };
    let pids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let others = pids.filter(|pid| *pid != std::process::id());
    others.filter(|pid| ["cmdline", "environ", "cgroup"].iter().any(|file| holds(*pid, file))).collect()
}
