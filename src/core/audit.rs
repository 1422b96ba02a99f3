//! An engine can skip lines in the middle of a follow: when its log files are rotated faster than the follow is sent, it goes
//! on with the newest file (144,000 of 200,000 lines were skipped in a burst, measured on 28; W-96). No later window shows
//! that, for the last line delivered lies beyond the hole. So what was delivered is compared with what the log holds, line by
//! line, whenever it could have happened: lines were late by as much as the engine needs to fill a file.

use docklog_protocol::{Inspected, Record};

use super::Core;
use super::exchange::StreamId;
use super::time::Now;
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

/// What one record of a live follow means for the audit. True: compare now.
pub(super) fn is_due(stream: &mut super::stream::Stream, record: &Record<'_>, now: Now) -> bool {
    let (Some(size), Some(stamp)) = (stream.file_size, record.stamp) else { return false };
    stream.carried += record.text.len() as u64 + limits::RECORD_OVERHEAD;
    let late = now.wall.unix_nanos().saturating_sub(stamp.time.unix_nanos());
    let limit = size.saturating_mul(1_000_000) / limits::LOGGED_PER_MILLISECOND;
    stream.lagged |= late > i64::try_from(limit).unwrap_or(i64::MAX);
    // Whoever chooses tiny files must not choose an audit per line.
    stream.carried >= size / 2 && now.mono.since(stream.audited_at) >= limits::AUDIT
}

impl Core {
    /// Half a log file has gone by: count anew from here, or compare first.
    pub(super) fn audit(&mut self, id: StreamId) {
        let now = self.now.mono;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let Some(reader) = stream.reader.as_mut() else { return };
        (stream.carried, stream.audited_at) = (0, now);
        if !std::mem::take(&mut stream.lagged) {
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
