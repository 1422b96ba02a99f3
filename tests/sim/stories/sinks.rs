//! Several sinks at once: each takes lines when it can.

use super::super::engine::{Channel, Dialect};
use super::super::{MS, Machine, Outcome, Rng, Story, plain, seeds};
use super::rotation::story;

const TWO_FILES: &str = "\
[[sink]]\ntype = \"file\"\npath = \"/a\"\nname = \"a\"\n\
[[sink]]\ntype = \"file\"\npath = \"/b\"\nname = \"b\"\n";

const STDOUT_AND_FILE: &str = "\
[[sink]]\ntype = \"stdout\"\n\
[[sink]]\ntype = \"file\"\npath = \"/b\"\n";

const ARGS: [&str; 8] = ["--tail", "all", "-o", "auto", "--rotate-every", "2s", "--state", "s"];

fn writes(machine: &mut Machine, name: &'static str, from: u64, to: u64, every: u64) {
    for at in (from..to).step_by(every as usize) {
        machine.at(at, "a line", move |m| m.lines(name, 1, 1_500)); // a pipe is soon full
    }
}

const NAMES: [&str; 4] = ["c0", "c1", "c2", "c3"];

/// Four containers that write, two sinks that are slow or stall at times, and kills at random.
fn troubled(seed: u64, sinks: &str) -> (Story, Vec<(u64, u64)>) {
    let mut story = story(seed, Dialect::Docker28, &ARGS).configured(sinks);
    for name in NAMES {
        story.machine.run(plain(name));
        writes(&mut story.machine, name, 100, 20_000, 60);
    }
    let mut rng = Rng::new(seed);
    for at in (500..18_000).step_by(700) {
        let rate = [None, Some(0), Some(20_000), None][rng.below(4) as usize];
        let first = rng.percent(50);
        story.machine.at(at, "a sink gets slow or fast", move |m| {
            let now = m.now;
            match m.others.first_mut() {
                Some(second) if !first => second.outlet.set_rate(now, rate),
                _ => m.stdout.set_rate(now, rate),
            }
        });
    }
    story.machine.at(18_500, "all is well again", |m| {
        let now = m.now;
        m.stdout.set_rate(now, None);
        m.others.iter_mut().for_each(|sink| sink.outlet.set_rate(now, None));
    });
    let (mut kills, mut at) = (Vec::new(), 1_000);
    while at < 18_000 {
        let down = 1 + rng.below(1_500);
        kills.push((at, at + down));
        at += down + 200 + rng.below(3_000);
    }
    (story, kills)
}

#[test]
fn each_file_holds_each_line_once_through_every_kill_however_far_apart_they_are() {
    for seed in seeds(20) {
        let (mut story, kills) = troubled(seed, TWO_FILES);
        let (rest, longer) = (vec![b'x'; 20_000], vec![b'y'; 3 << 20]);
        story.machine.at(2_500, "begins a line", move |m| m.write("c1", Channel::Stdout, &rest));
        story.machine.at(4_000, "begins a long line", move |m| m.write("c2", Channel::Stderr, &longer));
        story.machine.at(19_000, "ends the long line", |m| m.write("c2", Channel::Stderr, b" end\n"));
        story.machine.at(19_900, "ends the line", |m| m.write("c1", Channel::Stdout, b" end\n"));
        let outcome = story.kills(&kills).run_for(120_000);
        outcome.assert_all();
        outcome.of_sink(1).assert_all();
    }
}

#[test]
fn beside_a_file_that_holds_each_line_once_stdout_loses_none() {
    for seed in seeds(20) {
        let (story, kills) = troubled(seed, STDOUT_AND_FILE);
        let outcome = story.kills(&kills).run_for(120_000);
        outcome.assert_all_or_told_at_least_once();
        assert_eq!(outcome.gaps().len(), 0);
        outcome.of_sink(1).assert_all();
    }
}

#[test]
fn a_sink_that_may_lose_lines_holds_nobody_up_and_what_it_lost_is_counted() {
    let text = "[[sink]]\ntype = \"stdout\"\non_full = \"drop\"\n[[sink]]\ntype = \"file\"\npath = \"/b\"\n";
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "-o", "auto"]).configured(text);
    for name in NAMES {
        story.machine.run(plain(name));
        for at in (100..20_000).step_by(100) {
            story.machine.at(at, "lines", move |m| m.lines(name, 20, 200));
        }
    }
    story.machine.at(2_000, "stdout stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    story.machine.at(15_000, "stdout goes on", |m| m.stdout.set_rate(m.now, None));
    story.machine.at(25_000, "how many?", Machine::counts_signal);
    let outcome = story.run_for(26_000);
    assert_eq!(outcome.said("lines for it are lost from now on"), 1, "{}", outcome.stderr);
    assert_eq!(outcome.said("takes lines again"), 1, "{}", outcome.stderr);
    let counted = outcome.count("dropped");
    let expected = 4 * 199 * 20;
    assert_eq!(outcome.given().len() as u64 + counted, expected);
    assert!(counted > expected / 4, "{counted} lost");
    let outcome = outcome.of_sink(1);
    outcome.assert_all();
    // What came to it while the other stood still.
    let machine = outcome.machine.machine();
    let longest = machine.stdout.times.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
    assert!(longest < Some(130 * MS), "the other stood still for {longest:?}");
}

#[test]
fn where_one_sink_is_gone_for_good_it_is_said_what_another_did_not_get() {
    let text = "[[sink]]\ntype = \"stdout\"\n[[sink]]\ntype = \"file\"\npath = \"/b\"\n";
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "-o", "auto"]).configured(text);
    story.machine.run(plain("c0"));
    writes(&mut story.machine, "c0", 100, 20_000, 10);
    story.machine.at(1_000, "the file's disk stalls", |m| m.others[0].outlet.set_rate(m.now, Some(0)));
    story.machine.at(3_000, "stdout's reader goes", |m| m.stdout.close());
    let outcome = story.run_for(20_000);
    assert!(outcome.ended_at() < 4_000);
    assert_eq!(outcome.said("stopped while sink file was stalled"), 1, "{}", outcome.stderr);
    assert_eq!(outcome.said("stdout"), 0, "{}", outcome.stderr);
}

#[test]
fn sinks_choose_their_containers_and_channels() {
    let text = "[[sink]]\ntype = \"stdout\"\ncontainers = [\"c0\", \"c1\"]\nchannels = [\"stderr\"]\n\
                [[sink]]\ntype = \"file\"\npath = \"/b\"\nexclude = [\"c0\"]\n";
    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "-o", "auto"]).configured(text);
    for name in NAMES {
        story.machine.run(plain(name));
        for at in (100..3_000).step_by(100) {
            let name = if name == "c0" && at > 1_550 { "d0" } else { name };
            story
                .machine
                .at(at, "out", move |m| m.write(name, Channel::Stdout, format!("out {at}\n").as_bytes()));
            story
                .machine
                .at(at, "err", move |m| m.write(name, Channel::Stderr, format!("err {at}\n").as_bytes()));
        }
    }
    story.machine.at(1_550, "renamed", |m| m.rename("c0", "d0"));
    let outcome = story.run_for(5_000);
    let given = outcome.given();
    assert_eq!(given.len(), 15 + 29, "c0 until it was renamed, and c1");
    assert!(given.iter().all(|line| line.message.starts_with(b"err")));
    let outcome = outcome.of_sink(1);
    let of = |name: &str| outcome.given().iter().filter(|line| line.container == name).count();
    assert_eq!((of("c0"), of("d0"), of("c1"), of("c3")), (0, 28, 58, 58));
}

#[test]
fn a_reload_leaves_the_sinks_as_they_are_and_says_that_a_restart_is_needed() {
    let mut story = Story::calm(Dialect::Docker28)
        .args(&["--tail", "all", "-o", "auto"])
        .configured("[[sink]]\ntype = \"stdout\"\n[[sink]]\ntype = \"file\"\npath = \"/b\"\n");
    for name in NAMES {
        story.machine.run(plain(name));
        writes(&mut story.machine, name, 100, 9_000, 50);
    }
    story
        .machine
        .at(3_000, "one sink less", |m| m.reload_signal("[[sink]]\ntype = \"stdout\"\nformat = \"raw\"\n"));
    let text = "[[sink]]\ntype = \"stdout\"\n".to_owned() + TWO_FILES;
    story.machine.at(5_000, "one more", move |m| m.reload_signal(&text));
    story.machine.at(7_000, "none", |m| m.reload_signal("[limits]\nmemory = \"1MiB\"\n"));
    let outcome = story.run_for(10_000);
    assert_eq!(
        outcome.said("nothing has changed; a restart is needed for sink.type"),
        2,
        "{}",
        outcome.stderr
    );
    assert_eq!(
        outcome.said("limits.memory changed; a restart is needed for sink.type"),
        1,
        "{}",
        outcome.stderr
    );
    outcome.assert_all();
    outcome.of_sink(1).assert_all();
}

/// What a file lacks of each container's stdout or stderr, or has twice.
fn check_file(outcome: &Outcome, names: &[&str], channel: &str) {
    let given = outcome.given();
    for name in names {
        let numbers: Vec<u64> = given
            .iter()
            .filter(|line| {
                line.container == *name && String::from_utf8_lossy(&line.message).contains(channel)
            })
            .map(|line| {
                let text = String::from_utf8_lossy(&line.message).into_owned();
                text.split(' ').nth(2).unwrap().parse().unwrap()
            })
            .collect();
        let expected: Vec<u64> = (numbers[0]..numbers[0] + numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "seed {}, {name}{channel}", outcome.seed);
    }
    assert!(given.iter().all(|line| names.contains(&&*line.container)));
}

#[test]
fn files_of_one_channel_or_some_containers_hold_each_line_once_through_every_kill() {
    const CHOOSY: &str = "\
        [[sink]]\ntype = \"file\"\npath = \"/a\"\nname = \"a\"\nchannels = [\"stdout\"]\n\
        [[sink]]\ntype = \"file\"\npath = \"/b\"\nname = \"b\"\ncontainers = [\"c0\", \"c1\"]\n";
    for seed in seeds(20) {
        let (story, kills) = troubled(seed, CHOOSY);
        let outcome = story.kills(&kills).run_for(120_000);
        check_file(&outcome, &NAMES, " out ");
        let outcome = outcome.of_sink(1);
        check_file(&outcome, &NAMES[..2], " out ");
        check_file(&outcome, &NAMES[..2], " err ");
        let each = outcome.given().len();
        assert!(each > 600, "{each}");
    }
}

#[test]
fn a_reload_leaves_the_sinks_as_they_are_and_a_restart_is_asked_for() {
    let (a, b) = TWO_FILES.split_at(TWO_FILES.rfind("[[sink]]").expect("a second one"));
    for text in
        [a.to_owned(), format!("{b}{a}"), format!("{TWO_FILES}[[sink]]\ntype = \"stdout\"\n"), String::new()]
    {
        let mut story = story(1, Dialect::Docker28, &ARGS).configured(TWO_FILES);
        story.machine.run(plain("c0"));
        writes(&mut story.machine, "c0", 100, 5_000, 60);
        story.machine.at(2_000, "SIGHUP", move |m| m.reload_signal(&text));
        let outcome = story.run_for(6_000);
        assert_eq!(outcome.said("a restart is needed for sink."), 1, "{}", outcome.stderr);
        let checkpoint =
            String::from_utf8(outcome.machine.machine().checkpoint.clone().expect("one")).expect("text");
        for name in ["a", "b"] {
            // In which file lines of which sink are.
            let mark = format!("{{\"sink\":\"{name}\",\"path\":\"/{name}\"");
            assert!(checkpoint.contains(&mark), "{checkpoint}");
        }
        outcome.assert_all();
        outcome.of_sink(1).assert_all();
    }
}
