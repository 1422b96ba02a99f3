//! The tests. Each runs once per version of Docker, and some with Podman.

use super::bench::{Bench, length};
use super::private::{PODMAN, Version};
use super::{nginx, receiver};

mod citizen;
mod endings;
mod faults;
mod follow;
mod life;
mod quiet;
mod refusals;
mod rotation;
mod selection;
mod sinks;
mod sinks_files;
mod sinks_outages;
mod stalls;
mod survival;
mod texts;

/// A test: it panics when what it found isn't so.
pub(crate) type Test = fn(&Bench);

/// Makes a list of tests, each under its function's name.
macro_rules! tests {
    ($($module:ident: $($name:ident),+;)+) => {
        /// All tests by name, the long ones first, so that none of them is left over at the end; those that keep the engine
        /// busy stand apart from one another, for an engine that is too busy skips lines.
        pub(crate) const ALL: &[(&str, Test)] = &[$($((stringify!($name), $module::$name)),+),+];
    };
}

tests! {
    rotation: rotated_every_second;
    quiet: idle_containers_cost_nothing;
    citizen: reload_under_load;
    rotation: rotated_local_driver;
    sinks_outages: sinks_outage, sinks_names;
    follow: fifty_containers_exactly_once;
    life: short_lived_rm_containers;
    sinks: sinks_loki, sinks_otlp;
    rotation: rotated_with_the_engines_files, first_starts_repeat_no_history;
    sinks: sinks_ndjson, sinks_killed, sinks_nginx, sinks_drop;
    rotation: all_rotated_at_once, large_history_rotated;
    sinks_files: sinks_files_killed, sinks_hostile_names;
    survival: killed_again_and_again, output_file_moved_and_disk_full, engine_dies_and_stands_still, engine_without_live_restore, truncated_log_is_heard_again,
        stalled_reader_of_small_files, burst_into_small_files;
    citizen: six_paths_are_enough, check_tells_who_and_why;
    texts: endless_line_100mb;
    stalls: stalled_stdout, stalled_stderr, sigterm_with_stalled_stdout;
    faults: engine_restart, stopped_engine_sigterm, no_engine_at_first;
    refusals: unreadable_driver_is_said_once, proxy_403_said_once, engine_error_is_no_line;
    life: short_lives, restart_same_id, rename_while_following, containers_come_and_go;
    follow: running_containers_from_now_on, one_thread_under_load, no_engine_call_blocks, own_container_is_skipped;
    texts: tty, tty_long_lines, tty_rechunked_by_a_proxy, frames_rechunked_by_a_proxy, long_lines_interleaved, exactly_16384,
        last_line_without_newline, binary_bytes, local_driver, lines_in_pieces;
    selection: patterns, labels, images_labels_and_drivers, streams_alone, tail, since_until, no_follow_and_all;
    endings: broken_pipe_ends_quietly, signals_under_load;
}

/// Those that can't hold with Podman:
///
/// - There is no `local` driver: `rotated_local_driver`, `local_driver`.
/// - Its own follow loses what is written while it exchanges its log file, and some of what is written at full speed on a busy
///   machine (W-27): `rotated_with_the_engines_files`, `stalled_reader_of_small_files`, `burst_into_small_files`, `endless_line_100mb`.
/// - A log that is removed or emptied while it is followed may end in good order before its last lines (W-27):
///   `short_lived_rm_containers`, `truncated_log_is_heard_again`.
/// - A terminal's lines are cut anywhere, and only chunks tell where: `tty_rechunked_by_a_proxy`.
/// - The log of a file that is gone is an empty answer: `engine_error_is_no_line`.
/// - Containers live on without the engine: `engine_without_live_restore`.
const NOT_WITH_PODMAN: [&str; 11] = [
    "rotated_local_driver",
    "local_driver",
    "rotated_with_the_engines_files",
    "stalled_reader_of_small_files",
    "burst_into_small_files",
    "endless_line_100mb",
    "short_lived_rm_containers",
    "truncated_log_is_heard_again",
    "tty_rechunked_by_a_proxy",
    "engine_error_is_no_line",
    "engine_without_live_restore",
];

/// Those that run with Podman on each change: what depends most on an engine's ways. With `DOCKLOG_LONG=1` all do that can hold: but
/// `images_labels_and_drivers` and `restart_same_id` not always, for at a restart its follow may leave out a line (W-27).
const WITH_PODMAN: [&str; 18] = [
    "rotated_every_second",
    "first_starts_repeat_no_history",
    "large_history_rotated",
    "killed_again_and_again",
    "engine_dies_and_stands_still",
    "six_paths_are_enough",
    "check_tells_who_and_why",
    "engine_restart",
    "unreadable_driver_is_said_once",
    "short_lives",
    "running_containers_from_now_on",
    "own_container_is_skipped",
    "tty",
    "long_lines_interleaved",
    "last_line_without_newline",
    "binary_bytes",
    "tail",
    "since_until",
];

/// Whether a test runs with this engine.
pub(crate) fn runs_with(version: Version, name: &str) -> bool {
    let podman = || length(WITH_PODMAN.contains(&name), !NOT_WITH_PODMAN.contains(&name));
    version != PODMAN || podman()
}

/// Why this test can't run here with any engine, if it can't.
pub(crate) fn missing(name: &str) -> Option<String> {
    let nginx = || if name == "sinks_nginx" { nginx::missing() } else { None };
    if name.starts_with("sinks_") { receiver::missing().or_else(nginx) } else { None }
}
