//! How docklog ends: soon, quietly, and with nothing half done.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::lines::{Line, by_stream};
use crate::engine::sequence::{assert_same, numbered};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

/// `docklog | head -1`: the reader goes, and so does docklog, without a word.
pub(crate) fn broken_pipe_ends_quietly(bench: &Bench) {
    let id = bench.engine().run(&Container::new(bench.name("talks"), "both 100000 200"));
    let mut child = bench.docklog().command().spawn().unwrap();
    let mut first = Vec::new();
    BufReader::new(child.stdout.take().unwrap()).read_until(b'\n', &mut first).unwrap();
    Line::parse(first.trim_ascii_end());
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                panic!("docklog goes on without a reader");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    bench.engine().stop(&id);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    for word in ["panic", "error", "roken pipe"] {
        assert!(!said.contains(word), "{said}");
    }
}

/// SIGINT and SIGTERM under load: a good end, soon, and every stream's lines without a gap up to there.
pub(crate) fn signals_under_load(bench: &Bench) {
    let ids: Vec<_> = (0..2)
        .map(|n| bench.engine().run(&Container::new(bench.name(&n.to_string()), "both 100000 1000")))
        .collect();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let docklog = bench.docklog().start();
        docklog.wait_for_count(1_000);
        let finished = docklog.end_by(signal);
        println!("{}: {signal} under load: ended after {:?}", bench.version.0, finished.took);
        assert_eq!(finished.status.code(), Some(0), "{signal}: {}", finished.stderr);
        assert!(finished.took < Duration::from_secs(2), "{:?}", finished.took);
        for ((container, stream), found) in &by_stream(&finished.lines) {
            let tag = if stream == "stdout" { "OUT" } else { "ERR" };
            assert_same(&format!("{container} {stream}"), found, &numbered(tag, found.len() as u64));
        }
    }
    for id in ids {
        bench.engine().stop(&id);
    }
}
