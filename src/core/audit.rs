//! An engine can skip lines in the middle of a follow: when its log files are rotated faster than the follow is sent, it goes
//! on with the newest file (144,000 of 200,000 lines were skipped in a burst, measured on 28; W-96). No later window shows
//! that, for the last line delivered lies beyond the hole. So what was delivered is compared with what the log holds, line by
//! line, whenever it could have happened: lines were late by as much as the engine needs to fill a file; or there was a
//! pause in the middle of a burst, as long as that burst would have needed to fill half of one (20.10 skipped 36,197 lines so,
//! on an overloaded machine, though those around them came in time).

use docklog_protocol::{Inspected, Record, Timestamp};

use super::Core;
use super::exchange::StreamId;
use super::stream::Stream;
use super::time::{Mono, Now};
use crate::limits;

/// After how many bytes the engine begins another log file (W-95); `None` if it never does.
pub(super) fn file_size(inspected: &Inspected) -> Option<u64> {
    let set = inspected.log_options.get("max-size").and_then(|text| size(text));
    match inspected.log_driver.as_str() {
        "json-file" => set,
        // `local`, and the cache that engines keep for drivers that can't be read.
        _ => Some(set.unwrap_or(limits::LOCAL_FILE)),
    }
}

/// A size as Docker writes it: `10m`, `512k`, `1g`, `1000`. `-1` is none.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match text[digits.len()..].trim_start_matches('i').chars().next() {
        None | Some('b') => 1,
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        Some(_) => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor).filter(|&size| size > 0)
}

/// What a live follow of a log shows, whose files the engine rotates.
#[derive(Debug)]
pub(super) struct Watch {
    /// Bytes after which the engine begins another file; and the least time that it needs to write them, in nanoseconds, as
    /// all times here are.
    size: u64,
    least: i64,
    /// Bytes since the last audit, and whether lines may have been skipped meanwhile.
    carried: u64,
    suspicious: bool,
    audited_at: Mono,
    /// The newest record's time, and the records without a pause up to it: since when, and how many bytes.
    newest: i64,
    burst_since: i64,
    burst: u64,
}

impl Watch {
    /// Of a log whose files have this size.
    pub(super) fn new(size: u64) -> Self {
        let least = size.saturating_mul(1_000_000) / limits::LOGGED_PER_MILLISECOND;
        Self {
            size,
            least: i64::try_from(least).unwrap_or(i64::MAX),
            carried: 0,
            suspicious: false,
            audited_at: Mono::default(),
            newest: 0,
            burst_since: 0,
            burst: 0,
        }
    }

    /// So many bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Of a live follow a record has come, of this time and so many bytes. True: count anew from here, or compare first.
    fn is_due(&mut self, time: Timestamp, bytes: u64, now: Now) -> bool {
        let time = time.unix_nanos();
        let late = now.wall.unix_nanos().saturating_sub(time) > self.least;
        self.suspicious |= late || self.would_have_filled_files(time);
        let paused = time.saturating_sub(self.newest) > self.least;
        let set_back = self.newest.saturating_sub(time) > limits::CHANNELS_DIFFER * 1_000_000_000;
        if paused || set_back || self.burst == 0 {
            (self.burst_since, self.newest, self.burst) = (time, time, 0);
        }
        self.newest = self.newest.max(time);
        self.burst += bytes;
        self.carried += bytes;
        // Whoever chooses tiny files must not choose an audit per line.
        self.carried >= self.size / 2 && now.mono.since(self.audited_at) >= limits::AUDIT
    }

    /// If the burst had gone on from its last record until this time, would it have filled half a file? (A pause that is
    /// shorter than what fills a file is part of the burst, and makes little of this.)
    fn would_have_filled_files(&self, time: i64) -> bool {
        let pause = u128::try_from(time.saturating_sub(self.newest)).unwrap_or(0);
        let span = u128::try_from(self.newest.saturating_sub(self.burst_since)).unwrap_or(0);
        self.burst >= self.size / limits::BURST
            && u128::from(self.burst) * pause >= u128::from(self.size / 2) * span.max(1)
    }

    /// Bytes are counted from here on. True if lines may have been skipped before.
    fn restart(&mut self, now: Mono) -> bool {
        (self.carried, self.audited_at) = (0, now);
        std::mem::take(&mut self.suspicious)
    }
}

/// What one record of a stream means for its audit, see [`Watch::is_due`].
pub(super) fn is_due(stream: &mut Stream, record: &Record<'_>, now: Now) -> bool {
    let (Some(watch), Some(stamp)) = (stream.watch.as_mut(), record.stamp) else { return false };
    watch.is_due(stamp.time, record.text.len() as u64 + limits::RECORD_OVERHEAD, now)
}

impl Core {
    /// Half a log file has gone by: count anew from here, or compare first.
    pub(super) fn audit(&mut self, id: StreamId) {
        let now = self.now.mono;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let (Some(reader), Some(watch)) = (stream.reader.as_mut(), stream.watch.as_mut()) else { return };
        if !watch.restart(now) {
            return reader.window_mut().anchor_here();
        }
        self.counts.audits += 1;
        reader.window_mut().audit();
        // Without following: a burst that is faster than the follow is read faster so.
        stream.behind = true;
        self.reopen(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with files of 100 kB: 1.5 ms to fill one at the least.
    struct Log {
        watch: Watch,
        micros: i64,
    }

    impl Log {
        fn new() -> Self {
            Self { watch: Watch::new(100_000), micros: 1_000_000_000 }
        }

        /// After a pause so many records of 100 bytes, with so much between two of them; read so long after they were logged.
        fn goes_on(mut self, pause: i64, records: usize, apart: i64, late: i64) -> Self {
            self.micros += pause - apart;
            for _ in 0..records {
                self.micros += apart;
                let now = Now {
                    mono: Mono((self.micros + late) as u64 * 1_000),
                    wall: Timestamp::from_unix_nanos((self.micros + late) * 1_000),
                };
                self.watch.is_due(Timestamp::from_unix_nanos(self.micros * 1_000), 100, now);
            }
            self
        }

        fn has_become_suspicious(mut self) -> bool {
            self.watch.restart(Mono(1))
        }
    }

    #[test]
    fn lines_that_are_late_by_a_file_may_hide_skipped_ones() {
        assert!(!Log::new().goes_on(0, 1_000, 10, 1_400).has_become_suspicious());
        assert!(Log::new().goes_on(0, 1, 10, 1_600).has_become_suspicious());
    }

    #[test]
    fn a_pause_in_the_middle_of_a_burst_may_hide_skipped_lines() {
        // 10 MB/s: 5 ms for half a file.
        let burst = || Log::new().goes_on(0, 1_000, 10, 0);
        assert!(!burst().goes_on(4_000, 1, 0, 0).has_become_suspicious());
        assert!(burst().goes_on(5_100, 1, 0, 0).has_become_suspicious());
        // Though what came before it was slow.
        let slow = || Log::new().goes_on(0, 100, 50_000, 0);
        assert!(slow().goes_on(50_000, 1_000, 10, 0).goes_on(5_100, 1, 0, 0).has_become_suspicious());
    }

    #[test]
    fn a_pause_of_a_slow_log_hides_nothing() {
        // Each line is a burst of its own; and so are few of them.
        assert!(!Log::new().goes_on(0, 1_000, 100_000, 0).has_become_suspicious());
        assert!(!Log::new().goes_on(0, 20, 10, 0).goes_on(9_000_000, 20, 10, 0).has_become_suspicious());
        // 100 kB/s, steadily, and half of the half second that filling half a file takes so.
        assert!(
            !Log::new().goes_on(0, 1_000, 1_000, 0).goes_on(250_000, 10, 1_000, 0).has_become_suspicious()
        );
        assert!(
            Log::new().goes_on(0, 1_000, 1_000, 0).goes_on(550_000, 10, 1_000, 0).has_become_suspicious()
        );
    }

    #[test]
    fn time_that_goes_back_is_no_pause() {
        assert!(!Log::new().goes_on(0, 1_000, 10, 0).goes_on(-5_000, 1_000, 10, 0).has_become_suspicious());
    }

    #[test]
    fn sizes_as_docker_writes_them() {
        assert_eq!(size("10m"), Some(10 << 20));
        assert_eq!(size("512K"), Some(512 << 10));
        assert_eq!(size("1GiB"), Some(1 << 30));
        assert_eq!(size("1000"), Some(1000));
        assert_eq!(size("-1"), None);
        assert_eq!(size("10 apples"), None);
    }
}
