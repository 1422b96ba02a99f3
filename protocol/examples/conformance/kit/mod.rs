//! The conformance kit: every vector goes through a decoder that runs as a process of its own, cut in several ways.
//!
//! ```text
//! vector (manifest.json) ─► cut (pieces) ─► decoder (a process) ─► difference ─► report (rule by rule)
//! ```

mod cut;
mod decoder;
mod difference;
mod report;
mod vector;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub(crate) use cut::Cut;
pub(crate) use report::Report;
pub(crate) use vector::{Manifest, Vector};

use decoder::Decoder;
use difference::{difference, without};
use report::Failure;

/// How to run a decoder.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What `sh -c` runs.
    pub(crate) command: String,
    pub(crate) cuts: Vec<Cut>,
    /// Keys that a decoder need not print, such as `lines` or `end.at`.
    pub(crate) ignored: Vec<String>,
    /// Decoders that run at a time.
    pub(crate) jobs: usize,
    /// For one run.
    pub(crate) limit: Duration,
}

/// Runs the decoder on each vector in each of the cuts.
///
/// # Errors
/// If the decoder can't be started at all: that is no finding about it.
pub(crate) fn run<'a>(vectors: &[&'a Vector], options: &Options) -> io::Result<Report<'a>> {
    let begin = Instant::now();
    let runs: Vec<(usize, Cut)> =
        (0..vectors.len()).flat_map(|vector| options.cuts.iter().map(move |cut| (vector, *cut))).collect();
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            let (sender, next, runs) = (sender.clone(), &next, &runs);
            scope.spawn(move || {
                while let Some(&(vector, cut)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = try_one(vectors[vector], cut, options);
                    let stop = result.is_err();
                    // The receiver outlives the threads.
                    let _ = sender.send((vector, cut, result));
                    if stop {
                        next.store(runs.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    drop(sender);
    let mut failures: Vec<Vec<Failure>> = vectors.iter().map(|_| Vec::new()).collect();
    for (vector, cut, result) in results {
        failures[vector].extend(result?.map(|what| Failure { cut, what }));
    }
    for failures in &mut failures {
        failures.sort_by_key(|failure| failure.cut);
    }
    let outcomes = vectors.iter().copied().zip(failures).collect();
    Ok(Report { outcomes, runs: runs.len(), took: begin.elapsed() })
}

/// One run; says what is wrong with what the decoder printed, if anything is.
fn try_one(vector: &Vector, cut: Cut, options: &Options) -> io::Result<Option<String>> {
    let pieces = cut::pieces(&vector.response, cut);
    let decoder =
        Decoder { command: &options.command, environment: &vector.environment, limit: options.limit };
    let printed = match decoder.run(&pieces, cut != Cut::Whole)? {
        Ok(printed) => printed,
        Err(failed) => return Ok(Some(failed)),
    };
    let mut got = match serde_json::from_slice(&printed) {
        Ok(got) => got,
        Err(error) => return Ok(Some(format!("its output is not a JSON object: {error}"))),
    };
    let mut expected = vector.expected.clone();
    for key in &options.ignored {
        without(&mut expected, key);
        without(&mut got, key);
    }
    Ok(difference(&expected, &got, ""))
}
