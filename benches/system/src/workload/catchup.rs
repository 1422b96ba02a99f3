//! The log of one container, from its first line to its last, as fast as it comes.

use crate::observe::Observed;
use crate::options::Options;
use crate::reader::{Reader, Span};
use crate::running::Running;
use crate::stage::Stage;
use crate::table::{Report, Table, maybe, spread};
use crate::trace;
use crate::usage::{Usage, settle};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// One reader's run.
struct Sample {
    wall: f64,
    used: Usage,
    engine: f64,
    peak: u64,
}

/// Measures all readers with history.
pub(crate) fn run(options: &Options, report: &mut Report) {
    let lines: u64 = options.size(1_000_000, 100_000);
    let title = format!("Catch-up: {lines} lines of one container");
    eprintln!("{title}");
    let stage = match Stage::written(options, lines) {
        Ok(stage) => stage,
        Err(reason) => return report.left_out(&title, &reason),
    };
    let readers =
        [vec![Reader::drain()], Reader::docklogs(options, &[]), Reader::others(Span::History)].concat();
    let mut samples: Vec<Vec<Sample>> = readers.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for (reader, samples) in readers.iter().zip(&mut samples) {
            eprintln!("  round {round}: {}", reader.name);
            samples.push(read(reader, &stage));
        }
    }
    let columns = [
        "CPU s per million lines",
        "engine's CPU s per million",
        "lines/s",
        "wake-ups per 1,000 lines",
        "calls per 1,000 lines",
        "peak RSS MiB",
        "lines lost",
    ];
    let mut table = Table::new(title, &columns);
    let (million, thousand) = (lines as f64 / 1e6, lines as f64 / 1e3);
    for (reader, samples) in readers.iter().zip(&samples) {
        let of = |figure: fn(&Sample) -> f64, per: f64, digits| {
            spread(samples.iter().map(|sample| figure(sample) / per), digits)
        };
        table.row(
            &reader.name,
            vec![
                of(|sample| sample.used.cpu, million, 2),
                of(|sample| sample.engine, million, 2),
                spread(samples.iter().map(|sample| lines as f64 / sample.wall), 0),
                of(|sample| sample.used.wakeups as f64, thousand, 1),
                maybe(calls(reader, &stage).map(|calls| calls as f64 / thousand), 0),
                of(|sample| sample.peak as f64, 1024.0, 1),
                maybe(lost(reader, &stage, lines), 0),
            ],
        );
    }
    report.add(&table);
}

fn read(reader: &Reader, stage: &Stage) -> Sample {
    settle(&stage.processes);
    let (engine, children) = (Usage::of(&stage.processes), Usage::of_ended_children());
    let start = Instant::now();
    let (wall, peak) = Running::silent(reader, &stage.source, Span::History).ended(start);
    let used = Usage::of_ended_children() - children;
    Sample { wall, used, engine: (Usage::of(&stage.processes) - engine).cpu, peak }
}

fn calls(reader: &Reader, stage: &Stage) -> Option<u64> {
    eprintln!("  system calls: {}", reader.name);
    reader.commands(&stage.source, Span::History).iter().map(trace::calls_of).sum()
}

/// Lines that didn't come out.
fn lost(reader: &Reader, stage: &Stage, lines: u64) -> Option<f64> {
    if !reader.prints_lines() {
        return None;
    }
    let (running, pipe) = Running::piped(reader, &stage.source, Span::History);
    let observed = Observed::of(pipe, &AtomicBool::new(false));
    drop(running);
    Some(lines as f64 - observed.lines as f64)
}
