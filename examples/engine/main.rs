//! A Docker engine to test clients with: `cargo run --release --example engine -- --help`.
//!
//! It is the simulated engine of docklog's own tests on a real Unix socket. It serves 10,000 streams, and 100,000 lines a second
//! in all, on a part of one core (3 to 6 µs a line, half of it in the kernel); and it can do wrong what engines do wrong, by chance from a seed.

#![allow(unreachable_pub, missing_docs)] // those of the simulated engine

mod load;
mod options;
#[path = "../serve/mod.rs"]
mod serve;

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use load::Load;
use options::{HELP, Options, hostility_name};
use serve::engine::ALL_HOSTILITIES;
use serve::{Served, Server};

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("engine: {error}");
            return ExitCode::from(2);
        }
    };
    let done = match (options.help, options.list_hostilities) {
        (true, _) => writeln!(io::stdout(), "{HELP}"),
        (_, true) => {
            ALL_HOSTILITIES.iter().try_for_each(|kind| writeln!(io::stdout(), "{}", hostility_name(*kind)))
        }
        _ => with_socket(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine: {error}");
            ExitCode::FAILURE
        }
    }
}

/// At the path that was asked for, or in a folder of its own, which goes with it.
fn with_socket(options: &Options) -> io::Result<()> {
    if let Some(path) = &options.socket {
        return run(options, path);
    }
    let folder: PathBuf = std::env::temp_dir().join(format!("docklog-engine-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let done = run(options, &folder.join("docker.sock"));
    std::fs::remove_dir_all(&folder)?;
    done
}

fn run(options: &Options, socket: &Path) -> io::Result<()> {
    let asked = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    asked.thread_block()?;
    let signals = SignalFd::with_flags(&asked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    // A descriptor for each stream.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;

    let mut server = Server::new(socket, load::engine(options), options.faults())?;
    server.keep = options.keep();
    server.stop_on(signals.as_raw_fd())?;
    writeln!(io::stdout(), "unix://{}", socket.display())?;
    let end = Instant::now() + options.duration.unwrap_or(FOREVER);
    let mut load = Load::new(options);
    while Instant::now() < end {
        load.act(&mut server)?;
        if server.serve_until(load.next(end))? == Served::Stop {
            break;
        }
    }
    tell(&mut server, &load);
    Ok(())
}

fn tell(server: &mut Server, load: &Load) {
    let counts = server.counts();
    eprintln!(
        "engine: {} lines written; {} connections, {} log sessions, {} chunks of logs sent",
        counts.lines, counts.connections, counts.sessions, counts.writes
    );
    let struck = server.faults.chances.iter().zip(&server.faults.struck);
    let struck: Vec<String> =
        struck.map(|((fault, _), count)| format!("{fault:?} {count}").to_lowercase()).collect();
    eprintln!("engine: faults: {}; other deeds {}", struck.join(", "), load.done);
}
