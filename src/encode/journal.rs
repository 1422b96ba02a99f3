//! Entries for systemd's journal, in its native protocol, with the fields that Docker's own `journald` driver writes:
//!
//! | field | holds |
//! |---|---|
//! | `MESSAGE` | the line |
//! | `PRIORITY` | 6 (info) for stdout and terminals, 3 (err) for stderr |
//! | `CONTAINER_NAME`, `CONTAINER_ID`, `CONTAINER_ID_FULL` | the container; its id's first 12 digits, and all |
//! | `CONTAINER_TAG`, `SYSLOG_IDENTIFIER` | its name, which is what `journalctl` shows |
//! | `IMAGE_NAME` | its image |
//! | `SYSLOG_TIMESTAMP` | when it was written; the journal's own time is that of its arrival |
//! | `CONTAINER_PARTIAL_MESSAGE`, `…_ID`, `…_ORDINAL`, `…_LAST` | of the segments of a line beyond the limit |
//!
//! and, where they were chosen, `COMPOSE_PROJECT`, `COMPOSE_SERVICE` and `LABEL_…` for labels. A gap is an entry of priority 4
//! (warning) with `DOCKLOG_GAP_FROM` and `DOCKLOG_GAP_TO`.
//!
//! A field is `NAME=value` and a newline; or, whatever the value holds, `NAME`, a newline, the value's length as 64 bits,
//! little endian, the value, and a newline. Here each entry stands behind its length, see [`Entries`]; the journal gets it
//! without that, as a datagram.

use std::rc::Rc;

use docklog_protocol::{Channel, Line};

use super::gap_text;
use crate::core::metadata::Field;
use crate::core::source::Source;
use crate::core::window::Gap;

/// Bytes that tell an entry's length: 32 bits, little endian.
const LENGTH: usize = 4;

/// Longest name of a field that the journal takes.
const NAME: usize = 64;

/// The entries of an encoded batch, or of what is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a>(pub &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    /// What the journal is to get, and how many bytes of the batch that is.
    type Item = (&'a [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<LENGTH>()?;
        let (entry, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        Some((entry, LENGTH + entry.len()))
    }
}

/// Encodes lines as journal entries.
#[derive(Debug, Default)]
pub struct Journal {
    /// Whose lines came last, and the fields that are the same for all of them.
    source: Option<Rc<Source>>,
    container: Vec<u8>,
}

impl Journal {
    pub(super) fn encode(&mut self, source: &Rc<Source>, line: &Line<'_>, out: &mut Vec<u8>) {
        self.turn_to(source);
        entry(out, |out| {
            let priority = if line.channel == Channel::Stderr { b"PRIORITY=3\n" } else { b"PRIORITY=6\n" };
            out.extend_from_slice(priority);
            out.extend_from_slice(&self.container);
            if let Some(stamp) = line.stamp {
                plain("SYSLOG_TIMESTAMP", stamp.raw(), out);
            }
            if let Some(segment) = line.segment {
                // Parts of one line are those of one id, which a channel's time is for its lines.
                let time = line.stamp.map(|stamp| stamp.raw()).unwrap_or_default();
                let id = format!("{}-{}-{time}", source.id, channel(line.channel));
                plain("CONTAINER_PARTIAL_ID", &id, out);
                plain("CONTAINER_PARTIAL_ORDINAL", &segment.number.to_string(), out);
                plain("CONTAINER_PARTIAL_LAST", if segment.last { "true" } else { "false" }, out);
                if !segment.last {
                    plain("CONTAINER_PARTIAL_MESSAGE", "true", out);
                }
            }
            binary("MESSAGE", line.text, out);
        });
    }

    pub(super) fn encode_gap(&mut self, source: &Rc<Source>, gap: Gap, out: &mut Vec<u8>) {
        self.turn_to(source);
        let (from, to) = (gap.from.rfc3339(), gap.to.rfc3339());
        entry(out, |out| {
            out.extend_from_slice(b"PRIORITY=4\n");
            out.extend_from_slice(&self.container);
            plain("DOCKLOG_GAP_FROM", &from, out);
            plain("DOCKLOG_GAP_TO", &to, out);
            plain("MESSAGE", &gap_text(gap), out);
        });
    }

    fn turn_to(&mut self, source: &Rc<Source>) {
        if self.source.as_ref().is_some_and(|present| Rc::ptr_eq(present, source)) {
            return;
        }
        self.source = Some(Rc::clone(source));
        let out = &mut self.container;
        out.clear();
        let id = source.id.to_string();
        plain("CONTAINER_ID", &id[..12], out);
        plain("CONTAINER_ID_FULL", &id, out);
        for name in ["CONTAINER_NAME", "CONTAINER_TAG", "SYSLOG_IDENTIFIER"] {
            text(name, &source.name, out);
        }
        for (field, value) in &source.fields {
            match field {
                Field::Image => text("IMAGE_NAME", value, out),
                Field::Project => text("COMPOSE_PROJECT", value, out),
                Field::Service => text("COMPOSE_SERVICE", value, out),
                Field::Label(key) => text(&label(key), value, out),
            }
        }
    }
}

/// An entry behind its length.
fn entry(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    fields(out);
    let length = u32::try_from(out.len() - start - LENGTH).unwrap_or(u32::MAX); // a line has 256 KiB at the most
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

/// What came from outside may hold a newline, and would be a field of its own.
fn text(name: &str, value: &str, out: &mut Vec<u8>) {
    if value.contains('\n') {
        binary(name, value.as_bytes(), out);
    } else {
        plain(name, value, out);
    }
}

fn plain(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

fn binary(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// A label's key as the name of a field: capitals, digits and underscores are all that the journal takes, and what a container
/// says of itself must not pass for what we say of it.
fn label(key: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name = "LABEL_".chars().chain(key.chars().map(letter));
    name.take(NAME).collect()
}

fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Stderr => "stderr",
        _ => "stdout",
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::{ContainerId, Segment, Stamp, Timestamp};

    use super::*;

    /// The fields of an entry, as the journal reads them.
    fn fields(mut entry: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut fields = Vec::new();
        while !entry.is_empty() {
            let end = entry.iter().position(|byte| *byte == b'\n').expect("a line");
            let (line, rest) = (&entry[..end], &entry[end + 1..]);
            let name = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a name");
            if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
                fields.push((name(&line[..equals]), line[equals + 1..].to_vec()));
                entry = rest;
            } else {
                let (length, rest) = rest.split_first_chunk().expect("a length");
                let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
                fields.push((name(line), value.to_vec()));
                assert_eq!(rest[0], b'\n');
                entry = &rest[1..];
            }
        }
        fields
    }

    fn source(fields: Vec<(Field, String)>) -> Rc<Source> {
        Rc::new(Source { id: ContainerId::from([0xab; 32]), name: "web".to_owned(), fields })
    }

    fn value<'a>(fields: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a str> {
        let (_, value) = fields.iter().find(|(other, _)| other == name)?;
        Some(std::str::from_utf8(value).expect("text"))
    }

    #[test]
    fn a_line_has_the_fields_of_dockers_own_driver() {
        let source = source(vec![(Field::Image, "nginx:1.25".to_owned())]);
        let stamp = Stamp::parse("2026-11-23T20:16:07.727144095Z");
        let line = Line { channel: Channel::Stderr, stamp, text: b"two\nlines \xff", segment: None };
        let mut out = Vec::new();
        let mut journal = Journal::default();
        journal.encode(&source, &line, &mut out);
        journal.encode(&source, &Line { channel: Channel::Tty, text: b"", ..line }, &mut out);
        let entries: Vec<_> = Entries(&out).collect();
        assert_eq!(entries.iter().map(|(_, length)| length).sum::<usize>(), out.len());
        let first = fields(entries[0].0);
        assert_eq!(
            first.iter().find(|(name, _)| name == "MESSAGE").expect("a message").1,
            b"two\nlines \xff"
        );
        for (name, expected) in [
            ("PRIORITY", "3"),
            ("CONTAINER_NAME", "web"),
            ("CONTAINER_TAG", "web"),
            ("SYSLOG_IDENTIFIER", "web"),
            ("CONTAINER_ID", "abababababab"),
            ("IMAGE_NAME", "nginx:1.25"),
            ("SYSLOG_TIMESTAMP", "2026-11-23T20:16:07.727144095Z"),
        ] {
            assert_eq!(value(&first, name), Some(expected), "{name}");
        }
        assert_eq!(value(&first, "CONTAINER_ID_FULL").map(str::len), Some(64));
        assert_eq!(value(&fields(entries[1].0), "PRIORITY"), Some("6"));
        assert_eq!(value(&fields(entries[1].0), "MESSAGE"), Some(""));
    }

    #[test]
    fn nothing_from_outside_passes_for_a_field_of_ours() {
        let label = |key: &str, value: &str| (Field::Label(key.into()), value.to_owned());
        let source = source(vec![
            label("message", "x"),
            label("com.docker/Compose-é", "a\nPRIORITY=0"),
            label(&"k".repeat(200), ""),
        ]);
        let mut out = Vec::new();
        let line = Line { channel: Channel::Stdout, stamp: None, text: b"PRIORITY=1\n", segment: None };
        Journal::default().encode(&source, &line, &mut out);
        let fields = fields(Entries(&out).next().expect("an entry").0);
        assert_eq!(fields.iter().filter(|(name, _)| name == "PRIORITY").count(), 1);
        assert_eq!(value(&fields, "LABEL_MESSAGE"), Some("x"));
        assert_eq!(value(&fields, "LABEL_COM_DOCKER_COMPOSE__"), Some("a\nPRIORITY=0"));
        assert!(fields.iter().all(|(name, _)| name.len() <= NAME));
    }

    #[test]
    fn segments_and_gaps_are_told_as_such() {
        let (source, mut journal, mut out) = (source(Vec::new()), Journal::default(), Vec::new());
        for (number, last) in [(1, false), (2, true)] {
            let segment = Some(Segment { number, last });
            let line = Line { channel: Channel::Stdout, stamp: None, text: b"x", segment };
            journal.encode(&source, &line, &mut out);
        }
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        journal.encode_gap(&source, Gap { from: at(0), to: at(1) }, &mut out);
        let entries: Vec<_> = Entries(&out).map(|(entry, _)| fields(entry)).collect();
        let partial = |at: usize, name| value(&entries[at], &format!("CONTAINER_PARTIAL_{name}"));
        assert_eq!((partial(0, "MESSAGE"), partial(1, "MESSAGE")), (Some("true"), None));
        assert_eq!((partial(0, "LAST"), partial(1, "LAST")), (Some("false"), Some("true")));
        assert_eq!((partial(0, "ORDINAL"), partial(1, "ORDINAL")), (Some("1"), Some("2")));
        assert!(partial(0, "ID").is_some() && partial(0, "ID") == partial(1, "ID"));
        assert_eq!(value(&entries[2], "PRIORITY"), Some("4"));
        assert_eq!(value(&entries[2], "DOCKLOG_GAP_TO"), Some("1970-01-01T00:00:01.000000000Z"));
    }

    #[test]
    fn a_cut_batch_has_no_half_an_entry() {
        let mut out = Vec::new();
        let line = Line { channel: Channel::Stdout, stamp: None, text: b"text", segment: None };
        Journal::default().encode(&source(Vec::new()), &line, &mut out);
        for end in 0..out.len() {
            assert!(Entries(&out[..end]).next().is_none());
        }
    }
}
