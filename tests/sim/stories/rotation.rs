//! Rotation, resume and what survives: streams are closed and opened again all the time, and nobody downstream can tell.

use super::super::engine::{Channel, Dialect};
use super::super::{Expect, Knobs, MS, Machine, Rng, Story, plain, seeds};

/// Writes lines on both channels at random, for so many milliseconds.
pub(super) fn writes(machine: &mut Machine, name: &str, from: u64, until: u64, every: u64) {
    let mut at = from;
    let mut rng = Rng::new(from ^ name.len() as u64 ^ until);
    while at < until {
        let (name, filler) = (name.to_owned(), rng.below(60) as usize);
        machine.at(at, "line", move |m| {
            if m.is_running(&name) {
                m.lines(&name, 1, filler);
            }
        });
        at += 1 + rng.below(2 * every);
    }
}

pub(super) fn story(seed: u64, dialect: Dialect, args: &[&str]) -> Story {
    let knobs = Knobs::random(&mut Rng::new(seed));
    Story::new(seed, dialect, knobs).args(args)
}

#[test]
fn nobody_can_tell_that_streams_are_rotated_every_second() {
    for seed in seeds(12) {
        for dialect in [Dialect::Docker20, Dialect::Docker28, Dialect::Podman] {
            let mut story = story(seed, dialect, &["--tail", "all", "--rotate-every", "1s"]);
            for n in 0..10 {
                let name = format!("c{n}");
                story.machine.run(plain(&name));
                writes(&mut story.machine, &name, 100, 30_000, 40);
            }
            let outcome = story.run_for(40_000);
            outcome.assert_all();
            let logs = outcome.requests("/logs");
            // Podman searches for each, and a session lasts a hundred times as long as that takes.
            let least = if dialect == Dialect::Podman { 10 } else { 100 };
            assert!(logs > least, "{dialect:?}: only {logs} sessions");
        }
    }
}

#[test]
fn a_rotation_asks_for_a_small_window() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--rotate-every", "1s"]);
    for n in 0..5 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        story.machine.lines(&name, 2_000, 10);
        writes(&mut story.machine, &name, 100, 60_000, 50);
    }
    let outcome = story.run_for(60_000);
    assert_eq!(outcome.exit, 0);
    let (probes, small) = (outcome.requests("tail=1 "), outcome.requests("tail=64 "));
    assert_eq!(probes, 5, "each begins at its newest line");
    assert_eq!(
        probes + small,
        outcome.requests("/logs") - outcome.requests("tail=1024 "),
        "no window had to grow"
    );
    assert!(small > 250, "{small}");
}

/// `from now`, `--tail 5`, `--tail all`, `--since`, on containers that never wrote, wrote on one channel, on both.
#[test]
fn first_starts_repeat_no_history_and_tell_no_gap() {
    for (args, history) in [
        (&["--rotate-every", "1s"][..], Expect::Since(1_000 * MS)),
        (&["--tail", "5", "--rotate-every", "1s"], Expect::Some),
        (&["--tail", "all", "--rotate-every", "1s"], Expect::All),
        (&["--since", "0s", "--rotate-every", "1s"], Expect::Since(0)),
    ] {
        for dialect in [Dialect::Docker20, Dialect::Docker28] {
            let mut story = Story::calm(dialect).args(args);
            for name in ["never", "one", "both"] {
                story.machine.run(plain(name));
            }
            let wrote_before = !args.contains(&"--since");
            if wrote_before {
                for _ in 0..100 {
                    story.machine.line("one", Channel::Stdout, 5);
                }
                story.machine.lines("both", 100, 5);
            }
            for name in ["never", "one", "both"] {
                // Quiet for ten rotations, then some lines, on the other channel first.
                story.machine.at(11_000, "line", move |m| m.line(name, Channel::Stderr, 5));
                writes(&mut story.machine, name, 15_000, 20_000, 300);
            }
            let outcome = story.run_for(25_000);
            outcome.assert(|_| history);
            assert_eq!(outcome.gaps().len(), 0, "{args:?}");
            let whole = outcome.requests("tail=all");
            // A container that never wrote has an empty log: to ask for all of it costs nothing.
            let empty = outcome.requests("/logs") / 3 + 1;
            let asked = if args.contains(&"all") || args.contains(&"--since") { 3 } else { 0 };
            assert!(whole <= empty + asked, "{args:?}: {whole} whole logs asked for");
            if args.contains(&"5") {
                let before =
                    outcome.given().iter().filter(|line| line.time.as_str() < "2026-11-23T20:16:08").count();
                assert_eq!(before, 10, "five lines of each that had some");
            }
        }
    }
}

#[test]
fn what_the_engine_deletes_is_told() {
    for seed in seeds(12) {
        for dialect in [Dialect::Docker20, Dialect::Docker28] {
            let mut story = story(seed, dialect, &["--tail", "all", "--rotate-every", "1s"]);
            for n in 0..4 {
                let name = format!("c{n}");
                story.machine.run(plain(&name).rotated(200_000, 3));
                writes(&mut story.machine, &name, 100, 20_000, 4);
            }
            // A burst that no follow keeps up with (10 MB/s), and a reader of stdout that stalls.
            for ms in 0..300 {
                story.machine.at(3_000 + ms, "burst", |m| m.lines("c0", 75, 40));
            }
            story.machine.at(6_000, "stdout stalls", |m| m.stdout.set_rate(m.now, Some(0)));
            story.machine.at(12_000, "stdout goes on", |m| m.stdout.set_rate(m.now, None));
            let outcome = story.run_for(200_000);
            outcome.assert_all_or_told();
        }
    }
}

#[test]
fn a_killed_docklog_repeats_little_and_loses_nothing() {
    for seed in seeds(12) {
        let mut story =
            story(seed, Dialect::Docker28, &["--tail", "all", "--rotate-every", "2s", "--state", "s"]);
        for n in 0..6 {
            let name = format!("c{n}");
            story.machine.run(plain(&name));
            writes(&mut story.machine, &name, 100, 20_000, 20);
        }
        story.machine.at(9_500, "stop", |m| m.die("c5"));
        let kill = 2_000 + seed % 700;
        let outcome = story.kills(&[(kill, kill + 50), (9_000 + seed % 900, 12_000)]).run_for(50_000);
        outcome.assert_all_or_told_at_least_once();
        assert_eq!(outcome.gaps().len(), 0);
    }
}

#[test]
fn an_output_file_holds_each_line_once_through_every_kill() {
    for seed in seeds(20) {
        let args = ["--tail", "all", "--rotate-every", "2s", "--state", "s", "--output-file", "f"];
        let mut story = story(seed, Dialect::Docker28, &args);
        for n in 0..6 {
            let name = format!("c{n}");
            story.machine.run(plain(&name));
            writes(&mut story.machine, &name, 100, 20_000, 60);
        }
        // A line that is open when it is killed, and one that was created while nobody looked.
        let rest = vec![b'x'; 20_000];
        story.machine.at(2_500, "begins a line", move |m| m.write("c1", Channel::Stdout, &rest));
        story.machine.at(11_000, "new", |m| {
            m.run(plain("new"));
            m.lines("new", 30, 5);
        });
        let mut rng = Rng::new(seed);
        let mut kills = Vec::new();
        let mut at = 1_000;
        while at < 18_000 {
            let down = 1 + rng.below(1_500);
            kills.push((at, at + down));
            at += down + 200 + rng.below(3_000);
        }
        story.machine.at(19_900, "ends the line", |m| m.write("c1", Channel::Stdout, b" end\n"));
        let outcome = story.kills(&kills).run_for(120_000);
        outcome.assert_all();
    }
}

#[test]
fn a_truncated_log_is_heard_again_within_a_lease() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--rotate-every", "30s"]);
    story.machine.run(plain("c"));
    writes(&mut story.machine, "c", 100, 120_000, 200);
    story.machine.at(20_000, "truncate", |m| m.truncate("c"));
    let outcome = story.run_for(150_000);
    outcome.assert_all_or_told();
    let late = outcome.given().iter().filter(|line| line.time.as_str() > "2026-11-23T20:16:40").count();
    assert!(late > 300, "{late} lines after the truncation");
}

#[test]
fn a_corrupt_log_is_not_asked_for_all_the_time() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--rotate-every", "5m"]);
    story.machine.run(plain("c"));
    writes(&mut story.machine, "c", 100, 5_000, 100);
    story.machine.at(2_000, "corrupt", |m| m.corrupt("c"));
    let outcome = story.run_for(600_000);
    let logs = outcome.requests("/logs");
    assert!(logs < 200, "{logs} log requests in ten minutes");
}

#[test]
fn streams_take_turns_when_there_are_too_many() {
    let args = ["--tail", "all", "--max-streams", "100"];
    let mut story = Story::new(7, Dialect::Docker28, Knobs::calm()).args(&args);
    for n in 0..1_000 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        writes(&mut story.machine, &name, 100 + n % 777, 60_000, 6_000);
    }
    let outcome = story.run_for(120_000);
    outcome.assert_all();
    let longest = outcome.longest_wait();
    println!("1,000 containers, 100 sessions: a line waited {longest} ms at the most");
    assert!(longest < 20_000, "ten turns of a second, and their openings: {longest} ms");
    let open = outcome.machine.machine().tally.most_open;
    // Inspects come on top, each a short one.
    assert!(open <= 100 + 128, "{open} connections at a time");
}

#[test]
fn a_clock_set_back_loses_and_doubles_nothing() {
    for seed in seeds(6) {
        let mut story = story(seed, Dialect::Docker28, &["--tail", "all", "--rotate-every", "1s"]);
        story.machine.run(plain("c"));
        writes(&mut story.machine, "c", 100, 20_000, 40);
        for at in [4_000, 9_000, 9_100] {
            story.machine.at(at, "clock back", |m| m.step_clock(-5_000));
        }
        story.run_for(40_000).assert_all();
    }
}

#[test]
fn an_engine_that_is_killed_leaves_no_line_behind() {
    for seed in seeds(12) {
        for live_restore in [true, false] {
            let mut story = story(seed, Dialect::Docker28, &["--tail", "all", "--rotate-every", "3s"]);
            for n in 0..5 {
                let name = format!("c{n}");
                story.machine.run(plain(&name));
                writes(&mut story.machine, &name, 100, 20_000, 30);
            }
            story.machine.at(5_000, "kill -9 of the engine", |m| m.engine_down(false));
            story.machine.at(7_000, "engine", move |m| m.engine_up(live_restore));
            story.run_for(60_000).assert_all();
        }
    }
}

#[test]
fn the_checkpoint_forgets_containers_that_are_gone_and_keeps_those_that_are_only_stopped() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--state", "s"]);
    for name in ["stays", "stops", "removed", "removed_meanwhile"] {
        story.machine.run(plain(name));
        writes(&mut story.machine, name, 100, 3_000, 50);
    }
    story.machine.at(3_500, "stop", |m| m.die("stops"));
    story.machine.at(4_000, "remove", |m| {
        m.die("removed");
        m.remove("removed");
    });
    story.machine.at(7_000, "while nobody looks", |m| {
        m.die("removed_meanwhile");
        m.remove("removed_meanwhile");
    });
    let outcome = story.kills(&[(6_000, 8_000)]).run_for(20_000);
    let machine = outcome.machine.machine();
    let checkpoint = String::from_utf8(machine.checkpoint.clone().unwrap()).unwrap();
    let kept = |name: &str| machine.engine.find(name).is_some_and(|c| checkpoint.contains(&c.id));
    assert!(kept("stays") && kept("stops"), "{checkpoint}");
    assert_eq!(checkpoint.lines().count(), 2 + 2, "{checkpoint}");
}

/// Podman's head comes with the first line. Until then nothing tells that a log is empty; and `--tail`, asked for again, would bring
/// the last of those lines only that came between two sessions.
#[test]
fn a_log_that_was_empty_at_first_is_read_from_its_first_line_whatever_the_tail() {
    for seed in seeds(3) {
        for dialect in [Dialect::Docker28, Dialect::Podman] {
            let mut story = story(seed, dialect, &["--tail", "2", "--rotate-every", "300ms"]);
            for n in 0..20 {
                let name = format!("c{n}");
                story.machine.run(plain(&name));
                story.machine.at(12_000 + 501 * n, "speak", move |m| m.lines(&name, 40, 5));
            }
            story.run_for(26_000).assert_all();
        }
    }
}
