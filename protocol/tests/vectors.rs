//! Every vector decodes as an independent decoder says (`examples/decoder.py`): whole, cut in two at every byte, and
//! byte by byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docklog_protocol::{
    Channel, Document, Error, Event, Finished, Format, Inspected, Item, Items, Line, LineJoiner, Listed,
    Parts, Progress, Record, Session, Split, Version,
};
use serde_json::Value;

#[path = "../examples/decode/shape.rs"]
mod shape;

/// A response and what it must decode to.
struct Vector {
    name: String,
    response: Vec<u8>,
    expected: Value,
    records: Vec<Expected>,
    /// The items as the whole response gave them, so that not every cut has to parse them again.
    items: Vec<Vec<u8>>,
}

/// A record as the vector's JSON has it.
struct Expected {
    channel: String,
    time: Option<String>,
    part: bool,
    text: Vec<u8>,
}

impl Expected {
    fn is(&self, record: &Record<'_>) -> bool {
        self.channel == record.channel.as_str()
            && self.time.as_deref() == record.stamp.map(|stamp| stamp.raw())
            && self.part == record.part
            && self.text == record.text
    }
}

impl Vector {
    fn load(path: &Path) -> Self {
        let expected = fs::read(path.with_extension("json")).expect("an expectation beside the response");
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        let records = expected["records"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut vector = Self {
            name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
            response: fs::read(path).expect("readable"),
            records: records.iter().map(record).collect(),
            items: Vec::new(),
            expected,
        };
        if let Some(split) = vector.split() {
            vector.items = items(split, [&vector.response[..]].into_iter()).0;
            if let Some(expected) = vector.expected.get("items") {
                let parse = |item: &Vec<u8>| match split {
                    Split::ArrayItems => shape::listed(&Listed::parse(item).expect("a container")),
                    Split::Values => shape::event(Event::parse(item).expect("an event")),
                };
                let found: Vec<_> = vector.items.iter().map(parse).collect();
                assert_eq!(&Value::Array(found), expected, "{}: items", vector.name);
            }
        }
        vector
    }

    fn split(&self) -> Option<Split> {
        match self.expected["kind"].as_str() {
            Some("list") => Some(Split::ArrayItems),
            Some("events") => Some(Split::Values),
            _ => None,
        }
    }

    fn is(&self, kind: &str) -> bool {
        self.expected["kind"] == kind
    }

    fn format(&self) -> Format {
        if self.expected["format"] == "tty" { Format::Tty } else { Format::Multiplexed }
    }

    fn timestamps(&self) -> bool {
        self.expected["timestamps"] == true
    }

    /// Decodes the response in the given pieces and compares all that came out.
    fn check<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>, how: &dyn Fn() -> String) {
        let ending = if let Some(split) = self.split() {
            let (found, ending) = items(split, pieces);
            assert!(found == self.items, "{}: items, {}", self.name, how());
            ending
        } else if self.is("logs") {
            self.check_logs(pieces, self.format(), how)
        } else {
            self.check_document(pieces, how)
        };
        for key in ["end", "message", "unused"] {
            assert_eq!(ending.get(key), self.expected.get(key), "{}: {key}, {}", self.name, how());
        }
    }

    fn check_logs<'a>(
        &self,
        pieces: impl Iterator<Item = &'a [u8]>,
        format: Format,
        how: &dyn Fn() -> String,
    ) -> Value {
        let mut session = Session::new(format, self.timestamps());
        let mut count = 0;
        let mut out = |record: Record<'_>| {
            let fits = self.records.get(count).is_some_and(|expected| expected.is(&record));
            assert!(fits, "{}: record {count} is {record:?}, {}", self.name, how());
            count += 1;
        };
        let fed = feed(pieces, |piece| session.feed(piece, &mut out));
        assert_eq!(session.head().map(|head| head.status), self.status(), "{}", self.name);
        let ending = shape::ending(fed, session.finish(&mut out));
        assert_eq!(count, self.records.len(), "{}: number of records, {}", self.name, how());
        ending
    }

    fn check_document<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>, how: &dyn Fn() -> String) -> Value {
        let mut document =
            if self.expected["method"] == "HEAD" { Document::to_head() } else { Document::new() };
        let fed = feed(pieces, |piece| document.feed(piece));
        let (answer, finished) = match document.finish() {
            Ok(answer) => {
                let finished = answer.refusal().map_or(Finished::Complete, Finished::Refused);
                (Some(answer), Ok(finished))
            }
            Err(truncated) => (None, Err(truncated)),
        };
        let body = answer.as_ref().map(|answer| answer.body.as_slice()).unwrap_or_default();
        if let Some(expected) = self.expected.get("version") {
            assert_eq!(
                &shape::version(&Version::parse(body).expect("a version")),
                expected,
                "{}, {}",
                self.name,
                how()
            );
        } else if let Some(expected) = self.expected.get("inspected") {
            let found = shape::inspected(&Inspected::parse(body).expect("a container"));
            assert_eq!(&found, expected, "{}, {}", self.name, how());
        } else if answer.is_some() {
            assert_eq!(
                Some(body),
                self.expected["body"].as_str().map(str::as_bytes),
                "{}, {}",
                self.name,
                how()
            );
        }
        shape::ending(fed, finished)
    }

    fn status(&self) -> Option<u16> {
        self.expected["status"].as_u64().and_then(|status| u16::try_from(status).ok())
    }
}

fn record(row: &Value) -> Expected {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    Expected {
        channel: text("channel").expect("a channel"),
        time: text("time"),
        part: row["part"] == true,
        text: match text("text_base64") {
            Some(base64) => STANDARD.decode(base64).expect("base64"),
            None => text("text").expect("a text").into_bytes(),
        },
    }
}

/// Takes a stream of items apart; returns them and how it ended.
fn items<'a>(split: Split, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Value) {
    let mut items = Items::new(split);
    let mut found = Vec::new();
    let mut out = |item: Item<'_>| match item {
        Item::Json(json) => found.push(json.to_vec()),
        Item::TooLong { .. } => panic!("{item:?}"),
    };
    let fed = feed(pieces, |piece| items.feed(piece, &mut out));
    let ending = shape::ending(fed, items.finish());
    (found, ending)
}

/// Feeds until the response is complete; returns how many bytes were not used.
fn feed<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    mut feed: impl FnMut(&[u8]) -> Result<Progress, Error>,
) -> Result<u64, Error> {
    let mut unused = 0;
    for piece in pieces {
        if let Progress::Complete { unused: bytes } = feed(piece)? {
            unused += bytes as u64;
        }
    }
    Ok(unused)
}

/// Miri takes a thousand times longer: of the vectors it gets the small ones.
fn is_small(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() < 250)
}

fn vectors() -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("protocol/vectors")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "resp"))
        .filter(|path| !cfg!(miri) || is_small(path))
        .collect();
    paths.sort();
    let vectors: Vec<_> = paths.iter().map(|path| Vector::load(path)).collect();
    assert!(vectors.len() > if cfg!(miri) { 5 } else { 200 }, "only {} vectors", vectors.len());
    vectors
}

#[test]
fn whole() {
    for vector in vectors() {
        vector.check([&vector.response[..]].into_iter(), &|| "whole".into());
    }
}

#[test]
fn byte_by_byte() {
    for vector in vectors() {
        vector.check(vector.response.chunks(1), &|| "byte by byte".into());
    }
}

/// Takes all vectors times their bytes: on every core.
#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn at_every_split_point() {
    let vectors = vectors();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(vector) = vectors.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for split in 0..=vector.response.len() {
                        let (front, back) = vector.response.split_at(split);
                        vector.check([front, back].into_iter(), &|| format!("split at byte {split}"));
                    }
                }
            });
        }
    });
}

#[test]
fn the_format_is_detected() {
    for vector in vectors().iter().filter(|vector| vector.is("logs") && vector.timestamps()) {
        let how = || "detected".to_owned();
        vector.check_logs([&vector.response[..]].into_iter(), Format::Detect, &how);
        vector.check_logs(vector.response.chunks(1), Format::Detect, &how);
    }
}

#[test]
fn lines_are_joined() {
    for vector in vectors().iter().filter(|vector| vector.is("logs")) {
        for size in [usize::MAX, 1] {
            let lines = joined(vector, size);
            let expected = vector.expected["lines"].as_array().expect("lines");
            assert_eq!(lines.len(), expected.len(), "{}: number of lines", vector.name);
            for (line, expected) in lines.iter().zip(expected) {
                let records: Vec<_> = expected["records"].as_array().expect("records").iter().collect();
                let records: Vec<_> = records.iter().filter_map(|index| index.as_u64()).collect();
                let records: Vec<_> = records.iter().map(|&index| &vector.records[index as usize]).collect();
                let mut text: Vec<u8> =
                    records.iter().flat_map(|record| record.text.iter().copied()).collect();
                text.truncate(text.len() - expected["drop"].as_u64().unwrap_or(0) as usize);
                let same = line.text == text && line.time == records[0].time;
                assert!(same && line.channel.as_str() == records[0].channel, "{}: {expected}", vector.name);
            }
        }
    }
}

struct Joined {
    channel: Channel,
    time: Option<String>,
    text: Vec<u8>,
}

fn joined(vector: &Vector, piece: usize) -> Vec<Joined> {
    let parts = if vector.name.starts_with("pod-") { Parts::Podman } else { Parts::Docker };
    let mut joiner = LineJoiner::new(parts, usize::MAX);
    let mut session = Session::new(vector.format(), vector.timestamps());
    let mut lines = Vec::new();
    let mut keep = |line: Line<'_>| {
        assert_eq!(line.segment, None);
        let time = line.stamp.map(|stamp| stamp.raw().to_owned());
        lines.push(Joined { channel: line.channel, time, text: line.text.to_vec() });
    };
    for piece in vector.response.chunks(piece.min(vector.response.len())) {
        if session.feed(piece, &mut |record| joiner.push(record, &mut keep)).is_err() {
            break;
        }
    }
    // How it ended is another test's matter.
    let _ = session.finish(&mut |record| joiner.push(record, &mut keep));
    joiner.finish(&mut keep);
    lines
}
