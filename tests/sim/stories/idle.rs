//! No wake-up without a reason that has a name.

use crate::sim::engine::Dialect;
use crate::sim::{Knobs, MS, Story, plain};

const HOUR: u64 = 3_600_000;

#[test]
fn an_idle_hour_has_a_wake_up_a_minute_and_no_more() {
    for dialect in [Dialect::Docker20, Dialect::Docker28, Dialect::Podman] {
        let mut story = Story::new(5, dialect, Knobs { strict_edges: true, ..Knobs::calm() });
        story = story.args(&["--tail", "all", "--rotate-every", "0"]);
        for n in 0..50 {
            story.machine.run(plain(&format!("c{n}")));
        }
        let outcome = story.run_for(HOUR);
        assert_eq!(outcome.exit, 0);
        let machine = outcome.machine.machine();
        let timeouts = machine.tally.timeouts.iter().filter(|&&at| at > 60_000 * MS).count();
        assert!(timeouts <= 60, "{dialect:?}: {timeouts} timeouts in an hour");
        // Each list is a connection: connect, writable, the answer, its end.
        assert!(machine.tally.waits < 1_000, "{dialect:?}: {} turns in an hour", machine.tally.waits);
        let asked = outcome.requests("/containers/json");
        assert!(asked <= 61, "{dialect:?}: {asked} lists in an hour");
        assert_eq!(outcome.requests("/logs"), 50);
    }
}

#[test]
fn an_absent_engine_costs_a_try_every_few_seconds() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine_down(true);
    let outcome = story.run_for(HOUR);
    let machine = outcome.machine.machine();
    assert!(machine.tally.waits < 400, "{}", machine.tally.waits);
    assert!(machine.tally.refused.len() < 400);
}

#[test]
fn a_hung_engine_costs_little() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine.set_stopped(true);
    let outcome = story.run_for(HOUR);
    let machine = outcome.machine.machine();
    assert!(machine.tally.connects.len() < 250, "{}", machine.tally.connects.len());
    assert!(machine.tally.most_open <= 2, "{}", machine.tally.most_open);
}

#[test]
fn steady_lines_are_gathered_into_few_turns() {
    let mut story = Story::calm(Dialect::Docker28);
    for n in 0..10 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        for ms in 0..1_000u64 {
            let name = name.clone();
            story.machine.at(10_000 + ms, "line", move |m| m.lines(&name, 1, 40));
        }
    }
    let outcome = story.run_for(30_000);
    outcome.assert_all();
    let turns = outcome.machine.machine().tally.waits;
    assert!(turns < 1_000, "{turns} turns for 10,000 lines in a second");
}

#[test]
fn a_line_after_a_quiet_time_goes_out_at_once() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("web"));
    story.machine.at(50_000, "line", |m| m.lines("web", 1, 0));
    let outcome = story.run_for(90_000);
    outcome.assert_all();
    let (at, _) = outcome.machine.machine().stdout.times[0];
    assert!(at < 50_001 * MS, "{} us late", (at - 50_000 * MS) / 1_000);
}
