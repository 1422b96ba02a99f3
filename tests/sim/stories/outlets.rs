//! Readers of our output who are slow, stall, or go away.

use crate::sim::engine::Dialect;
use crate::sim::{Machine, Story, plain};

/// Bytes that may be read beyond what the outlet takes: the budget, what a turn reads before it is noticed, encoded
/// pieces.
const HELD: u64 = 5 << 20;

fn busy(story: &mut Story, from: u64, to: u64) {
    for n in 0..10 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        for at in (from..to).step_by(100) {
            let name = name.clone();
            story.machine.at(at + n, "lines", move |m| m.lines(&name, 60, 60));
        }
    }
}

#[test]
fn a_stalled_stdout_holds_back_reading_and_loses_nothing() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, 100, 10_000);
    story.machine.at(2_000, "stdout stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    let read = std::rc::Rc::new(std::cell::Cell::new((0, 0)));
    let (before, after) = (read.clone(), read.clone());
    story.machine.at(2_001, "note", move |m| before.set((m.tally.bytes_read, 0)));
    story.machine.at(9_900, "note", move |m| after.set((after.get().0, m.tally.bytes_read)));
    story.machine.at(10_000, "stdout goes on", |m| m.stdout.set_rate(m.now, None));
    let outcome = story.run_for(30_000);
    outcome.assert_all();
    let (before, after) = read.get();
    assert!(after - before < HELD, "{} bytes read while nothing was written", after - before);
    assert!(after - before > 100_000, "it reads ahead");
}

#[test]
fn discovery_goes_on_while_stdout_stalls() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, 100, 1_500);
    story.machine.at(500, "stdout stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    story.machine.at(5_000, "short", |m| {
        m.run(plain("short"));
        m.lines("short", 3, 0);
    });
    story.machine.at(5_500, "gone", |m| m.remove("short"));
    story.machine.at(60_000, "stdout goes on", |m| m.stdout.set_rate(m.now, None));
    let outcome = story.run_for(90_000);
    outcome.assert_all();
}

#[test]
fn a_slow_reader_gets_everything() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, 100, 3_000);
    story.machine.stdout.set_rate(0, Some(100_000));
    let outcome = story.run_for(120_000);
    outcome.assert_all();
    assert!(outcome.machine.machine().stdout.blocks > 20);
}

#[test]
fn a_stalled_stderr_holds_up_nothing() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.stderr.set_rate(0, Some(0));
    busy(&mut story, 100, 3_000);
    for n in 0..3_000 {
        story.machine.at(3_000 + n, "too short", move |m| {
            let name = format!("short{n}");
            m.run(plain(&name));
            m.remove(&name);
        });
    }
    story.machine.at(20_000, "read again", |m| m.stderr.set_rate(m.now, None));
    let outcome = story.run_for(30_000);
    outcome.assert_all();
    assert_eq!(outcome.said("messages were dropped"), 1, "{}", outcome.stderr.len());
}

#[test]
fn a_reader_who_goes_away_ends_us_quietly() {
    for lines in [true, false] {
        let mut story = Story::calm(Dialect::Docker28);
        if lines {
            busy(&mut story, 100, 10_000);
        }
        story.machine.at(2_000, "reader goes", |m| m.stdout.close());
        let outcome = story.run();
        assert_eq!((outcome.exit, outcome.stderr.as_str()), (0, ""));
        assert!(outcome.ended_at() < 2_200, "{}", outcome.ended_at());
    }
}

#[test]
fn a_signal_ends_us_within_a_second_even_if_stdout_stalls() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, 100, 20_000);
    story.machine.at(1_000, "stdout stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    let outcome = story.run_for(10_000);
    assert_eq!(outcome.exit, 0);
    assert!(outcome.ended_at() <= 11_000, "{}", outcome.ended_at());
    assert_eq!(outcome.said("stdout was stalled"), 1, "{}", outcome.stderr);
}

#[test]
fn a_signal_flushes_what_was_read() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, 100, 20_000);
    story.machine.stdout.set_rate(0, Some(3_000_000));
    let outcome = story.run_for(10_000);
    assert_eq!(outcome.exit, 0);
    outcome.assert(|_| crate::sim::Expect::Some);
    assert_eq!(outcome.stderr, "");
    let taken = outcome.machine.machine().stdout.taken.clone();
    assert!(taken.ends_with(b"}\n"));
}

#[test]
fn a_second_signal_waits_for_nobody() {
    let mut story = Story::calm(Dialect::Docker28);
    busy(&mut story, 100, 20_000);
    story.machine.at(1_000, "stdout stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    story.machine.at(5_050, "SIGTERM again", Machine::stop_signal);
    let outcome = story.run_for(5_000);
    assert!(outcome.ended_at() < 5_200, "{}", outcome.ended_at());
}
