//! Arbitrary text as docklog.toml.

use std::path::Path;

use docklog::config::values::Values;
use docklog::config::{Settings, Surroundings, file};
use docklog::limits;

/// The text is valid, or each of its mistakes is told in a bounded message that names a line that exists. What is valid stays
/// the same when it is printed and read again, and a reload of it finds no difference.
pub fn property(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match file::parse(Path::new("docklog.toml"), text) {
        Ok(values) => valid(text, &values),
        Err(told) => mistakes(text, &told),
    }
}

fn mistakes(text: &str, told: &str) {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    assert!(told.lines().count() <= limits::MISTAKES + 1);
    for mistake in told.lines() {
        assert!(!mistake.chars().any(char::is_control), "{mistake:?}");
        assert!(mistake.chars().count() <= limits::MISTAKE + 60, "{mistake}");
        let rest = mistake.strip_prefix("docklog.toml:").unwrap_or_else(|| panic!("which file? {mistake}"));
        let Some((number, _)) = rest.split_once(": ").filter(|_| !rest.starts_with(" and ")) else {
            continue;
        };
        let number: usize = number.parse().unwrap_or_else(|_| panic!("no line: {mistake}"));
        assert!((1..=lines).contains(&number), "{mistake}: of {lines} lines");
    }
}

fn valid(text: &str, values: &Values) {
    let printed = values.to_toml();
    let read = file::parse(Path::new("printed.toml"), &printed);
    let read = read.unwrap_or_else(|error| panic!("{error}\nof:\n{printed}\nmade of:\n{text}"));
    let differing: Vec<&str> = values.differing(&read).map(|key| key.path).collect();
    assert!(differing.is_empty(), "{differing:?} differ:\n{printed}\nmade of:\n{text}");
    let around = Surroundings::default();
    let settings = |values: &Values| Settings::new(&Values::default(), values, &around);
    match (settings(values), settings(&read)) {
        (Ok(one), Ok(other)) => assert_eq!(format!("{:?}", one.rules), format!("{:?}", other.rules)),
        (Err(_), Err(_)) => {}
        (one, other) => panic!("{:?}, but printed and read again: {:?}", one.err(), other.err()),
    }
}
