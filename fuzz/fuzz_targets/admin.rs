//! Whatever a client of our own HTTP sends, its answers are well-formed and whole, and the work for it ends.
#![no_main]

#[path = "../../tests/fuzzed/admin.rs"]
mod admin;

libfuzzer_sys::fuzz_target!(|data: &[u8]| admin::property(data));
