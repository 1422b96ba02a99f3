//! What an engine or a proxy refuses is said once and not asked for again and again.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::proxy::{Conduct, Proxy};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// Time enough for a loop to show itself.
const WATCH: Duration = Duration::from_secs(4);

fn pass(_: &str) -> Conduct {
    Conduct::Pass
}

fn refuse_logs(path: &str) -> Conduct {
    if path.contains("/logs") { Conduct::Refuse } else { Conduct::Pass }
}

/// A log driver that can't be read: named once, asked once.
pub(crate) fn unreadable_driver_is_said_once(bench: &Bench) {
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("driver-proxy.sock"), &engine.socket(), pass);
    let (early, late) = (bench.name("early"), bench.name("late"));
    let first = engine.run(&Container::new(&early, "out 10 0 hold").driver("none"));
    let docklog = Launch::on(proxy.host()).args(["--tail", "all", &bench.pattern()]).start();
    let second = engine.run(&Container::new(&late, "out 10 0 hold").driver("none"));
    engine.run(&Container::new(bench.name("readable"), "out 10 0 hold"));
    docklog.wait_for_count(10);
    for name in [&early, &late] {
        docklog.wait_for_message(name);
    }
    sleep(WATCH);
    for (name, id) in [(&early, first), (&late, second)] {
        assert_eq!(docklog.said(name), 1, "{}", docklog.stderr());
        let requests = proxy.count(|path| path.contains(&id) && path.contains("/logs"));
        assert!(requests <= 2, "{requests} requests for a log that can't be read");
    }
    assert_eq!(docklog.terminate().lines.len(), 10);
}

/// A socket proxy that forbids logs: said once per container, and no loop.
pub(crate) fn proxy_403_said_once(bench: &Bench) {
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("403-proxy.sock"), &engine.socket(), refuse_logs);
    let names = [bench.name("one"), bench.name("two")];
    let ids: Vec<_> = names.iter().map(|name| engine.run(&Container::new(name, "out 10 0 hold"))).collect();
    let docklog = Launch::on(proxy.host()).args(["--tail", "all", &bench.pattern()]).start();
    for name in &names {
        docklog.wait_for_message(name);
    }
    sleep(WATCH);
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(docklog.said(name), 1, "{}", docklog.stderr());
        let requests = proxy.count(|path| path.contains(id) && path.contains("/logs"));
        assert!(requests <= 2, "{requests} requests for a log that is forbidden");
    }
    assert!(docklog.terminate().lines.is_empty());
}

/// The engine tells errors in the log's own stream: no line of the container, but a message, and no fast loop.
pub(crate) fn engine_error_is_no_line(bench: &Bench) {
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("error-proxy.sock"), &engine.socket(), pass);
    let name = bench.name("unlinked");
    let id = engine.run(&Container::new(&name, "out 3 0 hold"));
    let inspected = engine.api().get(&format!("/containers/{id}/json"));
    fs::remove_file(inspected["LogPath"].as_str().unwrap()).unwrap();
    let docklog = Launch::on(proxy.host()).args(["--tail", "all", &bench.pattern()]).start();
    docklog.wait_for_message(&name);
    sleep(WATCH);
    let requests = proxy.count(|path| path.contains(&id) && path.contains("/logs"));
    assert!(requests <= 12, "{requests} requests in {WATCH:?}");
    assert_eq!(docklog.said(&name), 1, "{}", docklog.stderr());
    assert!(docklog.terminate().lines.is_empty());
}
