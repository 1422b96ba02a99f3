//! From a container's `write` to the reader's pipe, with and without coalescing.

use super::steady::observe;
use crate::options::Options;
use crate::reader::Reader;
use crate::stage::Stage;
use crate::table::{Report, Table, spread};

/// Containers, and lines a minute of each: 10, 1,000 and 50,000 lines a second in all.
const FLOWS: [(usize, u64); 3] = [(1, 600), (50, 1_200), (50, 60_000)];

/// Measures docklog with and without, and bollard, which never waits.
pub(crate) fn run(options: &Options, report: &mut Report) {
    for (containers, a_minute) in FLOWS {
        let title =
            format!("Latency at {} lines/s from {containers} containers", containers as u64 * a_minute / 60);
        eprintln!("{title}");
        let stage = match Stage::live(options, containers, a_minute) {
            Ok(stage) => stage,
            Err(reason) => return report.left_out(&title, &reason),
        };
        let mut readers = Reader::docklogs(options, &[]);
        readers.extend(Reader::with_latency(options, "0"));
        readers.push(Reader::bollard());
        let mut figures: Vec<Vec<[f64; 3]>> = readers.iter().map(|_| Vec::new()).collect();
        for round in 1..=options.rounds {
            for (reader, figures) in readers.iter().zip(&mut figures) {
                eprintln!("  round {round}: {}", reader.name);
                let observed = observe(reader, &stage.source, options.size(15.0, 4.0));
                figures.push([0.5, 0.99, 1.0].map(|share| observed.latency(share).unwrap_or(f64::NAN)));
            }
        }
        let mut table = Table::new(title, &["p50 ms", "p99 ms", "most ms"]);
        for (reader, figures) in readers.iter().zip(&figures) {
            let cells = [0, 1, 2].map(|column| spread(figures.iter().map(|round| round[column]), 2));
            table.row(&reader.name, cells.to_vec());
        }
        report.add(&table);
    }
}
