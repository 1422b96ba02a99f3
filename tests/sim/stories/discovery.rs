//! Finding containers where the usual way is barred, and saying so once.

use crate::sim::engine::{Channel, Dialect, Driver, Endpoint};
use crate::sim::{Story, plain};

#[test]
fn dropped_events_are_made_up_for_by_the_list() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("known"));
    story.machine.at(2_000, "unheard", |m| {
        m.engine.faults.drop_events = true;
        m.run(plain("unheard"));
        m.die("known");
        m.start("known");
        m.engine.faults.drop_events = false;
    });
    story.machine.at(3_000, "lines", |m| {
        m.lines("unheard", 20, 0);
        m.lines("known", 20, 0);
    });
    story.run_for(150_000).assert_all();
}

#[test]
fn without_events_the_list_is_asked_every_two_seconds() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine.faults.forbidden = vec![Endpoint::Events];
    story.machine.run(plain("early"));
    story.machine.at(9_000, "late", |m| {
        m.run(plain("late"));
        m.lines("late", 20, 0);
    });
    let outcome = story.run_for(60_000);
    outcome.assert_all();
    assert_eq!(outcome.said("/events"), 1, "{}", outcome.stderr);
    assert_eq!(outcome.requests("/events"), 1);
    let lists = outcome.requests("/containers/json");
    assert!((25..=32).contains(&lists), "{lists}");
}

#[test]
fn without_the_list_the_events_still_tell() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine.faults.forbidden = vec![Endpoint::List];
    story.machine.at(9_000, "late", |m| {
        m.run(plain("late"));
        m.lines("late", 20, 0);
    });
    let outcome = story.run_for(300_000);
    outcome.assert_all();
    assert_eq!(outcome.said("/containers/json"), 1, "{}", outcome.stderr);
    assert!(outcome.requests("/containers/json") < 10);
}

#[test]
fn without_inspect_the_format_is_told_by_the_bytes() {
    for dialect in [Dialect::Docker20, Dialect::Docker28] {
        let mut story = Story::calm(dialect);
        story.machine.engine.faults.forbidden = vec![Endpoint::Inspect];
        story.machine.run(plain("web"));
        story.machine.run(plain("shell").tty());
        story.machine.lines("web", 20, 0);
        story.machine.lines("shell", 20, 0);
        story.machine.at(2_000, "late", |m| {
            m.run(plain("late"));
            m.lines("late", 20, 0);
        });
        let outcome = story.run_for(100_000);
        outcome.assert_all();
        assert!(outcome.requests("/json HTTP") < 10, "{}", outcome.requests("/json HTTP"));
    }
}

#[test]
fn forbidden_logs_and_drivers_without_a_log_are_told_once_per_container() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.engine.faults.forbidden = vec![Endpoint::Logs];
    story.machine.run(plain("web"));
    let outcome = story.run_for(3_600_000);
    assert_eq!((outcome.said("web"), outcome.requests("/logs")), (1, 1), "{}", outcome.stderr);

    let mut story = Story::calm(Dialect::Docker28).args(&["--tail", "all", "--rotate-every", "0"]);
    story.machine.run(plain("mute").driver(Driver::None));
    story.machine.run(plain("web"));
    for round in 1..20 {
        story.machine.at(round * 60_000, "restart", |m| m.restart("mute"));
    }
    story.machine.at(2_000, "lines", |m| m.lines("web", 20, 0));
    let outcome = story.run_for(3_600_000);
    outcome.assert(|name| if name == "mute" { crate::sim::Expect::Nothing } else { crate::sim::Expect::All });
    assert_eq!((outcome.said("mute"), outcome.requests("/logs")), (1, 2), "{}", outcome.stderr);
}

#[test]
fn everything_forbidden_is_no_reason_to_ask_all_the_time() {
    let mut story = Story::calm(Dialect::Docker28);
    let all = [
        Endpoint::Ping,
        Endpoint::Version,
        Endpoint::Events,
        Endpoint::List,
        Endpoint::Inspect,
        Endpoint::Logs,
    ];
    story.machine.engine.faults.forbidden = all.to_vec();
    story.machine.run(plain("web"));
    let outcome = story.run_for(600_000);
    let asked = outcome.machine.machine().engine.requests.len();
    assert!(asked < 350, "{asked} requests in 10 minutes");
    assert!(outcome.stderr.lines().count() <= 4, "{}", outcome.stderr);
}

#[test]
fn an_engine_that_speaks_newer_versions_only_is_spoken_to_in_its_own() {
    let mut story = Story::calm(Dialect::Docker29);
    story.machine.run(plain("web"));
    story.machine.lines("web", 20, 0);
    let outcome = story.run_for(5_000);
    outcome.assert_all();
    assert!(outcome.requests("GET /v1.") > 2);
}

#[test]
fn a_container_marked_for_removal_is_no_reason_to_ask_all_the_time() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("dying"));
    story.machine.at(1_000, "line", |m| m.line("dying", Channel::Stdout, 0));
    story.machine.at(2_000, "marked", |m| {
        m.die("dying");
        m.engine.mark_removing("dying");
    });
    let outcome = story.run_for(600_000);
    outcome.assert_all();
    assert!(outcome.requests("/logs") < 30, "{}", outcome.requests("/logs"));
}
