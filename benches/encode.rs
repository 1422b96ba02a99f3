//! What it costs to write lines in each format: `cargo bench --bench encode`.
//!
//! A pass is 500 lines of 100 bytes; bytes a second are those of their text.

mod texts;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use docklog::core::batch::{Batch, Item};
use docklog::encode::{Encoder, Look};
use texts::{Text, batch};

fn main() {
    divan::main();
}

const TEXTS: [Text; 4] = [Text::Plain, Text::Escapes, Text::NonAscii, Text::NotUtf8];

fn encode(bencher: Bencher<'_, '_>, text: Text, encoder: fn(Look) -> Encoder, look: Look) {
    let batch: Batch = batch(text);
    let (mut encoder, mut out) = (encoder(look), Vec::with_capacity(1 << 20));
    let bencher = bencher.counter(BytesCount::new(batch.len() * texts::LENGTH));
    bencher.counter(ItemsCount::new(batch.len())).bench_local(|| {
        out.clear();
        for index in 0..batch.len() {
            if let Some(Item::Line(line)) = batch.get(index) {
                encoder.encode(&line, &mut out);
            }
        }
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
    let look = Look { timestamps: false, colour: true, visible_control: true };
    encode(bencher, text, Encoder::pretty, look);
}

#[divan::bench(args = TEXTS)]
fn raw(bencher: Bencher<'_, '_>, text: Text) {
    encode(bencher, text, Encoder::raw, Look::default());
}
