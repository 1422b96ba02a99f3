//! An engine can skip lines in the middle of a follow: when its log files are rotated faster than the follow is sent, it goes
//! on with the newest file (144,000 of 200,000 lines were skipped in a burst, measured on 28; W-96). No later window shows
//! that, for the last line delivered lies beyond the hole. So what was delivered is compared with what the log holds, line by
//! line, whenever it could have happened: lines were late by as much as the engine needs to fill a file; or there was a
//! pause in the middle of a burst, as long as that burst would have needed to fill half of one. (20.10 skips a file if it begins
//! one in the moment in which a follow begins, and sends nothing until it begins the next: W-96.) What is found missing, and is there
//! still, is delivered late.

mod lateness;
mod rhythm;

use std::time::Duration;

use docklog_protocol::{Inspected, Record, Timestamp};

use self::lateness::Brought;
pub(super) use self::lateness::Live;
use self::rhythm::{Pause, Rhythm};
use super::Core;
use super::exchange::StreamId;
use super::time::{Mono, Now};
use super::window::Window;
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

/// One of the files of a log.
#[derive(Clone, Copy, Debug)]
struct LogFile {
    /// Bytes after which the engine begins another.
    size: u64,
    /// Nanoseconds that it needs at the least to write them.
    least: i64,
}

/// What a live follow of a log shows, whose files the engine rotates.
#[derive(Debug)]
pub(super) struct Watch {
    file: LogFile,
    /// Bytes since the last audit, and why lines may have been skipped meanwhile.
    carried: u64,
    doubt: Option<Doubt>,
    brought: Brought,
    audited_at: Mono,
    /// When a pause was compared last.
    paused_at: Mono,
    rhythm: Rhythm,
}

/// Why an engine may have skipped lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// A log paused, and there was no time to compare at once. Healthy containers pause, too.
    Paused,
    /// It paused just now; lines are counted from the one before, or from further back if there was a doubt already.
    PausesHere,
    /// A line came so late that a file could have been filled meanwhile; or a burst came after a pause.
    Late,
}

impl Watch {
    /// Of a log whose files have this size.
    pub(super) fn new(size: u64) -> Self {
        let least = size.saturating_mul(1_000_000) / limits::LOGGED_PER_MILLISECOND;
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        Self {
            file: LogFile { size, least },
            carried: 0,
            doubt: None,
            brought: Brought::default(),
            audited_at: Mono::default(),
            paused_at: Mono::default(),
            rhythm: Rhythm::default(),
        }
    }

    /// Bytes of one of its files.
    pub(super) fn size(&self) -> u64 {
        self.file.size
    }

    /// A record has come that isn't delivered yet, of this time and so many bytes. True: when it is, count anew from there, or
    /// compare first.
    fn note(
        &mut self,
        window: &mut Window,
        (time, bytes): (Timestamp, u64),
        now: Now,
        live: Option<Live>,
    ) -> bool {
        let time = time.unix_nanos();
        // Also from one session to the next, for where a follow begins lines may be skipped, too.
        let pause = self.rhythm.tells(time, bytes, self.file);
        let full = self.brought.fills(now.mono, bytes);
        let Some(live) = live else { return false };
        if pause == Some(Pause::Before) || live.lateness(time, now, full) > self.file.least {
            self.doubt = Some(Doubt::Late);
        }
        self.carried += bytes;
        // Whoever chooses tiny files must not choose an audit per line.
        let may = |last: Mono, span: Duration| now.mono.since(last) >= span;
        if pause == Some(Pause::Here) && may(self.paused_at, limits::AUDIT_OF_PAUSE) {
            self.paused_at = now.mono;
            if self.doubt.is_none() {
                // The line before the pause is all but the newest of the log: it is there still, unless lines were skipped.
                window.anchor_here();
            }
            self.doubt = self.doubt.max(Some(Doubt::PausesHere));
            return true;
        }
        self.doubt = self.doubt.max(pause.map(|_| Doubt::Paused));
        may(self.audited_at, limits::AUDIT) && self.carried >= self.file.size / 2
    }

    /// Bytes are counted from here on. Says why lines may have been skipped before.
    fn restart(&mut self, now: Mono) -> Option<Doubt> {
        (self.carried, self.audited_at) = (0, now);
        self.doubt.take()
    }
}

/// What a record that is about to be delivered means for the audit of its stream, see [`Watch::note`].
pub(super) fn note(
    watch: &mut Watch,
    window: &mut Window,
    record: &Record<'_>,
    now: Now,
    live: Option<Live>,
) -> bool {
    // Of what is searched through nothing is new.
    let Some(stamp) = record.stamp.filter(|_| !window.is_searching()) else { return false };
    watch.note(window, (stamp.time, record.text.len() as u64 + limits::RECORD_OVERHEAD), now, live)
}

/// Counts lines anew from here on. False, and nothing is done, if some may have been skipped: they are to be compared first.
pub(super) fn count_anew(watch: &mut Watch, window: &mut Window, now: Mono) -> bool {
    if watch.doubt.is_some() {
        return false;
    }
    watch.restart(now);
    window.anchor_here();
    true
}

impl Core {
    /// Lines may have been skipped: compares the log with what was delivered, in a session of its own.
    pub(super) fn audit(&mut self, id: StreamId) {
        if !self.begin_audit(id) {
            return;
        }
        if let Some(container) = self.catalogue.get_mut(id) {
            // Without following: a burst that is faster than the follow is read faster so.
            container.stream.behind = true;
        }
        self.reopen(id);
    }

    /// If lines may have been skipped: lets the stream's next session compare the log with what was delivered. Else lines are counted
    /// anew from here on.
    pub(super) fn begin_audit(&mut self, id: StreamId) -> bool {
        let now = self.now.mono;
        let Some(container) = self.catalogue.get_mut(id) else { return false };
        let stream = &mut container.stream;
        let (Some(reader), Some(watch)) = (stream.reader.as_mut(), stream.watch.as_mut()) else {
            return false;
        };
        if count_anew(watch, reader.window_mut(), now) {
            return false;
        }
        let doubt = watch.restart(now);
        self.counts.audits += 1;
        let innocent = watch.rhythm.innocent();
        log::debug!(
            "{}: what came is compared with the log: {doubt:?}, pauses up to {innocent} ns hide nothing",
            container.source.name
        );
        reader.window_mut().audit((doubt != Some(Doubt::Paused)).then_some(innocent));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::window::Begin;

    /// How long records may wait for us.
    const LIVE: Live = Live { since: Mono(0), held: Duration::from_millis(1) };

    /// A log with files of 100 kB: 1.5 ms to fill one at the least.
    struct Log {
        watch: Watch,
        window: Window,
        micros: i64,
        due: usize,
    }

    impl Log {
        fn new() -> Self {
            let window = Window::new(Begin::First);
            Self { watch: Watch::new(100_000), window, micros: 1_000_000_000, due: 0 }
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
                let time = Timestamp::from_unix_nanos(self.micros * 1_000);
                self.due += usize::from(self.watch.note(&mut self.window, (time, 100), now, Some(LIVE)));
            }
            self
        }

        fn doubt(mut self) -> Option<Doubt> {
            self.watch.restart(Mono(1))
        }
    }

    #[test]
    fn lines_that_are_late_by_a_file_may_hide_skipped_ones() {
        // 1.5 ms for a file, and one for which they wait for us.
        assert_eq!(Log::new().goes_on(0, 1_000, 10, 2_400).doubt(), None);
        assert_eq!(Log::new().goes_on(0, 1, 10, 2_600).doubt(), Some(Doubt::Late));
        // And that weighs more than a pause, whichever came first.
        let late = || Log::new().goes_on(0, 1_000, 10, 2_600);
        assert_eq!(late().goes_on(6_000, 1, 0, 0).doubt(), Some(Doubt::Late));
        assert_eq!(
            Log::new().goes_on(0, 1_000, 10, 0).goes_on(6_000, 9, 10, 2_600).doubt(),
            Some(Doubt::Late)
        );
    }

    #[test]
    fn a_pause_in_the_middle_of_a_burst_may_hide_skipped_lines() {
        // 10 MB/s: 5 ms for half a file.
        let burst = |log: Log| log.goes_on(0, 1_000, 10, 0);
        assert_eq!(burst(Log::new()).goes_on(4_000, 1, 0, 0).doubt(), None);
        assert_eq!(burst(Log::new()).goes_on(5_100, 1, 0, 0).doubt(), Some(Doubt::PausesHere));
        // Though what came before it was slow.
        let slow = |apart: i64| Log::new().goes_on(0, 3_000, apart, 0);
        assert_eq!(burst(slow(1_000)).goes_on(5_100, 1, 0, 0).doubt(), Some(Doubt::PausesHere));
        // So slow that the burst may have begun with skipped ones.
        assert_eq!(slow(50_000).goes_on(10, 30, 10, 0).doubt(), None);
        assert_eq!(burst(slow(50_000)).doubt(), Some(Doubt::Late));
        // Or it comes in small pieces: 20 lines each 10 ms, 200 kB/s.
        let pieces = (0..100).fold(Log::new(), |log, _| log.goes_on(10_000, 20, 10, 0));
        assert_eq!(pieces.goes_on(300_000, 1, 0, 0).doubt(), Some(Doubt::PausesHere));
    }

    #[test]
    fn a_pause_is_compared_at_once_but_not_each() {
        let log = Log::new().goes_on(0, 400, 10, 0);
        assert_eq!(log.due, 0);
        let mut log = log.goes_on(5_100, 1, 0, 0);
        assert_eq!(log.due, 1);
        assert_eq!(log.watch.restart(Mono(log.micros as u64 * 1_000)), Some(Doubt::PausesHere));
        let mut log = log.goes_on(10, 400, 10, 0).goes_on(5_100, 1, 0, 0);
        assert_eq!(log.due, 1, "200 ms haven't passed");
        assert_eq!(log.watch.restart(Mono(1)), Some(Doubt::Paused));
        // Whoever goes on slowly after a burst isn't compared for each line.
        let log = log.goes_on(10, 400, 10, 0).goes_on(1_100_000, 60, 1_000_000, 0);
        assert_eq!(log.due, 2);
    }

    #[test]
    fn a_pause_of_a_slow_log_hides_nothing() {
        // Of one that has told no pace yet, or has that pace.
        assert_eq!(Log::new().goes_on(0, 20, 10, 0).goes_on(9_000_000, 20, 10, 0).doubt(), None);
        assert_eq!(Log::new().goes_on(0, 1_000, 100_000, 0).doubt(), None);
        // 100 kB/s, steadily, and half of the half second that filling half a file takes so.
        let steady = || Log::new().goes_on(0, 1_000, 1_000, 0);
        assert_eq!(steady().goes_on(250_000, 10, 1_000, 0).doubt(), None);
        assert_eq!(steady().goes_on(550_000, 10, 1_000, 0).doubt(), Some(Doubt::PausesHere));
        // One long line, of parts that bear one time.
        assert_eq!(Log::new().goes_on(0, 1_000, 0, 0).goes_on(1_000_000, 1, 0, 0).doubt(), None);
    }

    #[test]
    fn time_that_goes_back_is_no_pause() {
        assert_eq!(Log::new().goes_on(0, 1_000, 10, 0).goes_on(-5_000, 1_000, 10, 0).doubt(), None);
        // But after a clock was set back pauses are seen again.
        let set_back = Log::new().goes_on(0, 1_000, 10, 0).goes_on(-60_000_000, 1_000, 10, 0);
        assert_eq!(set_back.goes_on(5_100, 1, 0, 0).doubt(), Some(Doubt::PausesHere));
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
