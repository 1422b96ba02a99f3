//! What `tests/budgets.rs` counts instructions of: `budgets decoder N` or `budgets pipeline N`, where N is how often a recorded
//! log of 500 lines comes. Prints how many lines came out.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test program that can't go on panics, and prints"
)]

#[path = "../../benches/captures/mod.rs"]
mod captures;
mod replay;

use docklog_protocol::{Format, Session};

/// What docklog reads at a time.
const READ: usize = 64 * 1024;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, times] = &args[..] else { panic!("usage: budgets decoder|pipeline N") };
    let log = captures::repeated(captures::FRAMES, times.parse().unwrap());
    let lines = match what.as_str() {
        "decoder" => decode(&log),
        "pipeline" => replay::run(log),
        _ => panic!("there is no {what}"),
    };
    println!("{lines}");
}

/// The protocol crate alone.
fn decode(log: &[u8]) -> usize {
    let (mut session, mut records) = (Session::new(Format::Multiplexed, true), 0);
    for bytes in log.chunks(READ) {
        session.feed(bytes, &mut |record| records += usize::from(!record.text.is_empty())).unwrap();
    }
    records
}
