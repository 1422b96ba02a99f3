//! Every limit of the crate, each with its reason. Sizes are bytes.
//!
//! A limit bounds what a peer can make us hold. None of them is ever allocated ahead: buffers grow by the bytes
//! that came, so an announced size costs nothing (W-24).

/// A response head, together with the interim (1xx) heads before it.
///
/// Engines send about 300 bytes; proxies add some. 64 KiB is what nginx and Go accept at most by default.
pub const HEAD: usize = 64 * 1024;

/// Header fields in one head. Engines send 7 to 10.
pub const HEADERS: usize = 64;

/// A chunk's size line with its extensions. Engines send at most 8 digits and no extension.
pub const CHUNK_LINE: usize = 4 * 1024;

/// The trailer section after the last chunk, all fields together. Engines send none.
pub const TRAILERS: usize = 8 * 1024;

/// The payload of one multiplex frame, time stamp included.
///
/// Docker's copier cuts at 16,384 bytes, but a log driver may keep longer messages: `local` up to 1,000,000 (W-31).
pub const FRAME: usize = 1 << 20;

/// A time stamp before a record: 30 from Docker, 20 from Podman 4, up to 35 with nanoseconds and an offset (W-30).
pub const STAMP: usize = 64;

/// Text of one part of a TTY stream, after which the next part's stamp may follow without a chunk boundary.
pub const TTY_PART: usize = PART;

/// The piece size of Docker's copier (W-40): a record without newline that is shorter was the end of something (W-41).
pub const PART: usize = 16 * 1024;

/// The default length beyond which a line leaves in segments (W-47).
pub const LINE: usize = 256 * 1024;

/// One value of a JSON stream: a container of a list, or an event. Both are a few KiB with many labels.
pub const JSON_ITEM: usize = 1 << 20;

/// A whole bounded body: version or inspect. An inspect of a container with a thousand mounts is about 300 KiB.
pub const DOCUMENT: usize = 4 << 20;

/// What is kept of an error's body to find its message.
pub const MESSAGE: usize = 8 * 1024;
