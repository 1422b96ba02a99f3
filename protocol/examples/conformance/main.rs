//! Holds a decoder in any language against the vectors, and reports rule by rule.
//!
//! ```text
//! conformance [OPTIONS] COMMAND
//!
//!   --rules W-31,W-40     only vectors that prove one of these
//!   --vectors GLOB,…      only vectors so named, such as 'x-tty-*'
//!   --cuts whole,hostile,bytes    only these ways to cut the response
//!   --ignore KEYS         keys that the decoder doesn't print, such as lines,end.at
//!   --jobs N              decoders at a time (as many as there are cores)
//!   --limit SECONDS       for one run (20)
//!   --verbose             what passed, too, and the first difference of what failed
//! ```
//!
//! `COMMAND` is run by `sh -c` once for each vector and cut: [vectors/README.md](../../vectors/README.md) says what it gets
//! and what it must print. Exits with 1 if any vector failed, with 2 if nothing could be tried.

mod kit;
mod options;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use kit::{Manifest, Vector};
use options::Arguments;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("conformance: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Whether all vectors passed.
fn run() -> Result<bool, String> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let manifest = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"))?;
    if let Some(unknown) = arguments.rules.iter().find(|rule| !manifest.rules.contains_key(*rule)) {
        return Err(format!("there is no rule {unknown}"));
    }
    let chosen: Vec<&Vector> =
        manifest.vectors.iter().filter(|vector| arguments.chooses(&vector.name, &vector.rules)).collect();
    if chosen.is_empty() {
        return Err("no vector is chosen".into());
    }
    let report = kit::run(&chosen, &arguments.options).map_err(|error| format!("sh: {error}"))?;
    let mut out = io::stdout().lock();
    let printed = report.print(&manifest.rules, arguments.verbose, &mut out).and_then(|()| out.flush());
    printed.map_err(|error| error.to_string())?;
    Ok(report.failed().is_empty())
}
