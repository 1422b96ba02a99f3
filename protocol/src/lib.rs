//! The wire protocol of the Docker Engine's logs, without IO: bytes in, records out.
//!
//! In scope: the bytes of six GET requests, and everything in their answers: HTTP/1.1 heads and body framing,
//! multiplexed and TTY log streams with time stamps, lines joined from parts, container lists, events, errors; as
//! Docker 20.10 to 28 and Podman speak them. Out of scope: sockets, clocks, retries, attach and anything that changes a
//! container. `SPEC.md` beside this crate is the reference of the protocol; `W-…` names its rules, here and in comments.
//!
//! ```text
//! bytes ─► response ─────────────► Session ─► tty or multiplex ─► Record ─► LineJoiner ─► Line
//!          head, framing, chunked  Document ─► Version, Inspected
//!                                  Items ────► Listed, Event
//! ```
//!
//! # A tour
//!
//! | to do | take | rules |
//! |---|---|---|
//! | ask | [`request`] | W-01 to W-08, W-50 to W-59 |
//! | choose an API version | [`Version`], [`ApiVersion`], [`EngineKind`] | W-04, W-16 to W-18, W-66 |
//! | read a log | [`Session`], told the [`Format`] by [`Inspected::tty`] | W-30 to W-39, W-87, W-88 |
//! | make lines of its records | [`LineJoiner`], told how by [`Parts`] | W-40 to W-43, W-47 |
//! | read the container list or the events | [`Items`], then [`Listed::parse`], [`Event::parse`] | W-67, W-68, W-70 to W-79 |
//! | read a version or an inspect | [`Document`], then [`Version::parse`], [`Inspected::parse`] | W-60 to W-65, W-69 |
//! | see what went wrong | [`Error`], [`Truncated`], [`Refusal`] | W-09 to W-25, W-60, W-61 |
//!
//! **Ask.** A request is bytes; how they reach the engine is not this crate's business.
//!
//! ```
//! use docklog_protocol::{ApiVersion, ContainerId, Logs, Tail, request};
//!
//! let id = ContainerId::parse(&"ab".repeat(32)).ok_or("64 digits")?;
//! let logs = Logs { id, follow: true, tail: Tail::Last(100), since: None, until: None };
//! let bytes = request::logs(Some(ApiVersion { major: 1, minor: 51 }), &logs);
//! assert!(bytes.starts_with(b"GET /v1.51/containers/abab"));
//! assert!(bytes.ends_with(b"\r\nConnection: close\r\n\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Read a log.** Feed what the socket gave, cut in any way, and get records; join them to lines; at the connection's
//! end learn whether that was the response's end too.
//!
//! ```
//! use docklog_protocol::{Format, LineJoiner, Parts, Session, Truncated, limits};
//!
//! let mut session = Session::new(Format::Multiplexed, true);
//! let mut joiner = LineJoiner::new(Parts::Docker, limits::LINE);
//! let mut lines = Vec::new();
//! let mut keep = |line: docklog_protocol::Line<'_>| lines.push(String::from_utf8_lossy(line.text).into_owned());
//! let reads: [&[u8]; 3] = [
//!     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2a\r\n\x01\0\0\0\0\0\0\x22",
//!     b"2026-11-23T22:30:02.566863617Z o1\n\r\n",
//!     b"2a\r\n\x02\0\0\0", // and here the engine died
//! ];
//! for bytes in reads {
//!     session.feed(bytes, &mut |record| joiner.push(record, &mut keep))?;
//! }
//! let ended = session.finish(&mut |record| joiner.push(record, &mut keep));
//! assert_eq!(ended, Err(Truncated { at: 103 })); // not `Ok(Finished::Complete)`: look again (W-88)
//! joiner.finish(&mut keep);
//! assert_eq!(lines, ["o1"]);
//! # Ok::<(), docklog_protocol::Error>(())
//! ```
//!
//! **Read a stream of JSON.** Neither a list nor the events are ever held as a whole.
//!
//! ```
//! use docklog_protocol::{Action, Event, Item, Items, Split};
//!
//! let mut items = Items::new(Split::Values);
//! let mut died = Vec::new();
//! let answer = concat!(
//!     "HTTP/1.1 200 OK\r\n\r\n",
//!     r#"{"Type":"network","Action":"connect","Actor":{"ID":"n"}}"#,
//!     r#"{"Type":"container","Action":"die","time":7,"Actor":{"ID":"#,
//!     r#""abababababababababababababababababababababababababababababababab","#,
//!     r#""Attributes":{"name":"web","exitCode":"137"}}}"#,
//! );
//! items.feed(answer.as_bytes(), &mut |item| {
//!     let Item::Json(json) = item else { return };
//!     if let Ok(Some(event)) = Event::parse(json) {
//!         died.push((event.name, event.action));
//!     }
//! })?;
//! assert_eq!(died, [("web".to_owned(), Action::Die { exit_code: Some(137) })]);
//! # Ok::<(), docklog_protocol::Error>(())
//! ```
//!
//! **Be refused.** An answer other than 200 is no error but an end: it says so in words (W-09, W-60).
//!
//! ```
//! use docklog_protocol::{Document, Progress};
//!
//! let mut document = Document::new();
//! let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 31\r\n\r\n{\"message\":\"No such container\"}";
//! assert_eq!(document.feed(answer)?, Progress::Complete { unused: 0 });
//! let refusal = document.finish()?.refusal().ok_or("refused")?;
//! assert_eq!(refusal.to_string(), "HTTP 404: No such container");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds everywhere
//! - **Bytes are lent, never queued.** `feed` takes what a read gave and calls back with borrowed records. Only what
//!   the end of a feed cut is kept, and a buffer grows by the bytes that came, never by a size that was announced (W-24).
//! - **The cut does not matter.** However the same response is cut into feeds, records, end and error are the same.
//! - **"Need more" is a value, never an error.** An [`Error`] names the layer and the byte; after one, nothing that follows
//!   on the connection can be understood.
//! - **Everything has a limit**, and all of them stand in [`limits`].
//!
//! Sizes are bytes, offsets count from the response's first byte, and times are [`Timestamp`]s: nanoseconds since the Unix
//! epoch, by the engine's clock.
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
