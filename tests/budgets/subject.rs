//! What `tests/budgets.rs` counts instructions of: `budgets decoder N` or `budgets pipeline N`, where N is how often a recorded
//! log of 500 lines comes. Prints how many records, or bytes, came out. (Counting lines would cost as much as making them;
//! `budgets lines N` does it.)

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test program that can't go on panics, and prints"
)]

#[path = "../../benches/captures/mod.rs"]
mod captures;
mod replay;

use captures::Repeated;
use docklog_protocol::{Format, Session};

/// What docklog reads at a time.
const READ: usize = 64 * 1024;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, times] = &args[..] else { panic!("usage: budgets decoder|pipeline|lines N") };
    let log = Repeated::new(captures::FRAMES, times.parse().unwrap());
    let out = match what.as_str() {
        "decoder" => decode(log),
        "pipeline" => replay::run(log, <[u8]>::len),
        "lines" => replay::run(log, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count()),
        _ => panic!("there is no {what}"),
    };
    println!("{out}");
}

/// The protocol crate alone.
fn decode(log: Repeated) -> usize {
    let (mut session, mut records, mut at) = (Session::new(Format::Multiplexed, true), 0, 0);
    while let rest = log.at(at)
        && !rest.is_empty()
    {
        let bytes = &rest[..rest.len().min(READ)];
        session.feed(bytes, &mut |record| records += usize::from(!record.text.is_empty())).unwrap();
        at += bytes.len();
    }
    records
}
