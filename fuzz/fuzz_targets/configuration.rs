//! Whatever docklog.toml says, its mistakes are told with their lines; valid, it means the same when printed.
#![no_main]

#[path = "../../tests/fuzzed/configuration.rs"]
mod configuration;

libfuzzer_sys::fuzz_target!(|data: &[u8]| configuration::property(data));
