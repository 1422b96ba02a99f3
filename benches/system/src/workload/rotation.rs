//! What it costs the engine that a stream is opened anew: by docklog's rotation, and by `since` with the time of the last line,
//! as other readers do it.

use crate::options::Options;
use crate::reader::{Reader, Span};
use crate::running::Running;
use crate::stage::Stage;
use crate::table::{Report, Table, spread};
use crate::usage::{Usage, settle};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a line of 100 bytes takes in a json log.
const LOGGED: u64 = 175;

/// Rotations that one figure is the mean of: the engine's own bustle would drown a single one.
const ROTATIONS: u32 = 10;

/// Measures with larger and larger logs, whose container is quiet.
pub(crate) fn run(options: &Options, report: &mut Report) {
    let title = "The engine's CPU ms for a stream that is opened anew";
    let sizes = options.size(&[1, 100, 500][..], &[1, 20][..]);
    let mut table =
        Table::new(title, &["its own, in as long", "docklog's rotation", "a follow with `since`"]);
    table.name_rows("log MB");
    for megabytes in sizes {
        eprintln!("{title}: {megabytes} MB");
        let stage = match Stage::written(options, megabytes * 1_000_000 / LOGGED) {
            Ok(stage) => stage,
            Err(reason) => return report.left_out(title, &reason),
        };
        let docklog = &Reader::docklogs(options, &[])[0];
        let (mut alone, mut rotated, mut reopened) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=options.rounds {
            eprintln!("  round {round}");
            let mut running = Running::silent(docklog, &stage.source, Span::Live);
            sleep(Duration::from_secs(2));
            alone.push(engine_ms(&stage, || {}));
            rotated.push(engine_ms(&stage, || running.signal(Signal::SIGUSR1)));
            drop(running);
            reopened.push(reopen_ms(&stage));
        }
        let size = format!("{:.0}", stage.log_bytes() as f64 / 1e6);
        table.row(&size, vec![spread(alone, 2), spread(rotated, 2), spread(reopened, 1)]);
    }
    report.add(&table);
}

/// The mean of the engine's CPU time for one of many acts, half a second apart.
fn engine_ms(stage: &Stage, mut act: impl FnMut()) -> f64 {
    settle(&stage.processes);
    let before = Usage::of(&stage.processes);
    for _ in 0..ROTATIONS {
        act();
        sleep(Duration::from_millis(500));
    }
    (Usage::of(&stage.processes) - before).cpu * 1e3 / f64::from(ROTATIONS)
}

/// The same for one follow from now on, until the engine has found the place.
fn reopen_ms(stage: &Stage) -> f64 {
    settle(&stage.processes);
    let before = Usage::of(&stage.processes);
    let mut stream = UnixStream::connect(&stage.source.socket).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let id = &stage.source.ids[0];
    let path = format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&timestamps=1&since={now:.9}");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The head: some engines send it at once, some when they have found something. So that alone tells nothing.
    let _ = stream.read(&mut [0; 4_096]).unwrap();
    settle(&stage.processes);
    (Usage::of(&stage.processes) - before).cpu * 1e3
}
