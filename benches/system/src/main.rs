//! Measures docklog against other readers of Docker's logs: `cargo run --release -p docklog-bench -- --help`.
//!
//! What is compared runs *interleaved*: in each round every reader has its turn, so that a machine that grows slower or
//! faster meanwhile does so for all of them. Told are medians, with the least and the most in brackets.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that can't go on panics, and prints what it found"
)]

mod curve;
mod engine;
mod machine;
mod observe;
mod options;
mod read {
    pub(crate) mod bollard;
    pub(crate) mod drain;
}
mod reader;
mod receiver;
mod running;
mod stage;
mod table;
mod tool;
mod trace;
mod usage;
mod workload {
    pub(crate) mod catchup;
    pub(crate) mod latency;
    pub(crate) mod rotation;
    pub(crate) mod scale;
    pub(crate) mod sinks;
    pub(crate) mod steady;
}

use engine::reaper;
use options::Options;
use std::process::ExitCode;
use table::Report;

fn main() -> ExitCode {
    if reaper::served_as_reaper() || served_as_reader() {
        return ExitCode::SUCCESS;
    }
    let options = match Options::from_args() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docklog-bench: {error}");
            return ExitCode::from(2);
        }
    };
    machine::raise_descriptor_limit();
    let reaper = reaper::Reaper::start();
    let mut report = Report::new(&options);
    for workload in options.workloads.chars() {
        match workload {
            'a' => workload::catchup::run(&options, &mut report),
            'b' => workload::steady::idle(&options, &mut report),
            'c' => workload::steady::busy(&options, &mut report),
            'd' => workload::scale::run(&options, &mut report),
            'e' => workload::rotation::run(&options, &mut report),
            'f' => workload::latency::run(&options, &mut report),
            'g' => workload::sinks::run(&options, &mut report),
            _ => unreachable!("the options were checked"),
        }
    }
    report.finish(&options);
    reaper.finish();
    ExitCode::SUCCESS
}

/// True if this process was one of the readers that are kept here for comparison.
fn served_as_reader() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["read", "drain", socket, id] => read::drain::run(socket, id),
        ["read", "bollard", socket, span] => read::bollard::run(socket, span == "history"),
        _ => return false,
    }
    true
}
