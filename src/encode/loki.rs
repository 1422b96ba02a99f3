//! Entries for Grafana Loki, as its push API (`/loki/api/v1/push`) takes them in JSON:
//!
//! ```json
//! {"streams":[
//!   {"stream":{"container":"web","project":"shop","service":"front","stream":"stdout"},
//!    "values":[["1795464967727144095","GET / 200",{"container_id":"0f…"}]]}]}
//! ```
//!
//! A batch holds the elements of `streams`, see [`FRAME`]. Lines of one container and channel that follow each other share one.
//!
//! | | |
//! |---|---|
//! | labels | `container`; `project` and `service`, where records tell them; `stream`: `stdout`, `stderr`, or `gap` |
//! | structured metadata | `container_id`; `image` and `label_…`, where records tell them; and the following |
//! | `segment` | number of the segment, of a line beyond the limit |
//! | `encoding` | `percent`: the line wasn't UTF-8; bytes that aren't, `%` and `+` are written as in a URL |
//! | `part` | number of the part, where the line became too long by that |
//! | `more` | `true` if the line goes on in another segment or part |
//! | `time` | `assumed`: the line bore none, so that it has the one after the line before, or that of its arrival |
//!
//! A terminal's output is `stdout`, as the engine's own log files have it. The time is that of the line, in nanoseconds,
//! except that lines of one channel with the same time are a nanosecond apart, for Loki drops what it takes for a repetition. A
//! gap is an entry with `level`, `gap_from` and `gap_to`.
//!
//! Structured metadata needs Loki 3, or 2.9 with `allow_structured_metadata`. Loki refuses lines that are older than a week
//! (`reject_old_samples_max_age`), or an hour behind the newest of their labels.

mod clock;
mod labels;
mod percent;

use std::rc::Rc;

use docklog_protocol::{Channel, Line, Segment, Timestamp};

use super::decimal::decimal;
use super::escape::{ascii_string, string};
use super::{gap_text, gap_time};
use crate::core::source::Source;
use crate::core::window::Gap;
use crate::limits;
use clock::Clocks;

/// What stands before and behind a batch.
pub(super) const FRAME: (&[u8], &[u8]) = (b"{\"streams\":[", b"]}");

/// Encodes lines as entries for Loki.
#[derive(Debug, Default)]
pub struct Loki {
    now: Timestamp,
    clocks: Clocks,
    /// Whose lines came last, and what entries say of it: before its stream's name, and after the line.
    source: Option<Rc<Source>>,
    labels: Vec<u8>,
    metadata: Vec<u8>,
    /// The name of the stream that has an open element at the batch's end.
    open: Option<&'static str>,
}

/// The stream of gaps: so that those of all containers can be counted.
const GAPS: &str = "gap";

impl Loki {
    pub(super) fn set_now(&mut self, wall: Timestamp) {
        self.now = wall;
    }

    pub(super) fn encode(&mut self, source: &Rc<Source>, line: &Line<'_>, out: &mut Vec<u8>) {
        self.turn_to(source, stream(line.channel), out);
        self.begin_entry(line, out);
        if !ascii_string(line.text, out) {
            match std::str::from_utf8(line.text) {
                Ok(text) => string(text, out),
                Err(_) => return self.escaped(line, &percent::encode(line.text), out),
            }
        }
        self.end_entry(line, line.segment.is_some_and(|segment| !segment.last), |_| {}, out);
    }

    pub(super) fn encode_gap(&mut self, source: &Rc<Source>, gap: Gap, out: &mut Vec<u8>) {
        self.turn_to(source, GAPS, out);
        out.extend_from_slice(b"[\"");
        decimal(gap_time(gap), out);
        out.extend_from_slice(b"\",");
        string(&gap_text(gap), out);
        out.extend_from_slice(&self.metadata);
        out.extend_from_slice(b",\"level\":\"warn\"");
        for (name, time) in [("gap_from", gap.from), ("gap_to", gap.to)] {
            note(name, &time.rfc3339(), out);
        }
        out.extend_from_slice(b"}]");
    }

    pub(super) fn seal(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() && !out.is_empty() {
            out.extend_from_slice(b"]}");
        }
    }

    /// Makes the batch end where an entry of this stream may follow.
    fn turn_to(&mut self, source: &Rc<Source>, stream: &'static str, out: &mut Vec<u8>) {
        let same = self.source.as_ref().is_some_and(|present| Rc::ptr_eq(present, source));
        if same && self.open == Some(stream) && !out.is_empty() {
            return out.push(b',');
        }
        self.seal(out);
        if !out.is_empty() {
            out.push(b',');
        }
        if !same {
            self.source = Some(Rc::clone(source));
            self.clocks.turn_to(source.id);
            self.labels.clear();
            self.metadata.clear();
            labels::labels(source, &mut self.labels);
            labels::metadata(source, &mut self.metadata);
        }
        out.extend_from_slice(&self.labels);
        string(stream, out);
        out.extend_from_slice(b"},\"values\":[");
        self.open = Some(stream);
    }

    /// Up to the line's text.
    fn begin_entry(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        let stamp = line.stamp.map(|stamp| stamp.time.unix_nanos());
        let time = self.clocks.next(line.channel, stamp, self.now.unix_nanos());
        out.extend_from_slice(b"[\"");
        decimal(time, out);
        out.extend_from_slice(b"\",");
    }

    /// From the line's text on. `notes` may add metadata.
    fn end_entry(&self, line: &Line<'_>, more: bool, notes: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        out.extend_from_slice(&self.metadata);
        if line.stamp.is_none() {
            note("time", "assumed", out);
        }
        if let Some(Segment { number, .. }) = line.segment {
            numbered("segment", i64::from(number), out);
        }
        notes(out);
        if more {
            note("more", "true", out);
        }
        out.extend_from_slice(b"}]");
    }

    /// A line that isn't UTF-8, in as many entries as it needs. The first has begun.
    fn escaped(&mut self, line: &Line<'_>, text: &str, out: &mut Vec<u8>) {
        let (mut part, mut rest) = percent::cut(text, limits::LOKI_LINE);
        let in_parts = !rest.is_empty();
        for number in 1.. {
            if number > 1 {
                out.push(b',');
                self.begin_entry(line, out);
            }
            string(part, out);
            let more = !rest.is_empty() || line.segment.is_some_and(|segment| !segment.last);
            let notes = |out: &mut Vec<u8>| {
                note("encoding", "percent", out);
                if in_parts {
                    numbered("part", number, out);
                }
            };
            self.end_entry(line, more, notes, out);
            if rest.is_empty() {
                break;
            }
            (part, rest) = percent::cut(rest, limits::LOKI_LINE);
        }
    }
}

/// The name of the stream that lines of this channel belong to.
const fn stream(channel: Channel) -> &'static str {
    match channel {
        Channel::Tty => Channel::Stdout.as_str(),
        other => other.as_str(),
    }
}

/// Appends metadata whose value needs no escapes.
fn note(name: &str, value: &str, out: &mut Vec<u8>) {
    begin_note(name, out);
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

/// The same of a number. Loki takes nothing but strings.
fn numbered(name: &str, number: i64, out: &mut Vec<u8>) {
    begin_note(name, out);
    decimal(number, out);
    out.push(b'"');
}

fn begin_note(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
}
