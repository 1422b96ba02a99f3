//! `docklog soak`: the test that docklog was made to pass, for anybody to repeat on their own engine.
//!
//! Fifty containers write numbered lines, a docklog follows them and rotates its streams, and it is watched for half an
//! hour: does it gain threads, descriptors or memory, and does each line arrive once? A reader of logs before docklog,
//! built of blocking reads, failed it with hundreds of orphaned readers and not one rotation; its report had the columns
//! of our table.
//!
//! The docklog under test is a process of its own, the same binary with no word of the test in it. What is here may use
//! threads, block, and change containers (its own); docklog proper does none of that.
//!
//! | file | does |
//! |---|---|
//! | `options` | what was typed |
//! | `engine_api` | requests to the engine |
//! | `workload` | the containers: made, stopped, asked, removed |
//! | `child` | the docklog under test, and its figures |
//! | `line` | a line of the containers |
//! | `ledger` | which lines came |
//! | `table` | rows, growth, verdict |
//! | `simulated`, `http` | an engine for `--simulate`, and its side of HTTP |
//! | `interrupt` | SIGINT, SIGTERM |

mod child;
mod engine_api;
mod http;
mod interrupt;
mod ledger;
mod line;
mod options;
mod simulated;
mod table;
mod workload;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use child::Docklog;
use engine_api::Api;
use interrupt::Interrupt;
use ledger::Ledger;
use options::Options;
use simulated::Simulated;
use table::{Outcome, Row};
use workload::Workload;

use crate::cli::args;
use crate::config::values::Values;
use crate::config::{Settings, Surroundings};
use crate::limits;

/// Runs the test with a command line (without `soak`). Returns the exit code.
pub fn run(typed: impl IntoIterator<Item = impl Into<OsString>>) -> i32 {
    let told = Options::parse(typed).and_then(|options| {
        let host = options.host.iter().flat_map(|host| ["--host", host]);
        let settings = Settings::new(&args::parse(host)?, &Values::default(), &Surroundings::here())?;
        Ok((options, settings.socket))
    });
    let (options, socket) = match told {
        Ok((options, _)) if options.help => return i32::from(say(options::HELP.trim_end()).is_err()),
        Ok(told) => told,
        Err(error) => {
            say_aside(&format!("soak: {error}\nTry 'docklog soak --help'."));
            return 2;
        }
    };
    match soak(&options, socket) {
        Ok(good) => i32::from(!good),
        Err(error) => {
            say_aside(&format!("soak: {error}"));
            1
        }
    }
}

/// The whole course. What it has started and made is gone when it returns, whichever way it does.
fn soak(options: &Options, socket: PathBuf) -> Result<bool, String> {
    let interrupt = Interrupt::new()?; // before any other thread, so that none of them gets the signals
    let simulated = options.simulate.then(|| Simulated::start(options.rate)).transpose()?;
    let socket = &simulated.as_ref().map_or(socket, Simulated::socket);
    announce(options, socket)?;
    let workload = Workload::start(Api::at(socket), options, &interrupt)?;
    let mut docklog = Docklog::start(socket, options, Ledger::new(workload.names()))?;
    let rows = watch(&mut docklog, options, &interrupt)?;
    // Stopped, the containers have written a number that is known; up to it each line must come.
    workload.stop()?;
    let written = workload.written()?;
    let until = Instant::now() + limits::SOAK_LAST;
    docklog.wait(until, &interrupt, |ledger| ledger.missing(&written) == 0)?;
    let end = docklog.end();
    let (totals, faults) = {
        let mut ledger = docklog.ledger();
        ledger.close(&written);
        (ledger.totals(), ledger.faults())
    };
    let (text, good) = Outcome { options, rows: &rows, totals, end }.text();
    say(&format!("\n{}", text.trim_end()))?;
    faults.iter().try_for_each(|fault| say(&format!("  {fault}")))?;
    Ok(good)
}

fn announce(options: &Options, socket: &Path) -> Result<(), String> {
    let Options { containers, rate, .. } = options;
    let engine = match options.simulate {
        true => "a simulated engine".to_owned(),
        false => format!("the engine at {}", socket.display()),
    };
    let rotation = match &options.rotate_every {
        Some((_, every)) => format!("each stream rotated every {every}"),
        None => "no rotation".to_owned(),
    };
    say(&format!(
        "{containers} containers with {rate} lines/s each on {engine}, for {}, {rotation}",
        table::clock(options.duration)
    ))
}

/// From the baseline to the end, a row per checkpoint. The baseline is taken when all streams have brought a line.
fn watch(docklog: &mut Docklog, options: &Options, interrupt: &Interrupt) -> Result<Vec<Row>, String> {
    if !docklog.wait(Instant::now() + limits::SOAK_OPEN, interrupt, |ledger| ledger.silent() == 0)? {
        let (silent, all) = (docklog.ledger().silent(), 2 * options.containers);
        let faults: String = docklog.ledger().faults().iter().map(|fault| format!("\n  {fault}")).collect();
        return Err(format!(
            "{silent} of {all} streams brought no line within {} s. What docklog says stands above; 'docker logs' tells whether the containers write{faults}",
            limits::SOAK_OPEN.as_secs()
        ));
    }
    // What was asked beside the logs (who are you, who runs, has it a TTY) is still being answered for the last of them.
    docklog.wait(Instant::now() + Duration::from_secs(1), interrupt, |_| false)?;
    say(table::HEAD)?;
    let start = Instant::now();
    let mut rows = Vec::new();
    loop {
        let elapsed = start.elapsed();
        let row = Row {
            elapsed,
            figures: docklog.figures()?,
            counts: docklog.counts(),
            totals: docklog.ledger().totals(),
        };
        say(&row.text())?;
        rows.push(row);
        if elapsed >= options.duration {
            return Ok(rows);
        }
        let next = options.interval.saturating_mul(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        docklog.wait(start + next.min(options.duration), interrupt, |_| false)?;
    }
}

/// A line for stdout.
fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("can't write the table: {error}"))
}

/// A line for stderr. If that can't take it, nobody wants to know.
fn say_aside(text: &str) {
    let _ = writeln!(io::stderr(), "docklog: {text}");
}
