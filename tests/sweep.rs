//! The sweep: a hundred thousand histories of a log and its readers, each of a seed of its own. Lines on two channels
//! whose stamps are out of order, long lines in parts, lines of one time, clocks set back, log files that are deleted or
//! truncated, engines that send records twice or skip some; and sessions cut anywhere, windows of all sizes, restarts from
//! a checkpoint. In each, every line must come out once and in order, or inside a gap that is told.
//!
//! `DOCKLOG_SEED=n cargo test --test sweep` repeats one history, `DOCKLOG_SEEDS=n` tries so many.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "sweep/history.rs"]
mod history;
#[path = "sweep/verdict.rs"]
mod verdict;

use history::{Chance, History, Traits};
use std::num::NonZero;
use verdict::check;

const HISTORIES: u64 = 100_000;

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("DOCKLOG_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DOCKLOG_SEEDS").unwrap_or(HISTORIES),
    }
}

fn history(seed: u64) -> History {
    History::new(Chance::new(seed), Traits::draw(&mut Chance::new(seed ^ 0x5eed)))
}

/// Lines, sessions and gaps of a history in which all is as it should be; and of what was skipped, see [`History::late`].
fn counts(seed: u64) -> [usize; 5] {
    let mut history = history(seed);
    history.run();
    if let Err(what) = check(&history) {
        panic!(
            "seed {seed}: {what}\n{}\nto repeat it: DOCKLOG_SEED={seed} cargo test --test sweep",
            history.story()
        );
    }
    let [late, untaken] = history.late();
    [history.given.len(), history.sessions, history.gaps(), late, untaken]
}

fn add(a: [usize; 5], b: [usize; 5]) -> [usize; 5] {
    std::array::from_fn(|index| a[index] + b[index])
}

#[test]
fn no_history_loses_or_doubles_a_line() {
    let (seeds, threads) = (seeds(), std::thread::available_parallelism().map_or(1, NonZero::get));
    let [lines, sessions, gaps, late, untaken] = std::thread::scope(|scope| {
        let every = |first| seeds.clone().skip(first).step_by(threads);
        let share = |first| scope.spawn(move || every(first).map(counts).fold([0; 5], add));
        let shares: Vec<_> = (0..threads).map(share).collect();
        shares.into_iter().map(|share| share.join().unwrap()).fold([0; 5], add)
    });
    println!("{lines} lines ({late} late), {sessions} sessions, {gaps} gaps: none lost, none doubled");
    assert!(
        untaken * 100 <= late,
        "{late} skipped lines came late, but {untaken} gaps should have been filled"
    );
}

/// The rule that everybody thinks of first: drop what isn't newer than the last line, whichever channel that was on. The
/// sweep must find out what is wrong with it.
#[test]
fn the_obvious_rule_fails() {
    let failed = (0..2_000).filter(|&seed| {
        let mut history = history(seed);
        history.by_time_alone = true;
        history.run();
        check(&history).is_err()
    });
    assert!(failed.count() > 20, "a sweep that passes this rule proves nothing");
}
