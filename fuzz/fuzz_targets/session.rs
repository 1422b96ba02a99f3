//! Any response, cut anywhere, decodes as it does whole; what is held stays within the limits.
#![no_main]

#[allow(dead_code, reason = "the other targets' properties")]
#[path = "../../protocol/tests/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::session_from(data));
