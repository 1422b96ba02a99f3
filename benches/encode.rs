//! What it costs to write lines in each format: `cargo bench --bench encode`.
//!
//! A pass is 500 lines of 100 bytes; bytes a second are those of their text. Reading the stamp is a part of it.

mod texts;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use docklog::encode::{Encoder, Look};
use docklog_protocol::{Channel, Line, Stamp};
use texts::{Text, source};

fn main() {
    divan::main();
}

/// Of one container.
const LINES: usize = 500;

const TEXTS: [Text; 4] = [Text::Plain, Text::Escapes, Text::NonAscii, Text::NotUtf8];

fn encode(bencher: Bencher<'_, '_>, text: Text, encoder: fn(Look) -> Encoder, look: Look) {
    let (source, bytes) = (source(), text.bytes());
    let stamp = Stamp::parse("2026-11-23T20:16:07.727144095Z");
    let (mut encoder, mut out) = (encoder(look), Vec::with_capacity(1 << 20));
    let bencher = bencher.counter(BytesCount::new(LINES * texts::LENGTH));
    bencher.counter(ItemsCount::new(LINES)).bench_local(|| {
        out.clear();
        for number in 0..LINES {
            let channel = if number % 10 == 9 { Channel::Stderr } else { Channel::Stdout };
            encoder.encode(&source, &Line { channel, stamp, text: &bytes, segment: None }, &mut out);
        }
        encoder.seal(&mut out);
        black_box(out.len())
    });
}

#[divan::bench(args = TEXTS)]
fn json(bencher: Bencher<'_, '_>, text: Text) {
    encode(bencher, text, Encoder::json, Look::default());
}

#[divan::bench(args = TEXTS)]
fn pretty(bencher: Bencher<'_, '_>, text: Text) {
    encode(bencher, text, Encoder::pretty, Look::default());
}

/// As on a terminal: with colours, and control characters made visible.
#[divan::bench(args = TEXTS)]
fn terminal(bencher: Bencher<'_, '_>, text: Text) {
    let look = Look { colour: true, visible_control: true, ..Look::default() };
    encode(bencher, text, Encoder::pretty, look);
}

#[divan::bench(args = TEXTS)]
fn raw(bencher: Bencher<'_, '_>, text: Text) {
    encode(bencher, text, Encoder::raw, Look::default());
}

#[divan::bench(args = TEXTS)]
fn loki(bencher: Bencher<'_, '_>, text: Text) {
    encode(bencher, text, |_| Encoder::loki(), Look::default());
}

#[divan::bench(args = TEXTS)]
fn otlp(bencher: Bencher<'_, '_>, text: Text) {
    encode(bencher, text, |_| Encoder::otlp(), Look::default());
}
