//! Engines that are away, hang, crash and come back.

use crate::sim::engine::{Channel, Dialect};
use crate::sim::{Expect, Knobs, MS, Machine, Rng, Story, plain, seeds};

const DOCKERS: [Dialect; 2] = [Dialect::Docker20, Dialect::Docker28];
const ENGINES: [Dialect; 3] = [Dialect::Docker20, Dialect::Docker28, Dialect::Podman];

#[test]
fn an_engine_that_is_absent_at_first_is_waited_for() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine_down(true);
    story.machine.at(120_000, "installed and started", |m| m.engine_up(false));
    story.machine.at(121_000, "a container", |m| m.run(plain("web")));
    story.machine.at(140_000, "lines", |m| m.lines("web", 50, 0));
    let outcome = story.run_for(200_000);
    outcome.assert_all();
    assert_eq!(outcome.said("Start Docker"), 1, "{}", outcome.stderr);
    assert!(outcome.connects_between(0, 120_000) < 40, "{}", outcome.connects_between(0, 120_000));
}

#[test]
fn why_there_is_no_engine_is_said_once() {
    let said = |act: fn(&mut Machine), words: &str| {
        let mut story = Story::calm(Dialect::Docker28);
        act(&mut story.machine);
        let outcome = story.run_for(300_000);
        assert_eq!(
            (outcome.said(words), outcome.stderr.lines().count(), outcome.exit),
            (1, 1, 0),
            "{}",
            outcome.stderr
        );
    };
    said(|m| m.engine_down(true), "does not exist");
    said(|m| m.engine_down(false), "nobody listens");
    said(|m| m.engine.faults.denied = true, "docker");
    said(|m| m.engine.set_stopped(true), "does not answer");
}

#[test]
fn an_engine_that_is_absent_for_good_ends_a_run_without_follow() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--no-follow"]);
    story.machine.engine_down(true);
    let outcome = story.run();
    assert_eq!(outcome.exit, 1);
    assert!(outcome.ended_at() < 2_000);
}

#[test]
fn after_a_crash_of_the_engine_every_line_comes_once() {
    for seed in seeds(60) {
        let mut rng = Rng::new(seed);
        let (dialect, knobs) = (rng.pick(&ENGINES), Knobs::random(&mut rng));
        let mut story = Story::new(seed, dialect, knobs);
        for name in ["a", "b", "tty"] {
            story.machine.run(if name == "tty" { plain(name).tty() } else { plain(name) });
            for burst in 0..60 {
                let at = rng.below(40_000) * MS + burst;
                let (count, filler) = (rng.below(60), rng.pick(&[0, 20, 300]));
                story.machine.at_nanos(at, "burst", move |m| {
                    if m.is_running(name) {
                        m.lines(name, count, filler);
                    }
                });
            }
        }
        for crash in 0..3 {
            let at = 5_000 + crash * 11_000 + rng.below(5_000);
            let (away, orderly) = (rng.between(1, 4_000), rng.percent(30));
            story.machine.at(at, "engine crashes", move |m| m.engine_down(orderly));
            story.machine.at(at + away, "engine is back", |m| m.engine_up(true));
        }
        story.run_through().assert_all();
    }
}

#[test]
fn what_an_engine_adds_to_a_container_that_it_finds_orphaned_is_read() {
    for dialect in DOCKERS {
        let mut story = Story::calm(dialect);
        story.machine.run(plain("orphan"));
        story.machine.at(1_000, "lines", |m| m.lines("orphan", 10, 0));
        story.machine.at(2_000, "engine is killed", |m| m.engine_down(false));
        story.machine.at(2_500, "lines into the pipe", |m| m.lines("orphan", 30, 0));
        story.machine.at(4_000, "engine is back, and ends it", |m| m.engine_up(false));
        story.run_for(60_000).assert_all();
    }
}

#[test]
fn a_long_line_cut_by_a_crash_comes_whole() {
    for seed in 1..=20 {
        let mut rng = Rng::new(seed);
        let mut story = Story::new(seed, Dialect::Docker28, Knobs::random(&mut rng));
        story.machine.run(plain("web"));
        story.machine.lines("web", 5, 0);
        story.machine.at(1_000, "beginning", |m| m.write("web", Channel::Stdout, &[b'a'; 50_000]));
        story.machine.at(3_000, "crash", |m| m.engine_down(false));
        story.machine.at(4_000, "back", |m| m.engine_up(true));
        story.machine.at(30_000, "end", |m| m.write("web", Channel::Stdout, b"end\nnext\n"));
        story.run_through().assert_all();
    }
}

#[test]
fn a_line_that_stayed_open_while_the_other_channel_went_on_comes_whole_after_a_crash() {
    for others in [3, 63, 70, 2_000] {
        let mut story = Story::calm(Dialect::Docker28);
        story.machine.run(plain("web"));
        story.machine.lines("web", 5, 0);
        story.machine.at(1_000, "beginning", |m| m.write("web", Channel::Stderr, &[b'a'; 20_000]));
        story
            .machine
            .at(2_000, "others", move |m| (0..others).for_each(|_| m.line("web", Channel::Stdout, 0)));
        story.machine.at(2_500, "more of it", |m| m.write("web", Channel::Stderr, &[b'b'; 20_000]));
        story.machine.at(2_600, "one more other", |m| m.line("web", Channel::Stdout, 0));
        story.machine.at(3_000, "crash", |m| m.engine_down(false));
        story.machine.at(4_000, "back", |m| m.engine_up(true));
        story.machine.at(30_000, "end", |m| m.write("web", Channel::Stderr, b"end\nnext\n"));
        story.run_for(60_000).assert_all();
    }
}

#[test]
fn a_last_line_whose_end_can_not_be_told_does_not_hide_the_other_channel() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("web"));
    story.machine.at(1_000, "a part, and the end", |m| {
        m.write("web", Channel::Stdout, &[b'p'; 16_384]);
        m.die("web");
    });
    story.machine.at(3_000, "again", |m| m.start("web"));
    story.machine.at(5_000, "crash", |m| m.engine_down(false));
    story
        .machine
        .at(5_500, "lines into the pipe", |m| (0..5).for_each(|_| m.line("web", Channel::Stderr, 0)));
    story.machine.at(6_000, "back", |m| m.engine_up(true));
    story.run_for(60_000).assert_all();
}

#[test]
fn a_tail_is_no_longer_after_a_crash() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "1"]);
    story.machine.run(plain("web"));
    story.machine.write("web", Channel::Stderr, b"an error of long ago\n");
    story.machine.write("web", Channel::Stdout, b"the last line\n");
    story.machine.at(1_000, "crash", |m| m.engine_down(false));
    story.machine.at(2_000, "back", |m| m.engine_up(true));
    story.machine.at(30_000, "more", |m| m.write("web", Channel::Stderr, b"an error of today\n"));
    let outcome = story.run_for(60_000);
    let texts: Vec<_> = outcome.given().into_iter().map(|g| String::from_utf8(g.message).unwrap()).collect();
    assert_eq!(texts, ["the last line", "an error of today"]);
}

#[test]
fn since_holds_after_a_crash() {
    let mut story = Story::calm(Dialect::Docker28).args(&["--since", "2026-11-23T20:16:08Z"]);
    story.machine.run(plain("web"));
    story.machine.write("web", Channel::Stderr, b"an error of long ago\n");
    story.machine.at(2_000, "line", |m| m.write("web", Channel::Stdout, b"a line\n"));
    story.machine.at(3_000, "crash", |m| m.engine_down(false));
    story.machine.at(4_000, "back", |m| m.engine_up(true));
    story.machine.at(30_000, "more", |m| m.write("web", Channel::Stderr, b"an error of today\n"));
    let outcome = story.run_for(60_000);
    let texts: Vec<_> = outcome.given().into_iter().map(|g| String::from_utf8(g.message).unwrap()).collect();
    assert_eq!(texts, ["a line", "an error of today"]);
}

#[test]
fn without_options_a_crash_before_the_first_line_loses_nothing() {
    let mut story = Story::calm(Dialect::Docker28).args(&[]);
    story.machine.run(plain("web"));
    story.machine.lines("web", 10, 0);
    story.machine.at(2_000, "crash", |m| m.engine_down(false));
    story.machine.at(2_500, "lines into the pipe", |m| m.lines("web", 20, 0));
    story.machine.at(3_000, "back", |m| {
        m.engine_up(true);
        m.lines("web", 20, 0);
    });
    story.run_for(60_000).assert(|_| Expect::Since(1));
}

#[test]
fn an_engine_that_hangs_does_not_keep_us_from_ending() {
    for (at, dialect) in [(1, Dialect::Docker28), (5_000, Dialect::Docker20)] {
        let mut story = Story::calm(dialect);
        story.machine.run(plain("web"));
        story.machine.lines("web", 1_000, 0);
        story.machine.at(at, "SIGSTOP", |m| m.engine.set_stopped(true));
        let outcome = story.run_for(30_000);
        assert_eq!(outcome.exit, 0);
        assert!(outcome.ended_at() <= 31_000, "{}", outcome.ended_at());
    }
}

#[test]
fn an_engine_that_goes_on_after_a_stop_has_lost_nothing() {
    for seconds in [2, 10, 40, 300] {
        let mut story = Story::calm(Dialect::Docker28);
        story.machine.run(plain("web"));
        for round in 0..40 {
            story.machine.at(1_000 + round * 50, "lines", |m| m.lines("web", 30, 30));
        }
        story.machine.at(2_000, "SIGSTOP", |m| m.engine.set_stopped(true));
        story.machine.at(2_000 + seconds * 1_000, "SIGCONT", |m| m.engine.set_stopped(false));
        story.run_through().assert_all();
    }
}

#[test]
fn a_full_backlog_is_tried_again_by_a_timer() {
    for busy in [50, 95] {
        let mut story = Story::new(busy, Dialect::Docker28, Knobs { busy, ..Knobs::calm() });
        for n in 0..30 {
            let name = format!("c{n}");
            story.machine.run(plain(&name));
            story.machine.lines(&name, 10, 0);
        }
        let outcome = story.run_for(120_000);
        outcome.assert_all();
        let refused = outcome.machine.machine().tally.refused.len();
        assert!(refused > 10 && refused < 20_000, "{refused}");
        let told = [outcome.said("is busy"), outcome.said("connected again")];
        assert!(told[0] < 4 && told[0] + told[1] == outcome.stderr.lines().count(), "{}", outcome.stderr);
    }
}

#[test]
fn without_descriptors_we_wait_for_some_and_say_so_once() {
    let mut story = Story::calm(Dialect::Docker28);
    for n in 0..10 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        story.machine.lines(&name, 10, 0);
    }
    story.machine.most_links = 5;
    story.machine.at(60_000, "the limit is raised", |m| m.most_links = 1_000);
    let outcome = story.run_for(120_000);
    outcome.assert_all();
    assert_eq!(outcome.said("descriptor"), 1, "{}", outcome.stderr);
    assert!(outcome.connects_between(30_000, 60_000) < 200, "{}", outcome.connects_between(30_000, 60_000));
}

#[test]
fn a_clock_that_is_set_back_loses_nothing() {
    for crash in [false, true] {
        let mut story = Story::calm(Dialect::Docker28);
        story.machine.run(plain("web"));
        story.machine.at(1_000, "lines", |m| m.lines("web", 20, 0));
        if crash {
            story.machine.at(2_000, "crash", |m| m.engine_down(false));
            story.machine.at(3_000, "back", |m| m.engine_up(true));
        }
        // The engine stamps by the clock, so that its times go back too.
        story.machine.at(2_500, "the clock is set back by an hour", |m| m.step_clock(-3_600_000));
        story.machine.at(20_000, "lines", |m| (0..20).for_each(|_| m.line("web", Channel::Stdout, 0)));
        let outcome = story.run_for(60_000);
        let count = outcome.given().len();
        assert_eq!(count, 40, "crash: {crash}; {}", outcome.stderr);
    }
}
