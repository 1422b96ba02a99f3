//! Whatever happens to a log and its sessions, each line comes once and in order, or a gap is told.
#![no_main]

#[path = "../../tests/fuzzed/resume.rs"]
mod resume;

libfuzzer_sys::fuzz_target!(|data: &[u8]| resume::property(data));
