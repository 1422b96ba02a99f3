//! Whatever nameservers send, and when: a lookup ends, and what it finds stood in a valid answer.
#![no_main]

#[path = "../../tests/fuzzed/names.rs"]
mod names;

libfuzzer_sys::fuzz_target!(|data: &[u8]| names::property(data));
