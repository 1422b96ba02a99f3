//! docklog on a simulated machine, against a simulated engine: faults at will, hours in milliseconds, and every run can be
//! repeated.
//!
//! - `DOCKLOG_SEED=n cargo test --test sim <test>` repeats the run of a seed, as a failure's message says.
//! - `DOCKLOG_SEEDS=1000` tries so many seeds instead of the usual few, `DOCKLOG_FIRST=500` begins elsewhere.
//! - `RUST_LOG=docklog=trace … --nocapture` shows what docklog does, `DOCKLOG_DUMP=name` a container's log as the engine has it.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "sim/mod.rs"]
mod sim;
