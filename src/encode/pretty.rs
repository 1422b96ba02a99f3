//! For people: `name | message`, names aligned and each in a colour of its own that stays the same from run to run.

use docklog_protocol::Line;

use super::{Look, control};
use crate::core::source::Source;
use crate::core::window::Gap;
use crate::limits;

/// SGR codes that can be told apart, on dark and on light ground.
const COLOURS: [&str; 10] = ["36", "33", "32", "35", "34", "96", "93", "92", "95", "94"];

/// Names, then messages.
#[derive(Debug)]
pub struct Pretty {
    look: Look,
    /// Width of the widest name so far, up to a limit: names align, and long ones don't push everything aside.
    width: usize,
}

impl Pretty {
    pub(super) fn new(look: Look) -> Self {
        Self { look, width: 0 }
    }

    pub(super) fn expect(&mut self, name: &str) {
        self.width = self.width.max(name.chars().count()).min(limits::NAME_COLUMNS);
    }

    pub(super) fn encode(&mut self, source: &Source, line: &Line<'_>, out: &mut Vec<u8>) {
        self.name(source, out);
        message(self.look, line, out);
    }

    pub(super) fn encode_gap(&mut self, source: &Source, gap: Gap, out: &mut Vec<u8>) {
        self.name(source, out);
        let (from, to) = (gap.from.rfc3339(), gap.to.rfc3339());
        out.extend_from_slice(format!("--- gap --- from {from} to {to}\n").as_bytes());
    }

    fn name(&mut self, source: &Source, out: &mut Vec<u8>) {
        let name = &source.name;
        self.expect(name);
        let colour = COLOURS[colour(source)];
        if self.look.colour {
            out.extend_from_slice(format!("\x1b[{colour}m").as_bytes());
        }
        out.extend_from_slice(format!("{name:<width$} |", width = self.width).as_bytes());
        if self.look.colour {
            out.extend_from_slice(b"\x1b[0m");
        }
        out.push(b' ');
    }
}

/// Messages alone.
#[derive(Debug)]
pub struct Raw {
    look: Look,
}

impl Raw {
    pub(super) fn new(look: Look) -> Self {
        Self { look }
    }

    pub(super) fn encode(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        message(self.look, line, out);
    }
}

fn message(look: Look, line: &Line<'_>, out: &mut Vec<u8>) {
    if let Some(stamp) = line.stamp.filter(|_| look.timestamps) {
        out.extend_from_slice(stamp.bytes());
        out.push(b' ');
    }
    if look.visible_control {
        let text = line.text.strip_suffix(b"\r").unwrap_or(line.text);
        if control::show(text, out) {
            out.extend_from_slice(b"\x1b[0m"); // a colour must not run on into the next line
        }
    } else {
        out.extend_from_slice(line.text);
    }
    if line.segment.is_none_or(|segment| segment.last) {
        out.push(b'\n');
    } else {
        out.extend_from_slice(b" [line goes on]\n");
    }
}

/// From the name, so that a container keeps its colour when it is made anew (FNV-1a).
fn colour(source: &Source) -> usize {
    let hash = source.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash >> 32) % COLOURS.len() as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use docklog_protocol::{Channel, ContainerId, Stamp};

    use super::super::Encoder;
    use super::*;

    fn encode(encoder: &mut Encoder, name: &str, text: &[u8]) -> String {
        let id = ContainerId::parse(&"0f".repeat(32)).expect("an id");
        let source = Rc::new(Source { id, name: name.to_owned(), fields: Vec::new() });
        let mut out = Vec::new();
        let stamp = Stamp::parse("2026-11-23T20:16:07Z");
        let line = Line { channel: Channel::Stdout, stamp, text, segment: None };
        encoder.encode(&source, &line, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn names_are_aligned_and_keep_their_colour() {
        let mut plain = Encoder::pretty(Look::default());
        assert_eq!(encode(&mut plain, "database", b"a"), "database | a\n");
        assert_eq!(encode(&mut plain, "web", b"b"), "web      | b\n");
        plain.expect("a-longer-name");
        assert_eq!(encode(&mut plain, "web", b"c"), "web           | c\n");
        let coloured = Look { colour: true, ..Look::default() };
        let (mut one, mut two) = (Encoder::pretty(coloured), Encoder::pretty(coloured));
        let line = encode(&mut one, "web", b"b");
        assert!(line.starts_with("\x1b[") && line.ends_with("\x1b[0m b\n"));
        assert_eq!(line, encode(&mut two, "web", b"b"));
    }

    #[test]
    fn a_container_s_colour_ends_with_its_line_on_a_terminal() {
        let mut terminal = Encoder::raw(Look { visible_control: true, ..Look::default() });
        assert_eq!(encode(&mut terminal, "web", b"\x1b[31mred\r"), "\x1b[31mred\x1b[0m\n");
    }

    #[test]
    fn raw_is_the_message_to_the_byte_unless_times_are_wanted() {
        assert_eq!(encode(&mut Encoder::raw(Look::default()), "web", b"\x1b[2Ja\r"), "\x1b[2Ja\r\n");
        let timed = Look { timestamps: true, ..Look::default() };
        assert_eq!(encode(&mut Encoder::raw(timed), "web", b"a"), "2026-11-23T20:16:07Z a\n");
    }
}
