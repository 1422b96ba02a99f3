//! A good citizen: what a service manager hears, and what a reload changes while lines come.

use std::time::Duration;

use crate::sim::engine::Dialect;
use crate::sim::{Expect, MS, Story, plain};

/// A container that writes two lines on each channel every 50 ms.
fn busy(story: &mut Story, name: &str, until_ms: u64) {
    story.machine.run(plain(name));
    for at in (50..until_ms).step_by(50) {
        let name = name.to_owned();
        story.machine.at(at, "lines", move |m| m.lines(&name, 4, 0));
    }
}

#[test]
fn a_service_manager_hears_ready_then_signs_of_life_then_stopping() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.watchdog = Some(Duration::from_secs(15));
    busy(&mut story, "web", 40_000);
    let outcome = story.run_for(50_000);
    let machine = outcome.machine.machine();
    let states: Vec<&str> = machine.manager.iter().map(|(_, state)| state.lines().next().unwrap()).collect();
    assert_eq!(states, ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]);
    assert!(machine.manager[0].0 < 1_000 * MS, "ready as soon as the first list is through");
    let alive = &machine.manager[1].1;
    assert!(alive.contains("STATUS=1 streams open of 1 containers, 80 lines/s; "), "{alive}");
}

#[test]
fn as_long_as_there_is_no_engine_docklog_is_not_ready_and_says_why() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine_down(true);
    story.machine.at(20_000, "the engine comes", |m| m.engine_up(true));
    let outcome = story.run_for(40_000);
    let machine = outcome.machine.machine();
    let (at, _) =
        machine.manager.iter().find(|(_, state)| state.starts_with("READY=1")).expect("it is ready");
    assert!(*at >= 20_000 * MS);
    assert!(
        machine.manager[0].1.starts_with("STATUS=waiting for the engine; 0 streams"),
        "{:?}",
        machine.manager[0]
    );
}

#[test]
fn a_reload_closes_who_is_excluded_and_opens_who_no_longer_is_and_nobody_else() {
    for dialect in [Dialect::Docker20, Dialect::Docker28, Dialect::Podman] {
        let mut story = Story::calm(dialect).args(&[]).configured("[exclude]\nnames = [\"b\"]\n");
        for name in ["a", "b", "c"] {
            busy(&mut story, name, 20_000);
        }
        story.machine.at(5_010, "SIGHUP", |m| m.reload_signal("[exclude]\nnames = [\"c\"]\n"));
        let outcome = story.run_for(30_000);
        let opens = |name| outcome.log_requests(name).len();
        let before_b = outcome.log_requests("b").first().copied();
        assert!(before_b.is_some_and(|at| at > 5_000), "{dialect:?}: b was opened before it was selected");
        assert!(outcome.log_requests("c").iter().all(|at| *at < 5_000), "{dialect:?}");
        assert!(opens("a") <= 2, "{dialect:?}: {} sessions of a", opens("a")); // a probe for the newest line, and one
        outcome.assert(|name| match name {
            "a" => Expect::Since(1),
            "b" => Expect::Since(5_011 * MS),
            _ => Expect::Some,
        });
        let of_c = outcome.given().iter().filter(|line| line.container == "c").count();
        assert!((390..=404).contains(&of_c), "{of_c} lines of c");
        assert!(outcome.stderr.contains("read again: exclude.names changed"), "{}", outcome.stderr);
        let manager = &outcome.machine.machine().manager;
        let states: Vec<&str> = manager.iter().map(|(_, state)| state.lines().next().unwrap()).collect();
        assert_eq!(states, ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
    }
}

#[test]
fn a_wrong_configuration_changes_nothing_and_is_told_once() {
    let mut story = Story::calm(Dialect::Docker28).configured("[exclude]\nnames = [\"b\"]\n");
    busy(&mut story, "a", 10_000);
    busy(&mut story, "b", 10_000);
    story.machine.at(5_010, "SIGHUP", |m| m.reload_signal("[exclude]\nnaems = [\"a\"]\n"));
    let outcome = story.run_for(20_000);
    let told = "docklog.toml:2: exclude.naems: there is no such key; did you mean exclude.names?";
    assert_eq!(outcome.stderr.matches(told).count(), 1, "{}", outcome.stderr);
    assert!(outcome.log_requests("b").is_empty());
    outcome.assert(|name| if name == "a" { Expect::All } else { Expect::Nothing });
}

#[test]
fn a_reload_tells_what_needs_a_restart_as_long_as_it_does() {
    let mut story = Story::calm(Dialect::Docker28).configured("");
    for at in [2_000, 4_000] {
        story.machine.at(at, "SIGHUP", |m| {
            m.reload_signal("[output]\nfile = \"/x\"\n[read]\nrotate_every = \"1m\"\n")
        });
    }
    story.machine.at(6_000, "SIGHUP", |m| m.reload_signal("[read]\nrotate_every = \"1m\"\n"));
    let outcome = story.run_for(10_000);
    let said = &outcome.stderr;
    assert!(
        said.contains("read again: read.rotate_every changed; a restart is needed for output.file"),
        "{said}"
    );
    assert!(
        said.contains("read again: nothing has changed; a restart is needed for output.file\n"),
        "{said}"
    );
    assert!(said.contains("read again: nothing has changed\n"), "{said}");
}

#[test]
fn a_reload_that_names_another_destination_does_not_change_the_format_of_this_one() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "-o", "auto"]).configured("");
    busy(&mut story, "web", 10_000);
    story.machine.at(5_010, "SIGHUP", |m| m.reload_signal("[output]\njournal = true\n"));
    let outcome = story.run_for(12_000);
    assert!(outcome.stderr.contains("a restart is needed for output.journal"), "{}", outcome.stderr);
    outcome.assert_all();
}

#[test]
fn leases_of_another_length_hold_at_once() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all"]).configured("");
    busy(&mut story, "web", 60_000);
    story.machine.at(10_000, "SIGHUP", |m| m.reload_signal("[read]\nrotate_every = \"2s\"\n"));
    let outcome = story.run_for(61_000);
    let sessions = outcome.log_requests("web").len();
    assert!((20..60).contains(&sessions), "{sessions} sessions in 50 s of leases of 2 s");
    outcome.assert_all();
}

#[test]
fn without_a_configuration_a_hangup_ends_docklog() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, "web", 10_000);
    story.machine.at(5_000, "SIGHUP", |m| m.hangup_signal());
    let outcome = story.run();
    assert_eq!(outcome.exit, 0);
}
