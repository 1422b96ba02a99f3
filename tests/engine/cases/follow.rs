//! Following many containers at once: what comes out is what they wrote, from one thread that nothing blocks.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::image::tar;
use crate::engine::lines::{by_stream, texts};
use crate::engine::oracle::{ended, held, stamped, stamped_by_engine};
use crate::engine::sequence::{assert_same, numbered};
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// 50 containers, half of them there before docklog: each of 200,000 lines once, in order per stream.
pub(crate) fn fifty_containers_exactly_once(bench: &Bench) {
    const EACH: u64 = 2_000;
    let engine = bench.engine();
    // Of the early ones some have written everything when docklog comes, some nothing yet.
    let early: Vec<_> = (0..25)
        .map(|n| {
            Container::new(bench.name(&format!("{n:02}")), &format!("delay {} both {EACH} 0 hold", n * 200))
        })
        .collect();
    let late: Vec<_> = (25..50)
        .map(|n| Container::new(bench.name(&format!("{n:02}")), &format!("both {EACH} 0 hold")))
        .collect();
    engine.run_all(&early, 2);
    let docklog = bench.docklog().start();
    engine.run_all(&late, 2);
    docklog.wait_for_count(200_000);
    let lines = docklog.terminate().lines;
    let streams = by_stream(&lines);
    assert_eq!(streams.len(), 100);
    for ((container, stream), found) in &streams {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("{container} {stream}"), found, &numbered(tag, EACH));
    }
}

/// What runs already is followed from now on; what starts later from its first line.
pub(crate) fn running_containers_from_now_on(bench: &Bench) {
    let engine = bench.engine();
    let running = engine.run(&Container::new(bench.name("running"), "both 100000 200"));
    while held(&engine.api(), &running).len() < 200 {
        sleep(Duration::from_millis(50));
    }
    let docklog = Launch::on(engine.host()).args([bench.pattern()]).start();
    docklog.wait_for_count(200);
    let later = bench.name("later");
    engine.run(&Container::new(&later, "both 100 0 hold"));
    docklog.wait_for("the later container's lines", |lines| {
        lines.iter().filter(|line| line.container == later).count() >= 200
    });
    engine.stop(&running);
    let last = |stream| stamped_by_engine(&engine.api(), &running, stream).pop();
    docklog.wait_until("the last lines", || {
        let lines = docklog.lines();
        ["stdout", "stderr"].iter().all(|stream| stamped(&lines, &running, stream).pop() == last(stream))
    });
    let lines = docklog.terminate().lines;
    for stream in ["stdout", "stderr"] {
        let (found, all) =
            (stamped(&lines, &running, stream), stamped_by_engine(&engine.api(), &running, stream));
        assert!(found.len() < all.len(), "history came without being asked for");
        assert_same(stream, &found, &all[all.len() - found.len()..]);
    }
    assert_same("later", &texts(&lines, &later, "stdout"), &numbered("OUT", 100));
    assert_same("later", &texts(&lines, &later, "stderr"), &numbered("ERR", 100));
}

/// Under load there is one thread, and no socket of it can block.
pub(crate) fn one_thread_under_load(bench: &Bench) {
    let containers: Vec<_> =
        (0..4).map(|n| Container::new(bench.name(&n.to_string()), "both 15000 0 hold")).collect();
    let docklog = bench.docklog().start();
    bench.engine().run_all(&containers, 2);
    let mut sockets = 0;
    docklog.wait_for("lines to flow", |lines| !lines.is_empty());
    docklog.wait_until("all lines", || {
        assert_eq!(docklog.process().threads(), 1, "threads");
        for socket in docklog.process().sockets() {
            assert!(socket.nonblocking, "descriptor {} can block", socket.descriptor);
            sockets += 1;
        }
        docklog.count() >= 120_000
    });
    assert!(sockets > 0, "no socket was looked at");
    docklog.terminate();
}

/// As the kernel saw it: no socket was ever made, or changed, to be one that blocks.
pub(crate) fn no_engine_call_blocks(bench: &Bench) {
    let trace = bench.engine().folder().join("trace");
    let calls = "trace=socket,connect,fcntl,ioctl,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,epoll_wait,epoll_pwait";
    // -D: the tracer is the child of docklog, so that signals meant for docklog reach it.
    let docklog = bench.docklog().start_under(&["strace", "-D", "-e", calls, "-o", trace.to_str().unwrap()]);
    let containers: Vec<_> =
        (0..4).map(|n| Container::new(bench.name(&n.to_string()), "both 1000 0 hold")).collect();
    bench.engine().run_all(&containers, 2);
    docklog.wait_for_count(8_000);
    docklog.terminate();
    let trace = fs::read_to_string(trace).unwrap();
    let made: Vec<&str> = trace.lines().filter(|line| line.starts_with("socket(AF_UNIX")).collect();
    assert!(!made.is_empty(), "no socket in the trace");
    for line in made {
        assert!(line.contains("SOCK_NONBLOCK"), "{line}");
    }
    for line in trace.lines().filter(|line| line.contains("F_SETFL") || line.contains("FIONBIO")) {
        assert!(line.contains("O_NONBLOCK") || line.contains("[1]"), "{line}");
    }
}

/// docklog in a container doesn't follow itself: each of its lines would make another.
pub(crate) fn own_container_is_skipped(bench: &Bench) {
    let engine = bench.engine();
    let api = engine.api();
    let answer = api
        .call("POST", "/images/create?fromSrc=-&repo=docklog", "application/x-tar", &docklog_image())
        .unwrap();
    assert_eq!(answer.status, 200);
    let other = bench.name("other");
    engine.run(&Container::new(&other, "out 100 0 hold"));
    // With the host's network the container also has the host's name, so that the name tells nothing.
    for network in ["none", "host"] {
        let name = bench.name(&format!("self-{network}"));
        let command =
            ["/docklog", "-o", "json", "-H", "unix:///engine/docker.sock", "--tail", "all", &bench.pattern()];
        let container = Container::new(&name, "").other_program("docklog", &command).network(network);
        let id = engine.run(&container.mount(engine.folder().to_str().unwrap(), "/engine"));
        for _ in 0..600 {
            if ended(&api, &id) >= 100 {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        sleep(Duration::from_millis(500));
        let seen = stamped_by_engine(&api, &id, "stdout");
        assert_eq!(
            ended(&api, &id),
            100,
            "with network {network}; the first of them {:?}, the last {:?}",
            seen.first(),
            seen.last()
        );
        assert!(!seen.concat().contains("own_container_is_skipped-self"));
        engine.stop(&id);
        api.must("DELETE", &format!("/containers/{id}"), None);
    }
}

/// An image of the program under test and the libraries it is linked with.
fn docklog_image() -> Vec<u8> {
    let program = env!("CARGO_BIN_EXE_docklog");
    let libraries = Command::new("ldd").arg(program).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    let paths: Vec<&str> = libraries.split_whitespace().filter(|word| word.starts_with('/')).collect();
    let mut files = vec![("docklog", fs::read(program).unwrap())];
    files.extend(paths.iter().map(|path| (path.trim_start_matches('/'), fs::read(path).unwrap())));
    tar(&files)
}
