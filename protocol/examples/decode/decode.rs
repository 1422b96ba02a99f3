//! From the bytes of a response to what the kit compares.

use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docklog_protocol::{
    Document, Error, Event, Finished, Format, Inspected, Item, Items, LineJoiner, Listed, Parts, Progress,
    Record, Session, Split, Version,
};
use serde_json::{Value, json};

use super::asked::{Asked, Kind};
use super::shape;

/// What each read takes at most.
const READ: usize = 64 * 1024;

/// Decodes a response to its end, and says all the vectors say.
///
/// # Errors
/// If the input can't be read, or a document is not of the shape it should have.
pub(crate) fn decode(asked: &Asked, mut input: impl Read) -> io::Result<Value> {
    let (kind, mut found) = match asked.kind {
        Kind::Logs { format, timestamps, parts } => ("logs", logs(format, timestamps, parts, &mut input)?),
        Kind::List => ("list", items(Split::ArrayItems, &mut input)?),
        Kind::Events => ("events", items(Split::Values, &mut input)?),
        Kind::Version | Kind::Inspect | Kind::Other => ("document", document(asked, &mut input)?),
    };
    found["kind"] = kind.into();
    found["method"] = if asked.to_head { "HEAD" } else { "GET" }.into();
    Ok(found)
}

/// Feeds until the connection's end; returns how many bytes came after the response, or what was wrong in it.
fn feed(
    input: &mut dyn Read,
    mut feed: impl FnMut(&[u8]) -> Result<Progress, Error>,
) -> io::Result<Result<u64, Error>> {
    let (mut buffer, mut unused) = (vec![0; READ], 0);
    loop {
        let len = input.read(&mut buffer)?;
        if len == 0 {
            return Ok(Ok(unused));
        }
        match feed(&buffer[..len]) {
            Ok(Progress::More) => {}
            Ok(Progress::Complete { unused: bytes }) => unused += bytes as u64,
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn logs(format: Format, timestamps: bool, parts: Parts, input: &mut dyn Read) -> io::Result<Value> {
    let mut session = Session::new(format, timestamps);
    let (mut records, mut lines) = (Vec::new(), Lines::new(parts));
    let mut out = |record: Record<'_>| {
        lines.push(records.len(), record);
        records.push(row(&record));
    };
    let fed = feed(input, |bytes| session.feed(bytes, &mut out))?;
    let status = session.head().map(|head| head.status);
    let mut found = shape::ending(fed, session.finish(&mut out));
    found["format"] = if format == Format::Tty { "tty" } else { "multiplexed" }.into();
    found["timestamps"] = timestamps.into();
    found["status"] = status.into();
    found["records"] = records.into();
    found["lines"] = lines.finish().into();
    Ok(found)
}

/// A record as JSON.
fn row(record: &Record<'_>) -> Value {
    let mut row = json!({"channel": record.channel.as_str(), "part": record.part});
    if let Some(stamp) = record.stamp {
        row["time"] = stamp.raw().into();
    }
    match std::str::from_utf8(record.text) {
        Ok(text) => row["text"] = text.into(),
        Err(_) => row["text_base64"] = STANDARD.encode(record.text).into(),
    }
    row
}

/// Lines, told by the indices of their records.
///
/// A joiner tells texts only. With one for each channel, whether a line is open tells which records the others had.
struct Lines {
    channels: [(LineJoiner, Open); 5],
    done: Vec<Value>,
}

/// Of the records of the open line: the indices, and the bytes of text.
#[derive(Default)]
struct Open {
    records: Vec<usize>,
    len: usize,
}

impl Lines {
    fn new(parts: Parts) -> Self {
        let channel = |_| (LineJoiner::new(parts, usize::MAX), Open::default());
        Self { channels: std::array::from_fn(channel), done: Vec::new() }
    }

    fn push(&mut self, index: usize, record: Record<'_>) {
        let (joiner, open) = &mut self.channels[record.channel as usize];
        let mut ended = Vec::new();
        joiner.push(record, &mut |line| ended.push(line.text.len()));
        let mut ended = ended.into_iter();
        // The record before was the last of its line if one ended without this: two did, or another is open.
        if (joiner.is_open() || ended.len() == 2)
            && let Some(len) = ended.next()
        {
            self.done.push(std::mem::take(open).line(len));
        }
        open.records.push(index);
        open.len += record.text.len();
        if let Some(len) = ended.next() {
            self.done.push(std::mem::take(open).line(len));
        }
    }

    fn finish(mut self) -> Vec<Value> {
        for (mut joiner, open) in self.channels {
            let mut ended = None;
            joiner.finish(&mut |line| ended = Some(line.text.len()));
            self.done.extend(ended.map(|len| open.line(len)));
        }
        self.done
    }
}

impl Open {
    /// As a line of so many bytes; what its records have more was dropped.
    fn line(self, len: usize) -> Value {
        match self.len - len {
            0 => json!({"records": self.records}),
            drop => json!({"records": self.records, "drop": drop}),
        }
    }
}

fn items(split: Split, input: &mut dyn Read) -> io::Result<Value> {
    let mut items = Items::new(split);
    let mut rows: Vec<io::Result<Value>> = Vec::new();
    let mut out = |item: Item<'_>| {
        let row = match (item, split) {
            (Item::TooLong { at }, _) => Err(io::Error::other(format!("the item at {at} is too long"))),
            (Item::Json(json), Split::ArrayItems) => {
                Listed::parse(json).map(|listed| shape::listed(&listed)).map_err(io::Error::other)
            }
            (Item::Json(json), Split::Values) => {
                Event::parse(json).map(shape::event).map_err(io::Error::other)
            }
        };
        rows.push(row);
    };
    let fed = feed(input, |bytes| items.feed(bytes, &mut out))?;
    let status = items.head().map(|head| head.status);
    let mut found = shape::ending(fed, items.finish());
    found["status"] = status.into();
    if status == Some(200) {
        found["items"] = rows.into_iter().collect::<io::Result<Vec<_>>>()?.into();
    }
    Ok(found)
}

fn document(asked: &Asked, input: &mut dyn Read) -> io::Result<Value> {
    let mut document = if asked.to_head { Document::to_head() } else { Document::new() };
    let fed = feed(input, |bytes| document.feed(bytes))?;
    let status = document.head().map(|head| head.status);
    let answer = document.finish();
    let finished = answer.as_ref().map_err(|truncated| *truncated);
    let finished = finished.map(|answer| answer.refusal().map_or(Finished::Complete, Finished::Refused));
    let mut found = shape::ending(fed, finished);
    found["status"] = status.into();
    let Ok(answer) = answer else { return Ok(found) };
    match (&asked.kind, status) {
        (Kind::Version, Some(200)) => {
            let version = Version::parse(&answer.body).map_err(io::Error::other)?;
            found["version"] = shape::version(&version);
        }
        (Kind::Inspect, Some(200)) => {
            let inspected = Inspected::parse(&answer.body).map_err(io::Error::other)?;
            found["inspected"] = shape::inspected(&inspected);
        }
        _ => found["body"] = String::from_utf8_lossy(&answer.body).into(),
    }
    Ok(found)
}
