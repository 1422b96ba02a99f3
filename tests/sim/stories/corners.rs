//! Rotation and resume where it is narrow: budgets over long runs, stalls upon stalls, ends in the middle of catching up, first
//! sessions, kills before the first list. Each of these went wrong once.

use super::super::engine::{Channel, Dialect};
use super::super::{Expect, Knobs, MS, Story, plain};
use super::rotation::writes;

#[test]
fn state_for_long_does_not_eat_the_budget() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--state", "s"]);
    for name in ["a", "b", "c", "d"] {
        story.machine.run(plain(name));
        writes(&mut story.machine, name, 100, 120_000, 10);
    }
    story.run_for(130_000).assert_all();
}

#[test]
fn two_long_stalls_do_not_end_catching_up() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all"]);
    for n in 0..8 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        writes(&mut story.machine, &name, 100, 60_000, 200);
        story.machine.at(5_000, "burst", move |m| m.lines(&name, 8_000, 60));
    }
    story.machine.at(4_000, "stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    story.machine.at(60_000, "slow", |m| m.stdout.set_rate(m.now, Some(60_000)));
    story.machine.at(300_000, "goes on", |m| m.stdout.set_rate(m.now, None));
    let outcome = story.run_for(500_000);
    outcome.assert_all();
}

#[test]
fn a_container_that_ends_while_its_stream_catches_up_is_read_to_its_end() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all"]);
    story.machine.run(plain("c"));
    writes(&mut story.machine, "c", 100, 20_000, 100);
    story.machine.at(4_000, "stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    story.machine.at(5_000, "burst", |m| m.lines("c", 40_000, 60));
    story.machine.at(10_000, "slow", |m| m.stdout.set_rate(m.now, Some(300_000)));
    story.machine.at(25_000, "crash", |m| {
        m.lines("c", 10, 5);
        m.die("c");
    });
    story.machine.at(40_000, "goes on", |m| m.stdout.set_rate(m.now, None));
    story.run_for(200_000).assert_all();
}

#[test]
fn repetitions_in_a_first_session_are_recognised() {
    let mut story = Story::calm(Dialect::Docker20).args(&["--tail", "all"]);
    story.machine.at(500, "new", |m| m.run(plain("c").rotated(700_000, 3)));
    writes(&mut story.machine, "c", 600, 60_000, 2);
    story.run_for(70_000).assert_all();
}

#[test]
fn what_a_first_session_skips_is_told() {
    let knobs = Knobs { turn: 20 * MS, ..Knobs::calm() };
    let mut story = Story::new(1, Dialect::Docker28, knobs).args(&["--tail", "all"]);
    story.machine.at(500, "new", |m| m.run(plain("c").rotated(700_000, 3)));
    story.machine.at(600, "burst", |m| m.lines("c", 40_000, 40));
    writes(&mut story.machine, "c", 700, 60_000, 20);
    story.run_for(90_000).assert_all_or_told();
}

#[test]
fn what_was_skipped_shortly_before_the_end_comes_late_or_is_told() {
    let knobs = Knobs { turn: 5 * MS, ..Knobs::calm() };
    let mut story = Story::new(1, Dialect::Docker28, knobs).args(&["--tail", "all"]);
    story.machine.run(plain("c").rotated(100_000, 20));
    // The last one so soon that it isn't compared at once.
    for at in [5_000, 5_250, 5_400] {
        story.machine.at(at, "burst", |m| m.lines("c", 1_750, 40));
    }
    story.machine.at(5_430, "end", |m| m.die("c"));
    story.run_for(60_000).assert_all_or_told();
}

#[test]
fn from_now_on_means_that_after_a_part_of_a_line_too() {
    let mut story = Story::calm(Dialect::Docker28).args(&[]);
    story.machine.run(plain("c"));
    story.machine.lines("c", 50, 5);
    story.machine.write("c", Channel::Stdout, &[b'p'; 16_384]);
    let outcome = story.run_for(10_000);
    let numbers = outcome.given().len();
    assert!(numbers <= 1, "history came, though only what is new was asked for");
}

#[test]
fn podman_takes_turns_too() {
    let mut story = Story::calm(Dialect::Podman).args(&["--tail", "all", "--max-streams", "5"]);
    for n in 0..10 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        story
            .machine
            .at(if n < 5 { 30_000 } else { 60_000 }, "line", move |m| m.line(&name, Channel::Stdout, 3));
    }
    story.run_for(50_000).assert(|name| {
        if ["c0", "c1", "c2", "c3", "c4"].contains(&name) { Expect::All } else { Expect::Some }
    });
}

#[test]
fn a_container_that_two_starts_did_not_see_is_read_from_its_first_line() {
    let args = ["--tail", "0", "--state", "s", "--output-file", "f"];
    let mut story = Story::calm(Dialect::Docker28).args(&args);
    story.machine.run(plain("old"));
    writes(&mut story.machine, "old", 1_000, 15_000, 100);
    story.machine.at(6_000, "new", |m| {
        m.run(plain("new"));
        m.lines("new", 30, 5);
    });
    story.machine.at(7_900, "engine hangs", |m| m.engine.set_stopped(true));
    story.machine.at(10_000, "engine goes on", |m| m.engine.set_stopped(false));
    story.kills(&[(5_000, 8_000), (9_500, 12_000)]).run_for(60_000).assert_all();
}

#[test]
fn a_container_whose_turn_had_not_come_at_a_kill_is_read_from_its_first_line() {
    let args = ["--state", "s", "--output-file", "f", "--max-streams", "1"];
    let mut story = Story::calm(Dialect::Docker28).args(&args);
    story.machine.at(500, "run", |m| {
        for n in 0..6 {
            m.run(plain(&format!("c{n}")));
        }
    });
    for n in 0..6 {
        writes(&mut story.machine, &format!("c{n}"), 1_000, 20_000, 50);
    }
    story.machine.at(6_000, "new", |m| {
        m.run(plain("new"));
        m.lines("new", 30, 5);
    });
    story.kills(&[(8_300, 12_000)]).run_for(90_000).assert_all();
}

#[test]
fn a_busy_log_whose_place_is_gone_is_not_searched_for_ever() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--state", "s"]);
    story.machine.run(plain("c").rotated(20_000, 3));
    writes(&mut story.machine, "c", 100, 120_000, 50);
    let outcome = story.kills(&[(5_000, 60_000)]).run_for(118_000);
    let late = outcome.given().iter().filter(|line| line.time.as_str() > "2026-11-23T20:17:20").count();
    assert!(late > 300, "{late} lines of the last seconds");
}
