//! Lines to bytes, one format a file. Pure: nothing here knows where the bytes go.

mod control;
pub use control::show;
mod decimal;
mod escape;
pub mod journal;
mod json;
mod loki;
mod otlp;
mod pretty;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use docklog_protocol::{Line, Timestamp};

use crate::core::source::Source;
use crate::core::window::Gap;

/// An output format with its options.
#[derive(Debug)]
pub enum Encoder {
    /// One JSON object per line.
    Json(json::Json),
    /// For people: the container's name, then the message.
    Pretty(pretty::Pretty),
    /// The message alone.
    Raw(pretty::Raw),
    /// Entries of the systemd journal.
    Journal(journal::Journal),
    /// Entries for Grafana Loki.
    Loki(loki::Loki),
    /// Log records of OpenTelemetry.
    Otlp(otlp::Otlp),
}

/// Options of the formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Put the time before the message (`Pretty`, `Raw`; `Json` always has it).
    pub timestamps: bool,
    /// Colour the names.
    pub colour: bool,
    /// The bytes go to a terminal, which control sequences in a message must not reach.
    pub visible_control: bool,
    /// Only other sinks were asked to tell the image of a container (`Json`), its Compose project, its service.
    pub hides_image: bool,
    /// See `hides_image`.
    pub hides_project: bool,
    /// See `hides_image`.
    pub hides_service: bool,
}

impl Encoder {
    /// JSON lines.
    pub fn json(look: Look) -> Self {
        Self::Json(json::Json::new(look))
    }

    /// For people.
    pub fn pretty(look: Look) -> Self {
        Self::Pretty(pretty::Pretty::new(look))
    }

    /// Messages alone.
    pub fn raw(look: Look) -> Self {
        Self::Raw(pretty::Raw::new(look))
    }

    /// Entries of the systemd journal.
    pub fn journal() -> Self {
        Self::Journal(journal::Journal::default())
    }

    /// Entries for Grafana Loki's push API.
    pub fn loki() -> Self {
        Self::Loki(loki::Loki::default())
    }

    /// Log records of OpenTelemetry's protocol, in its binary form.
    pub fn otlp() -> Self {
        Self::Otlp(otlp::Otlp::new())
    }

    /// Lines that follow are read at this time; to be told once a turn. OTLP tells it, and Loki must have a time for lines
    /// that bear none.
    pub fn set_now(&mut self, wall: Timestamp) {
        match self {
            Self::Loki(loki) => loki.set_now(wall),
            Self::Otlp(otlp) => otlp.set_now(wall),
            Self::Json(_) | Self::Pretty(_) | Self::Raw(_) | Self::Journal(_) => {}
        }
    }

    /// Lines of a container of this name will come: names align from the first line on.
    pub fn expect(&mut self, name: &str) {
        if let Self::Pretty(pretty) = self {
            pretty.expect(name);
        }
    }

    /// Appends what says that lines are missing. Raw output has no room for that: it is for messages alone.
    pub fn encode_gap(&mut self, source: &Rc<Source>, gap: Gap, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => json.encode_gap(source, gap, out),
            Self::Pretty(pretty) => pretty.encode_gap(source, gap, out),
            Self::Journal(journal) => journal.encode_gap(source, gap, out),
            Self::Loki(loki) => loki.encode_gap(source, gap, out),
            Self::Otlp(otlp) => otlp.encode_gap(source, gap, out),
            Self::Raw(_) => {}
        }
    }

    /// Appends one line, with its line end. `out` must be the batch that the lines since the last [`Encoder::seal`] are in; or
    /// be empty, which begins another, and leaves alone what was begun.
    pub fn encode(&mut self, source: &Rc<Source>, line: &Line<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => json.encode(source, line, out),
            Self::Pretty(pretty) => pretty.encode(source, line, out),
            Self::Raw(raw) => raw.encode(line, out),
            Self::Journal(journal) => journal.encode(source, line, out),
            Self::Loki(loki) => loki.encode(source, line, out),
            Self::Otlp(otlp) => otlp.encode(source, line, out),
        }
    }

    /// Ends a batch: no more is put into it, and what is still open in it is closed. It may get longer by a few bytes. Until
    /// then the bytes of some formats can't be read.
    pub fn seal(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Loki(loki) => loki.seal(out),
            Self::Otlp(otlp) => otlp.seal(out),
            Self::Json(_) | Self::Pretty(_) | Self::Raw(_) | Self::Journal(_) => {}
        }
    }

    /// What stands before and behind a sealed batch where it is sent as a document.
    pub fn frame(&self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Loki(_) => loki::FRAME,
            Self::Json(_) | Self::Pretty(_) | Self::Raw(_) | Self::Journal(_) | Self::Otlp(_) => (b"", b""),
        }
    }

    /// What such a document is, as HTTP names it.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/x-ndjson",
            Self::Pretty(_) | Self::Raw(_) => "text/plain",
            Self::Journal(_) => "application/octet-stream",
            Self::Loki(_) => "application/json",
            Self::Otlp(_) => "application/x-protobuf",
        }
    }
}

/// When a gap was, where a format must name one time: just before the first line after it.
fn gap_time(gap: Gap) -> i64 {
    gap.to.unix_nanos().saturating_sub(1).max(gap.from.unix_nanos())
}

/// What a gap means, in words.
fn gap_text(gap: Gap) -> String {
    let (from, to) = (gap.from.rfc3339(), gap.to.rfc3339());
    format!("lines between {from} and {to} were deleted before docklog could read them")
}
