//! Engines send records again after their log file was rotated. They come in the middle of a follow, so no window tells them; but
//! within one channel time stamps rise (W-45), so a record that is no newer than the newest is either such a repetition, and then its
//! time is one that was seen lately, or the clock was set back.

use std::collections::VecDeque;

use docklog_protocol::Timestamp;

use super::place::fingerprint;
use crate::limits;

/// How an engine repeats records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Docker before 23: the beginning of the new file, as a rule (42 to 1,640 of 60,000, measured on 20.10; W-97).
    Stretches,
    /// From 23 on: seldom, the first record after some that it skipped (W-96).
    Single,
}

/// What a follow has brought lately, on one channel.
#[derive(Debug)]
pub struct Repeats {
    /// So many times are remembered.
    memory: usize,
    /// Times of records before the newest, rising, in nanoseconds.
    times: VecDeque<i64>,
    newest: Option<Newest>,
    /// The engine is sending again what it has sent; of the newest time, so many parts.
    repeating: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    time: Timestamp,
    /// Records of this time: a long line's parts.
    parts: u32,
    /// The last of them was the end of its line; and its text.
    ended: bool,
    print: u64,
}

impl Repeats {
    /// Of an engine of this habit.
    pub fn new(habit: Habit) -> Self {
        let memory = match habit {
            Habit::Stretches => limits::RECENT,
            Habit::Single => 0,
        };
        Self { memory, times: VecDeque::new(), newest: None, repeating: None }
    }

    /// True if this record was sent before; `None` if that can't be told, for it is older than all that is remembered: open
    /// the next session, whose window will tell. `part`: its line goes on in the next.
    pub fn is_repeat(&mut self, time: Timestamp, text: &[u8], part: bool) -> Option<bool> {
        let oldest = self.times.front().filter(|_| self.times.len() == self.memory);
        if oldest.is_some_and(|&oldest| time.unix_nanos() < oldest) {
            return None;
        }
        Some(self.is_known(time, text, part))
    }

    fn is_known(&mut self, time: Timestamp, text: &[u8], part: bool) -> bool {
        let print = fingerprint(text);
        let Some(newest) = self.newest else {
            self.advance(time, print, part);
            return false;
        };
        if time == newest.time {
            return self.is_part_again(newest, print, part);
        }
        if time < newest.time && self.times.binary_search(&time.unix_nanos()).is_ok() {
            self.repeating = Some(0);
            return true;
        }
        if time < newest.time {
            self.times.clear(); // the clock was set back
        } else if self.memory > 0 {
            self.times.push_back(newest.time.unix_nanos());
            if self.times.len() > self.memory {
                self.times.pop_front();
            }
        }
        self.advance(time, print, part);
        false
    }

    fn advance(&mut self, time: Timestamp, print: u64, part: bool) {
        self.newest = Some(Newest { time, parts: 1, ended: !part, print });
        self.repeating = None;
    }

    fn is_part_again(&mut self, newest: Newest, print: u64, part: bool) -> bool {
        // After a line's end nothing of it can come; another line of the same time has another text.
        let over = self.repeating.is_none_or(|again| again >= newest.parts) && newest.ended;
        if over && (newest.print == print || newest.parts > 1) {
            self.repeating = Some(if part { 0 } else { newest.parts - 1 });
        }
        if let Some(again) = self.repeating.as_mut() {
            *again += 1;
            if *again <= newest.parts {
                return true;
            }
        }
        self.repeating = None;
        self.newest = Some(Newest { parts: newest.parts + 1, ended: !part, print, ..newest });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these records (time, text, part) are new.
    fn new_by<'a>(habit: Habit, records: &[(i64, &'a str, bool)]) -> Vec<(i64, &'a str)> {
        let mut repeats = Repeats::new(habit);
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let new = records
            .iter()
            .filter(|(time, text, part)| repeats.is_repeat(at(*time), text.as_bytes(), *part) == Some(false));
        new.map(|&(time, text, _)| (time, text)).collect()
    }

    fn new<'a>(records: &[(i64, &'a str, bool)]) -> Vec<(i64, &'a str)> {
        new_by(Habit::Stretches, records)
    }

    #[test]
    fn a_single_one_that_comes_again_needs_no_memory() {
        let log = [
            (1, "a", false),
            (5, "b", false),
            (5, "b", false),
            (6, "x", true),
            (6, "x", true),
            (6, "e", false),
        ];
        let once = [(1, "a"), (5, "b"), (6, "x"), (6, "x"), (6, "e")];
        assert_eq!(new_by(Habit::Single, &log), once);
        // Another of the time, and a clock that was set back.
        let log = [(5, "b", false), (5, "c", false), (3, "d", false), (5, "b", false)];
        assert_eq!(new_by(Habit::Single, &log).len(), 4);
    }

    #[test]
    fn what_comes_again_is_told_from_what_is_new() {
        let log = [
            (1, "a", false),
            (2, "b", false),
            (3, "c", false),
            (2, "b", false),
            (3, "c", false),
            (4, "d", false),
        ];
        assert_eq!(new(&log), [(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        assert_eq!(new(&[(1, "a", false), (1, "a", false), (2, "b", false)]), [(1, "a"), (2, "b")]);
        assert_eq!(new(&[(1, "f", false), (1, "g", false)]), [(1, "f"), (1, "g")], "two lines of one time");
    }

    #[test]
    fn a_long_line_is_not_torn_by_a_repetition() {
        let log = [
            (1, "a", false),
            (2, "x", true),
            (2, "x", true), // so far, then again from `a` on
            (1, "a", false),
            (2, "x", true),
            (2, "x", true),
            (2, "x", true),
            (2, "end", false),
            (3, "b", false),
        ];
        assert_eq!(new(&log), [(1, "a"), (2, "x"), (2, "x"), (2, "x"), (2, "end"), (3, "b")]);
    }

    #[test]
    fn a_clock_set_back_is_no_repetition() {
        let log = [(10, "a", false), (11, "b", false), (4, "c", false), (5, "d", false), (4, "c", false)];
        assert_eq!(new(&log), [(10, "a"), (11, "b"), (4, "c"), (5, "d")]);
    }
}
