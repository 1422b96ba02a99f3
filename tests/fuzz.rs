//! The fuzz targets' properties, tried with what is worth keeping: what libFuzzer has found, in `fuzz/regressions/TARGET/`; what it has
//! gathered in `fuzz/corpus/TARGET/`, where there is such a folder; and, for the decoders, the captures of real engines.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test that can't go on panics"
)]

mod fuzzed;
#[allow(dead_code, reason = "the other tests' properties")]
#[path = "../protocol/tests/harness/mod.rs"]
mod harness;

use std::fs;
use std::path::{Path, PathBuf};

type Property = fn(&[u8]);

/// All targets of `fuzz/`.
const TARGETS: [(&str, Property); 8] = [
    ("session", harness::session_from),
    ("lines", harness::lines_from),
    ("bodies", harness::bodies_from),
    ("roundtrip", fuzzed::roundtrip::property),
    ("resume", fuzzed::resume::property),
    ("admin", fuzzed::admin::property),
    ("configuration", fuzzed::configuration::property),
    ("names", fuzzed::names::property),
];

/// The front of a response says enough.
const LONGEST: usize = 4000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn what_was_found_holds() {
    for (target, property) in TARGETS {
        let kept = files(&root().join("fuzz/regressions").join(target));
        assert!(!kept.is_empty(), "{target} has no seeds: fuzz/seeds.py makes some");
        for path in kept.into_iter().chain(files(&root().join("fuzz/corpus").join(target))) {
            println!("{}", path.display()); // shown if the test fails
            property(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn every_target_is_one_of_these() {
    let names = files(&root().join("fuzz/fuzz_targets"));
    let mut known = TARGETS.map(|(name, _)| name.to_owned());
    known.sort();
    let names: Vec<String> =
        names.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, known);
}

/// In each format, with and without stamps, whole and without its head.
#[test]
fn captures_decode_alike_however_they_are_cut() {
    let captures = files(&root().join("protocol/vectors"));
    let captures: Vec<_> =
        captures.iter().filter(|path| path.extension().is_some_and(|e| e == "resp")).collect();
    assert!(captures.len() > 200, "{}", captures.len());
    for path in captures {
        println!("{}", path.display());
        let response = fs::read(path).unwrap();
        let body = response.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
        let (whole, body) = (&response[..response.len().min(LONGEST)], &response[body..]);
        let body = &body[..body.len().min(LONGEST)];
        for choices in [0, 1, 2, 129, 130, 131] {
            harness::session_from(&[&[choices, 1, 7, 50, 200], whole].concat());
            harness::session_from(&[&[choices + 3, 3, 1, 90, 16], body].concat());
        }
        for choices in [0, 4] {
            harness::bodies_from(&[&[choices, 1, 1, 1], whole].concat());
            harness::bodies_from(&[&[choices + 1, 3, 2, 1], body].concat());
        }
    }
}
