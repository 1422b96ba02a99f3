//! What it costs to take the wire apart: `cargo bench --bench decode`.
//!
//! Figures are per pass over a recorded response, with bytes and records a second.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't go on panics")]

mod captures;

use captures::{FRAMES, LINES, LIST, TTY};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use docklog_protocol::{Format, Items, LineJoiner, Parts, Session, Split, Timestamp, limits};

fn main() {
    divan::main();
}

/// What a read of docklog takes at most; what a Unix socket queues at most of small chunks; and a poor 1,400 bytes.
const READS: [usize; 3] = [64 * 1024, 39 * 1024, 1_400];

fn session(bencher: Bencher<'_, '_>, capture: &[u8], format: Format, read: usize) {
    bencher.counter(BytesCount::of_slice(capture)).counter(ItemsCount::new(LINES)).bench(|| {
        let (mut session, mut records) = (Session::new(format, true), 0);
        for bytes in capture.chunks(read) {
            session
                .feed(bytes, &mut |record| records += usize::from(!black_box(record).text.is_empty()))
                .unwrap();
        }
        assert_eq!(records, LINES);
    });
}

#[divan::bench(args = READS)]
fn frames(bencher: Bencher<'_, '_>, read: usize) {
    session(bencher, FRAMES, Format::Multiplexed, read);
}

#[divan::bench(args = READS)]
fn tty(bencher: Bencher<'_, '_>, read: usize) {
    session(bencher, TTY, Format::Tty, read);
}

/// Frames, and their lines joined.
#[divan::bench]
fn lines(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(FRAMES)).counter(ItemsCount::new(LINES)).bench(|| {
        let mut session = Session::new(Format::Multiplexed, true);
        let (mut joiner, mut lines) = (LineJoiner::new(Parts::Docker, limits::LINE), 0);
        let mut count =
            |line: docklog_protocol::Line<'_>| lines += usize::from(!black_box(line).text.is_empty());
        session.feed(FRAMES, &mut |record| joiner.push(record, &mut count)).unwrap();
        assert_eq!(lines, LINES);
    });
}

/// A container list taken apart into its elements, which are not parsed.
#[divan::bench(args = READS)]
fn items(bencher: Bencher<'_, '_>, read: usize) {
    bencher.counter(BytesCount::of_slice(LIST)).counter(ItemsCount::new(50usize)).bench(|| {
        let (mut items, mut count) = (Items::new(Split::ArrayItems), 0);
        for bytes in LIST.chunks(read) {
            items
                .feed(bytes, &mut |item| {
                    count += usize::from(matches!(black_box(item), docklog_protocol::Item::Json(_)))
                })
                .unwrap();
        }
        assert_eq!(count, 50);
    });
}

#[divan::bench(args = ["2026-11-23T20:16:07.727144095Z", "2026-11-23T20:16:07Z", "2026-11-23T20:16:07.727144095+05:30"])]
fn timestamp(bencher: Bencher<'_, '_>, text: &str) {
    bencher.counter(BytesCount::of_str(text)).bench(|| Timestamp::parse(black_box(text)).unwrap());
}
