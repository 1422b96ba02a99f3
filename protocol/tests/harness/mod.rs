//! Properties that hold for any input. Driven by `properties.rs` with random values, and by the targets in `fuzz/`
//! with bytes that libFuzzer chose: [`session_from`], [`lines_from`] and [`bodies_from`] make values of those.

use docklog_protocol::{
    Answer, Channel, Document, Error, Finished, Format, Item, Items, Line, LineJoiner, Parts, Record,
    Segment, Session, Split, Stamp, Timestamp, Truncated, limits,
};

/// A record that outlives its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    channel: Channel,
    stamp: Option<(String, Timestamp)>,
    text: Vec<u8>,
    part: bool,
}

type End = Result<Result<Finished, Truncated>, Error>;

/// Cuts `bytes` into pieces of the given lengths, over and over.
pub(crate) fn cut<'a>(mut bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().filter(|&&len| len > 0).cycle();
    std::iter::from_fn(move || {
        let len = lengths.next().map_or(bytes.len(), |&len| len.min(bytes.len()));
        let (piece, rest) = bytes.split_at(len);
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// However a response is cut into feeds, it decodes to the same, and no more is held than came and the limits allow.
pub(crate) fn session(response: &[u8], cuts: &[usize], format: Format, timestamps: bool) {
    let whole = decode(response, &[], format, timestamps);
    let pieces = decode(response, cuts, format, timestamps);
    assert_eq!(whole, pieces);
    for record in &whole.0 {
        assert!(timestamps || record.stamp.is_none());
        assert!(record.channel != Channel::Engine || (record.stamp.is_none() && !record.part));
        assert!(record.channel != Channel::Tty || record.text.len() <= limits::TTY_PART);
    }
    if let Ok(Err(Truncated { at })) = whole.1 {
        assert!(at <= response.len() as u64);
    }
}

fn decode(response: &[u8], cuts: &[usize], format: Format, timestamps: bool) -> (Vec<Owned>, End) {
    let most = limits::HEAD.max(limits::FRAME + 8).max(2 * limits::TTY_PART + limits::STAMP);
    let mut session = Session::new(format, timestamps);
    let mut records = Vec::new();
    let mut out = |record: Record<'_>| {
        let Record { channel, stamp, text, part } = record;
        let stamp = stamp.map(|stamp| (stamp.raw().to_owned(), stamp.time));
        assert!(stamp.as_ref().is_none_or(|(raw, time)| Timestamp::parse(raw) == Some(*time)));
        records.push(Owned { channel, stamp, text: text.to_vec(), part });
    };
    for piece in cut(response, cuts) {
        let before = session.at();
        if let Err(error) = session.feed(piece, &mut out) {
            assert!(error.at <= before + piece.len() as u64);
            assert!(session.finish(&mut |record| panic!("{record:?} after an error")).is_err());
            return (records, Err(error));
        }
        assert!(session.held() <= most.min(response.len()));
    }
    let end = session.finish(&mut out);
    (records, Ok(end))
}

/// A record for the joiner: its text is `len` times the same byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) channel: Channel,
    pub(crate) seconds: u8,
    pub(crate) len: usize,
    pub(crate) part: bool,
    /// Then the largest open line is flushed.
    pub(crate) flush: bool,
}

/// Joined lines have the bytes of their records, in order; segments are counted; what is held is bounded.
pub(crate) fn joined(parts: Parts, limit: usize, records: &[Part]) {
    let limit = limit.max(1);
    let mut joiner = LineJoiner::new(parts, limit);
    let mut seen = [const { Seen::new() }; 5];
    let mut flushed = false;
    for (index, &Part { channel, seconds, len, part, flush }) in records.iter().enumerate() {
        let part = part && channel != Channel::Engine;
        let text = vec![b'a' + (index % 26) as u8; len];
        let raw = Timestamp { seconds: i64::from(seconds), nanos: 0 }.rfc3339();
        let stamp = Stamp::parse(&raw);
        joiner.push(Record { channel, stamp, text: &text, part }, &mut |line| {
            seen[slot(&line)].line(&line, limit, flushed)
        });
        seen[channel as usize].put.extend_from_slice(&text);
        assert!(joiner.held() <= 4 * limit);
        assert!(joiner.held() == 0 || joiner.is_open());
        if flush {
            let held = joiner.held();
            let freed = joiner.flush_largest(&mut |line| seen[slot(&line)].line(&line, limit, true));
            assert_eq!(joiner.held(), held - freed);
            flushed = true;
        }
    }
    joiner.finish(&mut |line| seen[slot(&line)].line(&line, limit, flushed));
    assert!(joiner.held() == 0 && !joiner.is_open());
    for seen in &seen {
        assert!(seen.put == seen.got, "bytes were lost or doubled");
        assert_eq!(seen.segments, 0, "the last segment is missing");
    }
}

fn slot(line: &Line<'_>) -> usize {
    line.channel as usize
}

/// What went into the joiner on a channel, and what came out.
struct Seen {
    put: Vec<u8>,
    got: Vec<u8>,
    /// Segments of the line that is not complete.
    segments: u32,
}

impl Seen {
    const fn new() -> Self {
        Self { put: Vec::new(), got: Vec::new(), segments: 0 }
    }

    fn line(&mut self, line: &Line<'_>, limit: usize, flushed: bool) {
        self.got.extend_from_slice(line.text);
        let Some(Segment { number, last }) = line.segment else {
            assert_eq!(self.segments, 0, "a line within a line");
            assert!(line.text.len() <= limit || line.channel == Channel::Engine);
            return;
        };
        assert_eq!(number, self.segments + 1);
        assert!(line.text.len() <= limit);
        assert!(flushed || !line.text.is_empty());
        assert!(flushed || last || line.text.len() == limit);
        self.segments = if last { 0 } else { number };
    }
}

/// What a TTY container wrote, as lines; a proxy cuts the engine's answer into other chunks, or an HTTP/1.0 answer has
/// none. The lines that come out are those that went in.
///
/// Two things can't be told from the bytes (see the crate's `tty.rs`) and are left out: a stamp inside of a text, and
/// an unfinished text before the last.
pub(crate) fn rechunked(texts: &[Vec<u8>], unfinished: bool, chunks: Option<&[usize]>, feeds: &[usize]) {
    let texts: Vec<Vec<u8>> = texts.iter().map(|text| without_stamp(text)).collect();
    let body = engine_body(&texts, unfinished);
    let response = match chunks {
        Some(lengths) => chunked(&body, lengths),
        None => [b"HTTP/1.0 200 OK\r\n\r\n", &body[..]].concat(),
    };
    let mut session = Session::new(Format::Tty, true);
    let mut joiner = LineJoiner::new(Parts::Docker, usize::MAX);
    let mut lines: Vec<(Option<Timestamp>, Vec<u8>)> = Vec::new();
    let mut keep = |line: Line<'_>| lines.push((line.stamp.map(|stamp| stamp.time), line.text.to_vec()));
    for piece in cut(&response, feeds) {
        session.feed(piece, &mut |record| joiner.push(record, &mut keep)).expect("a valid response");
    }
    let end = session.finish(&mut |record| joiner.push(record, &mut keep));
    assert_eq!(end, Ok(Finished::Complete));
    joiner.finish(&mut keep);
    let mut expected: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| (Timestamp::parse(&stamp(n)), text.clone())).collect();
    if unfinished && let Some((_, last)) = expected.last_mut() {
        // Taken for the rest of a line that an old `local` driver cut (W-41).
        if last.len() >= limits::TTY_PART && last.ends_with(b"\r") {
            last.pop();
        }
        if last.is_empty() {
            expected.pop();
        }
    }
    assert!(lines == expected, "{} lines, expected {}", lines.len(), expected.len());
}

/// A stamp needs its `T`, a line its only newline at the end.
fn without_stamp(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'T' | b'\n') { b't' } else { *byte }).collect()
}

fn stamp(n: usize) -> String {
    format!("2026-11-23T20:{:02}:{:02}.{n:09}Z", n / 60 % 60, n % 60)
}

/// The messages of an engine, one after the other (W-34, W-40).
fn engine_body(texts: &[Vec<u8>], unfinished: bool) -> Vec<u8> {
    let mut body = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let last = unfinished && n + 1 == texts.len();
        // The copier cuts before the newline: a part of 16,384 bytes, then what is left, if only the newline.
        let line = if last { text.clone() } else { [text, &b"\r"[..]].concat() };
        let mut rest = &line[..];
        while rest.len() >= limits::TTY_PART {
            let (part, after) = rest.split_at(limits::TTY_PART);
            body.extend_from_slice(&[stamp(n).as_bytes(), b" ", part].concat());
            rest = after;
        }
        match (last, rest) {
            (true, b"") => {}
            (true, _) => body.extend_from_slice(&[stamp(n).as_bytes(), b" ", rest].concat()),
            (false, _) => body.extend_from_slice(&[stamp(n).as_bytes(), b" ", rest, b"\n"].concat()),
        }
    }
    body
}

fn chunked(body: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in cut(body, lengths) {
        response.extend_from_slice(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    response.extend_from_slice(b"0\r\n\r\n");
    response
}

/// One byte of choices, four of cuts, then a response, or only its body.
pub(crate) fn session_from(data: &[u8]) {
    let Some((&[choices, a, b, c, d], rest)) = data.split_first_chunk() else { return };
    let format = [Format::Multiplexed, Format::Tty, Format::Detect][usize::from(choices % 3)];
    let head: &[u8] = match choices / 3 % 4 {
        0 => b"",
        1 => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        2 => b"HTTP/1.0 200 OK\r\n\r\n",
        _ => {
            return session(
                &chunked(rest, &[a.into(), 7, c.into()]),
                &[b.into(), d.into()],
                format,
                choices >= 128,
            );
        }
    };
    let cuts = [a, b, c, d].map(usize::from);
    session(&[head, rest].concat(), &cuts, format, choices >= 128);
}

/// One byte of choices and three of lengths; then lines for a terminal, or records for the joiner.
pub(crate) fn lines_from(data: &[u8]) {
    let Some((&[choices, a, b, c], rest)) = data.split_first_chunk() else { return };
    let (a, b, c) = (usize::from(a), usize::from(b), usize::from(c));
    if choices & 1 == 0 {
        // A byte above 0xf0 stands for many, so that short inputs make lines of several parts; four do, to be quick.
        let mut long = 4;
        let mut widen = |&byte: &u8| {
            let many = byte > 0xf0 && long > 0;
            long -= usize::from(many);
            std::iter::repeat_n(byte, if many { 16_000 + usize::from(byte - 0xf1) * 64 } else { 1 })
        };
        let lines = rest.split(|&byte| byte == b'\n').take(40);
        let texts: Vec<Vec<u8>> =
            lines.map(|text| text.iter().take(64).flat_map(&mut widen).collect()).collect();
        // Small pieces where stamps and line ends are, large ones so that a long line is soon over.
        let chunks = [b, c, a % 7, b, c, a * 64, 5000];
        let feeds = [a, c, b % 5, c * 97, 7000];
        let chunks = (choices & 4 != 0).then_some(&chunks[..]);
        return rechunked(&texts, choices & 2 != 0, chunks, &feeds);
    }
    let channels = [Channel::Stdin, Channel::Stdout, Channel::Stderr, Channel::Tty, Channel::Engine];
    let records: Vec<Part> = rest
        .chunks_exact(2)
        .take(300)
        .map(|pair| Part {
            channel: channels[usize::from(pair[0] % 5)],
            seconds: pair[0] / 5 % 3,
            part: pair[0] & 0x40 != 0,
            flush: pair[0] & 0x80 != 0 && choices & 4 != 0,
            len: if pair[1] > 0xf0 { limits::PART - 2 + usize::from(pair[1] & 3) } else { pair[1].into() },
        })
        .collect();
    joined(if choices & 2 == 0 { Parts::Docker } else { Parts::Podman }, a * 256 + b, &records);
}

/// However the answer to a list, events or version request is cut into feeds, it is taken apart to the same, and no more
/// is held than came and the limits allow.
pub(crate) fn bodies(response: &[u8], cuts: &[usize], split: Split) {
    assert!(items(response, &[], split) == items(response, cuts, split));
    assert!(document(response, &[]) == document(response, cuts));
}

/// An item that outlives its bytes; `Err`: it was too long, and began there.
type OwnedItem = Result<Vec<u8>, u64>;

fn items(response: &[u8], cuts: &[usize], split: Split) -> (Vec<OwnedItem>, Result<Option<Finished>, Error>) {
    let (mut items, mut found) = (Items::new(split), Vec::new());
    for piece in cut(response, cuts) {
        let before = items.at();
        let fed = items.feed(piece, &mut |item| {
            found.push(match item {
                Item::Json(json) => Ok(json.to_vec()),
                Item::TooLong { at } => Err(at),
            });
        });
        if let Err(error) = fed {
            assert!(error.at <= before + piece.len() as u64);
            assert!(items.finish().is_err());
            return (found, Err(error));
        }
        assert!(items.held() <= limits::JSON_ITEM.max(limits::HEAD).min(response.len()));
    }
    let most = |item: &OwnedItem| match item {
        Ok(json) => json.len() <= limits::JSON_ITEM && json.starts_with(b"{") && json.len() <= response.len(),
        Err(at) => *at < response.len() as u64,
    };
    assert!(found.iter().all(most));
    (found, Ok(items.finish().ok()))
}

fn document(response: &[u8], cuts: &[usize]) -> Result<Option<Answer>, Error> {
    let mut document = Document::new();
    for piece in cut(response, cuts) {
        document.feed(piece)?;
        assert!(document.held() <= limits::DOCUMENT.max(limits::HEAD).min(response.len()));
    }
    let answer = document.finish().ok();
    if let Some(answer) = &answer {
        // Whatever a body says, what people are told of it is one short line.
        let message = answer.message();
        // A byte that is no text becomes a character of three.
        assert!(
            message.len() <= 3 * limits::MESSAGE && !message.chars().any(char::is_control),
            "{message:?}"
        );
    }
    Ok(answer)
}

/// One byte of choices, three of cuts, then a response, or only its body. One byte 0xfe makes very much of what follows it,
/// so that short inputs come to the limits.
pub(crate) fn bodies_from(data: &[u8]) {
    let Some((&[choices, a, b, c], rest)) = data.split_first_chunk() else { return };
    let mut rest = rest.to_vec();
    if let Some(at) = rest.iter().position(|byte| *byte == 0xfe) {
        let front = [&rest[..at], &rest[at + 1..(at + 9).min(rest.len())]].concat();
        let unit = &front[at.min(front.len())..];
        let many = limits::JSON_ITEM / unit.len().max(1) + usize::from(c & 3);
        rest = [&rest[..at], &unit.repeat(many), &rest[(at + 9).min(rest.len())..]].concat();
    }
    let head: &[u8] = match choices & 3 {
        0 => b"",
        1 => b"HTTP/1.0 200 OK\r\n\r\n",
        2 => b"HTTP/1.0 500 No\r\n\r\n",
        _ => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    let split = if choices & 4 == 0 { Split::ArrayItems } else { Split::Values };
    let cuts = [a.into(), usize::from(b) * 97, usize::from(c) * 700, 60_000];
    // A feed a byte of what is long takes too long.
    let cuts = if rest.len() > 100_000 { &cuts[3..] } else { &cuts[..] };
    match choices & 8 {
        0 => bodies(&[head, &rest].concat(), cuts, split),
        _ => bodies(&chunked(&rest, &[a.into(), 7, usize::from(b) * 300]), cuts, split),
    }
}
