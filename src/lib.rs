//! docklog reads the logs of all containers of a Docker engine, on one thread that nothing but a disk can make wait.
//!
//! A map: [`cli`] and [`config`] say what a run is to do. [`core`] decides, and touches nothing. [`shell`] acts, and
//! decides nothing. [`encode`] makes bytes of lines, [`files`] keeps them in files, [`push`] sends them to HTTP receivers, [`web`] answers to those who ask
//! how it goes. The engine's protocol itself is in the crate `docklog_protocol`. Apart from all that, [`soak`] is a test of
//! the finished program, for users to run.
//!
//! What always holds:
//!
//! - One thread, one wait. Every descriptor is non-blocking, or is written to in a way that can't block; but files wait for
//!   their disk, in small pieces.
//! - A byte that was read is delivered, or counted under a named reason ([`core::count`]).
//! - Everything has a limit, and they all stand in [`limits`].
//! - Every wake-up has a name ([`core::timers::Timer`]), is the deadline of a sink or of a client of our own HTTP, or comes from
//!   a descriptor that is ready.

pub mod cli;
pub mod config;
pub mod core;
pub mod encode;
pub mod files;
pub mod limits;
pub mod push;
pub mod shell;
pub mod soak;
pub mod tools;
pub mod web;
mod wire;
