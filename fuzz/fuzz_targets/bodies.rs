//! Any list, events or document, cut anywhere, is taken apart as it is whole; what is held stays within the limits.
#![no_main]

#[allow(dead_code, reason = "the other targets' properties")]
#[path = "../../protocol/tests/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::bodies_from(data));
