//! Engines that stop, die, come back, or aren't there yet.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::lines::{by_stream, texts};
use crate::engine::oracle::{stamped, stamped_by_engine};
use crate::engine::private::Engine;
use crate::engine::sequence::{assert_same, differences, numbered};
use nix::sys::signal::Signal;
use std::thread::sleep;
use std::time::Duration;

/// The engine is killed and comes back while its containers live on: lines resume, and none comes twice.
pub(crate) fn engine_restart(bench: &Bench) {
    let engine = bench.own_engine(&["--live-restore"]);
    let ids: Vec<_> =
        (0..2).map(|n| engine.run(&Container::new(bench.name(&n.to_string()), "both 100000 200"))).collect();
    let docklog = Launch::on(engine.host()).args(["--tail", "all"]).start();
    docklog.wait_for_count(400);
    engine.kill();
    sleep(Duration::from_millis(500));
    let before = docklog.count();
    engine.launch();
    docklog.wait_for("lines after the restart", |lines| lines.len() > before + 800);
    for id in &ids {
        engine.stop(id);
    }
    let api = engine.api();
    let at_end = |id: &str, stream| {
        stamped(&docklog.lines(), id, stream).pop() == stamped_by_engine(&api, id, stream).pop()
    };
    docklog
        .wait_until("the last lines", || ids.iter().all(|id| at_end(id, "stdout") && at_end(id, "stderr")));
    let lines = docklog.terminate().lines;
    let mut lost = 0;
    for (id, stream) in ids.iter().flat_map(|id| [(id, "stdout"), (id, "stderr")]) {
        let (found, held) = (stamped(&lines, id, stream), stamped_by_engine(&api, id, stream));
        let (missing, doubled) = differences(&refs(&found), &refs(&held));
        assert_eq!(doubled, 0, "doubled or foreign lines");
        let mut rest = held.iter();
        assert!(found.iter().all(|line| rest.any(|other| other == line)), "the order changed");
        lost += missing;
    }
    println!(
        "{}: engine killed and restarted: {lost} of {} lines lost, none doubled",
        bench.version.0,
        lines.len() + lost
    );
}

fn refs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// An engine that stands still under load: docklog ends when told to; and when the engine goes on, so do the lines.
pub(crate) fn stopped_engine_sigterm(bench: &Bench) {
    let engine = bench.own_engine(&[]);
    let launch = || Launch::on(engine.host()).args(["--tail", "all"]).start();
    let (ending, staying) = (launch(), launch());
    for n in 0..2 {
        engine.run(&Container::new(bench.name(&n.to_string()), "both 5000 1000 hold"));
    }
    for docklog in [&ending, &staying] {
        docklog.wait_for_count(1_000);
    }
    engine.signal(Signal::SIGSTOP);
    sleep(Duration::from_millis(300));
    let finished = ending.terminate();
    println!("{}: engine stopped under load: ended {:?} after SIGTERM", bench.version.0, finished.took);
    sleep(Duration::from_secs(1));
    engine.signal(Signal::SIGCONT);
    assert!(finished.took < Duration::from_secs(2), "{:?}", finished.took);
    staying.wait_for_count(20_000);
    let streams = by_stream(&staying.terminate().lines);
    assert_eq!(streams.len(), 4);
    for ((container, stream), found) in &streams {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("{container} {stream}"), found, &numbered(tag, 5_000));
    }
}

/// No engine when docklog starts: it says so once, and follows when there is one.
pub(crate) fn no_engine_at_first(bench: &Bench) {
    let engine = Engine::prepare(bench.version, &[]);
    let socket = engine.socket();
    let socket = socket.to_str().unwrap();
    let docklog = Launch::on(engine.host()).start();
    docklog.wait_for_message(socket);
    sleep(Duration::from_secs(3));
    assert_eq!(docklog.said(socket), 1, "said more than once: {}", docklog.stderr());
    engine.launch();
    engine.import();
    let name = bench.name("first");
    // It waits before it writes, so that no line is there before docklog is.
    engine.run(&Container::new(&name, "delay 3000 both 100 0 hold"));
    docklog.wait_for_count(200);
    let lines = docklog.terminate().lines;
    assert_same("stdout", &texts(&lines, &name, "stdout"), &numbered("OUT", 100));
    assert_same("stderr", &texts(&lines, &name, "stderr"), &numbered("ERR", 100));
}
