//! What is to be measured.

use crate::engine::private::{DOCKER, Version};
use lexopt::prelude::*;
use std::path::PathBuf;
use std::process::Command;

/// Shown by `--help`.
const HELP: &str = "\
docklog-bench: measures docklog against other readers of Docker's logs

  a  catch-up with the log of one container        d  100,000 lines/s of many streams, simulated engine
  b  50 idle containers                            e  what a rotation costs the engine
  c  50 busy containers, at 400 and 1,000 lines/s  f  latency, with and without coalescing
  g  catch-up into each kind of sink

  --workloads LETTERS   which of them (a,b,c,d,e,f,g)
  --rounds N            turns that each reader has in a workload (5)
  --quick               small and short: whether it works, not how fast it is
  --docklog NAME=PATH   a docklog to measure; may be given several times (that of this tree, built anew)
  --simulated PATH      the simulated engine (examples/engine of this tree, built anew)
  --engine NAME         which real engine: docker-20 or docker-28 (docker-28)
  --out FILE            write a copy there, with date and machine, and a plot beside it (FILE with .svg)

Needs root for the private engines that .ci/engines installs; what else is found on PATH takes part: curl, docker,
vector, fluent-bit, and strace, which counts system calls in runs of their own.
";

/// What is to be measured, and how long.
pub(crate) struct Options {
    /// Letters, in order.
    pub(crate) workloads: String,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    /// Name and path of each docklog.
    pub(crate) docklogs: Vec<(String, PathBuf)>,
    /// The simulated engine, if this tree has it.
    pub(crate) simulated: Option<PathBuf>,
    pub(crate) version: Version,
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    /// Reads the command line, and builds what it doesn't name. `None`: help was asked for, and given.
    pub(crate) fn from_args() -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            workloads: "abcdefg".into(),
            rounds: 5,
            quick: false,
            docklogs: Vec::new(),
            simulated: None,
            version: DOCKER[1],
            out: None,
        };
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            match arg {
                Long("workloads") => options.workloads = workloads(&args.value()?.string()?)?,
                Long("rounds") => options.rounds = args.value()?.parse::<usize>()?.max(1),
                Long("quick") => options.quick = true,
                Long("docklog") => options.docklogs.push(named(&args.value()?.string()?)?),
                Long("simulated") => options.simulated = Some(args.value()?.into()),
                Long("engine") => options.version = version(&args.value()?.string()?)?,
                Long("out") => options.out = Some(args.value()?.into()),
                Long("help") => {
                    print!("{HELP}");
                    return Ok(None);
                }
                other => return Err(other.unexpected()),
            }
        }
        if options.docklogs.is_empty() {
            let built = build(&["--bin", "docklog"], "docklog").ok_or("docklog can't be built")?;
            options.docklogs.push(("docklog".into(), built));
        }
        if options.workloads.contains('d') && options.simulated.is_none() {
            options.simulated = build(&["--example", "engine"], "examples/engine");
        }
        Ok(Some(options))
    }

    /// The full size or length, or a small one.
    pub(crate) fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn workloads(text: &str) -> Result<String, String> {
    let letters = text.replace(',', "");
    match letters.chars().find(|letter| !('a'..='g').contains(letter)) {
        Some(letter) => Err(format!("there is no workload {letter}")),
        None => Ok(letters),
    }
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("--docklog takes NAME=PATH")?;
    Ok((name.into(), path.into()))
}

fn version(name: &str) -> Result<Version, String> {
    DOCKER.into_iter().find(|version| version.0 == name).ok_or(format!("there is no engine {name}"))
}

/// Builds a program of this tree; where it is.
fn build(target: &[&str], program: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--locked", "--manifest-path", manifest, "-p", "docklog"])
        .args(target);
    let folder = std::env::current_exe().ok()?.parent()?.to_owned();
    command.status().ok()?.success().then(|| folder.join(program))
}
