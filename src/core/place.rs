//! Where a stream stands: what of its log has been delivered. A few dozen bytes per stream, in memory and in the
//! checkpoint. How it is found again in a new session is decided in `window`.
//!
//! The engine delivers in the order of its log, so what was delivered is a prefix of the log, and one line is enough to
//! say where it ends: the last one. Each channel keeps its own last line too, for a log in which that line is gone.

use docklog_protocol::{Channel, Timestamp};

use crate::limits;

/// What of one channel has been delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing, and whatever comes is new.
    #[default]
    Beginning,
    /// Nothing, and what is older than this isn't wanted.
    Origin(Timestamp),
    /// All up to this line.
    At(LastLine),
}

/// The last line of a channel that was delivered: what it is known by (W-93).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastLine {
    /// Its time stamp.
    pub time: Timestamp,
    /// Lines delivered that bear exactly this time, itself included. More than one on Podman, which counts in seconds (W-45).
    /// 0: the stream began among them, so that their number tells nothing; then the text must do.
    pub lines: u32,
    /// Of its text, see [`fingerprint`]. `None` if it left in segments, or was only seen in part.
    pub print: Option<u64>,
    /// Its end was seen. Else it was taken as ended because its container did.
    pub ended: bool,
}

/// A line whose end has not come: its session was cut, or it leaves in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenLine {
    /// Its time stamp, which all its parts bear.
    pub time: Timestamp,
    /// Segments delivered of it, and how many bytes they had. (Segments differ in size: memory may have been short.)
    pub segments: u32,
    /// See `segments`.
    pub bytes: u64,
}

/// One channel's part of a [`Place`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half {
    /// What was delivered.
    pub mark: Mark,
    /// What was begun.
    pub open: Option<OpenLine>,
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Per channel, see [`half`].
    pub halves: [Half; 2],
    /// Which half's mark is the line furthest on in the log. `None`: nothing was delivered.
    pub last: Option<usize>,
}

/// Which half of a place: a TTY has one channel only, which is kept where stdout's would be.
pub fn half(channel: Channel) -> usize {
    usize::from(channel == Channel::Stderr)
}

impl Place {
    /// Nothing was delivered; both channels begin so.
    pub const fn beginning(mark: Mark) -> Self {
        Self { halves: [Half { mark, open: None }; 2], last: None }
    }

    /// The last line of one channel.
    pub fn mark(&self, half: usize) -> Option<LastLine> {
        match self.halves[half].mark {
            Mark::At(line) => Some(line),
            Mark::Beginning | Mark::Origin(_) => None,
        }
    }

    /// The line furthest on in the log, and its half.
    pub fn last(&self) -> Option<(usize, LastLine)> {
        let half = self.last?;
        Some((half, self.mark(half)?))
    }

    /// Time of the last line, or of the other channel's if that is earlier: what was written after it may not have been
    /// delivered. Stamps of the two differ by seconds at the most, so an older one tells nothing.
    pub fn settled_until(&self) -> Option<Timestamp> {
        let (half, line) = self.last()?;
        let other = self.mark(1 - half).map_or(line.time, |other| other.time);
        Some(line.time.min(if line.time.seconds - other.seconds > limits::CHANNELS_DIFFER {
            line.time
        } else {
            other
        }))
    }

    /// The earlier of both marks: what Podman, whose `tail` is broken, is asked for with `since`.
    pub fn earliest(&self) -> Option<Timestamp> {
        let time = |half: &Half| match half.mark {
            Mark::Beginning => None,
            Mark::Origin(time) | Mark::At(LastLine { time, .. }) => Some(time),
        };
        let earliest = self.halves.iter().filter_map(time).min()?;
        // A channel that was silent for long must not bring the other's whole past again.
        let floor = |(_, line): (usize, LastLine)| Timestamp {
            seconds: line.time.seconds - limits::CHANNELS_DIFFER,
            ..line.time
        };
        let since = self.last().map(floor).map_or(earliest, |floor| floor.max(earliest));
        let open = self.halves.iter().filter_map(|half| Some(half.open?.time)).min();
        Some(open.map_or(since, |open| open.min(since)))
    }

    /// The place with these lines open: what a checkpoint must know if this were the last moment.
    pub fn with_open(mut self, open: impl Iterator<Item = (Channel, Timestamp)>) -> Self {
        for (channel, time) in open {
            self.halves[half(channel)].opened(time);
        }
        self
    }
}

impl Half {
    /// A line has been delivered.
    pub(super) fn delivered(&mut self, time: Timestamp, print: Option<u64>, ended: bool) {
        self.open = None;
        let lines = match self.mark {
            Mark::At(LastLine { time: before, lines: 0, .. }) if before == time => 0,
            Mark::At(line) if line.time == time => line.lines.saturating_add(1),
            _ => 1,
        };
        self.mark = Mark::At(LastLine { time, lines, print, ended });
    }

    /// A line has been delivered which will come again joined with the one before it, for nobody saw that one end (Podman, W-43).
    pub(super) fn delivered_joined(&mut self, time: Timestamp, print: Option<u64>, ended: bool) {
        let (lines, print) = match self.mark {
            Mark::At(line) if line.time == time => (line.lines, None),
            _ => (1, print),
        };
        (self.open, self.mark) = (None, Mark::At(LastLine { time, lines, print, ended }));
    }

    /// So many lines of the time of the last one stand in the log, up to it.
    pub(super) fn counted(&mut self, lines: u32) {
        if let Mark::At(line) = &mut self.mark {
            line.lines = lines;
        }
    }

    /// The line that was delivered last isn't the first of its time in the log.
    pub(super) fn began_amid(&mut self) {
        if let Mark::At(line) = &mut self.mark {
            line.lines = 0;
        }
    }

    /// A segment of a line has been delivered; the line goes on.
    pub(super) fn delivered_segment(&mut self, time: Timestamp, number: u32, bytes: usize) {
        let before = self.open.filter(|open| open.time == time).map_or(0, |open| open.bytes);
        self.open = Some(OpenLine { time, segments: number, bytes: before + bytes as u64 });
    }

    /// A line is open.
    pub(super) fn opened(&mut self, time: Timestamp) {
        if self.open.is_none_or(|open| open.time != time) {
            self.open = Some(OpenLine { time, segments: 0, bytes: 0 });
        }
    }
}

/// Bytes of a text's beginning, and of its end, that its fingerprint is made of.
const END: usize = 32;

/// Tells lines apart that bear the same time, by their length, beginning and end. Stays the same on every machine and in
/// every version, for it is written to disk; it isn't meant to withstand malice.
pub fn fingerprint(text: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(ODD);
    let (first, last) = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => short(text), // the length tells the zeros after it from those of a text
    };
    // Four words at a time, which don't wait for each other.
    let mut lanes = [text.len() as u64, 1, 2, 3];
    for end in [first, last] {
        for (lane, word) in lanes.iter_mut().zip(end.as_chunks().0) {
            *lane = mix(*lane, u64::from_le_bytes(*word));
        }
    }
    let hash = lanes.into_iter().fold(0, mix);
    hash ^ hash >> 32
}

/// Of a text shorter than one end: all of it, then zeros.
fn short(text: &[u8]) -> ([u8; END], [u8; END]) {
    let mut first = [0; END];
    first[..text.len()].copy_from_slice(text);
    (first, [0; END])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_texts_apart_and_never_change() {
        let texts: [&[u8]; 6] = [b"", b"\0", b"tick 1", b"tick 2", b"0123456789abcdef", b"0123456789abcdeg"];
        let prints: std::collections::BTreeSet<u64> = texts.iter().map(|text| fingerprint(text)).collect();
        assert_eq!(prints.len(), texts.len());
        let bytes: Vec<u8> = (0..65).collect();
        for (length, print) in FIXED {
            assert_eq!(
                fingerprint(&bytes[..length]),
                print,
                "it is part of the checkpoint's format: {length}"
            );
        }
    }

    /// Of the bytes 0, 1, 2 and so on, so many.
    const FIXED: [(usize, u64); 6] = [
        (0, 17_450_362_955_168_772_105),
        (31, 6_274_852_236_813_567_359),
        (32, 457_012_219_249_703_209),
        (33, 1_186_592_450_749_347_060),
        (64, 10_207_734_615_822_049_402),
        (65, 9_391_004_558_930_727_362),
    ];
}
