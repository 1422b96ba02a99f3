//! Whatever may happen, in an order and at times that a seed decides: still every line, once and in order.

use crate::sim::engine::{Channel, Container, Dialect, Driver, Process};
use crate::sim::{EPOCH, Expect, Knobs, MS, Machine, Rng, Story, plain, seeds};

/// The span in which things happen.
const SPAN: u64 = 20_000;

/// A container that may be removed: docklog has had the time to open its log.
fn caught(machine: &Machine, name: &str) -> bool {
    let since_end = |c: &Container| machine.wall().saturating_sub(c.finished);
    let over = machine.engine.find(name).is_some_and(|c| !c.is_alive() && since_end(c) > 5_000 * MS);
    // Docker 20 keeps a last line without newline from its followers: it has to be asked for again.
    let at_once = machine.engine.dialect() != Dialect::Docker20;
    machine.is_followed(name) && at_once || machine.is_watched() && over
}

fn life(story: &mut Story, rng: &mut Rng, number: u64) {
    let name: &'static str = Box::leak(format!("c{number}").into_boxed_str());
    let mut spec = plain(name);
    spec.tty = rng.percent(15);
    // Not with a terminal: where that driver forgets a newline, a carriage return is left, and nothing tells what it means.
    if rng.percent(25) && !spec.tty {
        spec = spec.driver(Driver::Local);
    }
    let machine = &mut story.machine;
    if rng.percent(50) {
        machine.run(spec);
        machine.lines(name, rng.below(200), 10);
    } else {
        machine.when(rng.below(SPAN / 2), "a container starts", Machine::is_watched, move |m| m.run(spec));
    }
    for _ in 0..rng.below(25) {
        let (count, filler) = (rng.pick(&[1, 1, 5, 40, 400]), rng.pick(&[0, 30, 200, 3_000]));
        let count = if filler > 1_000 { count.min(20) } else { count };
        machine.at_nanos(rng.below(SPAN * MS), "burst", move |m| {
            if talks(m, name) {
                m.lines(name, count, filler);
            }
        });
    }
    for _ in 0..rng.below(3) {
        let bytes = rng.pick(&[100, 16_384, 40_000, 300_000]);
        machine.at_nanos(rng.below(SPAN * MS), "part of a line", move |m| {
            if talks(m, name) {
                m.write(name, Channel::Stdout, &vec![b'p'; bytes as usize]);
            }
        });
    }
    // Only what docklog has had the time to see can be asked of it.
    let runs = move |m: &Machine| m.is_followed(name) && m.is_running(name);
    if rng.percent(30) {
        machine.when(rng.below(SPAN), "restart", runs, move |m| m.restart(name));
    }
    if rng.percent(30) {
        machine.when(SPAN + rng.below(3_000), "end", runs, move |m| m.die(name));
    }
    if rng.percent(30) {
        machine.when(SPAN + 9_000, "removal", move |m| caught(m, name), move |m| m.remove(name));
    }
}

fn trouble(story: &mut Story, rng: &mut Rng) {
    let machine = &mut story.machine;
    if rng.percent(40) {
        let (away, orderly, live_restore) = (rng.between(1, 9_000), rng.percent(30), rng.percent(70));
        let settled = |m: &Machine| m.is_watched() && m.now > m.last_start + 4_000 * MS;
        machine.when(5_000 + rng.below(SPAN / 2), "engine crashes", settled, move |m| {
            m.engine_down(orderly);
            m.at(m.now / MS + away, "engine is back", move |m| m.engine_up(live_restore));
        });
    }
    if rng.percent(20) {
        let at = rng.below(SPAN);
        let up = |m: &Machine| m.engine.process() == Process::Up;
        let span = rng.between(10, 30_000);
        machine.when(at, "SIGSTOP", up, move |m| {
            m.engine.set_stopped(true);
            m.when(
                m.now / MS + span,
                "SIGCONT",
                |_| true,
                |m| {
                    if m.engine.process() == Process::Stopped {
                        m.engine.set_stopped(false);
                    }
                },
            );
        });
    }
    if rng.percent(30) {
        let (at, span, rate) = (rng.below(SPAN), rng.below(8_000), rng.pick(&[0, 0, 200_000]));
        machine.at(at, "stdout stalls", move |m| m.stdout.set_rate(m.now, Some(rate)));
        machine.at(at + span, "stdout goes on", |m| m.stdout.set_rate(m.now, None));
    }
}

/// Whether what a container says now is docklog's to tell. If it was there before, docklog must have asked for its log, and
/// some time must have passed since, because what stderr says may be stamped earlier than it was written.
fn talks(machine: &Machine, name: &str) -> bool {
    let settled = |at: u64| machine.wall() > at + 100 * MS;
    let heard = |c: &Container| c.created > EPOCH || machine.engine.first_read(&c.id).is_some_and(settled);
    machine.is_running(name) && machine.engine.find(name).is_some_and(heard)
}

/// Every third seed runs docklog without options: history is not asked for.
fn from_now_on(seed: u64) -> bool {
    seed.is_multiple_of(3)
}

fn story(seed: u64) -> Story {
    let mut rng = Rng::new(seed);
    let dialect = rng.pick(&[Dialect::Docker20, Dialect::Docker28, Dialect::Docker28, Dialect::Docker29]);
    let knobs = Knobs::random(&mut rng);
    let mut story = Story::new(seed, dialect, knobs);
    if from_now_on(seed) {
        story = story.args(&[]);
    }
    for number in 0..rng.between(1, 8) {
        life(&mut story, &mut rng, number);
    }
    trouble(&mut story, &mut rng);
    story
}

#[test]
fn whatever_happens_every_line_comes_once_and_in_order() {
    for seed in seeds(150) {
        let outcome = story(seed).run_through();
        // A log that was removed while a crash had cut it off from us is gone; that is said.
        let lost = |name: &str| outcome.stderr.contains(&format!(" {name} ("));
        outcome.assert(|name| match name {
            name if lost(name) => Expect::Some,
            _ if from_now_on(seed) => Expect::Since(1),
            _ => Expect::All,
        });
    }
}

#[test]
fn a_seed_is_a_run() {
    for seed in 1..=5 {
        let run = || {
            let outcome = story(seed).run_through();
            let machine = outcome.machine.machine();
            (machine.stdout.taken.clone(), machine.tally.waits, machine.now)
        };
        assert_eq!(run(), run(), "seed {seed}");
    }
}
