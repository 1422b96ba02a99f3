//! Figures, not tests: what a build of docklog costs, and how soon a line is out. `.ci/measure` runs this.

use super::container::Container;
use super::docklog::{Docklog, Launch};
use super::private::{Engine, VERSIONS};
use super::processes::Process;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, UNIX_EPOCH};

const CONTAINERS: usize = 50;

/// Measures this program with every engine that is there.
pub(crate) fn run(program: &Path) {
    println!("{}: {} bytes", program.display(), fs::metadata(program).unwrap().len());
    for version in VERSIONS {
        if let Some(reason) = version.missing() {
            println!("{}: {reason}", version.0);
            continue;
        }
        for measure in [latency, idle, load] {
            // A new engine each time: what is left of one measurement would disturb the next.
            let engine = Engine::start(version, &[]);
            print!("{}: ", version.0);
            measure(&engine, program);
        }
    }
}

/// From the container's `write` to the line in our pipe, at 1,000 lines a second.
fn latency(engine: &Engine, program: &Path) {
    let docklog = Launch::on(engine.host()).program(program).args(["--tail", "all"]).start();
    engine.run(&Container::new("clock", "delay 1000 clock 20000 1000 hold"));
    docklog.wait_for_count(20_000);
    let mut times: Vec<u128> = docklog
        .terminate()
        .lines
        .iter()
        .map(|line| line.arrived.duration_since(UNIX_EPOCH).unwrap().as_nanos() - written(&line.text()))
        .collect();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1e6;
    println!(
        "latency at 1,000 lines/s: p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// The time that a line of `clock` holds.
fn written(text: &str) -> u128 {
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

fn idle(engine: &Engine, program: &Path) {
    let docklog = followed(engine, program, "hold");
    sleep(Duration::from_secs(3));
    let process = docklog.process();
    let (before, seconds) = (wakeups(process), 20);
    sleep(Duration::from_secs(seconds));
    let rate = (wakeups(process) - before) as f64 / seconds as f64;
    let (memory, most) = (process.status("VmRSS"), process.status("VmHWM"));
    println!(
        "{CONTAINERS} idle containers: RSS {memory} KiB (at most {most}), {} thread, {rate:.2} wake-ups/s",
        process.threads()
    );
    docklog.terminate();
}

/// 400 lines a second from each of 50 containers.
fn load(engine: &Engine, program: &Path) {
    let docklog = followed(engine, program, "delay 20000 both 4000 200 hold");
    docklog.wait_for("load", |lines| lines.len() > 20_000);
    let process = docklog.process();
    let read = || (process.ticks(), wakeups(process), docklog.count());
    let (ticks, waked, lines) = read();
    sleep(Duration::from_secs(10));
    let (ticks, waked, lines) = (read().0 - ticks, read().1 - waked, read().2 - lines);
    println!(
        "{CONTAINERS} containers, {} lines/s: {:.1} % of a core, {} wake-ups/s, RSS {} KiB",
        lines / 10,
        ticks as f64 / 10.0,
        waked / 10,
        process.status("VmRSS")
    );
    docklog.terminate();
}

fn wakeups(process: Process) -> u64 {
    process.status("voluntary_ctxt_switches")
}

/// A docklog that follows 50 such containers.
fn followed(engine: &Engine, program: &Path, steps: &str) -> Docklog {
    let containers: Vec<_> = (0..CONTAINERS).map(|n| Container::new(format!("c{n:02}"), steps)).collect();
    engine.run_all(&containers, 2);
    let docklog = Launch::on(engine.host()).program(program).args(["--tail", "all"]).start();
    docklog.wait_until("all to be followed", || docklog.process().sockets().len() > CONTAINERS);
    docklog
}
