//! Containers that start, end, restart, change their name and vanish while docklog follows them.

use crate::engine::bench::{Bench, length};
use crate::engine::container::Container;
use crate::engine::docklog::Docklog;
use crate::engine::lines::{by_stream, texts};
use crate::engine::oracle::{assert_agrees, held};
use crate::engine::private::Engine;
use crate::engine::sequence::{assert_same, numbered};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Containers that live as short as they can, many at a time, so that the engine is busy: all their lines.
pub(crate) fn short_lives(bench: &Bench) {
    let live = bench.name("0live");
    bench.engine().run(&Container::new(&live, "out 1 0 hold"));
    let docklog = bench.docklog().start();
    docklog.wait_for("the loop to run", |lines| !lines.is_empty());
    let containers: Vec<_> =
        (0..length(24, 200)).map(|n| Container::new(bench.name(&format!("{n:03}")), "both 5 0")).collect();
    bench.engine().run_all(&containers, 8);
    docklog.wait_for_count(1 + containers.len() * 10);
    let lines = docklog.terminate().lines;
    for container in &containers {
        for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
            assert_same(container.name(), &texts(&lines, container.name(), stream), &numbered(tag, 5));
        }
    }
}

/// Containers that live as short as they can and are removed at once: all their lines, or the container is named as missed.
pub(crate) fn short_lived_rm_containers(bench: &Bench) {
    let count = length(60, 200);
    let engine = bench.engine();
    let live = bench.name("0live");
    engine.run(&Container::new(&live, "out 1 0 hold"));
    let docklog = bench.docklog().start();
    docklog.wait_for("the loop to run", |lines| !lines.is_empty());
    let containers: Vec<_> = (0..count)
        .map(|n| Container::new(bench.name(&format!("{n:03}")), "out 3 0").removed_at_end())
        .collect();
    engine.run_all(&containers, 10);
    // Names of those that are not complete: said to be so, and not.
    let incomplete = || {
        let streams = by_stream(&docklog.lines());
        let lines = |name: &str| streams.get(&(name.to_owned(), "stdout".into())).map_or(0, Vec::len);
        let names = containers.iter().map(Container::name).filter(|name| lines(name) < 3);
        names
            .map(|name| format!("{name} ({} lines)", lines(name)))
            .partition(|name| docklog.said(name.split(' ').next().unwrap()) > 0)
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let (said, silent): (Vec<String>, Vec<String>) = loop {
        let found: (Vec<String>, Vec<String>) = incomplete();
        if found.1.is_empty() || Instant::now() > deadline {
            break found;
        }
        sleep(Duration::from_millis(100));
    };
    assert!(
        silent.is_empty(),
        "neither complete nor named as missed: {silent:?}; stderr: {}",
        docklog.stderr()
    );
    println!(
        "{}: the engine removed {} of {count} short-lived containers before docklog could read their log",
        bench.version.0,
        said.len()
    );
    let finished = docklog.terminate();
    for container in &containers {
        let found = texts(&finished.lines, container.name(), "stdout");
        let said = finished.message(container.name());
        assert!(
            said.is_none() || found.len() < 3,
            "all its lines came, and yet: {}",
            said.unwrap_or_default()
        );
        // A log that went away while it was read may have told only its beginning.
        let expected = numbered("OUT", 3);
        assert_same(
            container.name(),
            &found,
            if said.is_some() { &expected[..found.len()] } else { &expected },
        );
    }
}

/// A container that is restarted keeps its id: no line is lost or doubled.
pub(crate) fn restart_same_id(bench: &Bench) {
    let engine = bench.engine();
    let name = bench.name("again");
    let id = engine.run(&Container::new(&name, "both 100000 500"));
    let docklog = bench.docklog().start();
    for run in 1..=4 {
        let starts = format!("OUT {run} ");
        docklog.wait_for(&format!("run {run}"), |lines| {
            lines.iter().filter(|line| line.message.starts_with(starts.as_bytes())).count() >= 100
        });
        if run < 4 {
            engine.api().post(&format!("/containers/{id}/restart?t=0"), None);
        }
    }
    engine.stop(&id);
    assert_all_agree(engine, docklog, &[&id]);
}

/// From the moment of a renaming, lines bear the new name; none is lost.
pub(crate) fn rename_while_following(bench: &Bench) {
    let engine = bench.engine();
    let (old, new) = (bench.name("old"), bench.name("new"));
    let id = engine.run(&Container::new(&old, "both 100000 200"));
    let docklog = bench.docklog().start();
    docklog.wait_for_count(50);
    engine.api().post(&format!("/containers/{id}/rename?name={new}"), None);
    docklog.wait_for("lines under the new name", |lines| {
        lines.iter().filter(|line| line.container == new).count() >= 50
    });
    engine.stop(&id);
    let lines = assert_all_agree(engine, docklog, &[&id]);
    let change = lines.iter().position(|line| line.container == new).unwrap();
    assert!(lines[..change].iter().all(|line| line.container == old));
    assert!(lines[change..].iter().all(|line| line.container == new), "the old name came back");
}

/// Created before docklog and started later; paused for a while; removed as soon as it has ended.
pub(crate) fn containers_come_and_go(bench: &Bench) {
    let engine = bench.engine();
    let api = engine.api();
    let (created, removed) = (bench.name("created"), bench.name("removed"));
    let id = Container::new(&created, "both 100 0 hold").create(&api);
    let paused = engine.run(&Container::new(bench.name("paused"), "both 100000 200"));
    let docklog = bench.docklog().start();
    docklog.wait_for_count(50);
    api.post(&format!("/containers/{id}/start"), None);
    api.post(&format!("/containers/{paused}/pause"), None);
    // It waits a second before it writes: its log is being followed by then.
    let gone = engine.ran(&Container::new(&removed, "delay 1000 both 500 0"));
    api.must("DELETE", &format!("/containers/{gone}"), None);
    api.post(&format!("/containers/{paused}/unpause"), None);
    let before = docklog.lines().iter().filter(|line| line.id == paused).count();
    docklog.wait_for("lines after the pause", |lines| {
        lines.iter().filter(|line| line.id == paused).count() > before + 50
    });
    engine.stop(&paused);
    docklog.wait_for("the removed one's lines", |lines| {
        lines.iter().filter(|line| line.id == gone).count() >= 1_000
    });
    let lines = assert_all_agree(engine, docklog, &[&id, &paused]);
    assert_same("removed", &texts(&lines, &removed, "stdout"), &numbered("OUT", 500));
    assert_same("removed", &texts(&lines, &removed, "stderr"), &numbered("ERR", 500));
}

/// Waits until docklog has as many lines as the engine holds for containers that write no more, and compares them.
fn assert_all_agree(engine: &Engine, docklog: Docklog, ids: &[&str]) -> Vec<crate::engine::lines::Line> {
    let api = engine.api();
    for id in ids {
        let count = held(&api, id).len();
        docklog.wait_for(&format!("{count} lines of {id}"), |lines| {
            lines.iter().filter(|line| line.id == *id).count() >= count
        });
    }
    sleep(Duration::from_millis(300));
    let lines = docklog.terminate().lines;
    for id in ids {
        assert_agrees(&api, id, &lines);
    }
    lines
}
