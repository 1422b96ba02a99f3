//! Containers come, go, and come back: every line of each, once and in order.

use crate::sim::engine::{Channel, Dialect, Spec};
use crate::sim::{Expect, Knobs, MS, Rng, Story, plain};

const DIALECTS: [Dialect; 4] = [Dialect::Docker20, Dialect::Docker28, Dialect::Docker29, Dialect::Podman];

#[test]
fn many_containers_before_and_after_our_start() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect);
        for n in 0..40u64 {
            let name = format!("c{n}");
            if n % 2 == 0 {
                story.machine.run(plain(&name));
                story.machine.lines(&name, 300, 10);
            } else {
                let copy = name.clone();
                story.machine.at(50 + n, "start", move |m| m.run(plain(&copy)));
            }
            for round in 0..5 {
                let name = name.clone();
                story.machine.at(100 + n + round * 70, "lines", move |m| m.lines(&name, 60, 30));
            }
        }
        let outcome = story.run_for(20_000);
        outcome.assert_all();
        assert_eq!(outcome.stderr, "", "{dialect:?}");
    }
}

#[test]
fn a_container_that_dies_gives_its_last_lines_and_comes_back_under_the_same_id() {
    for (seed, dialect) in (1..).zip(DIALECTS) {
        let mut rng = Rng::new(seed);
        let mut story = Story::new(seed, dialect, Knobs::random(&mut rng));
        story.machine.run(plain("web"));
        story.machine.lines("web", 10, 0);
        // On Podman nothing tells an open last line from the beginning of the next run's first.
        let last: &[u8] =
            if dialect == Dialect::Podman { b"panic\n" } else { b"panic: no newline after this" };
        for round in 0..6 {
            let at = 2_000 + round * 3_000;
            story.machine.when(
                at,
                "crash",
                |m| m.is_followed("web") && m.is_running("web"),
                move |m| {
                    m.lines("web", 400, 50);
                    m.write("web", Channel::Stderr, last);
                    m.die("web");
                    m.at(m.now / MS + 1 + 600 * round, "again", |m| {
                        m.start("web");
                        m.lines("web", 100, 0);
                    });
                },
            );
        }
        story.run_through().assert_all();
    }
}

#[test]
fn a_restart_at_once_loses_nothing() {
    for seed in 1..=30 {
        let mut rng = Rng::new(seed);
        let mut story = Story::new(seed, Dialect::Docker28, Knobs::random(&mut rng));
        story.machine.run(plain("web"));
        for round in 0..10 {
            story.machine.at(1_000 + round * 150, "restart", |m| {
                m.lines("web", 20, 0);
                m.restart("web");
                m.lines("web", 20, 0);
            });
        }
        story.run_through().assert_all();
    }
}

#[test]
fn a_removed_container_is_read_to_its_end() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("job"));
    story.machine.at(1_000, "last words and removal", |m| {
        m.lines("job", 5_000, 40);
        m.remove("job");
    });
    story.machine.at(3_000, "a successor of its name", |m| {
        m.run(plain("job"));
        m.lines("job", 10, 0);
    });
    story.run_for(10_000).assert_all();
}

#[test]
fn containers_too_short_to_catch_are_named_and_counted() {
    let mut rng = Rng::new(7);
    let knobs = Knobs { delay: 3 * MS, ..Knobs::calm() };
    let mut story = Story::new(7, Dialect::Docker28, knobs);
    for n in 0..200u64 {
        let (name, at) = (format!("short{n}"), 1_000 * MS + n * 7 * MS);
        let copy = name.clone();
        story.machine.at_nanos(at, "runs", move |m| {
            m.run(plain(&copy).auto_remove());
            for _ in 0..3 {
                m.line(&copy, Channel::Stdout, 0);
            }
        });
        // From gone before its event has arrived to alive long enough.
        story.machine.at_nanos(at + rng.below(20 * MS), "gone", move |m| m.remove(&name));
    }
    let outcome = story.run_for(10_000);
    outcome.assert(|_| Expect::Some);
    let missed = outcome.said("missed short");
    let caught: std::collections::BTreeSet<_> = outcome.given().into_iter().map(|g| g.container).collect();
    assert!(missed > 5 && caught.len() > 50, "{missed} missed, {} caught", caught.len());
    assert_eq!(missed + caught.len(), 200, "{}", outcome.stderr);
    assert_eq!(outcome.given().len(), 3 * caught.len(), "whoever is caught is caught whole");
    assert!(outcome.stderr.contains(&format!("({missed} so far)")), "{}", outcome.stderr);
}

#[test]
fn a_log_that_its_removal_has_emptied_is_not_taken_for_the_truth() {
    for dialect in [Dialect::Docker20, Dialect::Docker28] {
        let mut story = Story::new(3, dialect, Knobs { delay: 5 * MS, ..Knobs::calm() });
        story.machine.at(2_000, "a short life", |m| {
            m.run(plain("short"));
            m.lines("short", 3, 0);
            m.engine.mark_vanished("short");
            m.die("short");
        });
        story.machine.at(2_100, "removed", |m| m.remove("short"));
        let outcome = story.run_for(20_000);
        outcome.assert(|_| Expect::Some);
        assert_eq!((outcome.given().len(), outcome.said("missed short")), (0, 1), "{}", outcome.stderr);
    }
}

#[test]
fn a_follow_that_has_gone_deaf_is_noticed_when_its_container_ends() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("web"));
    story.machine.lines("web", 10, 0);
    story.machine.at(1_000, "deaf", |m| m.engine.faults.deaf_follows = true);
    story.machine.at(2_000, "last lines", |m| {
        m.lines("web", 10, 0);
        m.die("web");
    });
    story.run_for(60_000).assert_all();
}

#[test]
fn a_rename_changes_the_name_of_what_comes_after_it() {
    let mut story = Story::calm(Dialect::Docker20);
    story.machine.run(plain("old"));
    story.machine.at(1_000, "line", |m| m.line("old", Channel::Stdout, 0));
    story.machine.at(2_000, "rename", |m| m.rename("old", "new"));
    story.machine.at(3_000, "line", |m| m.line("new", Channel::Stdout, 0));
    let outcome = story.run_for(10_000);
    outcome.assert_all();
    let names: Vec<_> = outcome.given().into_iter().map(|g| g.container).collect();
    assert_eq!(names, ["old", "new"]);
}

#[test]
fn a_rename_into_the_selection_joins_and_out_of_it_leaves() {
    let mut story = Story::calm(Dialect::Docker28).args(&["web*"]);
    for name in ["web-in", "other"] {
        story.machine.run(plain(name));
    }
    story.machine.at(1_000, "renames", |m| {
        m.rename("web-in", "gone");
        m.rename("other", "web-now");
    });
    story.machine.at(3_000, "lines", |m| {
        m.line("gone", Channel::Stdout, 0);
        m.line("web-now", Channel::Stdout, 0);
    });
    let outcome = story.run_for(10_000);
    outcome.assert(|first| if first == "other" { Expect::Since(2_000 * MS) } else { Expect::Nothing });
}

#[test]
fn a_paused_container_is_silent_and_goes_on() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect);
        story.machine.run(plain("web"));
        story.machine.lines("web", 3, 0);
        story.machine.at(1_000, "pause", |m| m.engine.pause(m.wall(), "web"));
        story.machine.at(61_000, "unpause", |m| {
            m.engine.unpause(m.wall(), "web");
            m.lines("web", 3, 0);
        });
        story.run_for(120_000).assert_all();
    }
}

#[test]
fn a_thousand_containers_at_once() {
    let mut story = Story::calm(Dialect::Docker28);
    for n in 0..1_000 {
        let name = format!("c{n}");
        story.machine.run(Spec::named(&name));
        story.machine.line(&name, Channel::Stdout, 0);
        story.machine.at(10_000, "second line", move |m| m.line(&name, Channel::Stderr, 0));
    }
    story.run_for(20_000).assert_all();
}
