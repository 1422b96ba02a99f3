//! Properties of docklog that hold for any input, driven by bytes: by libFuzzer (`fuzz/`), and by `tests/fuzz.rs` with what it
//! has found. Those of the protocol crate alone are in its own harness.

pub mod admin;
pub mod configuration;
pub mod names;
pub mod resume;
pub mod roundtrip;
