//! Compares complete sequences: what came is exactly what was written, or the report says what was lost, doubled or out of order.

use super::lines::{Gap, Line};
use super::pattern;
use std::collections::HashMap;

/// The numbered lines that `both N` writes on a stream in the container's first run.
pub(crate) fn numbered(tag: &str, count: u64) -> Vec<String> {
    numbered_run(tag, 1, count)
}

/// The same in a later run of the container.
pub(crate) fn numbered_run(tag: &str, run: u64, count: u64) -> Vec<String> {
    (1..=count).map(|number| pattern::line(tag, run, number, 0)).collect()
}

/// The lines that `long N SIZE` writes on a stream.
pub(crate) fn long(tag: &str, count: u64, size: usize) -> Vec<String> {
    (1..=count).map(|number| pattern::line(tag, 1, number, size)).collect()
}

/// Panics unless both are the same, line by line.
pub(crate) fn assert_same<S: AsRef<str>>(what: &str, found: &[S], expected: &[S]) {
    let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
    let expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
    if found == expected {
        return;
    }
    let (lost, doubled) = differences(&found, &expected);
    let at = found.iter().zip(&expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
    let line = |lines: &[&str]| lines.get(at).map_or("(the end)".into(), |line| shortened(line));
    panic!(
        "{what}: {} lines instead of {}, {lost} lost, {doubled} doubled or foreign; first difference at line {at}: found {:?}, expected {:?}",
        found.len(),
        expected.len(),
        line(&found),
        line(&expected)
    );
}

/// Puts the lines of a stream that an audit has found, which came after younger ones, where they belong; how many that were.
pub(crate) fn settle<T>(lines: &mut [T], place: impl Fn(&T) -> usize) -> u64 {
    let (mut furthest, mut late) = (0, 0);
    for line in lines.iter() {
        let place = place(line);
        late += u64::from(place < furthest);
        furthest = furthest.max(place);
    }
    lines.sort_by_key(place);
    late
}

/// Where each of these lines stands.
pub(crate) fn places(lines: &[String]) -> HashMap<&str, usize> {
    lines.iter().enumerate().map(|(place, text)| (text.as_str(), place)).collect()
}

/// Panics unless the lines of one stream came in order (but for so many, which the engine had skipped) and once, from the first to the last, and what is missing lies in a
/// gap that was told; how many are missing. The container must write on this stream alone: its lines are then what a gap
/// begins and ends with.
pub(crate) fn assert_told(
    what: &str,
    mut lines: Vec<&Line>,
    healed: u64,
    expected: &[String],
    gaps: &[Gap],
) -> usize {
    let places = places(expected);
    let place = |line: &Line| {
        let text = line.text();
        *places.get(text.as_str()).unwrap_or_else(|| panic!("{what}: foreign line {:?}", shortened(&text)))
    };
    let late = settle(&mut lines, |line| place(line));
    assert!(late <= healed, "{what}: {late} lines out of order, though only {healed} were found late");
    let (first, last) = (lines.first().map(|line| place(line)), lines.last().map(|line| place(line)));
    assert_eq!((first, last), (Some(0), Some(expected.len() - 1)), "{what}: the first and the last line");
    for pair in lines.windows(2) {
        let (before, after) = (place(pair[0]), place(pair[1]));
        assert!(
            before < after,
            "{what}: line {after} ({}) came after {before} ({}): doubled",
            pair[1].time,
            pair[0].time
        );
        let covers = |gap: &&Gap| gap.id == pair[0].id && gap.from <= pair[0].time && gap.to >= pair[1].time;
        assert!(
            after == before + 1 || gaps.iter().any(|gap| covers(&gap)),
            "{what}: lost without a word: lines {before} to {after} of {}, from {} to {}; told: {gaps:?}",
            expected.len(),
            pair[0].time,
            pair[1].time
        );
    }
    expected.len() - lines.len()
}

/// How many expected lines are not found, and how many found ones are not expected (so often).
pub(crate) fn differences(found: &[&str], expected: &[&str]) -> (usize, usize) {
    let mut balance = HashMap::<&str, i64>::new();
    for line in expected {
        *balance.entry(line).or_default() += 1;
    }
    for line in found {
        *balance.entry(line).or_default() -= 1;
    }
    let sum = |sign: i64| balance.values().map(|n| (n * sign).max(0)).sum::<i64>().try_into().unwrap();
    (sum(1), sum(-1))
}

fn shortened(line: &str) -> String {
    if line.len() <= 80 {
        line.into()
    } else {
        format!("{}… ({} bytes)", line.chars().take(60).collect::<String>(), line.len())
    }
}
