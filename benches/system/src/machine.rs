//! The machine that all this runs on.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::process::Command;

/// Ten thousand streams need as many descriptors. Children inherit the limit, so that it is the same for all of them.
pub(crate) fn raise_descriptor_limit() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}

/// Date, processor, cores, kernel.
pub(crate) fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().unwrap();
    let date = String::from_utf8_lossy(&date.stdout);
    format!("{}: {model}, {cores} cores, Linux {}", date.trim(), kernel.trim())
}

/// Whether a program can be found.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
