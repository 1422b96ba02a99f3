//! Which containers, which streams, which lines.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::lines::{Line, texts};
use crate::engine::oracle::{held, stamped_by_engine};
use crate::engine::sequence::{assert_same, numbered};
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

/// What a run without following prints.
fn printed(bench: &Bench, args: &[&str]) -> Vec<Line> {
    let finished =
        Launch::on(bench.engine().host()).args(["--no-follow"]).args(args.iter().copied()).start().wait_end();
    // A choice that matches nothing is a mistake, and told as one.
    let expected = if finished.stderr.contains("no container matches") { 1 } else { 0 };
    assert_eq!(finished.status.code(), Some(expected), "{args:?}: {}", finished.stderr);
    finished.lines
}

/// The containers, without this test's prefix, of which it prints something.
fn chosen(bench: &Bench, args: &[&str]) -> BTreeSet<String> {
    let prefix = bench.name("");
    printed(bench, args)
        .into_iter()
        .map(|line| line.container.strip_prefix(&prefix).unwrap_or(&line.container).to_owned())
        .collect()
}

fn set(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

/// Names: a glob over the whole name, a regular expression anywhere in it, several of them, and exceptions.
pub(crate) fn patterns(bench: &Bench) {
    for name in ["web", "web-2", "db", "cache"] {
        bench.engine().ran(&Container::new(bench.name(name), "out 1 0"));
    }
    let all = bench.pattern();
    let (web, db, cache) = (bench.name("web"), bench.name("db"), bench.name("cache"));
    let (webs, regex, question) =
        (bench.name("web*"), format!("/^{}(db|cache)$/", bench.name("")), bench.name("?b"));
    let cases: [(&[&str], &str); 9] = [
        (&[&all], "cache db web web-2"),
        (&[&web], "web"),
        (&[&webs], "web web-2"),
        (&[&question], "db"),
        (&[&db, &cache], "cache db"),
        (&[&regex], "cache db"),
        (&[&all, "--exclude", &webs], "cache db"),
        (&[&all, "--exclude", "/-2$/", "--exclude", &db], "cache web"),
        (&["web"], ""),
    ];
    for (args, expected) in cases {
        assert_eq!(chosen(bench, &[args, &["--tail", "all"]].concat()), set(expected), "{args:?}");
    }
}

/// Labels, and those by which Compose names projects and services.
pub(crate) fn labels(bench: &Bench) {
    let (project, service) = ("com.docker.compose.project", "com.docker.compose.service");
    let container = |name: &str| Container::new(bench.name(name), "out 1 0");
    bench.engine().ran(&container("a").label("tier", "front").label(project, "shop").label(service, "web"));
    bench.engine().ran(&container("b").label("tier", "back").label(project, "shop").label(service, "db"));
    bench.engine().ran(&container("c").label(project, "blog").label(service, "web"));
    let cases: [(&[&str], &str); 7] = [
        (&["--label", "tier"], "a b"),
        (&["--label", "tier=back"], "b"),
        (&["--project", "shop"], "a b"),
        (&["--service", "web"], "a c"),
        (&["--project", "shop", "--service", "web"], "a"),
        (&["--label", "tier=none"], ""),
        (&["--project", "shop", "--exclude", "/-a$/"], "b"),
    ];
    for (args, expected) in cases {
        assert_eq!(chosen(bench, &[args, &["-a", "--tail", "all"]].concat()), set(expected), "{args:?}");
    }
}

/// One stream of two.
pub(crate) fn streams_alone(bench: &Bench) {
    let name = bench.name("both");
    bench.engine().ran(&Container::new(&name, "both 50 0"));
    for (option, stream, other, tag) in
        [("--stdout", "stdout", "stderr", "OUT"), ("--stderr", "stderr", "stdout", "ERR")]
    {
        let lines = printed(bench, &[&name, option, "--tail", "all"]);
        assert_same(option, &texts(&lines, &name, stream), &numbered(tag, 50));
        assert!(texts(&lines, &name, other).is_empty(), "{option} prints {other} too");
    }
}

/// The last lines only: of an ended container, and of a running one that is then followed.
pub(crate) fn tail(bench: &Bench) {
    let engine = bench.engine();
    let (ended, running) = (bench.name("ended"), bench.name("running"));
    engine.ran(&Container::new(&ended, "out 100 0"));
    let all = numbered("OUT", 100);
    assert_same("--tail 5", &texts(&printed(bench, &[&ended, "--tail", "5"]), &ended, "stdout"), &all[95..]);
    assert_same("-n all", &texts(&printed(bench, &[&ended, "-n", "all"]), &ended, "stdout"), &all);
    assert!(printed(bench, &[&ended, "-n", "0"]).is_empty());
    let id = engine.run(&Container::new(&running, "out 100 0 delay 6000 out 3 0 hold"));
    while held(&engine.api(), &id).len() < 100 {
        sleep(Duration::from_millis(50));
    }
    let docklog = Launch::on(engine.host()).args(["--tail", "5", &running]).start();
    docklog.wait_for_count(8);
    let expected = [&all[95..], &all[..3]].concat();
    assert_same("--tail 5, then followed", &texts(&docklog.terminate().lines, &running, "stdout"), &expected);
}

/// From a time on, and up to one; both times themselves included.
pub(crate) fn since_until(bench: &Bench) {
    let engine = bench.engine();
    let name = bench.name("timed");
    let id = engine.ran(&Container::new(&name, "out 20 20"));
    let held = stamped_by_engine(&engine.api(), &id, "stdout");
    let time = |n: usize| held[n - 1].split(' ').next().unwrap();
    let all = numbered("OUT", 20);
    let cases: [(&[&str], &[String]); 5] = [
        (&["--since", time(11)], &all[10..]),
        (&["--until", time(15)], &all[..15]),
        (&["--since", time(11), "--until", time(15)], &all[10..15]),
        (&["--since", "1h30m"], &all),
        (&["--until", "1h30m"], &[]),
    ];
    for (args, expected) in cases {
        let lines = printed(bench, &[args, &[&name]].concat());
        assert_same(&args.join(" "), &texts(&lines, &name, "stdout"), expected);
    }
}

/// Without following, docklog prints what is there and ends; ended containers only if asked for.
pub(crate) fn no_follow_and_all(bench: &Bench) {
    let engine = bench.engine();
    let (ended, running) = (bench.name("ended"), bench.name("running"));
    let mark = bench.name("mark");
    engine.ran(&Container::new(&ended, "both 10 0").label(&mark, ""));
    let id = engine.run(&Container::new(&running, "both 10 0 hold").label(&mark, ""));
    while held(&engine.api(), &id).len() < 20 {
        sleep(Duration::from_millis(50));
    }
    let cases: [(&[&str], &str); 4] = [
        (&["--label", &mark], "running"),
        (&["--label", &mark, "-a"], "ended running"),
        (&["--label", &mark, "--all"], "ended running"),
        (&[&ended], "ended"),
    ];
    for (args, expected) in cases {
        assert_eq!(chosen(bench, &[args, &["--tail", "all"]].concat()), set(expected), "{args:?}");
    }
    let lines = printed(bench, &["--label", &mark, "-a", "--tail", "all"]);
    for name in [&ended, &running] {
        assert_same(name, &texts(&lines, name, "stdout"), &numbered("OUT", 10));
        assert_same(name, &texts(&lines, name, "stderr"), &numbered("ERR", 10));
    }
}
