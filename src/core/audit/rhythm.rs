//! The pace of a log by the times of its records, and the pauses in it that this pace doesn't explain: in which it would have filled
//! half a file. What was written meanwhile may have been skipped. Times are in nanoseconds.

use super::LogFile;
use crate::limits;

/// How fast records follow one another.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// Time of the newest record, and how long it would take at the pace of the last ones to fill half a file.
    newest: i64,
    half_a_file: i64,
    /// The pace is measured from here on, and so many bytes have come since.
    since: i64,
    bytes: u64,
    /// The longest pauses since then, and while it was measured before.
    pauses: [i64; 2],
    /// What half a file took when a pause led to a doubt.
    innocent: i64,
}

/// A pause in which half a file would have been filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Just now, had the log gone on as before.
    Here,
    /// A while ago, had the log gone before as it does now: a burst may have begun with what was skipped.
    Before,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            newest: i64::MIN,
            half_a_file: i64::MAX,
            since: 0,
            bytes: 0,
            pauses: [0; 2],
            innocent: i64::MAX,
        }
    }
}

impl Rhythm {
    /// A record of this time and so many bytes has come: what its time tells.
    pub(super) fn tells(&mut self, time: i64, bytes: u64, file: LogFile) -> Option<Pause> {
        let set_back = self.newest.saturating_sub(time) > limits::CHANNELS_DIFFER * 1_000_000_000;
        let first = self.newest == i64::MIN;
        let pause = if first { 0 } else { time.saturating_sub(self.newest) };
        let long = pause > self.half_a_file;
        if long || set_back || first {
            self.innocent = if long { self.half_a_file } else { self.innocent };
            (self.newest, self.since, self.bytes, self.half_a_file) = (time, time, 0, i64::MAX);
        }
        if !long {
            self.pauses[0] = self.pauses[0].max(pause);
        }
        self.newest = self.newest.max(time);
        self.bytes += bytes;
        let paced = self.measure(file);
        if long {
            return Some(Pause::Here);
        }
        if !paced {
            return None;
        }
        let [now, before] = self.pauses;
        self.pauses = [0, now];
        (before > self.half_a_file).then_some(Pause::Before)
    }

    /// The pace, as soon as enough bytes have come since the last time: half a file at that pace. True: just now.
    fn measure(&mut self, file: LogFile) -> bool {
        let span = self.newest.saturating_sub(self.since);
        // The parts of one line bear one time, and tell nothing of the pace.
        if self.bytes < (file.size / limits::BURST).max(limits::BURST_LEAST) || span == 0 {
            return false;
        }
        let half = i128::from(span) * i128::from(file.size / 2) / i128::from(self.bytes.max(1));
        self.half_a_file = i64::try_from(half).unwrap_or(i64::MAX).max(file.least);
        (self.since, self.bytes) = (self.newest, 0);
        true
    }

    /// A pause of so many nanoseconds hides nothing: the engine skips whole files, and at the log's pace none would be full.
    pub(super) fn innocent(&mut self) -> i64 {
        let half = match std::mem::replace(&mut self.innocent, i64::MAX) {
            i64::MAX => self.half_a_file,
            half => half,
        };
        if half == i64::MAX { 0 } else { half.saturating_mul(2) }
    }
}
