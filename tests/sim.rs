//! Docklog on a simulated machine, against a simulated engine.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "sim/mod.rs"]
mod sim;
