use docklog_protocol::ContainerId;

use super::super::Core;
use super::super::checkpoint::Saved;
use super::super::exchange::Command;
use super::super::notice::Notice;
use super::super::time::Now;
use super::super::timers::Timer;
use super::*;

const LIMIT: usize = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);

fn now(ms: u64) -> Now {
    Now { mono: Mono(ms * 1_000_000), wall: Timestamp { seconds: 1_000, nanos: 0 } }
}

fn core(sinks: Vec<SinkRules>) -> Core {
    let mut rules = crate::config::Settings::from_args([]).expect("settings").rules;
    (rules.sinks, rules.memory) = (sinks, LIMIT);
    let mut core = Core::new(rules, Saved::default(), now(0), 1);
    told(&mut core);
    core
}

fn dropping(name: &str) -> SinkRules {
    SinkRules { drops: true, ..SinkRules::of_all(name) }
}

/// A line comes, for all sinks.
fn line(core: &mut Core, length: usize) {
    let source =
        Rc::new(Source { id: ContainerId::from([1; 32]), name: "web".to_owned(), fields: Vec::new() });
    let mut hand = Hand {
        sinks: &mut core.sinks,
        rules: &core.rules.sinks,
        wanted: Wanted(u32::MAX),
        ahead: &mut Vec::new(),
        source: &source,
        epoch: core.progress.open(),
        now: core.now.mono,
        limit: core.memory.limit(),
    };
    let text = vec![b'x'; length];
    hand.line(&Line { channel: Channel::Stdout, stamp: None, text: &text, segment: None }, true);
}

/// A turn of these sinks, which take all that they get.
fn serve(core: &mut Core, healthy: &[usize]) {
    core.end_epoch();
    for &sink in healthy {
        while let Some(batch) = core.take_batch(sink) {
            core.settle(sink, batch, 0);
        }
    }
    core.end_service();
}

fn told(core: &mut Core) -> usize {
    let says = |command: &Command| {
        matches!(command, Command::Say(Notice::SinkFull { .. } | Notice::SinkTakes { .. }))
    };
    std::iter::from_fn(|| core.next_command()).filter(says).count()
}

#[test]
fn a_batch_that_waits_for_its_age_has_a_deadline_whenever_nothing_else_holds_it_up() {
    let mut core = core(vec![SinkRules { batches: Some((LIMIT, SECOND)), ..SinkRules::of_all("http") }]);
    let at = |core: &Core| core.timers.at(Timer::Batch).map(|at| at.0 / 1_000_000);
    line(&mut core, 10);
    serve(&mut core, &[0]);
    assert_eq!(at(&core), Some(1_000));
    core.begin_turn(now(1_000));
    core.end_epoch();
    let batch = core.take_batch(0).expect("it is old enough");
    core.end_service();
    assert_eq!(at(&core), None, "it would wake us for nothing");
    core.begin_turn(now(1_200));
    line(&mut core, 10);
    core.end_epoch();
    core.end_service();
    assert_eq!(at(&core), None, "there is a batch in hand");
    core.begin_turn(now(1_500));
    core.end_epoch();
    core.settle(0, batch, 0);
    assert!(core.take_batch(0).is_none());
    core.end_service();
    assert_eq!(at(&core), Some(2_200));
    core.begin_turn(now(1_600));
    line(&mut core, LIMIT);
    serve(&mut core, &[0]);
    assert_eq!(at(&core), None, "it was large enough");
}

#[test]
fn sinks_that_may_lose_lines_cannot_stop_the_others_however_many_they_are() {
    let mut sinks: Vec<_> = (0..8).map(|number| dropping(&number.to_string())).collect();
    sinks.push(SinkRules::of_all("file"));
    let mut core = core(sinks);
    for _ in 0..2_000 {
        line(&mut core, 1_000);
        serve(&mut core, &[8]);
    }
    assert!(
        core.memory.outgoing() <= LIMIT / 2,
        "{} bytes: parked streams wouldn't go on",
        core.memory.outgoing()
    );
    let lost = |core: &Core| -> Vec<u64> { (0..9).map(|sink| core.sink_figures(sink).dropped).collect() };
    assert!(lost(&core)[..8].iter().all(|lost| *lost > 1_000) && lost(&core)[8] == 0);
    assert_eq!(told(&mut core), 8);
    let before = lost(&core);
    serve(&mut core, &[0]);
    line(&mut core, 1_000);
    serve(&mut core, &[0, 8]);
    assert_eq!(told(&mut core), 1);
    assert_eq!((lost(&core)[0], lost(&core)[1]), (before[0], before[1] + 1));
}

#[test]
fn a_sink_that_takes_all_loses_nothing_however_much_comes_at_once() {
    let mut core = core(vec![dropping("stdout")]);
    for _ in 0..10 {
        (0..LIMIT / 1_000).for_each(|_| line(&mut core, 1_000));
        serve(&mut core, &[0]);
    }
    assert_eq!((core.sink_figures(0).dropped, told(&mut core)), (0, 0));
}

#[test]
fn a_batch_is_closed_before_a_sink_must_lose_lines_though_it_takes_all() {
    let mut core = core(vec![SinkRules { batches: Some((LIMIT, SECOND)), ..dropping("http") }]);
    for _ in 0..2_000 {
        line(&mut core, 1_000);
        serve(&mut core, &[0]);
    }
    assert_eq!(core.sink_figures(0).dropped, 0);
}

#[test]
fn while_one_sink_stands_still_the_places_of_the_others_take_little_memory() {
    let mut core = core(vec![SinkRules::of_all("stalled"), SinkRules::of_all("file")]);
    for _ in 0..1_000 {
        line(&mut core, 10);
        serve(&mut core, &[1]);
    }
    let batches = core.sinks.stands().len();
    assert!(
        core.progress.spans() <= 2 * batches + 17,
        "{} spans of {batches} batches",
        core.progress.spans()
    );
}
