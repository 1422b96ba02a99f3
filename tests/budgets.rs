//! Budgets: what docklog may cost, where that can be counted exactly. Timings are not; `benches/` measures those.
//!
//! A budget is what was counted when it was set, and a tenth more. Each failure, and `cargo test --test budgets -- --nocapture`,
//! tells what was counted now. Who makes something cheaper lowers its budget; who raises one says in the commit what for.
//!
//! Instructions are counted by callgrind (package `valgrind`), of a release build that the test makes itself. Without it those
//! tests are reported as ignored; with `DOCKLOG_REQUIRE_ENGINES=1` they fail. (The size of the binary is looked at by
//! `.ci/run`, which builds it.)

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test that can't go on panics, and tells its figures"
)]

#[path = "budgets/instructions.rs"]
mod instructions;
#[path = "budgets/memory.rs"]
mod memory;
#[allow(dead_code, unused_imports, reason = "its stories need more of it")]
#[path = "budgets/sim.rs"]
mod sim;
#[path = "budgets/syscalls.rs"]
mod syscalls;

use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // What one test allocates must not count for another.
    arguments.test_threads = Some(1);
    let trials = vec![
        counted("bytes_per_stream", memory::per_stream),
        counted("syscalls_per_1000_lines", syscalls::per_thousand_lines),
        with_valgrind("instructions_of_the_decoder", instructions::of_the_decoder),
        with_valgrind("instructions_of_the_pipeline", instructions::of_the_pipeline),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A figure, and what it may be.
struct Counted {
    figure: u64,
    budget: u64,
}

fn counted(name: &'static str, count: fn() -> Counted) -> Trial {
    Trial::test(name, move || within(name, &count()))
}

fn with_valgrind(name: &'static str, count: fn() -> Counted) -> Trial {
    let there = instructions::valgrind_is_there();
    let required = std::env::var("DOCKLOG_REQUIRE_ENGINES").is_ok_and(|value| value == "1");
    if !there {
        eprintln!("{name} {}: there is no valgrind", if required { "fails" } else { "is ignored" });
    }
    let trial = Trial::test(name, move || {
        if !there {
            return Err("there is no valgrind".into());
        }
        within(name, &count())
    });
    if there || required { trial } else { trial.with_kind("no valgrind").with_ignored_flag(true) }
}

fn within(name: &str, counted: &Counted) -> Result<(), Failed> {
    let text = format!("{name}: {} of {}", counted.figure, counted.budget);
    println!("{text}");
    if counted.figure > counted.budget { Err(format!("over its budget: {text}").into()) } else { Ok(()) }
}
