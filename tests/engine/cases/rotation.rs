//! Sessions that are closed and opened again all the time: nobody downstream can tell, and it costs the engine little.

use crate::engine::bench::{Bench, length};
use crate::engine::container::Container;
use crate::engine::docklog::{Docklog, Launch};
use crate::engine::lines::{Line, by_stream, texts};
use crate::engine::oracle::held;
use crate::engine::processes::Process;
use crate::engine::proxy::{Conduct, Proxy};
use crate::engine::sequence::{assert_same, long, numbered, places, settle};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The default driver, whose file grows without end.
pub(crate) fn rotated_every_second(bench: &Bench) {
    rotated(bench, 0, |container| container);
}

/// The `local` driver.
pub(crate) fn rotated_local_driver(bench: &Bench) {
    rotated(bench, 0, |container| container.driver("local"));
}

/// The engine's own files rotate, too: 200 KB/s per container fill one in five seconds.
pub(crate) fn rotated_with_the_engines_files(bench: &Bench) {
    rotated(bench, 900, Container::five_small_files);
}

/// Many containers write lines of so many bytes, 100 a second and stream, while each session lasts a second.
fn rotated(bench: &Bench, size: usize, kind: fn(Container) -> Container) {
    const RATE: u64 = 100;
    let (count, seconds) = (length(20, 50), length(20, 300));
    let each = RATE * seconds;
    let steps = format!("wide {each} {RATE} {size} hold");
    let containers: Vec<_> =
        (0..count).map(|n| kind(Container::new(bench.name(&format!("{n:02}")), &steps))).collect();
    let docklog = bench.docklog().args(["--rotate-every", "1s"]).start_watching();
    let ids = bench.engine().run_all(&containers, 2);
    let paths = log_paths(bench, &ids);
    let files = file_rotations(&paths, &docklog, count * 2 * each as usize);
    let counts = docklog.counts();
    println!(
        "{}: {} lines rotated, {files} rotations of log files; {counts}",
        bench.version.0,
        docklog.count()
    );
    let lines = docklog.terminate().lines;
    ids.iter().for_each(|id| bench.engine().stop(id));
    let mut streams = by_stream(&lines);
    assert_eq!(streams.len(), 2 * count);
    let mut late = 0;
    for ((container, stream), found) in &mut streams {
        let expected = long(if stream == "stdout" { "OUT" } else { "ERR" }, each, size);
        let places = places(&expected);
        late += settle(found, |line| places.get(line.as_str()).copied().unwrap_or_default());
        assert_same(&format!("{container} {stream}"), found, &expected);
    }
    // 20.10 skips a file now and then that it begins while a follow begins.
    assert!(late <= counts["healed"].as_u64().unwrap(), "{late} lines out of order; {counts}");
    assert!(counts["rotations"].as_u64().unwrap() > count as u64, "{counts}");
    if size > 0 {
        let full = paths.iter().all(|path| fs::exists(format!("{path}.2")).unwrap());
        assert!(
            full && files >= length(0, 100),
            "the engine's files rotated {files} times: nothing was proven"
        );
    }
}

fn log_paths(bench: &Bench, ids: &[String]) -> Vec<String> {
    let inspected = |id| bench.engine().api().get(&format!("/containers/{id}/json"));
    ids.iter().map(|id| inspected(id)["LogPath"].as_str().unwrap().to_owned()).collect()
}

/// How often log files were exchanged for new ones before docklog had so many lines.
fn file_rotations(paths: &[String], docklog: &Docklog, lines: usize) -> u64 {
    let mut inodes = vec![0; paths.len()];
    let (mut rotations, mut grown) = (0, (0, Instant::now()));
    while docklog.count() < lines {
        for (path, inode) in paths.iter().zip(&mut inodes) {
            // In the middle of a rotation there is none; and the `local` driver has others.
            if let Ok(found) = fs::metadata(path).map(|metadata| metadata.ino()) {
                let before = std::mem::replace(inode, found);
                rotations += u64::from(before != 0 && before != found);
            }
        }
        if docklog.count() > grown.0 {
            grown = (docklog.count(), Instant::now());
        }
        assert!(
            grown.1.elapsed() < Duration::from_secs(120),
            "only {} of {lines} lines came; {}; stderr: {}",
            grown.0,
            docklog.counts(),
            docklog.stderr()
        );
        sleep(Duration::from_millis(100));
    }
    sleep(Duration::from_millis(300)); // what comes twice would come now
    rotations
}

/// SIGUSR1 rotates everything: it is quick, cheap for the engine, and leaves nothing behind in either process.
pub(crate) fn all_rotated_at_once(bench: &Bench) {
    const STREAMS: usize = 50;
    const HISTORY: usize = 5;
    // An engine of its own: its processor time and its descriptors are counted.
    let engine = bench.own_engine(&[]);
    let steps = format!("out {HISTORY} 0 hold");
    let containers: Vec<_> =
        (0..STREAMS).map(|n| Container::new(bench.name(&format!("{n:02}")), &steps)).collect();
    engine.run_all(&containers, 2);
    let docklog = Launch::on(engine.host()).args(["--tail", "all", "--rotate-every", "0"]).start_watching();
    docklog.wait_for_count(STREAMS * HISTORY);
    rotate_all(&docklog, STREAMS * HISTORY);
    let state = |process: Process| (process.descriptors(), process.threads());
    let (ours, theirs) = (state(docklog.process()), state(engine.process()));
    let ticks = engine.process().ticks();
    let mut times: Vec<_> = (0..20).map(|_| rotate_all(&docklog, STREAMS * HISTORY)).collect();
    let ticks = engine.process().ticks() - ticks;
    times.sort_unstable();
    println!(
        "{}: {STREAMS} streams rotated at once: median {:?}, longest {:?}; engine's processor time {:.1} ms each; {}",
        bench.version.0,
        times[times.len() / 2],
        times[times.len() - 1],
        ticks as f64 * 10.0 / times.len() as f64,
        docklog.counts()
    );
    for _ in 0..length(180, 980) {
        rotate_all(&docklog, STREAMS * HISTORY);
    }
    docklog.wait_until("docklog's descriptors as before", || state(docklog.process()) == ours);
    // The engine notices a closed connection a moment later. Its threads are its runtime's business.
    docklog.wait_until("the engine's descriptors as before", || state(engine.process()).0 <= theirs.0);
    let end = state(engine.process());
    println!(
        "{}: descriptors and threads: ours {ours:?}, the engine's {theirs:?}, then {end:?}",
        bench.version.0
    );
    assert_eq!(docklog.terminate().lines.len(), STREAMS * HISTORY, "lines came again");
}

/// Rotates all streams, whose logs hold so many lines in all, and waits until all are live; how long that took. Each
/// finds its place at the last line of its log, after all the others have come by as replays.
fn rotate_all(docklog: &Docklog, history: usize) -> Duration {
    let replayed = docklog.figure("replayed") + history as u64;
    let start = Instant::now();
    docklog.signal(Signal::SIGUSR1);
    while docklog.figure("replayed") < replayed {
        assert!(start.elapsed() < Duration::from_secs(120), "not all are live: {}", docklog.counts());
        sleep(Duration::from_millis(3));
    }
    start.elapsed()
}

/// A log of many megabytes is not read again by a rotation.
pub(crate) fn large_history_rotated(bench: &Bench) {
    const SIZE: usize = 1_000;
    const ROTATIONS: usize = 20;
    let history = length(50_000, 500_000);
    let engine = bench.own_engine(&[]);
    let api = engine.api();
    let id =
        engine.run(&Container::new(bench.name("large"), &format!("longout {history} {SIZE} out 100000 20")));
    let newest = || {
        let path = format!("/containers/{id}/logs?stdout=1&tail=1");
        api.call("GET", &path, "", b"").unwrap().body.len()
    };
    let deadline = Instant::now() + Duration::from_secs(300);
    // (A part of a long line, of Podman's making, may have any length.)
    while newest() == 0 || newest() >= 30 {
        assert!(Instant::now() < deadline, "the history isn't written");
        sleep(Duration::from_millis(100));
    }
    let docklog = Launch::on(engine.host()).args(["--rotate-every", "0"]).start_watching();
    docklog.wait_for_count(10);
    let mut spent = 0;
    for _ in 0..ROTATIONS {
        let (ticks, sessions) = (engine.process().ticks(), docklog.figure("sessions"));
        docklog.signal(Signal::SIGUSR1);
        docklog.wait_until("the rotation", || docklog.figure("sessions") > sessions);
        spent += engine.process().ticks() - ticks;
        let before = docklog.count();
        docklog.wait_for("new lines", |lines| lines.len() > before);
    }
    let each = spent as f64 * 10.0 / ROTATIONS as f64;
    let (lines, counts) = (docklog.count(), docklog.counts());
    println!(
        "{}: a log of {history} KB rotated: engine's processor time {each:.1} ms each; {counts}",
        bench.version.0
    );
    // Podman searches the log for what is new.
    assert!(
        length(true, each < 20.0) || bench.is_podman(),
        "{each} ms of the engine's processor time per rotation"
    );
    assert_eq!(counts["rotations"], ROTATIONS);
    engine.stop(&id);
    let lines_now = docklog.terminate().lines;
    assert!(lines_now.len() >= lines);
    let found: Vec<String> = lines_now.iter().map(Line::text).collect();
    let all = numbered("OUT", 100_000);
    let first = all.iter().position(|line| *line == found[0]).expect("a line of the history came");
    assert_same("stdout", &found, &all[first..first + found.len()]);
}

/// What a way to begin brings of what was written before.
struct Start {
    name: &'static str,
    args: &'static [&'static str],
    /// Lines of the container that wrote on stdout alone, and of the one that wrote on both streams.
    history: [usize; 2],
    /// How often a log that has history is asked for as a whole.
    whole: usize,
}

const STARTS: [Start; 4] = [
    Start { name: "now", args: &[], history: [0, 0], whole: 0 },
    Start { name: "tail-5", args: &["--tail", "5"], history: [5, 5], whole: 0 },
    Start { name: "tail-all", args: &["--tail", "all"], history: [100, 200], whole: 1 },
    Start { name: "since", args: &["--since", "1h"], history: [100, 200], whole: 1 },
];

/// However it begins, on a container that never wrote, wrote on one stream, or on both: no history comes again, and no gap
/// is told (any would fail the test), however often the sessions are rotated.
pub(crate) fn first_starts_repeat_no_history(bench: &Bench) {
    let engine = bench.engine();
    let scene = engine.folder().join(bench.name("scene"));
    fs::create_dir_all(&scene).unwrap();
    let run = |name: &str, history: &str| {
        let container = Container::new(bench.name(name), &format!("{history} await both 50 50 hold"));
        engine.run(&container.mount(scene.to_str().unwrap(), "/scene"))
    };
    let ids = [run("never", ""), run("one", "longout 100 60"), run("both", "long 100 60")];
    let api = engine.api();
    while held(&api, &ids[1]).len() < 100 || held(&api, &ids[2]).len() < 200 {
        sleep(Duration::from_millis(50));
    }
    let started: Vec<_> = STARTS
        .iter()
        .map(|start| {
            let socket = engine.folder().join(format!("{}.sock", start.name));
            let proxy = Proxy::start(socket, &engine.socket(), |_| Conduct::Pass);
            let launch = Launch::on(proxy.host()).args(["--rotate-every", "300ms", &bench.pattern()]);
            (start, launch.args(start.args.iter().copied()).start_watching(), proxy)
        })
        .collect();
    for (_, docklog, _) in &started {
        let rotations = if bench.is_podman() { 10 } else { 30 }; // there a head may be awaited for five seconds
        docklog.wait_until("rotations", || docklog.figure("rotations") >= rotations);
    }
    fs::write(scene.join("go"), "").unwrap();
    for (start, docklog, proxy) in started {
        let expected = start.history.iter().sum::<usize>() + 300;
        docklog.wait_for_count(expected);
        let rotations = docklog.figure("rotations");
        docklog.wait_until("more rotations", || docklog.figure("rotations") >= rotations + 10);
        println!("{}: {}: {}", bench.version.0, start.name, docklog.counts());
        let lines = docklog.terminate().lines;
        assert_began(bench, start, &lines);
        for id in &ids[1..] {
            let whole = proxy.count(|path| path.contains(id.as_str()) && path.contains("tail=all"));
            assert!(
                whole == start.whole || bench.is_podman(),
                "{}: requests for all of a log that has history",
                start.name
            );
        }
    }
    ids.iter().for_each(|id| engine.stop(id));
}

/// As much history as was asked for, then what is new, each line once.
fn assert_began(bench: &Bench, start: &Start, lines: &[Line]) {
    let [one, both] = start.history;
    for (name, history) in [("never", 0), ("one", one), ("both", both)] {
        let name = bench.name(name);
        let (out, err) = (texts(lines, &name, "stdout"), texts(lines, &name, "stderr"));
        assert_eq!(out.len() + err.len(), history + 100, "{}: lines of {name}", start.name);
        for (tag, found) in [("OUT", out), ("ERR", err)] {
            let all = [long(tag, 100, 60), numbered(tag, 50)].concat();
            assert!(found.len() >= 50, "{}: {tag} of {name}: {} lines", start.name, found.len());
            assert_same(&format!("{}: {tag} of {name}", start.name), &found, &all[all.len() - found.len()..]);
        }
    }
}
