//! Clients of docklog's own HTTP, good and bad, while logs are read.

use crate::sim::engine::Dialect;
use crate::sim::{Knobs, MS, Machine, Rng, Story, plain, seeds};

const HTTP: [&str; 4] = ["--tail", "all", "--http", "unix:/run/docklog/admin.sock"];

/// What the clients of a run have got, and when they were closed.
fn visitors(machine: &Machine) -> Vec<(String, Option<u64>)> {
    let text = |got: &[u8]| String::from_utf8_lossy(got).into_owned();
    machine.visitors.all.iter().map(|who| (text(&who.got), who.closed_at.map(|at| at / MS))).collect()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn talkers(story: &mut Story, count: u64, until: u64) {
    for n in 0..count {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        for at in (100..until).step_by(50) {
            let name = name.clone();
            story.machine.at(at + n % 50, "lines", move |m| m.lines(&name, 3, 60));
        }
    }
}

#[test]
fn answers_are_whole_and_no_line_is_lost_on_any_machine() {
    for seed in seeds(20) {
        let knobs = Knobs::random(&mut Rng::new(seed));
        let mut story = Story::new(seed, Dialect::Docker28, knobs).args(&HTTP);
        talkers(&mut story, 20, 5_000);
        for at in (1_000..5_000).step_by(200) {
            let path = if at % 400 == 0 { "/state" } else { "/metrics" };
            story.machine.at(at, "a visitor", move |m| {
                let who = m.visit(b"GET ");
                m.visitor_sends(who, path.as_bytes());
                m.visitor_sends(who, b" HTTP/1.0\r\n\r\n");
            });
            story.machine.at(at + 7, "one who leaves", |m| {
                let who = m.visit(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n");
                m.visitors.all[who].takes = 1_000;
                m.at(m.now / MS + 300, "leaves", move |m| m.visitor_leaves(who));
            });
        }
        let outcome = story.run_for(60_000);
        outcome.assert_all();
        let machine = outcome.machine.machine();
        for (answer, closed) in visitors(&machine).into_iter().step_by(2) {
            let body = body(&answer);
            let whole = serde_json::from_str::<serde_json::Value>(body).is_ok()
                || body.contains("process_max_fds gauge") && body.ends_with('\n');
            assert!(answer.starts_with("HTTP/1.0 200 OK") && whole, "DOCKLOG_SEED={seed}: {answer}");
            assert!(closed.is_some(), "DOCKLOG_SEED={seed}");
        }
    }
}

#[test]
fn hundreds_who_only_connect_delay_no_line_and_are_gone_in_time() {
    let longest = |hostile: bool| {
        let mut story = Story::new(3, Dialect::Docker28, Knobs { strict_edges: true, ..Knobs::calm() });
        story = story.args(&HTTP);
        talkers(&mut story, 10, 20_000);
        for n in 0..if hostile { 500 } else { 0 } {
            story.machine.at(5_000 + n % 10, "a visitor", move |m| {
                let kinds: [&[u8]; 5] = [
                    b"",
                    b"GET /sta",
                    b"\x16\x03\x01\xff\xff",
                    b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n",
                    &[b'x'; 60_000],
                ];
                let who = m.visit(kinds[n as usize % 5]);
                m.visitors.all[who].takes = 100;
            });
        }
        let outcome = story.run_for(25_000);
        outcome.assert_all();
        let visitors = visitors(&outcome.machine.machine());
        assert!(visitors.iter().all(|(_, closed)| closed.is_some_and(|at| at < 20_000)), "{visitors:?}");
        outcome.longest_wait()
    };
    let (calm, beset) = (longest(false), longest(true));
    assert!(beset <= calm + 5, "a line waited {beset} ms instead of {calm}");
}

#[test]
fn one_who_says_nothing_is_closed_after_ten_seconds_and_costs_one_wake_up() {
    let waits = |visited: bool| {
        let mut story = Story::calm(Dialect::Docker28).args(&HTTP);
        if visited {
            story.machine.at(2_000, "a visitor", |m| {
                m.visit(b"");
            });
        }
        let outcome = story.run_for(50_000);
        let machine = outcome.machine.machine();
        if visited {
            assert_eq!(machine.visitors.all[0].closed_at.map(|at| at / MS), Some(12_000));
        }
        machine.tally.waits
    };
    assert!(waits(true) <= waits(false) + 4, "it came, was writable, and its time was up");
}

#[test]
fn without_visitors_our_http_wakes_nobody() {
    let waits = |args: &[&str]| {
        let mut story = Story::calm(Dialect::Docker28).args(args);
        story.machine.run(plain("web"));
        let outcome = story.run_for(3_600_000);
        outcome.machine.machine().tally.waits
    };
    assert_eq!(waits(&HTTP), waits(&HTTP[..2]));
}

#[test]
fn an_order_by_http_rotates_every_stream() {
    let mut story = Story::calm(Dialect::Docker28).args(&HTTP);
    talkers(&mut story, 5, 10_000);
    story.machine.at(5_000, "a visitor", |m| {
        m.visit(b"POST /rotate HTTP/1.0\r\n\r\n");
    });
    story.machine.at(9_000, "another", |m| {
        m.visit(b"GET /state HTTP/1.0\r\n\r\n");
    });
    let outcome = story.run_for(20_000);
    outcome.assert_all();
    assert_eq!(outcome.requests("/logs"), 10);
    let machine = outcome.machine.machine();
    let state: serde_json::Value = serde_json::from_str(body(&visitors(&machine)[1].0)).unwrap();
    assert_eq!(state["counts"]["rotations"], 5);
    for stream in state["streams"].as_array().unwrap() {
        assert_eq!((&stream["rotations"], &stream["state"]), (&1.into(), &"live".into()));
        assert!(stream["lines"].as_u64() > Some(400) && stream["rate"].as_f64() > Some(40.0), "{stream}");
        assert!(stream["lag"].as_f64() < Some(0.025) && stream["place"]["stdout"].is_string(), "{stream}");
    }
}

#[test]
fn readiness_follows_the_engine() {
    let mut story = Story::calm(Dialect::Docker28).args(&HTTP);
    story.machine.run(plain("web"));
    for at in [5_000, 15_000, 25_000] {
        story.machine.at(at, "a visitor", |m| {
            m.visit(b"GET /readyz HTTP/1.0\r\n\r\n");
        });
    }
    story.machine.at(10_000, "the engine hangs up", |m| m.engine_down(true));
    story.machine.at(20_000, "the engine is back", |m| m.engine_up(true));
    let outcome = story.run_for(60_000);
    let machine = outcome.machine.machine();
    let codes: Vec<String> = visitors(&machine).iter().map(|(answer, _)| answer[9..12].to_owned()).collect();
    assert_eq!(codes, ["200", "503", "200"], "{:?}", visitors(&machine));
}

#[test]
fn a_visitor_waits_until_there_is_a_descriptor() {
    let mut story = Story::calm(Dialect::Docker28).args(&HTTP);
    story.machine.run(plain("web"));
    story.machine.run(plain("db"));
    story.machine.at(4_000, "no descriptor is left", |m| m.most_links = 3);
    story.machine.at(5_000, "a visitor", |m| {
        m.visit(b"GET /healthz HTTP/1.0\r\n\r\n");
    });
    story.machine.at(8_000, "one more descriptor", |m| m.most_links = 4);
    let outcome = story.run_for(20_000);
    let machine = outcome.machine.machine();
    assert!(visitors(&machine)[0].0.ends_with("ok\n"), "{:?}", visitors(&machine));
    assert_eq!(outcome.said("can't accept connections"), 1);
}

#[test]
fn a_sink_that_takes_nothing_is_named() {
    let mut story = Story::calm(Dialect::Docker28).args(&HTTP);
    talkers(&mut story, 1, 90_000);
    story.machine.at(5_000, "stalls", |m| m.stdout.set_rate(m.now, Some(0)));
    story.machine.at(60_000, "goes on", |m| m.stdout.set_rate(m.now, None));
    for at in [4_000, 45_000, 80_000] {
        story.machine.at(at, "visitors", |m| {
            m.visit(b"GET /readyz HTTP/1.0\r\n\r\n");
            m.visit(b"GET /metrics HTTP/1.0\r\n\r\n");
        });
    }
    let outcome = story.run_for(100_000);
    outcome.assert_all();
    let answers = visitors(&outcome.machine.machine());
    let named = |at: usize| body(&answers[at].0).contains("the sink stdout has taken nothing for");
    let stalled = |at: usize| {
        let told = body(&answers[at].0).lines().find_map(|line| {
            line.strip_prefix("docklog_sink_stalled_seconds{sink=\"stdout\"} ")?.parse::<u64>().ok()
        });
        told.unwrap_or_else(|| panic!("{}", answers[at].0))
    };
    assert_eq!([0, 2, 4].map(named), [false, true, false]);
    assert!(stalled(1) == 0 && (35..=40).contains(&stalled(3)) && stalled(5) == 0);
}
