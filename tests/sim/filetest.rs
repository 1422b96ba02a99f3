//! The simulation tested against itself: what becomes of log files, and whether a comparison notices what is lost in them.

use super::engine::{Channel, Dialect, Logged, Spec};
use super::model::{Given, Output, parse_output};
use super::selftest::{calm, ends, get, text};
use super::story::Outcome;
use super::told::missing;
use super::{EPOCH, Gap, Knobs, MS, Machine, Missing, Repeats, Rng, SimWorld, Story, plain, seeds};

const FOLLOW: &str = "/containers/web/logs?stdout=1&stderr=1&follow=1";
const SNAPSHOT: &str = "/containers/web/logs?stdout=1&stderr=1";

/// Room for a record or two at a time: whoever reads is always behind.
fn slow(dialect: Dialect) -> Machine {
    Machine::new(1, dialect, Knobs { socket_limit: 1_000, ..Knobs::calm() })
}

/// The numbers of the lines of stdout in an answer.
fn numbers(answer: &[u8]) -> Vec<u64> {
    let text = text(answer);
    let after = text.split("web out ").skip(1);
    after.filter_map(|rest| rest.split(' ').next()?.parse().ok()).collect()
}

fn out_lines(machine: &mut Machine, count: u64) {
    (0..count).for_each(|_| machine.line("web", Channel::Stdout, 0));
}

/// A line each 10 ms, from `from_ms` on.
fn steadily(machine: &mut Machine, from_ms: u64, count: u64) {
    for n in 0..count {
        machine.at(from_ms + n * 10, "a line", |m| m.line("web", Channel::Stdout, 0));
    }
}

fn numbers_of(world: &mut SimWorld, target: &str) -> Vec<u64> {
    numbers(&get(world, target, ends))
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[test]
fn full_files_are_followed_by_new_ones_and_the_oldest_is_deleted() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(plain("web").rotated(920, 3)); // 10 records a file: 12 bytes of text, 80 around it
    out_lines(&mut machine, 9);
    machine.now = 5 * MS;
    out_lines(&mut machine, 29);
    let fates = machine.engine.find("web").unwrap().log().lines(Channel::Stdout);
    let mut world = SimWorld::new(machine);
    let left = numbers_of(&mut world, SNAPSHOT);
    let first = *left.first().unwrap();
    assert_eq!(left, range(first, 38));
    assert!((10..=12).contains(&first), "{first}");
    assert!(fates[..first as usize - 1].iter().all(|line| line.gone.is_some_and(|at| at >= EPOCH + 5 * MS)));
    assert!(fates[first as usize - 1..].iter().all(|line| line.gone.is_none()));
    assert_eq!(numbers_of(&mut world, &format!("{SNAPSHOT}&tail=3")), range(36, 38));
    let inspect = text(&get(&mut world, "/containers/web/json", ends));
    assert!(inspect.contains(r#""Config":{"max-file":"3","max-size":"920"}"#), "{inspect}");
}

#[test]
fn a_snapshot_has_no_holes_while_its_files_are_deleted() {
    for dialect in [Dialect::Docker20, Dialect::Docker28] {
        let mut machine = slow(dialect);
        machine.run(plain("web").rotated(9_200, 3));
        out_lines(&mut machine, 250);
        machine.at(1, "a burst", |m| out_lines(m, 2_000));
        let mut world = SimWorld::new(machine);
        assert_eq!(numbers_of(&mut world, SNAPSHOT), range(1, 250), "{dialect:?}");
        assert!(world.machine().now > MS, "the burst came too late");
        assert!(*numbers_of(&mut world, SNAPSHOT).first().unwrap() > 1_900);
    }
}

#[test]
fn a_follow_that_keeps_up_gets_all_on_new_engines_and_some_twice_on_old_ones() {
    for (dialect, quirks) in
        [(Dialect::Docker20, true), (Dialect::Docker20, false), (Dialect::Docker28, true)]
    {
        let mut machine = calm(dialect);
        machine.engine.quirks.rotation_repeats &= quirks;
        machine.run(plain("web").rotated(9_200, 2));
        steadily(&mut machine, 1_000, 1_000);
        machine.at(20_000, "end", |m| m.die("web"));
        let mut world = SimWorld::new(machine);
        let mut got = numbers_of(&mut world, FOLLOW);
        let repeats = dialect == Dialect::Docker20 && quirks;
        assert_eq!(got.len() > 1_000, repeats, "{dialect:?}: {}", got.len());
        // What comes again is the beginning of a file.
        let back: Vec<u64> = got.windows(2).filter(|pair| pair[1] <= pair[0]).map(|pair| pair[1]).collect();
        assert!(back.iter().all(|n| *n > 90), "{back:?}");
        assert_eq!(!back.is_empty(), repeats);
        got.sort_unstable();
        got.dedup();
        assert_eq!(got, range(1, 1_000), "{dialect:?}");
    }
}

#[test]
fn a_follow_that_lags_skips_files_on_new_engines() {
    let mut machine = slow(Dialect::Docker28);
    machine.run(plain("web").rotated(9_200, 3));
    machine.at(1_000, "a burst", |m| out_lines(m, 550));
    machine.at(5_000, "more", |m| out_lines(m, 10));
    machine.at(9_000, "end", |m| m.die("web"));
    let mut world = SimWorld::new(machine);
    let got = numbers_of(&mut world, FOLLOW);
    let jump = got.windows(2).position(|pair| pair[1] != pair[0] + 1).unwrap() + 1;
    assert_eq!(got[..jump], range(1, jump as u64), "the file that it has open is read to its end");
    assert_eq!(got[jump..], range(got[jump], 560), "then the newest");
    assert!(got[jump] > 450);
    let left = numbers_of(&mut world, SNAPSHOT);
    assert!(left[0] < got[jump] - 150, "what was skipped is there still: {} {}", left[0], got[jump]);
}

#[test]
fn a_follow_that_lags_is_stuck_on_old_engines() {
    let mut machine = slow(Dialect::Docker20);
    machine.run(plain("web").rotated(9_200, 3));
    machine.at(1_000, "a burst", |m| out_lines(m, 550));
    machine.at(5_000, "more", |m| out_lines(m, 300));
    machine.at(9_000, "end", |m| m.die("web"));
    let mut world = SimWorld::new(machine);
    let got = numbers_of(&mut world, FOLLOW);
    assert_eq!(got, range(1, got.len() as u64));
    assert!(got.len() < 120, "{}", got.len());
    assert!(world.machine().now >= 9_000 * MS);
}

#[test]
fn without_quirks_a_follow_that_lags_gets_all() {
    for dialect in [Dialect::Docker20, Dialect::Docker28] {
        let mut machine = slow(dialect);
        machine.engine.quirks = Dialect::Podman.quirks();
        machine.run(plain("web").rotated(9_200, 3));
        machine.at(1_000, "a burst", |m| out_lines(m, 850));
        machine.at(9_000, "end", |m| m.die("web"));
        assert_eq!(numbers_of(&mut SimWorld::new(machine), FOLLOW), range(1, 850), "{dialect:?}");
    }
}

#[test]
fn a_single_file_that_is_emptied_takes_the_rest_from_those_who_read_it() {
    let mut machine = slow(Dialect::Docker28);
    machine.run(plain("web").rotated(9_200, 1));
    machine.at(1_000, "a burst", |m| out_lines(m, 150));
    machine.at(9_000, "end", |m| m.die("web"));
    let got = numbers_of(&mut SimWorld::new(machine), FOLLOW);
    assert!(got.len() < 60 && got.ends_with(&[149, 150]), "{got:?}");
}

/// What a follow gets that is opened before, and one that is opened after a truncation.
fn around_a_truncation(dialect: Dialect, spec: Spec, then: fn(&mut Machine)) -> [Vec<u64>; 2] {
    [500, 2_500].map(|opened| {
        let mut machine = calm(dialect);
        machine.run(spec.clone());
        out_lines(&mut machine, 5);
        machine.at(1_000, "truncate", |m| m.truncate("web"));
        machine.at(2_000, "more", |m| out_lines(m, 5));
        machine.at(3_000, "more", |m| out_lines(m, 10));
        machine.at(4_000, "what then happens", then);
        machine.at(6_000, "end", |m| m.die("web"));
        machine.now = opened * MS;
        machine.settle();
        let mut world = SimWorld::new(machine);
        let got = numbers_of(&mut world, FOLLOW);
        assert!(world.machine().now >= 4_000 * MS, "frozen, but not ended");
        got
    })
}

#[test]
fn a_truncation_freezes_follows_on_new_engines_until_the_file_is_rotated() {
    let copes = [range(1, 20), range(6, 20)];
    assert_eq!(around_a_truncation(Dialect::Docker20, plain("web"), |_| ()), copes);
    let frozen = [range(1, 5), range(6, 10)];
    assert_eq!(around_a_truncation(Dialect::Docker28, plain("web"), |_| ()), frozen);
    // Bytes that were truncated count until the file is full.
    let rotated =
        around_a_truncation(Dialect::Docker28, plain("web").rotated(9_200, 3), |m| out_lines(m, 100));
    for (got, before) in rotated.iter().zip(frozen) {
        let (first, rest) = got.split_at(5);
        assert_eq!((first, rest), (&before[..], &range(rest[0], 120)[..]));
        assert!((80..=105).contains(&rest[0]), "{}", rest[0]);
    }
}

#[test]
fn a_truncation_freezes_follows_until_the_next_run_and_hides_what_was_there() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(plain("web"));
    out_lines(&mut machine, 5);
    machine.truncate("web");
    out_lines(&mut machine, 5);
    machine.restart("web");
    machine.at(1_000, "more", |m| out_lines(m, 5));
    machine.at(2_000, "end", |m| m.die("web"));
    let fates = machine.engine.find("web").unwrap().log().lines(Channel::Stdout);
    assert!(fates.iter().map(|line| line.gone.is_some()).eq((1..=10).map(|n| n <= 5)));
    assert_eq!(numbers_of(&mut SimWorld::new(machine), FOLLOW), range(6, 15));
}

#[test]
fn what_is_no_message_ends_follows_on_new_engines_until_it_is_cut_out() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(plain("web"));
    out_lines(&mut machine, 5);
    machine.at(1_000, "garbage", |m| m.corrupt("web"));
    machine.at(2_000, "more", |m| out_lines(m, 5));
    machine.at(100_000, "truncate", |m| m.truncate("web"));
    machine.at(100_001, "more", |m| out_lines(m, 5));
    machine.at(100_002, "restart", |m| m.restart("web"));
    machine.at(200_000, "end", |m| m.die("web"));
    let mut world = SimWorld::new(machine);
    assert_eq!(numbers_of(&mut world, FOLLOW), range(1, 5));
    assert_eq!(numbers_of(&mut world, FOLLOW), range(1, 5), "at once, and again");
    assert!(world.machine().now < 2_000 * MS);
    let skip_to = |at_ms: u64| {
        let mut machine = world.machine_mut();
        machine.now = at_ms * MS;
        machine.settle();
    };
    skip_to(3_000);
    assert_eq!(numbers_of(&mut world.clone(), FOLLOW), range(1, 5));
    assert!(numbers_of(&mut world.clone(), &format!("{FOLLOW}&tail=1")).is_empty());
    assert_eq!(numbers_of(&mut world.clone(), SNAPSHOT), range(1, 5), "a file is read as far as it can be");
    skip_to(150_000);
    assert_eq!(numbers_of(&mut world, FOLLOW), range(11, 15));
    let mut old = calm(Dialect::Docker20);
    old.run(plain("web"));
    old.corrupt("web");
    old.at(1_000, "more", |m| out_lines(m, 5));
    old.at(2_000, "end", |m| m.die("web"));
    assert_eq!(numbers_of(&mut SimWorld::new(old), FOLLOW), range(1, 5));
}

fn stamps(machine: &Machine) -> Vec<u64> {
    let lines = machine.engine.find("web").unwrap().log().lines(Channel::Stdout);
    lines.iter().map(|line: &Logged| line.stamp).collect()
}

#[test]
fn stamps_rise_strictly_but_for_a_clock_that_is_set_back() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(plain("web"));
    machine.now = 1_000 * MS;
    out_lines(&mut machine, 3);
    machine.step_clock(-500);
    out_lines(&mut machine, 2);
    machine.step_clock(10_000);
    out_lines(&mut machine, 1);
    let at = |ms: u64, nanos: u64| EPOCH + ms * MS + nanos;
    let expected = [at(1_000, 0), at(1_000, 1), at(1_000, 2), at(500, 0), at(500, 1), at(10_500, 0)];
    assert_eq!(stamps(&machine), expected);
}

#[test]
fn an_engine_that_was_killed_logs_last_words_of_those_that_it_then_ends() {
    let mut counts = Vec::new();
    for seed in seeds(30) {
        let mut machine = Machine::new(seed, Dialect::Docker28, Knobs::calm());
        machine.run(plain("web"));
        machine.engine_down(false);
        machine.engine_up(false);
        let log = machine.engine.find("web").unwrap().log();
        let logged = [Channel::Stdout, Channel::Stderr].map(|channel| log.lines(channel).len());
        let known = machine.model.wanted().iter().map(|wanted| wanted.lines.len()).collect::<Vec<_>>();
        assert_eq!(logged[..], known);
        assert!(!machine.is_running("web"));
        counts.push(logged[0] + logged[1]);
    }
    assert!(counts.iter().all(|&n| n <= 33) && counts.iter().any(|&n| n > 0), "{counts:?}");
}

/// What docklog would give out of a log's lines.
fn output(machine: &Machine, pick: impl Fn(usize) -> bool) -> Output {
    let model = machine.model.wanted();
    let wanted = &model[0];
    let stamps = stamps(machine);
    let lines = wanted.lines.iter().zip(stamps).enumerate().filter(|(n, _)| pick(*n));
    let lines = lines.map(|(_, (line, stamp))| Given {
        id: wanted.id.into(),
        container: "web".into(),
        stream: "stdout".into(),
        time: super::engine::rfc3339(stamp, true),
        message: line.clone(),
    });
    Output { lines: lines.collect(), gaps: Vec::new() }
}

fn logged_lines() -> Machine {
    let mut machine = calm(Dialect::Docker28);
    machine.run(plain("web"));
    for ms in 1..=5 {
        machine.now = ms * 1_000 * MS;
        out_lines(&mut machine, 2);
    }
    machine
}

fn gap(line: &Missing, from: &str, to: &str) -> Gap {
    let time = |second: &str| format!("2026-11-23T20:16:{second}Z");
    Gap { container: "web".into(), id: line.id.clone(), from: time(from), to: time(to) }
}

#[test]
fn missing_lines_are_found_and_gaps_cover_their_span() {
    let machine = logged_lines();
    let missing = |parts: &[Output]| missing(&machine.model, &machine.engine, parts, Repeats::None);
    assert_eq!(missing(&[output(&machine, |_| true)]), Ok(Vec::new()));
    let lost = missing(&[output(&machine, |n| n != 4)]).unwrap();
    assert_eq!((lost.len(), lost[0].time.as_str()), (1, "2026-11-23T20:16:10.000000000Z"));
    assert_eq!((lost[0].text.as_slice(), lost[0].gone), (&b"web out 5 "[..], None));
    let covered = |from: &str, to: &str| gap(&lost[0], from, to).covers(&lost[0]);
    assert!(covered("09.5", "10.000000000") && covered("10", "12") && covered("11", "10.5"));
    assert!(!covered("10.000000001", "12") && !covered("09", "09.899999999") && !covered("11", "09"));
    assert!(!Gap { id: "another".into(), ..gap(&lost[0], "09", "12") }.covers(&lost[0]));
}

#[test]
fn doubled_and_misplaced_lines_are_told_from_repeats_after_a_kill() {
    let machine = logged_lines();
    let compare = |parts: &[Output], repeats| missing(&machine.model, &machine.engine, parts, repeats);
    let (first, again) = (output(&machine, |n| n < 6), output(&machine, |n| n > 3));
    let parts = [first, again];
    assert!(compare(&parts, Repeats::None).unwrap_err().contains("twice"));
    assert_eq!(compare(&parts, Repeats::AfterKills), Ok(Vec::new()));
    let mut doubled = output(&machine, |_| true);
    doubled.lines.push(doubled.lines[9].clone());
    assert!(compare(&[doubled.clone()], Repeats::AfterKills).unwrap_err().contains("twice"));
    doubled.lines.truncate(10);
    doubled.lines.swap(2, 3);
    assert!(compare(&[doubled.clone()], Repeats::None).unwrap_err().contains("too late"));
    doubled.lines[2].message = b"odd".to_vec();
    assert!(compare(&[doubled.clone()], Repeats::None).unwrap_err().contains("never written so"));
    doubled.lines[2].id = "stranger".into();
    assert!(compare(&[doubled], Repeats::None).unwrap_err().contains("nobody wrote"));
    let lines = compare(&[], Repeats::None).unwrap();
    let strange = Gap { container: "db".into(), ..gap(&lines[0], "09", "12") };
    let parts = [Output { lines: Vec::new(), gaps: vec![strange] }];
    assert!(compare(&parts, Repeats::None).unwrap_err().contains("never was"));
}

#[test]
fn what_is_left_of_a_line_that_lost_a_part_is_no_stranger() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(plain("web"));
    machine.write("web", Channel::Stdout, &[&[b'a'; 16_384][..], b"tail\nnext\n"].concat());
    let mut rest = output(&machine, |_| true);
    rest.lines[0].message = b"tail".to_vec();
    let lost = missing(&machine.model, &machine.engine, &[rest], Repeats::None).unwrap();
    assert_eq!((lost.len(), lost[0].text.len()), (1, 16_388));
}

#[test]
fn gaps_and_kills_are_read_from_the_output() {
    let line = |text: &str, more: &str| {
        format!(
            r#"{{"time":"2026-11-23T20:16:07Z","id":"a","container":"web","stream":"stdout","message":"{text}"{more}}}"#
        ) + "\n"
    };
    let gap =
        r#"{"gap":{"container":"web","id":"a","from":"2026-11-23T20:16:07Z","to":"2026-11-23T20:16:09Z"}}"#;
    let segment = |n: u64, more: bool| format!(r#","segment":{n},"more":{more}"#);
    let killed = line("one", "") + gap + "\n" + &line("lo", &segment(1, true)) + &line("torn", "")[..30];
    let begun_anew = line("lo", &segment(1, true)) + &line("ng", &segment(2, false));
    let parts = parse_output((killed.clone() + &begun_anew).as_bytes(), &[killed.len()]).unwrap();
    assert_eq!(parts[0].gaps[0].to, "2026-11-23T20:16:09Z");
    let texts = |n: usize| parts[n].lines.iter().map(|l| text(&l.message)).collect::<Vec<_>>();
    assert_eq!((texts(0), texts(1)), (vec!["one".to_owned()], vec!["long".to_owned()]));
    let gone_on = killed.clone() + &line("ng", &segment(2, false));
    assert_eq!(parse_output(gone_on.as_bytes(), &[killed.len()]).unwrap()[1].lines[0].message, b"long");
    assert!(parse_output(gone_on.as_bytes(), &[]).is_err());
    assert!(parse_output(gap.replace("09Z", "09").as_bytes(), &[]).is_err());
}

#[test]
fn a_docklog_that_is_killed_is_followed_by_another_on_the_same_machine() {
    for seed in seeds(20) {
        let knobs = Knobs::random(&mut Rng::new(seed));
        let mut story = Story::new(seed, Dialect::Docker28, knobs);
        story.machine.run(plain("web"));
        steadily(&mut story.machine, 1, 1_000);
        let outcome = story.kills(&[(2_000, 3_000), (4_000 + seed, 4_001 + seed)]).run_through();
        let parts = outcome.parts();
        assert_eq!(parts.len(), 3);
        assert!((1..=200).contains(&parts[0].lines.len()), "{}", parts[0].lines.len());
        // Without a memory of its own each begins with all there is.
        assert_eq!(parts[2].lines.len(), 1_000);
        outcome.assert_all_or_told_at_least_once();
        assert!(outcome.gaps().is_empty());
        assert_eq!(outcome.said("waiting for events failed"), 0, "the dead don't speak");
        outcome.assert_gaps_are_real();
    }
}

#[test]
fn a_docklog_that_is_not_killed_gives_all() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("web").rotated(9_200, 2));
    steadily(&mut story.machine, 1, 1_000);
    story.run_through().assert_all_or_told();
}

/// Docklog gives 1,000 lines, of which the last is replaced by this.
fn the_last_line_becomes(what: fn(&str) -> String) -> Outcome {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("web"));
    steadily(&mut story.machine, 1, 1_000);
    story.machine.at(30_000, "a line is changed on its way", move |m| {
        let id = m.engine.find("web").unwrap().id.clone();
        let last = m.stdout.taken[..m.stdout.taken.len() - 1].iter().rposition(|&b| b == b'\n').unwrap();
        m.stdout.taken.truncate(last + 1);
        m.stdout.taken.extend(what(&id).into_bytes());
    });
    story.run_through()
}

fn gap_line(id: &str, from: &str, to: &str) -> String {
    let times = format!(r#""from":"2026-11-23T20:16:{from}Z","to":"2026-11-23T20:16:{to}Z""#);
    format!(r#"{{"gap":{{"container":"web","id":"{id}",{times}}}}}"#) + "\n"
}

#[test]
#[should_panic(expected = "missing and not told")]
fn a_loss_that_is_not_told_is_noticed() {
    the_last_line_becomes(|_| String::new()).assert_all_or_told();
}

#[test]
fn a_loss_that_is_told_is_no_fault() {
    let outcome = the_last_line_becomes(|id| gap_line(id, "16.5", "18"));
    outcome.assert_all_or_told();
    outcome.assert_gaps_are_real();
    assert_eq!(outcome.gaps().len(), 1);
}

#[test]
#[should_panic(expected = "nothing is missing in")]
fn a_gap_in_which_nothing_is_missing_is_noticed() {
    the_last_line_becomes(|id| gap_line(id, "08", "09")).assert_gaps_are_real();
}
