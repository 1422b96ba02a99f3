//! What a log stream consists of.

use crate::Stamp;

/// Where a record came from (W-31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Frame type 0. Engines never log it.
    Stdin,
    /// Frame type 1.
    Stdout,
    /// Frame type 2.
    Stderr,
    /// A container with a TTY has one channel for both (W-38).
    Tty,
    /// Frame type 3: the engine itself tells what went wrong while it read the log (W-33). Never a line of the container.
    Engine,
}

impl Channel {
    /// `stdin`, `stdout`, `stderr`, `tty` or `engine`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Tty => "tty",
            Self::Engine => "engine",
        }
    }
}

/// One message of the engine: a line, or a part of a long one. Borrowed from the bytes fed, or from the buffer of a
/// frame that came in several feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it came from.
    pub channel: Channel,
    /// When the engine read it, which may be later than it was written (W-44); `None` if the stream bears no stamps,
    /// for engine errors, and if none could be read.
    pub stamp: Option<Stamp<'a>>,
    /// The bytes without their line end: any bytes, not only UTF-8 (W-37).
    pub text: &'a [u8],
    /// No line end followed: the line goes on, or it is the container's last and unfinished one (W-41).
    pub part: bool,
}
