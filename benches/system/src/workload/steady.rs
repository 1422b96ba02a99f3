//! Fifty containers of a real engine: idle, and busy.

use crate::curve::Point;
use crate::observe::Observed;
use crate::options::Options;
use crate::reader::{Reader, Span};
use crate::running::Running;
use crate::stage::{Source, Stage};
use crate::table::{Report, Table, maybe, median, spread};
use crate::trace;
use crate::usage::{Usage, memory};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

const CONTAINERS: usize = 50;

/// After its start a reader finds its containers, and on a busy machine that takes a while; it isn't counted.
fn warm_up(source: &Source) {
    sleep(Duration::from_secs(5) + Duration::from_millis(source.streams as u64));
}

/// A span of a reader's life.
pub(crate) struct Sample {
    pub(crate) seconds: f64,
    pub(crate) used: Usage,
    pub(crate) engine: f64,
    /// KiB at the end.
    pub(crate) memory: u64,
}

/// A line every ten seconds from each.
pub(crate) fn idle(options: &Options, report: &mut Report) {
    let title = format!("{CONTAINERS} idle containers, a line every 10 s from each");
    eprintln!("{title}");
    let stage = match Stage::live(options, CONTAINERS, 6) {
        Ok(stage) => stage,
        Err(reason) => return report.left_out(&title, &reason),
    };
    let readers = [Reader::docklogs(options, &[]), Reader::others(Span::Live)].concat();
    let seconds = options.size(60.0, 10.0);
    let samples = rounds(options.rounds.min(3), &readers, &stage.source, &stage.processes, seconds);
    let columns = ["CPU ms/min", "wake-ups/s", "calls/s", "RSS MiB"];
    let mut table = Table::new(title, &columns);
    for (reader, samples) in readers.iter().zip(&samples) {
        let of = |figure: fn(&Sample) -> f64, digits| spread(samples.iter().map(figure), digits);
        table.row(
            &reader.name,
            vec![
                of(|sample| sample.used.cpu * 1e3 / sample.seconds * 60.0, 1),
                of(|sample| sample.used.wakeups as f64 / sample.seconds, 1),
                maybe(calls(reader, &stage.source, seconds).map(|calls| calls / seconds), 1),
                of(|sample| sample.memory as f64 / 1024.0, 2),
            ],
        );
    }
    report.add(&table);
}

/// 400, and 1,000 lines a second from each.
pub(crate) fn busy(options: &Options, report: &mut Report) {
    for a_second in [400, 1_000] {
        let title = format!("{CONTAINERS} busy containers, {a_second} lines/s each");
        eprintln!("{title}");
        let stage = match Stage::live(options, CONTAINERS, a_second * 60) {
            Ok(stage) => stage,
            Err(reason) => return report.left_out(&title, &reason),
        };
        let readers =
            [vec![Reader::nobody()], Reader::docklogs(options, &[]), Reader::others(Span::Live)].concat();
        let scene = Scene {
            source: &stage.source,
            engine: &stage.processes,
            rate: (CONTAINERS as u64 * a_second) as f64,
        };
        measure(options, report, title, &readers, &scene);
    }
}

/// What readers of a flow are measured on.
pub(crate) struct Scene<'a> {
    pub(crate) source: &'a Source,
    pub(crate) engine: &'a [u32],
    /// Lines a second, in all.
    pub(crate) rate: f64,
}

/// Measures readers of a flow: in rounds, and then in runs of their own what would disturb the rest.
pub(crate) fn measure(
    options: &Options,
    report: &mut Report,
    title: String,
    readers: &[Reader],
    scene: &Scene<'_>,
) {
    let seconds = options.size(15.0, 4.0);
    let samples = rounds(options.rounds, readers, scene.source, scene.engine, seconds);
    let columns = [
        "CPU % of a core",
        "engine's CPU %",
        "wake-ups/s",
        "calls per 1,000 lines",
        "RSS MiB",
        "lines/s out",
        "lines lost",
        "latency p50/p99 ms",
    ];
    let mut table = Table::new(title, &columns);
    for (reader, samples) in readers.iter().zip(&samples) {
        // Nobody has no figures of its own.
        let of = |figure: fn(&Sample) -> f64, digits| {
            spread(samples.iter().filter(|sample| sample.memory > 0).map(figure), digits)
        };
        let calls = calls(reader, scene.source, seconds.min(5.0)).map(|calls| calls / seconds.min(5.0));
        let (out, lost, latency) = observed(reader, scene.source, seconds);
        table.row(
            &reader.name,
            vec![
                of(|sample| sample.used.cpu / sample.seconds * 1e2, 1),
                spread(samples.iter().map(|sample| sample.engine / sample.seconds * 1e2), 0),
                of(|sample| sample.used.wakeups as f64 / sample.seconds, 0),
                maybe(calls.map(|calls| calls / scene.rate * 1e3), 0),
                of(|sample| sample.memory as f64 / 1024.0, 2),
                out,
                lost,
                latency,
            ],
        );
        let per_line = |sample: &Sample| sample.used.cpu / sample.seconds / scene.rate * 1e6;
        let cpu = median(samples.iter().map(per_line)).unwrap_or_default();
        let memory = median(samples.iter().map(|sample| sample.memory as f64 / 1024.0)).unwrap_or_default();
        report.points.push(Point { reader: reader.name.clone(), streams: scene.source.streams, cpu, memory });
    }
    report.add(&table);
}

/// Samples of each reader, taken by turns.
fn rounds(
    count: usize,
    readers: &[Reader],
    source: &Source,
    engine: &[u32],
    seconds: f64,
) -> Vec<Vec<Sample>> {
    let mut samples: Vec<Vec<Sample>> = readers.iter().map(|_| Vec::new()).collect();
    for round in 1..=count {
        for (reader, samples) in readers.iter().zip(&mut samples) {
            eprintln!("  round {round}: {}", reader.name);
            samples.push(sample(reader, source, engine, seconds));
        }
    }
    samples
}

fn sample(reader: &Reader, source: &Source, engine: &[u32], seconds: f64) -> Sample {
    let running = Running::silent(reader, source, Span::Live);
    warm_up(source);
    let pids = running.pids();
    let (start, used, by_engine) = (Instant::now(), Usage::of(&pids), Usage::of(engine));
    sleep(Duration::from_secs_f64(seconds));
    let (used, by_engine) = (Usage::of(&pids) - used, Usage::of(engine) - by_engine);
    Sample { seconds: start.elapsed().as_secs_f64(), used, engine: by_engine.cpu, memory: memory(&pids) }
}

fn calls(reader: &Reader, source: &Source, seconds: f64) -> Option<f64> {
    let running = Running::silent(reader, source, Span::Live);
    if running.pids().is_empty() {
        return None;
    }
    eprintln!("  system calls: {}", reader.name);
    warm_up(source);
    trace::calls_within(&running, seconds).map(|calls| calls as f64)
}

/// Lines a second out of a pipe, lines that were missing among them, and how late they were.
fn observed(reader: &Reader, source: &Source, seconds: f64) -> (String, String, String) {
    if !reader.prints_lines() {
        return ("–".into(), "–".into(), "–".into());
    }
    eprintln!("  looking at its lines: {}", reader.name);
    let observed = observe(reader, source, seconds);
    let doubled = if observed.doubled > 0 { format!(", {} twice", observed.doubled) } else { String::new() };
    (
        format!("{:.0}", observed.noted as f64 / seconds),
        format!("{}{doubled}", observed.lost),
        format!("{}/{}", maybe(observed.latency(0.5), 1), maybe(observed.latency(0.99), 1)),
    )
}

/// Runs a reader with its output in our hands, for so long after its warm-up.
pub(crate) fn observe(reader: &Reader, source: &Source, seconds: f64) -> Observed {
    let noting = AtomicBool::new(false);
    let (running, pipe) = Running::piped(reader, source, Span::Live);
    scope(|threads| {
        let observer = threads.spawn(|| Observed::of(pipe, &noting));
        warm_up(source);
        noting.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs_f64(seconds));
        noting.store(false, Ordering::Relaxed);
        drop(running);
        observer.join().unwrap()
    })
}
