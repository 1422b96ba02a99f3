//! The wire protocol of the Docker Engine's logs, without IO.
//!
//! In scope: the bytes of six GET requests, and everything in their answers: HTTP/1.1 heads and body framing,
//! multiplexed and TTY log streams with time stamps, lines joined from parts, container lists, events, errors; as
//! Docker 20.10 to 29 and Podman speak them. `SPEC.md` beside this crate is the reference; `W-…` in comments names
//! its rules. Out of scope: sockets, clocks, retries, attach and anything that changes a container.
//!
//! ```text
//! bytes ─► response ─────────────► session ─► tty or multiplex ─► Record ─► line ─► Line
//!          head, framing, chunked  document ─► json
//!                                  items ────► json
//! ```
//!
//! Three rules hold everywhere:
//! - **Bytes are lent, never queued.** `feed` takes what a read gave and calls back with borrowed records. Only what
//!   the end of a feed cut is kept, and a buffer grows by the bytes that came, never by a size that was announced.
//! - **The cut does not matter.** However the same response is cut into feeds, records, end and error are the same.
//! - **"Need more" is a value, never an error.** An [`Error`] names the layer and the byte.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod chunked;
mod document;
mod error;
mod framing;
mod head;
mod id;
mod items;
mod json;
pub mod limits;
mod line;
mod message;
mod multiplex;
mod record;
pub mod request;
mod response;
mod session;
mod timestamp;
mod tty;

pub use document::{Answer, Document};
pub use error::{Error, Layer, Reason};
pub use framing::Framing;
pub use head::{ApiVersion, Content, Head};
pub use id::ContainerId;
pub use items::{Item, Items, Split};
pub use json::{Action, EngineKind, Event, Inspected, Listed, Version};
pub use line::{Line, LineJoiner, Parts, Segment};
pub use message::Refusal;
pub use record::{Channel, Record};
pub use request::{Logs, Tail};
pub use response::{Finished, Progress, Truncated};
pub use session::{Format, Session};
pub use timestamp::{Stamp, Timestamp};

/// Runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
