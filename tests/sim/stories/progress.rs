//! A stream gets on, whatever its engine and its log are like: no state is left only by what doesn't come. Each of these stood still,
//! went round in circles, or lost lines without a word.

use super::super::engine::{Channel, Dialect};
use super::super::{Expect, Knobs, MS, Repeats, Rng, Story, plain, seeds};
use super::rotation::writes;
use docklog::shell::world::Ask;

/// A machine on which 3 MB take longer than a lease, or a turn.
fn narrow() -> Knobs {
    Knobs { socket_limit: 1_000, delay: 100 * MS, ..Knobs::calm() }
}

/// A container that writes lines on stdout and a long one on stderr.
fn with_a_long_line(mut story: Story) -> Story {
    story.machine.run(plain("c"));
    writes(&mut story.machine, "c", 100, 20_000, 500);
    story.machine.at(3_000, "a long line", |m| {
        m.write("c", Channel::Stderr, &vec![b'y'; 3 << 20]);
        m.write("c", Channel::Stderr, b" end\n");
    });
    story
}

#[test]
fn a_line_that_takes_longer_than_a_lease_arrives() {
    let args = ["--tail", "all", "--rotate-every", "2s"];
    with_a_long_line(Story::new(1, Dialect::Docker28, narrow()).args(&args)).run_for(120_000).assert_all();
}

#[test]
fn a_line_that_takes_longer_than_a_turn_arrives() {
    let args = ["--tail", "all", "--max-streams", "1"];
    let mut story = with_a_long_line(Story::new(1, Dialect::Docker28, narrow()).args(&args));
    story.machine.run(plain("d"));
    writes(&mut story.machine, "d", 100, 20_000, 500);
    story.run_for(240_000).assert_all();
}

#[test]
fn a_long_line_arrives_though_somebody_asks_for_rotations() {
    let mut story = with_a_long_line(Story::new(1, Dialect::Docker28, narrow()).args(&["--tail", "all"]));
    for n in 0..115 {
        story.machine.at(2_000 + n * 1_000, "SIGUSR1", |m| m.asks.push_back(Ask::Rotate));
    }
    story.run_for(119_000).assert_all();
}

/// Lines of the hundred seconds after a log was truncated, of which nothing had been delivered.
fn heard_after_truncation(args: &[&str], truncates: fn(&mut Story)) -> usize {
    let args = [args, &["--rotate-every", "10s"]].concat();
    let mut story = Story::calm(Dialect::Docker28).args(&args);
    story.machine.run(plain("c"));
    story.machine.lines("c", 50, 5);
    truncates(&mut story);
    for n in 0..100 {
        story.machine.at(10_000 + n * 1_000, "line", |m| m.line("c", Channel::Stdout, 3));
    }
    let outcome = story.run_for(120_000);
    assert!(outcome.requests("/logs") < 30, "{}", outcome.requests("/logs"));
    outcome.given().len()
}

#[test]
fn a_log_that_was_truncated_before_us_is_heard() {
    for args in [&[][..], &["--tail", "0"], &["--tail", "5"]] {
        let lines = heard_after_truncation(args, |story| story.machine.truncate("c"));
        assert_eq!(lines, 100, "{args:?}");
        let lines = heard_after_truncation(args, |story| {
            story.machine.truncate("c");
            story.machine.lines("c", 50, 5);
        });
        assert!((100..=150).contains(&lines), "{args:?}: {lines}"); // for --tail: those of some seconds before, too
    }
}

#[test]
fn a_log_that_was_truncated_before_its_runs_first_line_is_heard() {
    let lines = heard_after_truncation(&[], |story| {
        story.machine.die("c");
        story.machine.at(5_000, "start", |m| m.start("c"));
        story.machine.at(8_000, "truncate", |m| m.truncate("c"));
    });
    assert_eq!(lines, 100);
}

#[test]
fn who_only_asks_for_the_end_of_a_truncated_log_is_told() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--no-follow", "--tail", "5"]);
    story.machine.run(plain("c"));
    story.machine.lines("c", 50, 5);
    story.machine.truncate("c");
    let outcome = story.run_for(600_000);
    assert!(outcome.ended_at() < 30_000, "{}", outcome.ended_at());
    assert!(
        outcome.stderr.contains("c: the engine doesn't answer for the end of its log"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_quiet_log_is_looked_into_once() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "5"]);
    story.machine.run(plain("c"));
    let outcome = story.run_for(120_000);
    assert!(outcome.requests("/logs") <= 4, "{}", outcome.requests("/logs"));
}

#[test]
fn a_clock_that_was_set_back_in_a_log_of_20_is_passed() {
    let mut story = Story::calm(Dialect::Docker20).args(&["--tail", "all"]);
    story.machine.run(plain("c").rotated(10_000_000, 3));
    for _ in 0..6_000 {
        story.machine.line("c", Channel::Stdout, 10);
    }
    story.machine.step_clock(-3_600_000);
    for _ in 0..3_000 {
        story.machine.line("c", Channel::Stdout, 10);
    }
    let outcome = story.run_for(20_000);
    outcome.assert_all();
    assert!(outcome.requests("/logs") < 10, "{}", outcome.requests("/logs"));
}

#[test]
fn a_clock_that_is_set_back_in_what_an_audit_of_20_looks_at_is_passed() {
    let knobs = Knobs { turn: 20 * MS, ..Knobs::calm() };
    let mut story = Story::new(1, Dialect::Docker20, knobs).args(&["--tail", "all"]);
    story.machine.run(plain("c").rotated(1_000_000, 5));
    for n in 0..3_500 {
        story.machine.at(1_000 + n, "line", |m| m.line("c", Channel::Stdout, 10));
    }
    story.machine.at(5_000, "clock", |m| m.step_clock(-60_000));
    for ms in 0..100 {
        story.machine.at(5_100 + ms, "burst", |m| (0..100).for_each(|_| m.line("c", Channel::Stdout, 10)));
    }
    for n in 0..50 {
        story.machine.at(7_000 + 1_000 * n, "line", |m| m.line("c", Channel::Stdout, 10));
    }
    let outcome = story.run_for(60_000);
    outcome.assert_all_or_told();
    assert!(outcome.requests("/logs") < 30, "{}", outcome.requests("/logs"));
}

#[test]
fn a_line_that_stays_open_alone_on_its_channel_is_not_searched_for_again_and_again() {
    let mut story = Story::new(1, Dialect::Docker28, narrow()).args(&["--tail", "all"]);
    story.machine.run(plain("c"));
    for _ in 0..2_000 {
        story.machine.line("c", Channel::Stdout, 10);
    }
    story.machine.step_clock(20_000);
    story.machine.write("c", Channel::Stderr, &[b'.'; 20_000]);
    for _ in 0..500 {
        story.machine.line("c", Channel::Stdout, 10);
    }
    writes(&mut story.machine, "c", 100, 600_000, 1_000);
    story.machine.at(100_000, "SIGUSR1", |m| m.asks.push_back(Ask::Rotate));
    story.machine.at(110_000, "more of the line", |m| m.write("c", Channel::Stderr, &[b'.'; 20_000]));
    let outcome = story.run_for(600_000);
    outcome.assert(|_| Expect::Some);
    assert!(outcome.requests("/logs") < 20, "{}", outcome.requests("/logs"));
}

/// Bursts into files of all sizes, of which engines skip some, and an end at any moment after them.
#[test]
fn what_is_skipped_before_an_end_comes_late_or_is_told() {
    for dialect in [Dialect::Docker28, Dialect::Docker20] {
        for seed in seeds(60) {
            let mut rng = Rng::new(seed);
            let knobs = Knobs { turn: rng.pick(&[1, 5, 20]) * MS, ..Knobs::calm() };
            let mut story = Story::new(seed, dialect, knobs).args(&["--tail", "all"]);
            let size = rng.pick(&[100_000, 500_000, 1_000_000]);
            story.machine.run(plain("c").rotated(size, 20));
            let filler = rng.pick(&[20, 40, 150, 400, 1_000]);
            let mut at = 3_000;
            for _ in 0..1 + rng.below(4) {
                let count = rng.below(4 * size as u64) / (filler as u64 + 100);
                story.machine.at(at, "burst", move |m| m.lines("c", count, filler));
                at += rng.pick(&[30, 100, 250, 900, 3_000]);
            }
            story.machine.at(at, "end", |m| m.die("c"));
            let outcome = story.run_for(60_000);
            outcome.assert_all_or_told();
            let (missing, gaps) = (outcome.missing(Repeats::None), outcome.gaps());
            assert!(
                gaps.iter().all(|gap| missing.iter().any(|line| gap.covers(line))),
                "seed {seed}: a false gap"
            );
        }
    }
}
