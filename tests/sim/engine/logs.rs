//! Reading a container's log, as `/containers/{id}/logs` does: which messages, in which bytes.

use super::container::{Channel, Container, State};
use super::dialect::{Dialect, Quirks};
use super::files::{LogFiles, Record};
use super::stamp::{Nanos, parse_query, rfc3339};

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Query {
    pub follow: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub timestamps: bool,
    pub since: Nanos,
    pub until: Option<Nanos>,
    /// `None`: all.
    pub tail: Option<u64>,
}

impl Query {
    /// From a request's parameters; an error carries the status and the message.
    pub fn parse(dialect: Dialect, parameters: &[(String, String)]) -> Result<Self, (u16, String)> {
        let get = |key: &str| parameters.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let flag = |key: &str| matches!(get(key), Some("1" | "true" | "True"));
        let time = |key: &str| match get(key) {
            None | Some("") => Ok(None),
            Some(text) => parse_query(text).map(Some).ok_or_else(|| {
                let status = if dialect == Dialect::Docker20 { 500 } else { 400 };
                (status, format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            }),
        };
        let tail = match get("tail") {
            None | Some("" | "all") => None,
            Some(text) => match text.parse::<i64>() {
                Ok(n) => u64::try_from(n).ok(),
                Err(_) if dialect.is_podman() => return Err((400, format!("bad tail {text}"))),
                Err(_) => None,
            },
        };
        let query = Query {
            follow: flag("follow"),
            stdout: flag("stdout"),
            stderr: flag("stderr"),
            timestamps: flag("timestamps"),
            since: time("since")?.unwrap_or(0),
            until: time("until")?.filter(|&at| at > 0),
            tail,
        };
        if !query.stdout && !query.stderr {
            return Err((400, "Bad parameters: you must choose at least one stream".into()));
        }
        Ok(query)
    }
}

/// What a reader has next.
#[derive(Debug)]
pub enum Step<'a> {
    /// This message.
    Record(&'a Record),
    /// Nothing yet.
    Wait,
    /// The answer ends here.
    End,
}

/// One open answer: stands somewhere in a container's log.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Index of the container in the engine.
    pub container: usize,
    /// What was asked for.
    pub query: Query,
    at: u64,
    /// Not beyond this message: the end of the log when a snapshot was opened.
    end: Option<u64>,
    run: usize,
    since_found: bool,
    truncations: u32,
    /// A follow of a log file that had been truncated gives what is there, then falls silent.
    deaf_from: Option<u64>,
    /// The log file that a follow is in, or comes to after the older ones that it found.
    file: usize,
    /// At this message it goes back to that one, the first of its file.
    goes_back: Option<(u64, u64)>,
    /// It searches a file that was cut from an end that isn't there, and finds none: measured on 28.5, for any `tail`.
    hangs: bool,
    /// It has lost the way to the next file.
    stuck: bool,
}

impl Reader {
    pub(super) fn open(
        index: usize,
        container: &Container,
        query: Query,
        dialect: Dialect,
        quirks: Quirks,
    ) -> Self {
        let log = container.log();
        let was_truncated = log.is_miscounted() && quirks.truncation_deafens;
        let at = match query.tail {
            _ if container.log_vanished => log.end(),
            None => log.start(),
            Some(n) => log.start().max(log.end().saturating_sub(n)),
        };
        let follows = query.follow
            && container.is_alive()
            && !(dialect.is_podman() && container.state == State::Paused);
        Reader {
            container: index,
            at,
            end: (!follows).then_some(log.end()),
            run: container.run(),
            since_found: query.since == 0,
            truncations: log.truncations(),
            deaf_from: was_truncated.then_some(log.end()),
            file: log.newest(),
            goes_back: None,
            stuck: false,
            hangs: was_truncated && query.tail.is_some(),
            query,
        }
    }

    pub(super) fn step<'a>(
        &mut self,
        container: &'a Container,
        dialect: Dialect,
        quirks: Quirks,
    ) -> Step<'a> {
        let (log, over) = (container.log(), container.run_end(self.run));
        if self.hangs {
            return Step::Wait;
        }
        if self.end.is_none() && self.is_deaf(log, quirks) {
            return if over.is_some() { Step::End } else { Step::Wait };
        }
        let end = self.end.or(over);
        loop {
            self.at = self.at.max(log.cut());
            if self.end.is_none() && !self.finds_its_file(container, quirks) {
                return if over.is_some() { Step::End } else { Step::Wait };
            }
            if self.meets_corruption(log, quirks) || end.is_some_and(|end| self.at >= end) {
                return Step::End;
            }
            let Some(record) = log.record(self.at) else { return Step::Wait };
            self.at += 1;
            if self.query.until.is_some_and(|until| record.stamp > until) {
                self.end = Some(self.at);
                return Step::End;
            }
            if self.passes(record, dialect) {
                return Step::Record(record);
            }
        }
    }

    /// The number of the message that it reads next, or goes back to.
    pub(super) fn position(&self) -> u64 {
        self.goes_back.map_or(self.at, |(_, first)| first.min(self.at))
    }

    /// So many messages come again, as far as they are there.
    pub(super) fn go_back(&mut self, log: &LogFiles, count: u64) {
        self.at = self.at.saturating_sub(count).max(log.start()).min(self.at);
    }

    /// A truncation has silenced this follow. A new file wakes it.
    fn is_deaf(&mut self, log: &LogFiles, quirks: Quirks) -> bool {
        let was_cut = self.truncations != log.truncations();
        let read_all = self.deaf_from.is_some_and(|from| self.at >= from);
        if !quirks.truncation_deafens || !was_cut && !read_all {
            return false;
        }
        let Some(file_end) = log.file_end(self.file) else { return true };
        // Where it stands lies beyond what is left of its file.
        self.at = self.at.max(file_end);
        (self.truncations, self.deaf_from) = (log.truncations(), None);
        false
    }

    /// Takes a follow that has read its file on to another, as its engine does. False: nothing comes any more.
    fn finds_its_file(&mut self, container: &Container, quirks: Quirks) -> bool {
        let log = container.log();
        if let Some((_, first)) = self.goes_back.take_if(|back| back.0 == self.at) {
            self.at = first.max(log.cut());
        }
        while let Some(end) = log.file_end(self.file).filter(|&end| self.at >= end) {
            let behind = log.newest() - self.file;
            self.stuck |= behind > 1 && quirks.rotation_stops_the_slow;
            if self.stuck {
                return false;
            }
            self.file += 1;
            if quirks.rotation_outruns_the_slow {
                self.file = log.newest();
                self.at = log.newest_start();
                let whole = log.record(self.at).is_some_and(|record| record.text.ends_with(b"\n"));
                let again = behind > 1 && whole && repeats(&container.id, self.file).is_some();
                self.goes_back = again.then_some((self.at + 1, self.at));
            } else if quirks.rotation_repeats {
                self.goes_back = repeats(&container.id, self.file).map(|count| (end + count, end));
            }
        }
        true
    }

    /// Whether the answer ends at something that is no message. Where another file follows, it is passed over with the rest
    /// of its file.
    fn meets_corruption(&mut self, log: &LogFiles, quirks: Quirks) -> bool {
        let Some((at, file_end)) = log.corruption().filter(|_| quirks.corruption_ends_follows) else {
            return false;
        };
        match file_end {
            None if self.end.is_none() => self.at >= at,
            _ => {
                if self.at == at {
                    self.at = file_end.unwrap_or(log.end());
                }
                false
            }
        }
    }

    fn passes(&mut self, record: &Record, dialect: Dialect) -> bool {
        let late_enough = record.stamp >= self.query.since;
        self.since_found |= late_enough;
        let by_time = if dialect.since_only_finds_the_first() { self.since_found } else { late_enough };
        let by_channel = match record.channel {
            Channel::Stdout => self.query.stdout,
            Channel::Stderr => self.query.stderr,
        };
        by_time && by_channel
    }
}

/// How many messages of a new file a follow reads before it begins that file again, if it does: by chance, the same in each
/// run.
fn repeats(id: &str, file: usize) -> Option<u64> {
    let seed = id.bytes().fold(file as u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 60 > 3).then_some(1 + (mixed >> 32) % 40)
}

/// The bytes of a message, before they are chunked.
pub fn encode(record: &Record, tty: bool, timestamps: bool, dialect: Dialect) -> Vec<u8> {
    let mut payload = Vec::with_capacity(record.text.len() + 40);
    if timestamps {
        payload.extend_from_slice(rfc3339(record.stamp, !dialect.is_podman()).as_bytes());
        payload.push(b' ');
    }
    payload.extend_from_slice(&record.text);
    if tty { payload } else { frame(1 + record.channel as u8, &payload) }
}

/// A multiplex frame: 1 stdout, 2 stderr, 3 the engine's own word.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0, 0, 0];
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(payload);
    out
}
