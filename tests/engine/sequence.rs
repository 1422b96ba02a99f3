//! Compares complete sequences: what came is exactly what was written, or the report says what was lost, doubled or out of order.

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
