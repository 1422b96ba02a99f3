//! Instructions for a line of 100 bytes, from the bytes of a recorded response to a record, or to JSON on stdout.

use super::Counted;
use std::process::{Command, Stdio};

/// The recorded log comes so often in a short and in a long run: what differs is neither start nor end.
const TIMES: [u64; 2] = [4, 24];

/// Lines in the recorded log.
const LINES: u64 = 500;

pub(crate) fn valgrind_is_there() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Counted 314 on x86-64.
const DECODER: u64 = 345;

/// Counted 1,445 on x86-64. (A large copy, as that from the socket, counts an instruction per byte.)
const PIPELINE: u64 = 1_530;

/// From the wire to records, by the protocol crate alone.
pub(crate) fn of_the_decoder() -> Counted {
    Counted { figure: per_line(&build(), "decoder"), budget: DECODER }
}

/// From the socket to JSON on stdout, by all of docklog.
pub(crate) fn of_the_pipeline() -> Counted {
    let program = build();
    let lines = Command::new(&program).args(["lines", "4"]).output().unwrap();
    assert_eq!(number(&lines.stdout), 4 * LINES, "lines that came out");
    Counted { figure: per_line(&program, "pipeline"), budget: PIPELINE }
}

fn per_line(program: &str, what: &str) -> u64 {
    let [(short, little), (long, much)] = TIMES.map(|times| instructions(program, what, times));
    assert_eq!(little * TIMES[1], much * TIMES[0], "what comes out rises with what goes in");
    (long - short) / ((TIMES[1] - TIMES[0]) * LINES)
}

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

/// Instructions of a run, and what it printed.
fn instructions(program: &str, what: &str, times: u64) -> (u64, u64) {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, what, &times.to_string()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let line = told.lines().find_map(|line| line.split_once("Collected :")).unwrap();
    (number(line.1.as_bytes()), number(&output.stdout))
}

fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).unwrap().trim().parse().unwrap()
}
