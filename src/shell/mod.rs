//! The effects. Does what `core` says and tells it what happened; decides nothing. The only place with sockets,
//! descriptors and clocks.
//!
//! | file | does |
//! |---|---|
//! | `turn` | the loop: wait, mark, run, carry out, deliver |
//! | `connection` | one exchange with the engine: request out, response in |
//! | `table` | connections by token |
//! | `sinks` | the ways out: who takes lines, who must wait |
//! | `delivery` | the batches of one of them, as it takes them |
//! | `journal` | entries to systemd's journal |
//! | `manager` | words to the service manager |
//! | `messages` | our own words to stderr |
//! | `world` | what the loop needs of a machine |
//! | `host` | the real machine: epoll, signalfd, clocks |
//! | `listener` | where clients of our own HTTP knock |
//! | `socket` | a connection, whichever way it came about |
//! | `process` | what the kernel knows of us |
//! | `state` | the checkpoint on disk, and its lock |
//! | `sandbox` | what the kernel denies from the start of the loop on |
//! | `outlet` | writing to whatever stdout and stderr are, without ever blocking |

pub mod connection;
pub mod delivery;
pub mod host;
pub mod journal;
pub mod listener;
pub mod manager;
pub mod messages;
pub mod outlet;
pub mod process;
pub mod sandbox;
pub mod sinks;
pub mod socket;
pub mod state;
pub mod table;
pub mod turn;
pub mod world;

#[cfg(test)]
mod folder;
