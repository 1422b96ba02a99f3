//! Tests against real engines: private Docker daemons of several versions, and Podman, started by the tests and gone with them.
//!
//! `.ci/engines` installs the engines, `.ci/receivers` what receivers of lines need. Where one of these is missing, its tests are
//! reported as ignored, with the reason; with `DOCKLOG_REQUIRE_ENGINES=1` they fail. With `DOCKLOG_MEASURE=PROGRAM` no test
//! runs, but that program is measured. With `DOCKLOG_LONG=1` some tests run for minutes; with `DOCKLOG_BIN=PROGRAM` they try that
//! build of docklog, a release for instance.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that can't go on panics, and a test program prints"
)]

mod engine {
    pub(crate) mod api;
    pub(crate) mod bench;
    pub(crate) mod cases;
    pub(crate) mod container;
    pub(crate) mod dockerd;
    pub(crate) mod docklog;
    pub(crate) mod image;
    pub(crate) mod ledger;
    pub(crate) mod lines;
    pub(crate) mod measure;
    pub(crate) mod nginx;
    pub(crate) mod oracle;
    pub(crate) mod pattern;
    pub(crate) mod podman;
    pub(crate) mod private;
    pub(crate) mod processes;
    pub(crate) mod proxy;
    pub(crate) mod random;
    pub(crate) mod reaper;
    pub(crate) mod receiver;
    pub(crate) mod sequence;
    #[path = "../sim/shape.rs"]
    pub(crate) mod shape;
}

use engine::bench::Bench;
use engine::private::{VERSIONS, Version};
use engine::{cases, measure, reaper};
use libtest_mimic::{Arguments, Trial};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Tests mostly wait, so more of them run at a time than there are cores on a small machine.
const THREADS: usize = 6;

fn main() -> ExitCode {
    if reaper::served_as_reaper() {
        return ExitCode::SUCCESS;
    }
    if let Some(program) = std::env::var_os("DOCKLOG_MEASURE") {
        let reaper = reaper::Reaper::start();
        measure::run(program.as_ref());
        reaper.finish();
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let trials = trials(std::env::var("DOCKLOG_REQUIRE_ENGINES").is_ok_and(|value| value == "1"));
    let reaper = (!arguments.list).then(reaper::Reaper::start);
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(reaper) = reaper {
        reaper.finish();
    }
    conclusion.exit_code()
}

/// Every test for every version; neighbours in the list use different engines, so that these share the load.
fn trials(required: bool) -> Vec<Trial> {
    let missing = VERSIONS.map(Version::missing);
    for (version, reason) in VERSIONS.iter().zip(&missing) {
        if let Some(reason) = reason {
            eprintln!("{}: tests {}: {reason}", version.0, if required { "fail" } else { "are ignored" });
        }
    }
    let mut told = BTreeSet::new();
    for (name, _) in cases::ALL {
        let Some(reason) = cases::missing(name) else { continue };
        if told.insert(reason.clone()) {
            eprintln!("{name} {}: {reason}", if required { "fails" } else { "is ignored" });
        }
    }
    let all =
        cases::ALL.iter().flat_map(|test| VERSIONS.iter().zip(&missing).map(move |engine| (test, engine)));
    let some = all.filter(|((name, _), (version, _))| cases::runs_with(**version, name));
    some.map(|((name, test), (version, missing))| {
        let missing = missing.clone().or_else(|| cases::missing(name));
        trial(*version, name, *test, missing, required)
    })
    .collect()
}

fn trial(
    version: Version,
    name: &'static str,
    test: cases::Test,
    missing: Option<String>,
    required: bool,
) -> Trial {
    let ignored = missing.is_some() && !required;
    let trial = Trial::test(format!("{}::{name}", version.0), move || {
        if let Some(reason) = missing {
            return Err(reason.into());
        }
        test(&Bench::new(version, name));
        Ok(())
    });
    if ignored { trial.with_kind("not here").with_ignored_flag(true) } else { trial }
}
