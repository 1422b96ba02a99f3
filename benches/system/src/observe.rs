//! What comes out of a reader's pipe: how many lines, which are missing, and how late they are.

use docklog_protocol::Timestamp;
use std::collections::HashMap;
use std::io::{PipeReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What was seen.
#[derive(Default)]
pub(crate) struct Observed {
    pub(crate) lines: u64,
    /// Of them, those that came while latencies were noted.
    pub(crate) noted: u64,
    /// Numbers that are missing between the first and the last of a container's channel, or stand there twice.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// Milliseconds from a line's writing to its arrival, sorted.
    latencies: Vec<f32>,
}

/// The numbers of one channel of one container.
#[derive(Default)]
struct Numbers {
    first: u64,
    last: u64,
    count: u64,
}

impl Observed {
    /// Looks at all that comes until the reader's end. Latencies are noted as long as `noting` is true.
    pub(crate) fn of(mut pipe: PipeReader, noting: &AtomicBool) -> Self {
        let mut observed = Self::default();
        let mut channels: HashMap<Vec<u8>, Numbers> = HashMap::new();
        let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
        loop {
            let length = pipe.read(&mut buffer[filled..]).unwrap();
            if length == 0 {
                break;
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
            let noting = noting.load(Ordering::Relaxed);
            filled += length;
            let end = buffer[..filled].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            for line in buffer[..end].split_inclusive(|byte| *byte == b'\n') {
                observed.lines += 1;
                observed.noted += u64::from(noting);
                let Some((channel, number, written)) = stamped(line).or_else(|| simulated(line)) else {
                    continue;
                };
                observed.note(&mut channels, channel, number);
                if noting {
                    observed.latencies.push(now.saturating_sub(written) as f32 / 1e6);
                }
            }
            buffer.copy_within(end..filled, 0);
            filled -= end;
        }
        observed.lost = channels.values().map(|seen| seen.last - seen.first + 1 - seen.count).sum();
        observed.latencies.sort_unstable_by(f32::total_cmp);
        observed
    }

    fn note(&mut self, channels: &mut HashMap<Vec<u8>, Numbers>, channel: &[u8], number: u64) {
        let Some(seen) = channels.get_mut(channel) else {
            channels.insert(channel.to_vec(), Numbers { first: number, last: number, count: 1 });
            return;
        };
        // Within a channel the order is kept, so what isn't new was there before.
        if number > seen.last {
            (seen.last, seen.count) = (number, seen.count + 1);
        } else {
            self.doubled += 1;
        }
    }

    /// The latency that this share of the lines stays below, in milliseconds.
    pub(crate) fn latency(&self, share: f64) -> Option<f64> {
        let last = self.latencies.len().checked_sub(1)?;
        Some(f64::from(self.latencies[(last as f64 * share) as usize]))
    }
}

/// A line of the generator, however it is wrapped: `@KEY CHANNEL NUMBER NANOSECONDS xxx`. The first two are one key.
fn stamped(line: &[u8]) -> Option<(&[u8], u64, u128)> {
    let start = line.iter().position(|byte| *byte == b'@')? + 1;
    let text = &line[start..];
    let mut spaces = text.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let (_, key, number, time) = (spaces.next()?, spaces.next()?, spaces.next()?, spaces.next()?);
    let parse = |range| std::str::from_utf8(&text[range]).ok();
    Some((&text[..key], parse(key + 1..number)?.parse().ok()?, parse(number + 1..time)?.parse().ok()?))
}

/// A JSON line from the simulated engine, whose message begins with the line's number within its container.
fn simulated(line: &[u8]) -> Option<(&[u8], u64, u128)> {
    let value = |key: &str, end: u8| {
        let start = line.windows(key.len()).position(|window| window == key.as_bytes())? + key.len();
        line[start..].split(|byte| *byte == end).next()
    };
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let time = Timestamp::parse(text(value("\"time\":\"", b'"')?)?)?.unix_nanos();
    let number = text(value("\"message\":\"", b' ')?)?.parse().ok()?;
    Some((value("\"container\":\"", b'"')?, number, u128::try_from(time).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write, pipe};

    #[test]
    fn missing_and_repeated_lines_are_counted() {
        let (reader, mut writer) = pipe().unwrap();
        for number in [3, 4, 4, 7] {
            writeln!(writer, "{{\"message\":\"@c1 o {number} 1000000 xx\"}}").unwrap();
        }
        writeln!(writer, "2026-11-24T00:00:00Z @c1 e 1 1000000 xx").unwrap();
        drop(writer);
        let observed = Observed::of(reader, &AtomicBool::new(true));
        assert_eq!((observed.lines, observed.lost, observed.doubled), (5, 2, 1));
        assert!(observed.latency(0.5).is_some());
    }

    #[test]
    fn lines_of_the_simulated_engine_are_told_apart() {
        let line = br#"{"time":"1970-01-01T00:00:01.000000002Z","container":"c1","message":"000017 text"}"#;
        assert_eq!(simulated(line), Some((&b"c1"[..], 17, 1_000_000_002)));
        assert_eq!(simulated(b"something else"), None);
    }
}
