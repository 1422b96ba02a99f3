//! What happened, in numbers. Whatever isn't delivered stands here under its reason.

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines handed to the outlet (a segment of a long line counts as one).
    pub lines: u64,
    /// Lines not handed on because `--stdout`, `--stderr` or the time span excludes them.
    pub filtered: u64,
    /// Lines that an earlier session had delivered.
    pub replayed: u64,
    /// Sessions opened (head of a 200 received).
    pub sessions: u64,
    /// Sessions that ended without the end of their response.
    pub truncated: u64,
    /// Sessions that the engine left open, silent, after their container's end.
    pub deaf: u64,
    /// Containers whose log was gone before it could be opened.
    pub missed: u64,
    /// Containers whose log can't be read: driver, proxy.
    pub unreadable: u64,
    /// Containers not followed because the catalogue is full.
    pub untracked: u64,
    /// Errors that the engine sent inside a log stream.
    pub engine_errors: u64,
    /// Responses that could not be understood.
    pub broken: u64,
    /// Items of the list or the events that were skipped.
    pub items_lost: u64,
    /// Lines that left in segments because memory was short.
    pub pressed: u64,
}
