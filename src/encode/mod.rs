//! Lines to bytes, one format a file. Pure: nothing here knows where the bytes go.

mod control;
pub use control::show;
mod escape;
pub mod journal;
mod json;
mod pretty;

use std::rc::Rc;

use docklog_protocol::Line;

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
            Self::Raw(_) => {}
        }
    }

    /// Appends one line, with its line end.
    pub fn encode(&mut self, source: &Rc<Source>, line: &Line<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => json.encode(source, line, out),
            Self::Pretty(pretty) => pretty.encode(source, line, out),
            Self::Raw(raw) => raw.encode(line, out),
            Self::Journal(journal) => journal.encode(source, line, out),
        }
    }
}
