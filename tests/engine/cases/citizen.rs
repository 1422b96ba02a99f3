//! A guest with manners: reconfigured without a break, and content with what a strict proxy allows.

use crate::engine::bench::{Bench, length};
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::lines::{by_stream, texts};
use crate::engine::proxy::{Conduct, Proxy};
use crate::engine::sequence::{assert_same, numbered};
use crate::engine::shape::shape;
use nix::sys::signal::Signal;
use std::fs;
use std::process::Command;

/// Containers write on both streams while the rules about who is excluded change again and again. Those that no rule concerns
/// keep their sessions, and nothing of them is lost or doubled.
pub(crate) fn reload_under_load(bench: &Bench) {
    const RATE: u64 = 100;
    let each = RATE * length(40, 120); // longer than the reloads take on a busy machine
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("reload-proxy.sock"), &engine.socket(), |_| Conduct::Pass);
    let file = engine.folder().join("reload.toml");
    let exclude = |name: &str| {
        let next = engine.folder().join("reload.toml.next");
        fs::write(&next, format!("[exclude]\nnames = [\"{}\"]\n", bench.name(name))).unwrap();
        fs::rename(&next, &file).unwrap();
    };
    exclude("nobody");
    let steps = format!("both {each} {RATE} hold");
    let containers: Vec<_> = (0..10).map(|n| Container::new(bench.name(&format!("{n}")), &steps)).collect();
    let docklog = Launch::on(proxy.host())
        .args(["--tail", "all", "--config", file.to_str().unwrap(), &bench.pattern()])
        .start_watching();
    let ids = engine.run_all(&containers, 2);
    docklog.wait_for("lines of all", |lines| by_stream(lines).len() == 20);
    let opens = |id: &String| proxy.count(|path| path.contains(id) && path.contains("/logs"));
    let before: Vec<_> = ids.iter().map(opens).collect();
    for (round, name) in ["0", "nobody", "1", "0", "nobody"].into_iter().enumerate() {
        exclude(name);
        docklog.signal(Signal::SIGHUP);
        docklog.wait_until("the reload", || docklog.said("read again: exclude.names changed") > round);
        // The reload holds from the next list on: what comes then is of all but the excluded.
        let excluded = bench.name(name);
        let seen = docklog.count();
        docklog.wait_for("lines under the new rules", |lines| {
            let latest = by_stream(&lines[seen.max(lines.len().saturating_sub(1_000))..]);
            let expected = if name == "nobody" { 20 } else { 18 };
            lines.len() > seen + 2_000
                && latest.len() == expected
                && latest.keys().all(|(container, _)| *container != excluded)
        });
    }
    docklog.wait_for("all lines", |lines| {
        (2..10).all(|n| texts(lines, &bench.name(&n.to_string()), "stderr").len() as u64 >= each)
    });
    let after: Vec<_> = ids.iter().map(opens).collect();
    let lines = docklog.terminate().lines;
    ids.iter().for_each(|id| engine.stop(id));
    for n in 2..10 {
        assert_eq!(before[n], after[n], "container {n} was opened again: {before:?}, then {after:?}");
        for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
            let found = texts(&lines, &bench.name(&n.to_string()), stream);
            assert_same(&format!("{n} {stream}"), &found, &numbered(tag, each));
        }
    }
    println!("{}: log requests before the reloads {before:?}, after {after:?}", bench.version.0);
    for n in 0..2 {
        assert!(after[n] > before[n], "container {n} was excluded and selected again");
    }
}

/// A proxy that lets six paths through, and only GET, is enough for everything that docklog does.
pub(crate) fn six_paths_are_enough(bench: &Bench) {
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("six-proxy.sock"), &engine.socket(), |path| {
        if shape(path).is_some() { Conduct::Pass } else { Conduct::Refuse }
    });
    let each = 2_000;
    let docklog = Launch::on(proxy.host())
        .args(["-a", "--tail", "all", "--rotate-every", "500ms", &bench.pattern()])
        .start_watching();
    let steps = format!("both {each} 500 hold");
    let kinds = [
        Container::new(bench.name("plain"), &steps),
        Container::new(bench.name("local"), &steps).driver(bench.drivers().last().unwrap()),
        Container::new(bench.name("small"), &steps).three_small_files(),
    ];
    let ids = engine.run_all(&kinds, 3);
    engine.ran(&Container::new(bench.name("short"), "both 5 0"));
    engine.api().post(&format!("/containers/{}/rename?name={}", ids[0], bench.name("renamed")), None);
    docklog.wait_for_count(3 * 2 * each as usize + 10);
    let finished = docklog.terminate();
    ids.iter().for_each(|id| engine.stop(id));
    for (method, path) in proxy.requests() {
        assert!(method == "GET" && shape(&path).is_some(), "{method} {path}");
    }
    let streams = by_stream(&finished.lines);
    let of = |name: &str| streams.get(&(bench.name(name), "stdout".to_owned())).map_or(0, Vec::len);
    assert_eq!((of("local"), of("small"), of("short")), (each as usize, each as usize, 5));
    assert_eq!(of("plain") + of("renamed"), each as usize);
    assert!(finished.message("forbids").is_none() && finished.message("refuses").is_none());
}

/// What `docklog check` says, and its exit code.
fn checked(host: &str, args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_docklog"))
        .args(["check", "--config", "none", "-H", host])
        .args(args)
        .env_remove("DOCKER_HOST")
        .output()
        .unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// `docklog check` names for each container the rule that decides, and says what a proxy keeps back.
pub(crate) fn check_tells_who_and_why(bench: &Bench) {
    let engine = bench.engine();
    let made = [
        Container::new(bench.name("web"), "out 3 0"),
        Container::new(bench.name("off"), "out 3 0").label("docklog.enable", "false"),
        Container::new(bench.name("odd"), "out 3 0").label("docklog.enable", "perhaps"),
        Container::new(bench.name("mute"), "out 3 0").driver("none"),
        Container::new(bench.name("excluded"), "out 3 0"),
    ];
    for container in &made {
        engine.ran(container);
    }
    let (pattern, excluded) = (bench.pattern(), bench.name("exc*"));
    let (said, _) = checked(&engine.host(), &[&pattern]);
    assert!(said.lines().any(|line| line.starts_with("later") && line.contains("it is stopped")), "{said}");
    let (said, code) = checked(&engine.host(), &[&pattern, "-a", "--exclude", &excluded]);
    let row = |name: &str| {
        let name = bench.name(name);
        let found = said.lines().find(|line| line.split_whitespace().nth(1) == Some(&name));
        found.unwrap_or_else(|| panic!("no row of {name}: {said}")).to_owned()
    };
    assert_eq!(code, Some(0), "{said}");
    assert!(
        row("web").starts_with("yes") && row("web").contains(&format!("include.names: {pattern}")),
        "{said}"
    );
    assert!(row("off").starts_with("no") && row("off").contains("label docklog.enable=false"), "{said}");
    assert!(
        row("odd").starts_with("yes") && row("odd").contains("docklog.enable=perhaps is ignored"),
        "{said}"
    );
    assert!(
        row("excluded").starts_with("no") && row("excluded").contains(&format!("exclude.names: {excluded}")),
        "{said}"
    );
    let why = if bench.is_podman() { "cannot read logs" } else { "does not support reading" };
    assert!(row("mute").starts_with("can't") && row("mute").contains(why), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains(" granted")).count(), 5, "{said}");

    let proxy = Proxy::start(engine.folder().join("check-proxy.sock"), &engine.socket(), |path| {
        if path.contains("/events") || path.contains("/logs") { Conduct::Refuse } else { Conduct::Pass }
    });
    let (said, code) = checked(&proxy.host(), &[&pattern, "-a"]);
    assert_eq!(code, Some(1), "{said}");
    for what in ["GET /events", "GET /containers/{id}/logs"] {
        let told = said.lines().find(|line| line.starts_with(what));
        assert!(told.is_some_and(|line| line.contains("refused: HTTP 403")), "{what}: {said}");
    }
    let (said, code) = checked("unix:///nowhere/at/all.sock", &[]);
    assert!(code == Some(1) && said.contains("no answer: No such file"), "{said}");
}
