//! Small commands beside the reader: each asks, prints and ends. They may wait for answers, for nothing else runs in them.
//!
//! | file | command |
//! |---|---|
//! | `check` | `docklog check`: is the configuration right, what does the engine grant, who is followed, and why |
//! | `status` | `docklog status`, `docklog top`: how a running docklog fares |
//! | `state` | `/state` of a running docklog, over its HTTP |
//! | `table` | tables for people, safe for terminals |
//! | `ask` | one question to the engine, and its answer |

mod ask;
pub mod check;
mod state;
pub mod status;
mod table;
