//! What an engine encodes is decoded to the same; what docklog prints as JSON is read to the same.
#![no_main]

#[path = "../../tests/fuzzed/roundtrip.rs"]
mod roundtrip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| roundtrip::property(data));
