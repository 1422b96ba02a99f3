//! Lines joined from the parts the engines cut them into.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::timestamp::OwnedStamp;
use crate::{Channel, Record, Stamp, Timestamp, limits};

/// How an engine's parts make a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// All parts bear the time of the first, and all but the last have 16,384 bytes. So a line ends with a newline;
    /// or with a shorter part without one, which is a container's unfinished last output, or the last part of a
    /// split line from older engines' `local` driver; or when a record of its channel bears another time.
    /// (W-40, W-41, W-42.) On a TTY stream a proxy may cut parts anywhere, so there a short part ends nothing.
    Docker,
    /// Parts end wherever a read of the container's pipe ended, and may bear different times: only a newline ends a
    /// line (W-43).
    Podman,
}

/// A line, or a segment of one that is too long to be held (W-47).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it came from.
    pub channel: Channel,
    /// Of its first part.
    pub stamp: Option<Stamp<'a>>,
    /// The bytes without the line end.
    pub text: &'a [u8],
    /// Which segment this is; `None` if it is the whole line.
    pub segment: Option<Segment>,
}

/// A place among a long line's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Counted from 1.
    pub number: u32,
    /// The line ends with it.
    pub last: bool,
}

/// Joins the records of one stream. A record that is a line is passed on as it is; only parts are copied and held.
///
/// Parts of the channels may come by turns (W-40):
/// ```
/// use docklog_protocol::{Channel, Line, LineJoiner, Parts, Record, limits};
///
/// let part = [b'x'; limits::PART];
/// let record = |channel, text, part| Record { channel, stamp: None, text, part };
/// let mut joiner = LineJoiner::new(Parts::Docker, limits::LINE);
/// let mut lines = Vec::new();
/// let mut keep = |line: Line<'_>| lines.push((line.channel, line.text.len()));
/// joiner.push(record(Channel::Stdout, &part, true), &mut keep);
/// joiner.push(record(Channel::Stderr, b"between", false), &mut keep);
/// joiner.push(record(Channel::Stdout, b"end", false), &mut keep);
/// assert_eq!(lines, [(Channel::Stderr, 7), (Channel::Stdout, limits::PART + 3)]);
/// ```
#[derive(Debug)]
pub struct LineJoiner {
    parts: Parts,
    limit: usize,
    /// The open line of each channel, by [`slot`]. A stream without one holds nothing else.
    open: [Option<Box<Open>>; 4],
}

/// A line whose end has not come.
#[derive(Debug)]
struct Open {
    channel: Channel,
    stamp: Option<OwnedStamp>,
    /// What no segment has taken yet: never more than the limit.
    text: Vec<u8>,
    segments: u32,
    /// Bytes of the line so far.
    total: u64,
}

type Out<'o> = &'o mut dyn FnMut(Line<'_>);

impl LineJoiner {
    /// Holds at most `limit` bytes per channel, at least 1. A longer line leaves in segments of exactly that many
    /// bytes, and the rest.
    #[must_use]
    pub fn new(parts: Parts, limit: usize) -> Self {
        Self { parts, limit: limit.max(1), open: [const { None }; 4] }
    }

    /// Takes the stream's next record; passes on what is complete with it. At most one open line that it shows to
    /// have ended, then its own.
    pub fn push(&mut self, record: Record<'_>, out: &mut dyn FnMut(Line<'_>)) {
        let Some(slot) = slot(record.channel) else {
            let Record { channel, stamp, text, .. } = record;
            return out(Line { channel, stamp, text, segment: None });
        };
        if self.open[slot].as_ref().is_some_and(|open| self.begins_another(open, &record)) {
            self.close(slot, End::Unmarked, out);
        }
        let ends = self.ends(&record);
        if ends && self.open[slot].is_none() {
            return whole(record, self.limit, out);
        }
        let open = self.open[slot].get_or_insert_with(|| Box::new(Open::new(&record)));
        open.append(record.text, self.limit, out);
        if ends {
            self.close(slot, if record.part { End::Unmarked } else { End::Newline }, out);
        }
    }

    /// The stream has ended, or we have: open lines leave as they are.
    pub fn finish(&mut self, out: &mut dyn FnMut(Line<'_>)) {
        for slot in 0..self.open.len() {
            self.close(slot, End::Unmarked, out);
        }
    }

    /// The lines that are open: their channels and times.
    pub fn open_lines(&self) -> impl Iterator<Item = (Channel, Timestamp)> {
        self.open.iter().flatten().filter_map(|open| Some((open.channel, open.stamp.as_ref()?.time)))
    }

    /// The open line of a channel: its time, and what is held of it.
    #[must_use]
    pub fn open_line(&self, channel: Channel) -> Option<(Option<Timestamp>, &[u8])> {
        let open = self.open[slot(channel)?].as_ref()?;
        Some((open.stamp.as_ref().map(|stamp| stamp.time), &open.text))
    }

    /// Ends the open line of a channel, for its caller knows that it was whole: Podman's parts don't tell where a container's run
    /// ended (W-43).
    pub fn end(&mut self, channel: Channel, out: &mut dyn FnMut(Line<'_>)) {
        if let Some(slot) = slot(channel) {
            self.close(slot, End::Unmarked, out);
        }
    }

    /// Forgets the open lines: the stream was cut, and they will come again, whole (W-94).
    pub fn clear(&mut self) {
        self.open = [const { None }; 4];
    }

    /// Bytes held of open lines.
    #[must_use]
    pub fn held(&self) -> usize {
        self.open.iter().flatten().map(|open| open.text.len()).sum()
    }

    /// Whether a line is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.iter().any(Option::is_some)
    }

    /// Memory is short: what is held of the longer open line leaves as a segment. Returns the bytes freed.
    ///
    /// If the line's end is all that was missing, its last segment will be empty.
    pub fn flush_largest(&mut self, out: &mut dyn FnMut(Line<'_>)) -> usize {
        let largest = self.open.iter_mut().flatten().max_by_key(|open| open.text.len());
        let Some(open) = largest.filter(|open| !open.text.is_empty()) else { return 0 };
        let text = core::mem::take(&mut open.text);
        open.segment(&text, false, out);
        text.len()
    }

    /// Whether a record can't belong to the open line of its channel (W-42).
    fn begins_another(&self, open: &Open, record: &Record<'_>) -> bool {
        let time = open.stamp.as_ref().map(|stamp| stamp.time);
        self.parts == Parts::Docker && time != record.stamp.map(|stamp| stamp.time)
    }

    /// Whether a line ends with this record (W-41).
    fn ends(&self, record: &Record<'_>) -> bool {
        let short = record.text.len() < limits::PART && record.channel != Channel::Tty;
        !record.part || (self.parts == Parts::Docker && short)
    }

    fn close(&mut self, slot: usize, end: End, out: Out<'_>) {
        let Some(mut open) = self.open[slot].take() else { return };
        // `local` of older engines drops the LF of a split line, but not the CR that the terminal put before it
        // (W-41). The session has removed it from all other lines.
        let split = open.total >= limits::TTY_PART as u64;
        if end == End::Unmarked && open.channel == Channel::Tty && split && open.text.ends_with(b"\r") {
            open.text.pop();
        }
        let text = core::mem::take(&mut open.text);
        if open.segments > 0 {
            open.segment(&text, true, out);
        } else {
            out(Line { channel: open.channel, stamp: open.lend(), text: &text, segment: None });
        }
    }
}

/// What ended a line.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Newline,
    /// Something else than a newline.
    Unmarked,
}

impl Open {
    fn new(record: &Record<'_>) -> Self {
        let stamp = record.stamp.map(OwnedStamp::from);
        Self { channel: record.channel, stamp, text: Vec::new(), segments: 0, total: 0 }
    }

    fn lend(&self) -> Option<Stamp<'_>> {
        self.stamp.as_ref().map(OwnedStamp::lend)
    }

    /// Adds bytes; passes on a segment only when more than the limit is there, so that the last is not empty.
    fn append(&mut self, mut bytes: &[u8], limit: usize, out: Out<'_>) {
        self.total += bytes.len() as u64;
        while self.text.len() + bytes.len() > limit {
            let (fits, rest) = bytes.split_at(limit - self.text.len());
            let mut text = core::mem::take(&mut self.text);
            text.extend_from_slice(fits);
            self.segment(&text, false, out);
            text.clear();
            (self.text, bytes) = (text, rest);
        }
        self.text.extend_from_slice(bytes);
    }

    fn segment(&mut self, text: &[u8], last: bool, out: Out<'_>) {
        self.segments = self.segments.saturating_add(1);
        let segment = Some(Segment { number: self.segments, last });
        out(Line { channel: self.channel, stamp: self.lend(), text, segment });
    }
}

/// A record that is a line of its own: passed on without a copy.
fn whole(record: Record<'_>, limit: usize, out: Out<'_>) {
    let Record { channel, stamp, text, .. } = record;
    if text.len() <= limit {
        return out(Line { channel, stamp, text, segment: None });
    }
    let mut pieces = text.chunks(limit).peekable();
    let mut number = 0_u32;
    while let Some(text) = pieces.next() {
        number = number.saturating_add(1);
        let segment = Some(Segment { number, last: pieces.peek().is_none() });
        out(Line { channel, stamp, text, segment });
    }
}

/// Where a channel's open line is kept; `None` for the engine's messages, which are never parts.
const fn slot(channel: Channel) -> Option<usize> {
    match channel {
        Channel::Stdin => Some(0),
        Channel::Stdout => Some(1),
        Channel::Stderr => Some(2),
        Channel::Tty => Some(3),
        Channel::Engine => None,
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;
    use crate::Timestamp;

    fn record(channel: Channel, seconds: i64, text: &[u8], part: bool) -> Record<'_> {
        let raw = [b"t0", b"t1", b"t2", b"t3"][seconds as usize];
        Record { channel, stamp: Some(Stamp { raw, time: Timestamp { seconds, nanos: 0 } }), text, part }
    }

    /// Each line as `channel time segment? length:start`.
    fn show(line: Line<'_>) -> String {
        let time = line.stamp.map_or("-", |stamp| stamp.raw());
        let segment = match line.segment {
            None => String::new(),
            Some(Segment { number, last }) => format!(" #{number}{}", if last { "." } else { "" }),
        };
        let start = String::from_utf8_lossy(&line.text[..line.text.len().min(3)]).into_owned();
        format!("{} {time}{segment} {}:{start}", line.channel.as_str(), line.text.len())
    }

    fn lines(parts: Parts, limit: usize, records: &[Record<'_>]) -> Vec<String> {
        let (mut joiner, mut lines) = (LineJoiner::new(parts, limit), Vec::new());
        for record in records {
            joiner.push(*record, &mut |line| lines.push(show(line)));
            assert!(joiner.held() <= limit * 2);
        }
        joiner.finish(&mut |line| lines.push(show(line)));
        assert!(joiner.held() == 0 && !joiner.is_open());
        lines
    }

    const FULL: &[u8] = &[b'f'; limits::PART];
    use Channel::{Engine, Stderr, Stdout, Tty};

    #[test]
    fn parts_of_docker() {
        let records = [
            record(Stdout, 1, FULL, true),
            record(Stderr, 2, b"err", false),
            record(Stdout, 1, b"end", false),
            record(Stdout, 2, FULL, true),
            record(Stdout, 2, b"", false),
            record(Stdout, 2, b"unended", true),
            record(Stdout, 2, b"own", false),
            record(Stdout, 2, FULL, true),
            record(Stdout, 3, b"new", false),
            record(Stderr, 3, FULL, true),
        ];
        let expected = [
            "stderr t2 3:err",
            "stdout t1 16387:fff",
            "stdout t2 16384:fff",
            "stdout t2 7:une",
            "stdout t2 3:own",
            "stdout t2 16384:fff",
            "stdout t3 3:new",
            "stderr t3 16384:fff",
        ];
        assert_eq!(lines(Parts::Docker, limits::LINE, &records), expected);
    }

    #[test]
    fn parts_of_podman_end_with_a_newline_only() {
        let records = [
            record(Stdout, 1, b"a", true),
            record(Stderr, 1, b"b", true),
            record(Stdout, 2, b"c", false),
            record(Stdout, 2, b"d", true),
        ];
        assert_eq!(lines(Parts::Podman, 100, &records), ["stdout t1 2:ac", "stdout t2 1:d", "stderr t1 1:b"]);
    }

    #[test]
    fn parts_of_a_terminal_may_be_short() {
        let records = [
            record(Tty, 1, b"a", true),
            record(Tty, 1, b"b", false),
            record(Tty, 2, b"c\r", true),
            record(Tty, 3, FULL, true),
            record(Tty, 3, b"d\r", true),
        ];
        assert_eq!(
            lines(Parts::Docker, limits::LINE, &records),
            ["tty t1 2:ab", "tty t2 2:c\r", "tty t3 16385:fff"]
        );
    }

    #[test]
    fn the_engine_speaks_in_whole_lines() {
        let records =
            [record(Stdout, 1, FULL, true), record(Engine, 0, b"oops", false), record(Stdout, 1, b"", false)];
        assert_eq!(lines(Parts::Docker, 5, &records)[..1], ["stdout t1 #1 5:fff"]);
        assert!(lines(Parts::Docker, 5, &records).contains(&"engine t0 4:oop".into()));
    }

    #[test]
    fn long_lines_leave_in_segments() {
        let records = [
            record(Stdout, 1, b"abcdefgh", false),
            record(Stdout, 1, b"abcd", false),
            record(Stderr, 1, b"abcdef", true),
            record(Stderr, 1, b"gh", false),
        ];
        let expected = [
            "stdout t1 #1 4:abc",
            "stdout t1 #2. 4:efg",
            "stdout t1 4:abc",
            "stderr t1 #1 4:abc",
            "stderr t1 #2. 4:efg",
        ];
        assert_eq!(lines(Parts::Podman, 4, &records), expected);
    }

    #[test]
    fn the_larger_open_line_is_flushed() {
        let (mut joiner, mut lines) = (LineJoiner::new(Parts::Podman, 10), Vec::new());
        let mut out = |line: Line<'_>| lines.push(show(line));
        assert_eq!(joiner.flush_largest(&mut out), 0);
        joiner.push(record(Stdout, 1, b"abc", true), &mut out);
        joiner.push(record(Stderr, 1, b"de", true), &mut out);
        assert_eq!((joiner.held(), joiner.flush_largest(&mut out), joiner.held()), (5, 3, 2));
        assert_eq!((joiner.flush_largest(&mut out), joiner.flush_largest(&mut out)), (2, 0));
        assert!(joiner.is_open());
        joiner.push(record(Stdout, 1, b"f", false), &mut out);
        joiner.finish(&mut out);
        assert_eq!(
            lines,
            ["stdout t1 #1 3:abc", "stderr t1 #1 2:de", "stdout t1 #2. 1:f", "stderr t1 #2. 0:"]
        );
    }

    #[test]
    fn a_whole_line_is_not_copied() {
        let text = *b"text";
        let mut joiner = LineJoiner::new(Parts::Docker, 4);
        let mut same = false;
        joiner.push(record(Stdout, 1, &text, false), &mut |line| same = core::ptr::eq(line.text, &text[..]));
        assert!(same && !joiner.is_open());
    }

    #[test]
    fn a_cut_stream_tells_its_open_lines_and_forgets_them() {
        let mut joiner = LineJoiner::new(Parts::Podman, 1024);
        let time = Timestamp { seconds: 5, nanos: 0 };
        let stamp = Some(Stamp { raw: b"1970-01-01T00:00:05Z", time });
        joiner.push(
            Record { channel: Channel::Stderr, stamp, text: b"half", part: true },
            &mut |_| unreachable!(),
        );
        assert_eq!(joiner.open_lines().collect::<Vec<_>>(), [(Channel::Stderr, time)]);
        joiner.clear();
        assert_eq!(joiner.open_lines().count() + joiner.held(), 0);
        joiner.finish(&mut |_| unreachable!());
    }
}
