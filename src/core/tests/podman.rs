//! Podman's streams, whose stamps are whole seconds: where they go on is found by counting within the last line's second.

use docklog_protocol::{Channel, ContainerId, EngineKind, Record, Stamp, Tail};

use crate::core::reader::{News, Reader};
use crate::core::time::latest;
use crate::core::window::{Ask, Begin};

/// One session: all of the log that is there, as the engine gives it.
struct Session<'a> {
    reader: &'a mut Reader,
    lines: Vec<String>,
}

impl<'a> Session<'a> {
    /// It is opened on this log, and follows it. A part without newline goes on; what begins with ! is stderr's.
    fn open(reader: &'a mut Reader, log: &[(u8, &str)]) -> Self {
        let (id, engine) = (ContainerId::from([1; 32]), EngineKind::Podman);
        let logs = reader.open(&Ask { id, follow: true, until: None, engine, size: 64 }, None);
        let last = match logs.tail {
            Tail::Last(last) => usize::try_from(last).expect("few"),
            Tail::All => log.len(),
        };
        let mut session = Self { reader, lines: Vec::new() };
        // The engine compares what it doesn't show: when in its second a line came.
        let late_enough = |&&(second, _): &&(u8, &str)| {
            logs.since.is_none_or(|since| {
                Stamp::parse(&raw(second)).is_some_and(|stamp| latest(stamp.time) > since)
            })
        };
        log[log.len().saturating_sub(last)..]
            .iter()
            .filter(late_enough)
            .for_each(|entry| session.comes(entry));
        session
    }

    fn comes(&mut self, &(second, text): &(u8, &str)) {
        let raw = raw(second);
        let text = text.as_bytes();
        let (text, part) = text.strip_suffix(b"\n").map_or((text, true), |text| (text, false));
        let channel = if text.starts_with(b"!") { Channel::Stderr } else { Channel::Stdout };
        let record = Record { channel, stamp: Stamp::parse(&raw), text, part };
        assert!(self.reader.take(record, &mut |news| keep(&mut self.lines, &news)));
    }

    /// Its container has ended, and it with it.
    fn end(mut self) -> Vec<String> {
        self.reader.finish(&mut |news| keep(&mut self.lines, &news));
        self.lines
    }

    fn end_by_cut(self) -> Vec<String> {
        self.reader.cut();
        self.lines
    }
}

fn raw(second: u8) -> String {
    format!("2026-11-23T20:16:{second:02}Z")
}

fn keep(lines: &mut Vec<String>, news: &News<'_>) {
    match news {
        News::Line(line) => lines.push(String::from_utf8_lossy(line.text).into_owned()),
        News::Gap(_) => lines.push("gap".to_owned()),
        News::Late(line) => lines.push(format!("late {}", String::from_utf8_lossy(line.text))),
        News::Replay => {}
    }
}

fn podman(reader: &mut Reader, log: &[(u8, &str)], container_ends: bool) -> Vec<String> {
    let session = Session::open(reader, log);
    if container_ends { session.end() } else { session.end_by_cut() }
}

#[test]
fn a_stream_that_began_in_the_middle_of_a_second_goes_on_behind_its_last_line() {
    for begin in [Begin::History { tail: Tail::Last(2), since: None }, Begin::First] {
        let mut reader = Reader::new(begin);
        let log = [(5, "a\n"), (5, "b\n"), (5, "c\n"), (5, "d\n"), (5, "e\n"), (6, "f\n")];
        let first = podman(&mut reader, &log[..4], false);
        assert_eq!(first, if begin == Begin::First { &["a", "b", "c", "d"][..] } else { &["c", "d"] });
        assert!(podman(&mut reader, &log[..4], false).is_empty(), "nothing is new");
        let mut reader = Reader::resume(reader.place().expect("it stands somewhere"));
        assert_eq!(podman(&mut reader, &log[..5], false), ["e"]);
        assert_eq!(podman(&mut reader, &log, false), ["f"]);
        assert!(podman(&mut reader, &log, false).is_empty());
    }
}

#[test]
fn a_channel_that_had_nothing_yet_begins_behind_the_last_line_of_the_other() {
    let mut reader = Reader::new(Begin::History { tail: Tail::Last(1), since: None });
    let log = [(5, "a\n"), (5, "!x\n"), (5, "b\n"), (5, "!y\n")];
    assert_eq!(podman(&mut reader, &log[..3], false), ["b"]);
    assert!(podman(&mut reader, &log[..3], false).is_empty(), "x is older");
    assert_eq!(podman(&mut reader, &log, false), ["!y"]);
    assert!(podman(&mut reader, &log, false).is_empty());
}

/// Podman's follow may leave out a line, as it does at a restart (W-27): that makes no other come twice; and if only one of its second
/// came, it is known which didn't.
#[test]
fn a_line_that_the_engine_left_out_is_not_made_up_for_by_another() {
    let mut reader = Reader::new(Begin::First);
    let log = [(5, "a\n"), (5, "b\n"), (5, "c\n"), (5, "d\n")];
    let mut session = Session::open(&mut reader, &[]);
    session.comes(&log[1]);
    session.comes(&log[2]);
    assert_eq!(session.end_by_cut(), ["b", "c"]);
    assert!(podman(&mut reader, &log[..3], false).is_empty(), "c doesn't come again");
    assert_eq!(podman(&mut reader, &log, false), ["d"]);
    let mut reader = Reader::new(Begin::First);
    let mut session = Session::open(&mut reader, &[]);
    session.comes(&log[1]);
    assert_eq!(session.end_by_cut(), ["b"]);
    assert_eq!(podman(&mut reader, &log[..2], false), ["late a"]);
    assert!(podman(&mut reader, &log[..2], false).is_empty(), "nor does a");
    assert_eq!(podman(&mut reader, &log, false), ["c", "d"]);
}

#[test]
fn a_line_that_was_begun_in_the_second_of_the_last_one_brings_neither_twice() {
    let mut reader = Reader::new(Begin::First);
    let log = [(5, "a\n"), (5, "b1"), (5, "b2\n")];
    assert_eq!(podman(&mut reader, &log[..2], false), ["a"]);
    assert_eq!(podman(&mut reader, &log, false), ["b1b2"]);
    assert!(podman(&mut reader, &log, false).is_empty());
}

#[test]
fn a_last_line_without_newline_swallows_no_line_of_the_next_run() {
    let mut reader = Reader::new(Begin::First);
    let log = [(5, "a\n"), (5, "b"), (9, "c\n"), (9, "d")];
    assert_eq!(podman(&mut reader, &log[..2], true), ["a", "b"]);
    assert!(podman(&mut reader, &log[..2], true).is_empty());
    assert_eq!(podman(&mut reader, &log, true), ["c", "d"]);
    assert!(podman(&mut reader, &log, true).is_empty());
}

/// Numbers that look random, from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

/// A log that grows while sessions come and go, at the container's ends too, and docklog is started again from its checkpoint: each
/// line comes once, and in the order of its channel.
#[test]
fn each_line_comes_once_over_any_history() {
    for seed in 0..30_000 {
        let mut chance = Chance(seed);
        let (mut log, mut lines) = (Vec::<(u8, String)>::new(), Vec::<String>::new());
        let second = std::cell::Cell::new(0_u8);
        // The line that each channel is in the middle of.
        let mut open = [String::new(), String::new()];
        let write = |chance: &mut Chance,
                     log: &mut Vec<(u8, String)>,
                     lines: &mut Vec<String>,
                     open: &mut [String; 2]| {
            second.set((second.get() + u8::try_from(chance.below(4) / 3).expect("0 or 1")).min(59));
            let (channel, ends) = (chance.below(2), chance.below(4) > 0);
            let mark = if channel == 1 { "!" } else { "" };
            let piece = format!("{mark}{}", log.len());
            open[channel].push_str(&piece);
            log.push((second.get(), if ends { piece + "\n" } else { piece }));
            if ends {
                lines.push(std::mem::take(&mut open[channel]));
            }
        };
        let begin = match chance.below(2) {
            0 => Begin::First,
            _ => Begin::History { tail: Tail::Last(1 + chance.below(4) as u64), since: None },
        };
        // History. Where there is none, the core finds out by a look; and one that begins inside a line is another matter.
        for number in 0..1 + chance.below(12) {
            let line = format!("{}{number}", if chance.below(2) == 1 { "!" } else { "" });
            log.push((0, format!("{line}\n")));
            lines.push(line);
        }
        // (Who begins in the middle of a second in which more is written is another matter, too.)
        second.set(1);
        let mut reader = Reader::new(begin);
        let mut given = Vec::new();
        let borrowed = |log: &[(u8, String)]| {
            log.iter().map(|(second, text)| (*second, text.clone())).collect::<Vec<_>>()
        };
        for _ in 0..1 + chance.below(6) {
            let there = borrowed(&log);
            let there: Vec<(u8, &str)> =
                there.iter().map(|(second, text)| (*second, text.as_str())).collect();
            let mut session = Session::open(&mut reader, &there);
            let before = log.len();
            for _ in 0..chance.below(6) {
                write(&mut chance, &mut log, &mut lines, &mut open);
            }
            for (second, text) in &log[before..] {
                session.comes(&(*second, text));
            }
            // A start takes a moment. (Runs that end without newline within one second are another matter.)
            if chance.below(4) == 0 {
                second.set((second.get() + 1).min(59));
                given.extend(session.end());
                lines.extend(open.iter_mut().filter(|open| !open.is_empty()).map(std::mem::take));
            } else {
                given.extend(session.end_by_cut());
            }
            if chance.below(2) == 0
                && let Some(place) = reader.place()
            {
                reader = Reader::resume(place);
            }
            for _ in 0..chance.below(5) {
                write(&mut chance, &mut log, &mut lines, &mut open);
            }
        }
        let there = borrowed(&log);
        let there: Vec<(u8, &str)> = there.iter().map(|(second, text)| (*second, text.as_str())).collect();
        given.extend(podman(&mut reader, &there, true));
        lines.extend(open.iter_mut().filter(|open| !open.is_empty()).map(std::mem::take));
        for stderr in [false, true] {
            let of = |lines: &[String]| {
                lines.iter().filter(|line| line.starts_with('!') == stderr).cloned().collect::<Vec<_>>()
            };
            let (given, all) = (of(&given), of(&lines));
            let wanted =
                if begin == Begin::First { &all[..] } else { &all[all.len().saturating_sub(given.len())..] };
            assert_eq!(given, wanted, "seed {seed}, {begin:?}, of {log:?}");
        }
    }
}
