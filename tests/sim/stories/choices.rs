//! What of the past is shown, and of whom: the options of the command line.

use crate::sim::engine::{Channel, Dialect};
use crate::sim::{Expect, MS, Story, plain};

const DIALECTS: [Dialect; 4] = [Dialect::Docker20, Dialect::Docker28, Dialect::Docker29, Dialect::Podman];

#[test]
fn without_options_what_was_written_before_us_is_not_shown() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&[]);
        story.machine.run(plain("early"));
        story.machine.lines("early", 30, 0);
        story.machine.at(5_000, "lines", |m| m.lines("early", 30, 0));
        story.machine.at(6_000, "a late one", |m| {
            m.run(plain("late"));
            m.lines("late", 30, 0);
        });
        story.run_for(20_000).assert(|name| match name {
            "early" => Expect::Since(1),
            _ => Expect::All,
        });
    }
}

#[test]
fn without_options_a_restart_is_shown_from_its_first_line() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&[]);
        story.machine.run(plain("web"));
        story.machine.lines("web", 30, 0);
        story.machine.at(5_000, "restart", |m| {
            m.restart("web");
            m.lines("web", 30, 0);
        });
        story.run_for(20_000).assert(|_| Expect::Since(1));
    }
}

#[test]
fn with_a_tail_a_restart_is_shown_from_its_first_line() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "5"]);
    story.machine.run(plain("web"));
    story.machine.at(5_000, "restart", |m| {
        m.restart("web");
        m.lines("web", 30, 0);
    });
    story.run_for(20_000).assert_all();
}

#[test]
fn a_stopped_container_that_starts_again_does_not_tell_its_past() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&[]);
        story.machine.run(plain("web"));
        story.machine.lines("web", 30, 0);
        story.machine.die("web");
        story.machine.at(5_000, "start", |m| {
            m.start("web");
            m.lines("web", 30, 0);
        });
        story.run_for(20_000).assert(|_| Expect::Since(1));
    }
}

#[test]
fn tail_takes_the_last_lines_of_those_before_us() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "4"]);
    story.machine.run(plain("web"));
    for _ in 0..10 {
        story.machine.line("web", Channel::Stdout, 0);
    }
    story.machine.at(2_000, "more", |m| m.lines("web", 10, 0));
    let outcome = story.run_for(10_000);
    assert_eq!(outcome.given().len(), 14);
    assert!(outcome.given()[0].message.starts_with(b"web out 7 "));
}

#[test]
fn no_follow_reads_what_there_is_and_ends() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&["--no-follow", "web", "done"]);
        for name in ["web", "done", "other"] {
            story.machine.run(plain(name));
            story.machine.lines(name, 400, 10);
        }
        story.machine.die("done");
        let outcome = story.run();
        outcome.assert(|name| if name == "other" { Expect::Nothing } else { Expect::All });
        assert!(outcome.ended_at() < 2_000, "{} ms", outcome.ended_at());
    }
}

#[test]
fn until_ends_the_run_when_its_time_has_come() {
    let mut story =
        Story::calm(Dialect::Docker28).args(&["--tail", "all", "--until", "2026-11-23T20:16:17Z"]);
    story.machine.run(plain("web"));
    story.machine.lines("web", 10, 0);
    for ms in [5_000, 9_000, 9_990, 10_010] {
        story.machine.at(ms, "lines", |m| m.lines("web", 10, 0));
    }
    let outcome = story.run();
    assert_eq!((outcome.exit, outcome.given().len()), (0, 40), "{}", outcome.stderr);
    assert!((10_000..11_000).contains(&outcome.ended_at()), "{}", outcome.ended_at());
}

#[test]
fn since_shows_what_is_not_older() {
    for dialect in DIALECTS {
        let mut story = Story::calm(dialect).args(&["--since", "2026-11-23T20:16:08Z"]);
        story.machine.run(plain("web"));
        story.machine.lines("web", 10, 0);
        story.machine.at(3_000, "lines", |m| m.lines("web", 10, 0));
        story.run_for(10_000).assert(|_| Expect::Since(1_000 * MS));
    }
}

#[test]
fn no_follow_of_nobody_fails() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--no-follow", "nobody"]);
    story.machine.run(plain("web"));
    let outcome = story.run();
    assert_eq!((outcome.exit, outcome.said("nobody")), (1, 1), "{}", outcome.stderr);
}

#[test]
fn labels_and_exclusions_select() {
    let mut story =
        Story::calm(Dialect::Docker28).args(&["--tail", "all", "--label", "tier=1", "--exclude", "*-old"]);
    story.machine.run(plain("a").label("tier", "1"));
    story.machine.run(plain("a-old").label("tier", "1"));
    story.machine.run(plain("b").label("tier", "2"));
    story.machine.at(1_000, "another", |m| m.run(plain("c").label("tier", "1")));
    story.machine.at(1_000, "and another", |m| m.run(plain("d")));
    for name in ["a", "a-old", "b", "c", "d"] {
        story.machine.at(2_000, "lines", move |m| m.lines(name, 20, 0));
    }
    let outcome = story.run_for(10_000);
    outcome.assert(|name| if matches!(name, "a" | "c") { Expect::All } else { Expect::Nothing });
    assert_eq!(outcome.requests("/logs"), 2, "nothing is asked about the others");
}

#[test]
fn one_channel_alone() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--stderr"]);
    story.machine.run(plain("web"));
    story.machine.lines("web", 100, 0);
    let outcome = story.run_for(5_000);
    outcome.assert(|_| Expect::Some);
    let given = outcome.given();
    assert!(given.len() > 20 && given.iter().all(|g| g.stream == "stderr"));
}
