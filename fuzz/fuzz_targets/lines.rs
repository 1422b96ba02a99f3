//! No byte of a line is lost, doubled or misplaced, however a proxy cuts a TTY stream and however parts follow.
#![no_main]

#[allow(dead_code, reason = "the other targets' properties")]
#[path = "../../protocol/tests/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::lines_from(data));
