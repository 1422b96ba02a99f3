//! There and back: records as an engine encodes them, decoded; and as docklog prints them, read by a JSON parser.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use docklog::core::metadata::Field;
use docklog::core::source::Source;
use docklog::encode::{Encoder, Look};
use docklog_protocol::{Channel, ContainerId, Finished, Format, Line, Record, Session, Stamp, limits};
use serde_json::Value;

/// A record that an engine sends.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    channel: Channel,
    stamp: Option<String>,
    text: Vec<u8>,
    part: bool,
}

/// A byte of choices, three of cuts; then records: a byte of channel, part and time, one of length, and the text.
///
/// What an engine encodes is decoded to the same, and what docklog prints of it is read to the same.
pub fn property(data: &[u8]) {
    let Some((&[choices, a, b, c], rest)) = data.split_first_chunk() else { return };
    let timestamps = choices & 1 == 0;
    let records = records(rest, timestamps);
    let chunked = choices & 2 == 0;
    let response = response(&records, chunked, usize::from(choices >> 4));
    let decoded = decode(&response, &[a.into(), b.into(), usize::from(c) * 50], timestamps);
    assert!(records == decoded, "sent {records:?}\ncame {decoded:?}");
    printed(&records, choices & 4 != 0, &String::from_utf8_lossy(&rest[..rest.len().min(12)]));
}

fn records(mut rest: &[u8], timestamps: bool) -> Vec<Sent> {
    let mut records = Vec::new();
    while let Some((&[kind, length], after)) = rest.split_first_chunk() {
        let channel =
            [Channel::Stdout, Channel::Stderr, Channel::Engine, Channel::Stdin][usize::from(kind & 3)];
        let part = kind & 4 != 0 && channel != Channel::Engine;
        let (text, after) = after.split_at(after.len().min(usize::from(length & 0x7f)));
        rest = after;
        let mut text = text.to_vec();
        if length & 0x80 != 0 && records.len() < 4 {
            // As long as an engine's part, or a frame of some drivers.
            let long = [limits::PART - 1, limits::PART, limits::PART + 1, 100_000][usize::from(kind >> 6)];
            text = text.iter().copied().cycle().take(if text.is_empty() { 0 } else { long }).collect();
        }
        if part || channel == Channel::Engine {
            // Its last byte would be taken for the line end.
            text.truncate(text.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1));
        }
        let stamp = (timestamps && channel != Channel::Engine).then(|| match kind >> 3 & 7 {
            0 => "2026-11-23T20:21:33Z".to_owned(),
            1 => "2026-11-23T20:21:33.870332324+01:00".to_owned(),
            nanos => format!("2026-11-23T20:21:33.{nanos:09}Z"),
        });
        records.push(Sent { channel, stamp, text, part });
    }
    records
}

/// One frame per record, one chunk per frame; or frames that go on in a second chunk, as from a proxy.
fn response(records: &[Sent], chunked: bool, cut: usize) -> Vec<u8> {
    let mut out = match chunked {
        true => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        false => b"HTTP/1.0 200 OK\r\n\r\n".to_vec(),
    };
    for Sent { channel, stamp, text, part } in records {
        let stamp = stamp.as_ref().map(|stamp| format!("{stamp} ")).unwrap_or_default();
        let end: &[u8] = if *part { b"" } else { b"\n" };
        let payload = [stamp.as_bytes(), text, end].concat();
        let kind = match channel {
            Channel::Stdin => 0,
            Channel::Stderr => 2,
            Channel::Engine => 3,
            _ => 1,
        };
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let frame = [&[kind, 0, 0, 0][..], &length, &payload].concat();
        if !chunked {
            out.extend_from_slice(&frame);
            continue;
        }
        let (first, second) = frame.split_at(if cut == 0 { frame.len() } else { cut.min(frame.len()) });
        for piece in [first, second].into_iter().filter(|piece| !piece.is_empty()) {
            out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            out.extend_from_slice(piece);
            out.extend_from_slice(b"\r\n");
        }
    }
    if chunked {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    out
}

fn decode(mut response: &[u8], cuts: &[usize], timestamps: bool) -> Vec<Sent> {
    let mut session = Session::new(Format::Multiplexed, timestamps);
    let mut decoded = Vec::new();
    let mut out = |record: Record<'_>| {
        let Record { channel, stamp, text, part } = record;
        decoded.push(Sent {
            channel,
            stamp: stamp.map(|stamp| stamp.raw().to_owned()),
            text: text.to_vec(),
            part,
        });
    };
    for cut in cuts.iter().cycle() {
        let (piece, rest) = response.split_at(response.len().min(cut + 1));
        response = rest;
        session.feed(piece, &mut out).expect("it was encoded as it should be");
        if response.is_empty() {
            break;
        }
    }
    assert_eq!(session.finish(&mut out), Ok(Finished::Complete));
    decoded
}

/// As JSON lines, which another parser reads.
fn printed(records: &[Sent], visible_control: bool, name: &str) {
    let fields = vec![(Field::Image, name.to_owned()), (Field::Label(name.into()), name.to_owned())];
    let source = Rc::new(Source { id: ContainerId::from([7; 32]), name: name.to_owned(), fields });
    let mut encoder = Encoder::json(Look { visible_control, ..Look::default() });
    // What the engine says is no line of a container.
    for record in records.iter().filter(|record| record.channel != Channel::Engine) {
        let stamp = record.stamp.as_deref().and_then(Stamp::parse);
        let line = Line { channel: record.channel, stamp, text: &record.text, segment: None };
        let mut json = Vec::new();
        encoder.encode(&source, &line, &mut json);
        assert_eq!(json.iter().position(|byte| *byte == b'\n'), Some(json.len() - 1), "one line");
        let value: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(value["container"], name);
        assert_eq!((&value["image"], &value["labels"][name]), (&Value::from(name), &Value::from(name)));
        assert_eq!(value["stream"], record.channel.as_str());
        assert_eq!(value["time"].as_str(), record.stamp.as_deref());
        let message = match (value["message"].as_str(), value["message_base64"].as_str()) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(coded)) => BASE64.decode(coded).expect("base64"),
            both => panic!("{both:?}"),
        };
        assert!(message == record.text, "{message:?} is not {:?}", record.text);
        assert!(!visible_control || json.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\n'));
    }
}
