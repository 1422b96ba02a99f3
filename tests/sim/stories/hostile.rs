//! Engines that answer what no engine should: no panic, no memory without bound, no storm of connections, and a signal
//! still ends us.

use crate::sim::engine::{ALL_HOSTILITIES, Dialect, Endpoint, Hostility};
use crate::sim::{Knobs, Rng, Story, plain, seeds};

/// More than this is never read from a connection that gives no log line: a head, an item, a document have limits.
const MOST_READ: u64 = 24 << 20;

fn survive(kind: Hostility, at: Option<Endpoint>) {
    let mut story = Story::calm(Dialect::Docker28);
    for n in 0..3 {
        story.machine.run(plain(&format!("c{n}")));
        story.machine.lines(&format!("c{n}"), 10, 0);
    }
    story.machine.engine.faults.hostile = Some((kind, at));
    let outcome = story.run_for(120_000);
    assert_eq!(outcome.exit, 0, "{kind:?} {at:?}");
    assert!(outcome.ended_at() < 121_000, "{kind:?} {at:?}");
    let per_minute = outcome.connects_between(60_000, 120_000);
    assert!(per_minute < 80, "{kind:?} {at:?}: {per_minute} connects a minute");
    let machine = outcome.machine.machine();
    assert!(machine.tally.most_read < MOST_READ, "{kind:?} {at:?}: {} bytes", machine.tally.most_read);
    assert!(machine.tally.most_open < 10, "{kind:?} {at:?}: {} connections", machine.tally.most_open);
    let said = outcome.stderr.lines().count();
    assert!(said < 60, "{kind:?} {at:?}: {said} messages, the last: {:?}", outcome.stderr.lines().last());
    assert!(!outcome.stderr.bytes().any(|b| b == 0x1b || b == 7), "{kind:?}: control characters on stderr");
}

#[test]
fn no_hostile_answer_does_harm() {
    let endpoints = [Endpoint::Version, Endpoint::Events, Endpoint::List, Endpoint::Inspect, Endpoint::Logs];
    for kind in ALL_HOSTILITIES {
        survive(kind, None);
        for at in endpoints {
            survive(kind, Some(at));
        }
    }
}

#[test]
fn announced_sizes_are_not_believed() {
    survive(Hostility::HugeFrame, Some(Endpoint::Logs));
    survive(Hostility::HugeChunk, None);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kilobytes = peak.and_then(|p| p.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0);
    assert!(kilobytes < 3_500_000, "address space of {kilobytes} kB");
}

#[test]
fn flipped_bits_do_no_harm() {
    for seed in seeds(60) {
        let mut rng = Rng::new(seed);
        let dialect = rng.pick(&[Dialect::Docker20, Dialect::Docker28, Dialect::Podman]);
        let mut story = Story::new(seed, dialect, Knobs::random(&mut rng));
        story.machine.flips = rng.pick(&[3, 30, 300]);
        for n in 0..4 {
            let name = format!("c{n}");
            story.machine.run(if n == 3 { plain(&name).tty() } else { plain(&name) });
            for round in 0..20 {
                let name = name.clone();
                story.machine.at(round * 1_000 + n, "lines", move |m| m.lines(&name, 20, 30));
            }
        }
        let outcome = story.run_for(60_000);
        assert_eq!(outcome.exit, 0);
        assert!(outcome.ended_at() < 61_500, "seed {seed}");
        let connects = outcome.connects_between(0, 60_000);
        assert!(connects < 2_000, "seed {seed}: {connects} connects in a minute");
    }
}

#[test]
fn log_answers_that_end_at_once_are_asked_for_ever_more_slowly() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("web"));
    story.machine.engine.faults.hostile = Some((Hostility::EmptyAtOnce, Some(Endpoint::Logs)));
    let outcome = story.run_for(600_000);
    let asked = outcome.requests("/logs");
    assert!(asked < 60, "{asked} in ten minutes");
}
