//! Leaves nothing behind: processes, mounts, control groups and folders of the private engines, however the tests end.
//!
//! All that belongs to an engine carries its *mark*, a unique name, in its command line, environment, control group or path. A
//! second process, this same program, waits until the tests have ended, by whatever way, and then sweeps up what carries the mark.

use super::processes::marked;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const VARIABLE: &str = "DOCKLOG_TEST_REAPER";

/// The variable that bears the mark in the environment of whatever an engine starts.
pub(crate) const MARK: &str = "DOCKLOG_TEST_ENGINE";

/// What every mark of this run begins with.
pub(crate) fn mark() -> String {
    format!("docklog-engines-{}-", std::process::id())
}

/// The process that sweeps up after us.
pub(crate) struct Reaper(Child);

impl Reaper {
    /// Starts it. It waits on a pipe that only our end, whatever its cause, closes.
    pub(crate) fn start() -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .env(VARIABLE, mark())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Has it sweep now, and waits until that is done.
    pub(crate) fn finish(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// True, and everything swept up, if this process is a reaper.
pub(crate) fn served_as_reaper() -> bool {
    let Ok(mark) = std::env::var(VARIABLE) else { return false };
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    sweep(&mark);
    true
}

/// Ends and removes whatever carries the mark.
pub(crate) fn sweep(mark: &str) {
    assert!(mark.len() > 10, "too short a mark would hit others");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let processes: Vec<u32> = marked(mark).into_iter().filter(|pid| !is_zombie(*pid)).collect();
        if processes.is_empty() || Instant::now() > deadline {
            break;
        }
        for process in processes {
            let _ = kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL);
        }
        sleep(Duration::from_millis(20));
    }
    unmount(mark);
    // A group is busy for a moment longer than its last process.
    while remove_groups(mark) > 0 && Instant::now() < deadline {
        sleep(Duration::from_millis(50));
    }
    remove_dead_sockets();
    for folder in named(&std::env::temp_dir(), mark) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// A zombie is dead; it only waits for its parent, and has no command line, but its environment may still be there to read.
fn is_zombie(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

fn unmount(mark: &str) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // The newest first: a mount point may lie within another mount.
    for point in
        mounts.lines().rev().filter_map(|line| line.split(' ').nth(4)).filter(|point| point.contains(mark))
    {
        let _ = Command::new("umount").args(["--lazy", point]).stderr(Stdio::null()).status();
    }
}

fn named(folder: &Path, mark: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains(mark)).collect()
}

/// Removes the sockets of killed shims. containerd keeps those of all its instances in one folder, under names that tell nothing;
/// but where nobody listens, and hasn't just begun to, nobody ever will.
fn remove_dead_sockets() {
    for socket in fs::read_dir("/run/containerd/s").into_iter().flatten().flatten() {
        let age = socket
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|time| time.elapsed().unwrap_or_default());
        let refused = UnixStream::connect(socket.path())
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        if refused && age.is_ok_and(|age| age > Duration::from_secs(5)) {
            let _ = fs::remove_file(socket.path());
        }
    }
}

/// Removes control groups, of all controllers where these are mounted apart; how many are left.
fn remove_groups(mark: &str) -> usize {
    let root = PathBuf::from("/sys/fs/cgroup");
    let controllers = fs::read_dir(&root).into_iter().flatten().flatten().map(|entry| entry.path());
    let groups: Vec<_> = controllers.chain([root.clone()]).flat_map(|folder| named(&folder, mark)).collect();
    groups.iter().for_each(|group| remove_group(group));
    groups.iter().filter(|group| group.exists()).count()
}

/// A control group is removed like an empty folder, from the leaves up; the files in it don't count.
fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
