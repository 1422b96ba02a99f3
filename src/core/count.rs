//! What happened, in numbers. Whatever isn't delivered stands here under its reason.

/// Counters since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines handed to the outlet (a segment of a long line counts as one).
    pub lines: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// Lines not handed on because `--stdout`, `--stderr` or the time span excludes them.
    pub filtered: u64,
    /// Lines that an earlier session had delivered.
    pub replayed: u64,
    /// Sessions opened (head of a 200 received).
    pub sessions: u64,
    /// Sessions closed by lease or by SIGUSR1, to be opened again.
    pub rotations: u64,
    /// Of those: the time from closing to being live again, all together and the longest, in microseconds.
    pub rotating: u64,
    /// See `rotating`.
    pub rotating_most: u64,
    /// Sessions closed because others waited for their turn.
    pub yields: u64,
    /// Sessions closed because there was no memory for what they brought.
    pub parked: u64,
    /// Lines that a session should have brought long before it was closed (it was deaf), or had skipped.
    pub healed: u64,
    /// Spans of a log that the engine deleted, or skipped, before they could be read.
    pub gaps: u64,
    /// Times that a stream's last line was not in the log any more.
    pub lost_places: u64,
    /// Comparisons of what was delivered with what the log holds.
    pub audits: u64,
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
    /// Lines that a sink lost because it was full (`on_full = "drop"`), each time one did.
    pub dropped: u64,
    /// Lines that a sink refused for good, each time one did.
    pub refused: u64,
}

impl Counts {
    /// As a flat JSON object, with the containers known and the sessions open.
    pub fn to_json(&self, streams: usize, open: usize) -> String {
        let errors = self.truncated + self.broken + self.engine_errors;
        let rotating = self.rotating.checked_div(self.rotations).unwrap_or_default();
        serde_json::json!({
            "streams": streams, "open": open, "lines": self.lines, "bytes": self.bytes, "filtered": self.filtered,
            "replayed": self.replayed, "healed": self.healed, "gaps": self.gaps, "errors": errors,
            "sessions": self.sessions, "rotations": self.rotations, "rotation_us": rotating,
            "rotation_us_max": self.rotating_most, "yields": self.yields, "parked": self.parked,
            "audits": self.audits, "lost_places": self.lost_places, "deaf": self.deaf,
            "truncated": self.truncated, "broken": self.broken, "engine_errors": self.engine_errors,
            "missed": self.missed, "unreadable": self.unreadable, "untracked": self.untracked,
            "items_lost": self.items_lost, "pressed": self.pressed, "dropped": self.dropped,
            "refused": self.refused,
        })
        .to_string()
    }
}
