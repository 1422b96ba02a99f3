//! How long the loop stands still to write a checkpoint of ten thousand streams: `cargo run --release --example checkpoint`.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use docklog::core::checkpoint::encode;
use docklog::core::place::{Half, LastLine, Mark, Place};
use docklog::shell::state::State;
use docklog_protocol::{ContainerId, Timestamp};

const STREAMS: u32 = 10_000;
const ROUNDS: usize = 50;

fn main() {
    let folder = std::env::temp_dir().join(format!("docklog-checkpoint-{}", std::process::id()));
    let (state, ..) = State::open(&folder).unwrap();
    let places: Vec<_> = (0..STREAMS).map(|n| (id(n), place(i64::from(n)))).collect();
    let mut spans = Vec::new();
    let mut size = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let bytes = encode(Timestamp::default(), places.iter().map(|(id, place)| (*id, place)), &[]);
        state.save(&bytes).unwrap();
        spans.push(start.elapsed());
        size = bytes.len();
    }
    spans.sort_unstable();
    println!(
        "{STREAMS} streams: {size} bytes, median {:?}, longest {:?}",
        spans[ROUNDS / 2],
        spans[ROUNDS - 1]
    );
    std::fs::remove_dir_all(folder).unwrap();
}

fn id(n: u32) -> ContainerId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    bytes.into()
}

fn place(seconds: i64) -> Place {
    let time = Timestamp { seconds: 1_795_464_967 + seconds, nanos: 727_144_095 };
    let line = LastLine { time, lines: 1, print: Some(0x0123_4567_89ab_cdef), ended: true };
    Place { halves: [Half { mark: Mark::At(line), open: None }; 2], last: Some(1) }
}
