//! A container's log as it lies on disk: in one file or several, as the engine rotates them and operators spoil them.

use std::collections::{BTreeMap, VecDeque};

use super::container::Channel;
use super::stamp::Nanos;

/// What json-file writes around a record's text.
const OVERHEAD: usize = 80;

/// One message of the log: a line, or a part of one.
#[derive(Clone, Debug)]
pub struct Record {
    pub channel: Channel,
    pub stamp: Nanos,
    /// As the engine hands it out, with the newline where there is one.
    pub text: Vec<u8>,
    /// It isn't the rest of a line that was split.
    pub begins_line: bool,
}

/// A line that was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The time that its records bear.
    pub stamp: Nanos,
    /// When the engine, or an operator, deleted its beginning; `None`: it can be read.
    pub gone: Option<Nanos>,
}

/// When files are full, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// `max-size`, in bytes as json-file counts them.
    pub max_size: usize,
    /// `max-file`. A single file is emptied when it is full, so that readers in the middle of it lose the rest.
    pub max_file: usize,
}

/// The files of a log. Messages have sequence numbers that no rotation changes; files have numbers, too.
#[derive(Clone, Debug)]
pub struct LogFiles {
    /// Everything ever logged, as whoever has a deleted file open can still read it; but for the first `forgotten`.
    records: VecDeque<Record>,
    forgotten: u64,
    /// Where each file begins, also of those that were deleted.
    starts: Vec<u64>,
    /// Bytes in the newest file, as the engine counts them.
    size: usize,
    rotation: Option<Rotation>,
    /// What stood before these numbers was deleted then.
    deleted: BTreeMap<u64, Nanos>,
    /// What stood before was cut out of the file itself: gone for those who have it open, too.
    cut: u64,
    /// How often the file was truncated.
    truncations: u32,
    /// The engine's count of the newest file's bytes is wrong since a truncation.
    miscounted: bool,
    /// Where something stands in a file that is no message.
    corrupt: Option<u64>,
}

impl LogFiles {
    pub(super) fn new(rotation: Option<Rotation>) -> Self {
        LogFiles {
            records: VecDeque::new(),
            forgotten: 0,
            starts: vec![0],
            size: 0,
            rotation,
            deleted: BTreeMap::new(),
            cut: 0,
            truncations: 0,
            miscounted: false,
            corrupt: None,
        }
    }

    /// New files are begun.
    pub fn rotates(&self) -> bool {
        self.rotation.is_some()
    }

    /// Logs a message, in a new file if the newest is full.
    pub(super) fn push(&mut self, record: Record) {
        if let Some(rotation) = self.rotation
            && self.size >= rotation.max_size
        {
            self.rotate(rotation, record.stamp);
        }
        self.size += record.text.len() + OVERHEAD;
        self.records.push_back(record);
    }

    /// Forgets what neither new readers find nor those who have read up to `read` still need; with `keep`, new ones find but
    /// so many messages.
    pub(super) fn forget(&mut self, keep: Option<usize>, read: u64) {
        let kept = keep.map_or(0, |keep| self.end().saturating_sub(keep as u64));
        let until = self.start().max(kept).min(read);
        if until > self.forgotten {
            self.records.drain(..(until - self.forgotten) as usize);
            self.forgotten = until;
        }
    }

    fn rotate(&mut self, rotation: Rotation, now: Nanos) {
        self.starts.push(self.end());
        self.size = 0;
        self.miscounted = false;
        let oldest_kept = self.starts.len().saturating_sub(rotation.max_file.max(1));
        let start = self.starts[oldest_kept];
        if start > self.start() {
            self.deleted.entry(start).or_insert(now);
        }
        if rotation.max_file <= 1 {
            self.cut = start;
        }
        self.corrupt = self.corrupt.filter(|&at| at >= start);
    }

    /// An operator empties the files. The engine's count of their bytes stays as it is.
    pub(super) fn truncate(&mut self, now: Nanos) {
        let end = self.end();
        self.deleted.entry(end).or_insert(now);
        self.cut = end;
        self.truncations += 1;
        self.miscounted = true;
        self.corrupt = None;
    }

    /// The engine opens the files anew, for another run or after its own restart: it counts what is there.
    pub(super) fn reopen(&mut self) {
        let there = self.newest_start().max(self.cut).saturating_sub(self.forgotten) as usize;
        self.size = self.records.range(there..).map(|record| record.text.len() + OVERHEAD).sum();
        self.miscounted = false;
    }

    /// Something that is no message comes to stand at the end.
    pub(super) fn corrupt(&mut self) {
        self.corrupt = Some(self.end());
    }

    /// Sequence number of the first message that a new reader finds.
    pub fn start(&self) -> u64 {
        self.deleted.last_key_value().map_or(0, |(&end, _)| end).max(self.forgotten)
    }

    /// Sequence number after the last message.
    pub fn end(&self) -> u64 {
        self.forgotten + self.records.len() as u64
    }

    /// A message, be it in a file that was deleted.
    pub fn record(&self, at: u64) -> Option<&Record> {
        self.records.get(usize::try_from(at.checked_sub(self.forgotten)?).ok()?)
    }

    /// The last message.
    pub fn last(&self) -> Option<&Record> {
        self.records.back()
    }

    /// The number of the file that is written to.
    pub fn newest(&self) -> usize {
        self.starts.len() - 1
    }

    /// Where the newest file begins.
    pub fn newest_start(&self) -> u64 {
        self.starts[self.newest()]
    }

    /// Where a file ends, once another has been begun.
    pub fn file_end(&self, file: usize) -> Option<u64> {
        self.starts.get(file + 1).copied()
    }

    /// Nobody can read what stands before this.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// How often the file was truncated.
    pub fn truncations(&self) -> u32 {
        self.truncations
    }

    /// The engine's count of the newest file's bytes is wrong since a truncation.
    pub fn is_miscounted(&self) -> bool {
        self.miscounted
    }

    /// Where the corruption stands, and where its file ends if it isn't the newest.
    pub fn corruption(&self) -> Option<(u64, Option<u64>)> {
        let at = self.corrupt?;
        Some((at, self.starts.iter().copied().find(|&start| start > at)))
    }

    /// The lines of a channel that aren't forgotten, in order; the last may be open still.
    pub fn lines(&self, channel: Channel) -> Vec<Logged> {
        let numbered = self.records.iter().enumerate().filter(|(_, r)| r.channel == channel && r.begins_line);
        numbered
            .map(|(at, record)| {
                let at = self.forgotten + at as u64;
                let gone = self.deleted.range(at + 1..).next().map(|(_, &when)| when);
                Logged { stamp: record.stamp, gone }
            })
            .collect()
    }
}
