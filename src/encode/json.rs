//! JSON lines:
//! `{"time":"…","id":"…","container":"web","stream":"stdout","message":"…"}`
//!
//! What else was chosen to be told of the container, and as far as it has it, stands after its name:
//! `"image":"…","project":"…","service":"…","labels":{"tier":"front"}`
//!
//! `time` stands exactly as the engine gave it, `message` has no line end. Bytes that aren't UTF-8 go into
//! `message_base64` instead. A line beyond the limit comes in segments: `"segment":1,"more":true` and so on, until
//! `"more":false`.
//!
//! Lines that the engine deleted, or skipped, before they could be read leave a mark, with the times of the lines
//! around them: `{"gap":{"id":"…","container":"web","from":"…","to":"…"}}`

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use docklog_protocol::{Channel, Line};

use super::Look;
use super::escape::{is_plain, string};
use crate::core::metadata::Field;
use crate::core::source::Source;
use crate::core::window::Gap;

/// Encodes lines as JSON objects.
#[derive(Debug)]
pub struct Json {
    look: Look,
    /// Whose lines came last. That the source is held is what makes its address tell whose it is.
    source: Option<Rc<Source>>,
    /// The part of the object that is the same for all lines of that container.
    container: Vec<u8>,
}

impl Json {
    pub(super) fn new(look: Look) -> Self {
        Self { look, source: None, container: Vec::new() }
    }

    pub(super) fn encode(&mut self, source: &Rc<Source>, line: &Line<'_>, out: &mut Vec<u8>) {
        self.turn_to(source);
        match line.stamp {
            Some(stamp) => {
                out.extend_from_slice(b"{\"time\":\"");
                out.extend_from_slice(stamp.bytes()); // was parsed as RFC 3339: nothing to escape
                out.extend_from_slice(b"\",");
            }
            None => out.push(b'{'),
        }
        out.extend_from_slice(&self.container);
        // The end of the key depends on the message.
        out.extend_from_slice(match line.channel {
            Channel::Stdout => b",\"stream\":\"stdout\",\"message",
            Channel::Stderr => b",\"stream\":\"stderr\",\"message",
            Channel::Tty => b",\"stream\":\"tty\",\"message",
            Channel::Stdin => b",\"stream\":\"stdin\",\"message",
            Channel::Engine => b",\"stream\":\"engine\",\"message",
        });
        self.message(line.text, out);
        if let Some(segment) = line.segment {
            let more = !segment.last;
            out.extend_from_slice(format!(",\"segment\":{},\"more\":{more}", segment.number).as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }

    pub(super) fn encode_gap(&mut self, source: &Rc<Source>, gap: Gap, out: &mut Vec<u8>) {
        self.turn_to(source);
        out.extend_from_slice(b"{\"gap\":{");
        out.extend_from_slice(&self.container);
        let (from, to) = (gap.from.rfc3339(), gap.to.rfc3339());
        out.extend_from_slice(format!(",\"from\":\"{from}\",\"to\":\"{to}\"}}}}\n").as_bytes());
    }

    /// What follows is of this container.
    fn turn_to(&mut self, source: &Rc<Source>) {
        if !self.source.as_ref().is_some_and(|present| Rc::ptr_eq(present, source)) {
            self.describe(source);
        }
    }

    /// Puts together what all lines of a container have.
    #[cold] // most lines come in runs of one container
    fn describe(&mut self, source: &Rc<Source>) {
        self.source = Some(Rc::clone(source));
        let mut json = std::mem::take(&mut self.container);
        json.clear();
        json.extend_from_slice(b"\"id\":\"");
        json.extend_from_slice(&source.id.digits());
        json.extend_from_slice(b"\",\"container\":");
        self.text(&source.name, &mut json);
        self.fields(source, &mut json);
        self.container = json;
    }

    fn fields(&self, source: &Source, out: &mut Vec<u8>) {
        let mut in_labels = false;
        for (field, value) in &source.fields {
            let hidden = match field {
                Field::Image => self.look.hides_image,
                Field::Project => self.look.hides_project,
                Field::Service => self.look.hides_service,
                Field::Label(_) => false,
            };
            if hidden {
                continue;
            }
            out.push(b',');
            match field {
                Field::Image => out.extend_from_slice(b"\"image\""),
                Field::Project => out.extend_from_slice(b"\"project\""),
                Field::Service => out.extend_from_slice(b"\"service\""),
                Field::Label(key) => {
                    if !std::mem::replace(&mut in_labels, true) {
                        out.extend_from_slice(b"\"labels\":{");
                    }
                    self.text(key, out);
                }
            }
            out.push(b':');
            self.text(value, out);
        }
        if in_labels {
            out.push(b'}');
        }
    }

    /// Text of people who are not to be trusted with a terminal.
    fn text(&self, text: &str, out: &mut Vec<u8>) {
        if self.look.visible_control && needs_more_escapes(text) {
            escape_all_controls(text, out);
        } else {
            string(text, out);
        }
    }

    /// The rest of the key, and the value.
    fn message(&self, text: &[u8], out: &mut Vec<u8>) {
        if !self.look.visible_control && is_plain(text) {
            out.extend_from_slice(b"\":\"");
            out.extend_from_slice(text);
            return out.push(b'"');
        }
        match std::str::from_utf8(text) {
            Ok(text) => {
                out.extend_from_slice(b"\":");
                self.text(text, out);
            }
            Err(_) => {
                out.extend_from_slice(b"_base64\":\"");
                out.extend_from_slice(BASE64.encode(text).as_bytes());
                out.push(b'"');
            }
        }
    }
}

/// JSON leaves DEL and the C1 controls as they are; a terminal obeys some of them.
fn needs_more_escapes(text: &str) -> bool {
    text.chars().any(|c| ('\u{7f}'..='\u{9f}').contains(&c))
}

fn escape_all_controls(text: &str, out: &mut Vec<u8>) {
    let mut plain = Vec::new();
    string(text, &mut plain);
    for c in String::from_utf8_lossy(&plain).chars() {
        if ('\u{7f}'..='\u{9f}').contains(&c) {
            out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes());
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::{ContainerId, Segment, Stamp};

    use super::*;

    fn encode(look: Look, text: &[u8], segment: Option<Segment>) -> String {
        let id = ContainerId::parse(&"0f".repeat(32)).expect("an id");
        let source = Rc::new(Source { id, name: "we\"b".to_owned(), fields: Vec::new() });
        let stamp = "2026-11-23T20:16:07.727144095Z";
        let mut out = Vec::new();
        let line = Line { channel: Channel::Stderr, stamp: Stamp::parse(stamp), text, segment };
        Json::new(look).encode(&source, &line, &mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn a_line_becomes_one_object() {
        let expected = format!(
            "{{\"time\":\"2026-11-23T20:16:07.727144095Z\",\"id\":\"{}\",\"container\":\"we\\\"b\",\"stream\":\"stderr\",\"message\":\"a\\tb \\u001b[1m\"}}\n",
            "0f".repeat(32)
        );
        assert_eq!(encode(Look::default(), b"a\tb \x1b[1m", None), expected);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept_as_base64() {
        assert!(
            encode(Look::default(), b"\xff\xfe", None)
                .contains("\"stream\":\"stderr\",\"message_base64\":\"//4=\"}")
        );
    }

    #[test]
    fn a_gap_is_an_object_of_its_own() {
        let id = ContainerId::parse(&"0f".repeat(32)).expect("an id");
        let source = Rc::new(Source { id, name: "web".to_owned(), fields: Vec::new() });
        let at = |seconds| docklog_protocol::Timestamp { seconds, nanos: 5 };
        let mut out = Vec::new();
        Json::new(Look::default()).encode_gap(&source, Gap { from: at(0), to: at(1) }, &mut out);
        let expected = format!(
            "{{\"gap\":{{\"id\":\"{}\",\"container\":\"web\",\"from\":\"1970-01-01T00:00:00.000000005Z\",\"to\":\"1970-01-01T00:00:01.000000005Z\"}}}}\n",
            "0f".repeat(32)
        );
        assert_eq!(String::from_utf8(out).expect("JSON is UTF-8"), expected);
    }

    #[test]
    fn what_was_chosen_of_a_container_stands_after_its_name() {
        let id = ContainerId::parse(&"0f".repeat(32)).expect("an id");
        let label = |key: &str, value: &str| (Field::Label(key.into()), value.to_owned());
        let fields = vec![
            (Field::Image, "nginx:1.25".to_owned()),
            (Field::Service, "front".to_owned()),
            label("tier", "a\"b"),
            label("x", "\u{9b}"),
        ];
        let source = Rc::new(Source { id, name: "web".to_owned(), fields });
        let expected = "\"container\":\"web\",\"image\":\"nginx:1.25\",\"service\":\"front\",\"labels\":{\"tier\":\"a\\\"b\",\"x\":\"\u{9b}\"},";
        let mut json = Json::new(Look::default());
        let (mut line, mut gap) = (Vec::new(), Vec::new());
        let stdout = Channel::Stdout;
        let bare = Line { channel: stdout, stamp: None, text: b"", segment: None };
        json.encode(&source, &bare, &mut line);
        let at = docklog_protocol::Timestamp { seconds: 0, nanos: 5 };
        json.encode_gap(&source, Gap { from: at, to: at }, &mut gap);
        for out in [line, gap] {
            let out = String::from_utf8(out).expect("JSON is UTF-8");
            assert!(out.contains(expected), "{out}");
            assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
        }
        let mut shown = Vec::new();
        Json::new(Look { visible_control: true, ..Look::default() }).encode_gap(
            &source,
            Gap { from: at, to: at },
            &mut shown,
        );
        assert!(
            String::from_utf8(shown).expect("UTF-8").contains("\\u009b"),
            "no control reaches a terminal"
        );
    }

    #[test]
    fn a_container_that_says_something_else_by_now_is_not_mistaken_for_itself() {
        let mut json = Json::new(Look::default());
        let mut out = Vec::new();
        for name in ["old", "new", "new"] {
            let source =
                Rc::new(Source { id: ContainerId::from([1; 32]), name: name.to_owned(), fields: Vec::new() });
            json.encode_gap(&source, Gap { from: Default::default(), to: Default::default() }, &mut out);
        }
        let out = String::from_utf8(out).expect("UTF-8");
        let names: Vec<bool> = out.lines().map(|line| line.contains("\"new\"")).collect();
        assert_eq!(names, [false, true, true]);
    }

    #[test]
    fn a_segment_is_marked() {
        let segment = Some(Segment { number: 3, last: false });
        assert!(
            encode(Look::default(), b"x", segment)
                .ends_with(",\"message\":\"x\",\"segment\":3,\"more\":true}\n")
        );
    }

    #[test]
    fn on_a_terminal_no_control_character_is_left() {
        let look = Look { visible_control: true, ..Look::default() };
        assert!(encode(look, "a\u{9b}31m\u{7f}é".as_bytes(), None).contains("\"a\\u009b31m\\u007fé\""));
    }
}
