//! Whoever doesn't read docklog's output is waited for, without loss, and without the loop standing still.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Finished;
use crate::engine::lines::by_stream;
use crate::engine::sequence::{assert_same, numbered};
use nix::sys::signal::Signal;
use std::thread::sleep;
use std::time::Duration;

const CONTAINERS: usize = 4;
const EACH: u64 = 10_000;

fn load(bench: &Bench) -> Vec<Container> {
    (0..CONTAINERS)
        .map(|n| Container::new(bench.name(&n.to_string()), &format!("both {EACH} 0 hold")))
        .collect()
}

fn assert_complete(finished: &Finished) {
    let streams = by_stream(&finished.lines);
    assert_eq!(streams.len(), 2 * CONTAINERS);
    for ((container, stream), found) in &streams {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("{container} {stream}"), found, &numbered(tag, EACH));
    }
}

/// `docklog | (sleep 5; cat)` under load: nothing lost, and memory stays small.
pub(crate) fn stalled_stdout(bench: &Bench) {
    let docklog = bench.docklog().stdout_rests(Duration::from_secs(5)).start();
    bench.engine().run_all(&load(bench), 2);
    docklog.wait_for_count(CONTAINERS * 2 * EACH as usize);
    let memory = docklog.process().status("VmHWM");
    println!("{}: stdout stalled for 5 s under load: {memory} KiB at most", bench.version.0);
    assert_complete(&docklog.terminate());
    assert!(memory <= 24 * 1_024, "{memory} KiB");
}

/// Nobody reads what docklog says of itself, and it has much to say: all lines come all the same.
pub(crate) fn stalled_stderr(bench: &Bench) {
    let docklog = bench.docklog().env("RUST_LOG", "trace").stderr_unread().start();
    bench.engine().run_all(&load(bench), 2);
    docklog.wait_for_count(CONTAINERS * 2 * EACH as usize);
    let memory = docklog.process().status("VmHWM");
    println!("{}: stderr stalled under load: {memory} KiB at most", bench.version.0);
    let finished = docklog.terminate();
    assert!(
        finished.stderr.len() > 3_000,
        "{} bytes on stderr don't fill the pipe: nothing was proven",
        finished.stderr.len()
    );
    assert_complete(&finished);
    assert!(memory <= 24 * 1_024, "{memory} KiB");
}

/// A reader that never reads doesn't keep docklog from ending; what came through is right as far as it goes.
pub(crate) fn sigterm_with_stalled_stdout(bench: &Bench) {
    let docklog = bench.docklog().stdout_rests(Duration::from_secs(8)).start();
    bench.engine().run_all(&load(bench), 2);
    sleep(Duration::from_secs(2));
    let finished = docklog.end_by(Signal::SIGTERM);
    println!("{}: SIGTERM with stdout stalled: ended after {:?}", bench.version.0, finished.took);
    assert!(finished.took < Duration::from_secs(2), "{:?}", finished.took);
    assert!(finished.status.code().is_some(), "{}", finished.status);
    for ((container, stream), found) in &by_stream(&finished.lines) {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("{container} {stream}"), found, &numbered(tag, found.len() as u64));
    }
}
