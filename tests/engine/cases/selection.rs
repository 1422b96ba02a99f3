//! Which containers, which streams, which lines.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::image::{GENERATOR, tar};
use crate::engine::lines::{Line, texts};
use crate::engine::oracle::{held, stamped_by_engine};
use crate::engine::proxy::{Conduct, Proxy};
use crate::engine::sequence::{assert_same, numbered, numbered_run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
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

/// Labels, and those by which Compose names projects and services. The engine is shared, so all words are this test's own.
pub(crate) fn labels(bench: &Bench) {
    let (project, service) = ("com.docker.compose.project", "com.docker.compose.service");
    let [tier, front, back] = ["tier", "front", "back"].map(|word| bench.name(word));
    let [shop, blog, web, db] = ["shop", "blog", "web", "db"].map(|word| bench.name(word));
    let container = |name: &str| Container::new(bench.name(name), "out 1 0");
    bench.engine().ran(&container("a").label(&tier, &front).label(project, &shop).label(service, &web));
    bench.engine().ran(&container("b").label(&tier, &back).label(project, &shop).label(service, &db));
    bench.engine().ran(&container("c").label(project, &blog).label(service, &web));
    let (tier_back, tier_none) = (format!("{tier}={back}"), format!("{tier}=none"));
    let not_a = format!("/^{}$/", bench.name("a"));
    let cases: [(&[&str], &str); 7] = [
        (&["--label", &tier], "a b"),
        (&["--label", &tier_back], "b"),
        (&["--project", &shop], "a b"),
        (&["--service", &web], "a c"),
        (&["--project", &shop, "--service", &web], "a"),
        (&["--label", &tier_none], ""),
        (&["--project", &shop, "--exclude", &not_a], "b"),
    ];
    for (args, expected) in cases {
        assert_eq!(chosen(bench, &[args, &["-a", "--tail", "all"]].concat()), set(expected), "{args:?}");
    }
}

/// Images, with a tag that stands for another one by now; log drivers, which inspect tells before a log is asked for; the
/// labels for docklog itself; other names while it runs; and what lines tell of their containers.
pub(crate) fn images_labels_and_drivers(bench: &Bench) {
    let (engine, api) = (bench.engine(), bench.engine().api());
    let image = bench.name("image");
    for tag in ["1", "2"] {
        api.post(&format!("/images/generator/tag?repo={image}&tag={tag}"), None);
    }
    let of = |name: &str, tag: &str| {
        let program = format!("{image}:{tag}");
        let command = [GENERATOR, "both", "20", "0", "hold"];
        Container::new(bench.name(name), "").other_program(&program, &command)
    };
    let moved = engine.run(&of("moved", "2"));
    let path = format!("/images/create?fromSrc=-&repo={image}&tag=2");
    let another = api.call("POST", &path, "application/x-tar", &tar(&[("another", vec![1])])).unwrap();
    assert_eq!(another.status, 200);
    let listed = api.get("/containers/json").as_array().unwrap().clone();
    let listed = listed.iter().find(|container| container["Id"] == *moved).unwrap();
    let by_id = listed["Image"].as_str().unwrap().starts_with("sha256:");
    assert_eq!(by_id, !bench.is_podman(), "{}", listed["Image"]);
    // Podman names the registry, and has a driver less.
    let (registry, driver) = if bench.is_podman() { ("docker.io/library/", "none") } else { ("", "local") };

    let file = engine.folder().join("images.toml");
    let rules = format!("[include]\nimages = [\"{image}\"]\n[exclude]\ndrivers = [\"loc*\", \"no?e\"]\n");
    let output = "[output]\nfields = [\"image\", \"project\", \"service\"]\nlabels = [\"tier\"]\n";
    fs::write(&file, format!("{rules}{output}")).unwrap();
    let proxy = Proxy::start(engine.folder().join("images-proxy.sock"), &engine.socket(), |_| Conduct::Pass);
    let docklog =
        Launch::on(proxy.host()).args(["--tail", "all", "--config", file.to_str().unwrap()]).start_watching();

    let (project, service) = ("com.docker.compose.project", "com.docker.compose.service");
    let shown = bench.name("shown");
    let web = engine.run(&of("web", "1").label("tier", "front").label(project, "shop").label(service, "web"));
    let local = engine.run(&of("local", "1").driver(driver));
    let off = engine.run(&of("off", "1").label("docklog.enable", "false"));
    let named = engine.run(&of("named", "1").label("docklog.name", &shown));
    let other = engine.run(&Container::new(bench.name("other"), "both 20 0 hold"));
    let on = engine.run(&Container::new(bench.name("on"), "both 20 0 hold").label("docklog.enable", "true"));
    docklog.wait_for_count(3 * 40);

    let (web_2, moved_2) = (bench.name("web-2"), bench.name("moved-2"));
    for (id, name) in [(&web, &web_2), (&moved, &moved_2), (&named, &bench.name("named-2"))] {
        api.post(&format!("/containers/{id}/rename?name={name}"), None);
        if bench.is_podman() {
            sleep(Duration::from_secs(1)); // it tells events a moment later, and its follow goes on over a restart (W-91)
        }
        api.post(&format!("/containers/{id}/restart?t=0"), None);
    }
    docklog.wait_for_count(6 * 40);
    let lines = docklog.terminate().lines;
    let ids = [&moved, &web, &local, &off, &named, &other, &on];
    ids.into_iter().for_each(|id| engine.stop(id));

    let labelled = json!({ "image": format!("{registry}{image}:1"), "project": "shop", "service": "web",
        "labels": { "tier": "front" } });
    let expected: [(&str, &str, u64, Value); 5] = [
        ("web", &web, 1, labelled.clone()),
        ("web-2", &web, 2, labelled),
        ("moved", &moved, 1, json!({ "image": format!("{registry}{image}:2") })),
        ("moved-2", &moved, 2, json!({ "image": format!("{registry}{image}:2") })),
        ("shown", &named, 1, json!({ "image": format!("{registry}{image}:1") })),
    ];
    for (name, id, run, fields) in expected {
        let name = bench.name(name);
        let mut out = texts(&lines, &name, "stdout");
        if name == shown {
            // Its name for the engine was changed; what is shown is the label's.
            let second = out.split_off(20.min(out.len()));
            assert_same("after the rename", &second, &numbered_run("OUT", 2, 20));
        }
        assert_same(&name, &out, &numbered_run("OUT", run, 20));
        let mut of_it = lines.iter().filter(|line| line.container == name);
        assert!(of_it.all(|line| line.id == *id && json!(line.fields) == fields), "{name}: not {fields}");
    }
    assert_eq!(lines.len(), 6 * 40, "nobody else is followed");
    let asked = |id: &str, what: &str| proxy.count(|path| path.contains(id) && path.contains(what));
    assert_eq!((asked(&local, "/json"), asked(&local, "/logs")), (1, 0), "inspect tells its driver");
    assert_eq!((asked(&off, ""), asked(&other, ""), asked(&on, "")), (0, 0, 0));
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
    let id = engine.ran(&Container::new(&name, "out 20 10"));
    let held = stamped_by_engine(&engine.api(), &id, "stdout");
    let time = |n: usize| held[n - 1].split(' ').next().unwrap();
    // Podman's stamps may be whole seconds: other lines may bear the same.
    let first = |n: usize| held.iter().position(|line| line.starts_with(time(n))).unwrap();
    // To the engine, which knows better, they are all later than the second's beginning.
    let behind = |n: usize| match time(n).contains('.') {
        true => 1 + held.iter().rposition(|line| line.starts_with(time(n))).unwrap(),
        false => first(n),
    };
    let all = numbered("OUT", 20);
    let cases: [(&[&str], &[String]); 5] = [
        (&["--since", time(11)], &all[first(11)..]),
        (&["--until", time(15)], &all[..behind(15)]),
        (&["--since", time(11), "--until", time(15)], &all[first(11)..behind(15)]),
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
