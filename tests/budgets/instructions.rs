//! Instructions for a line of 100 bytes, from the bytes of a recorded response to a record, or to JSON on stdout.

use super::Counted;
use std::path::Path;
use std::process::{Command, Stdio};

/// The recorded log comes so often in a short and in a long run: what differs is neither start nor end.
const TIMES: (u64, u64) = (4, 24);

/// Lines in the recorded log.
const LINES: u64 = 500;

pub(crate) fn valgrind_is_there() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Of the decoder alone, or of the whole pipeline.
pub(crate) fn per_record(what: &str) -> Counted {
    let budget = if what == "decoder" { DECODER } else { PIPELINE };
    let program = build();
    let (short, long) = (instructions(&program, what, TIMES.0), instructions(&program, what, TIMES.1));
    Counted { figure: (long - short) / ((TIMES.1 - TIMES.0) * LINES), budget }
}

/// Counted 971 on x86-64.
const DECODER: u64 = 1_070;

/// Counted 3,505 on x86-64.
const PIPELINE: u64 = 3_860;

/// The program that is counted, as a release is built.
fn build() -> String {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--manifest-path", manifest, "--example", "budgets"])
        .args(["--message-format", "json-render-diagnostics"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut programs = messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned()));
    programs.next().unwrap()
}

fn instructions(program: &str, what: &str, times: u64) -> u64 {
    assert!(Path::new(program).exists(), "{program} was not built");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, what, &times.to_string()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let lines = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().unwrap();
    assert_eq!(lines, times * LINES, "lines that came out");
    let line = told.lines().find_map(|line| line.split_once("Collected :")).unwrap();
    line.1.trim().parse().unwrap()
}
