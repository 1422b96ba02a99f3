//! What docklog survives: its own violent end, its engine's, a truncated log, and logs that are deleted faster than read.

use crate::engine::bench::{Bench, length};
use crate::engine::container::Container;
use crate::engine::docklog::{Docklog, Launch};
use crate::engine::lines::{Line, by_stream, of_file};
use crate::engine::oracle::{assert_agrees, held, stamped, stamped_by_engine};
use crate::engine::private::Engine;
use crate::engine::random::Random;
use crate::engine::sequence::{assert_same, assert_told, long, numbered};
use nix::sys::signal::Signal;
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Killed without warning at moments of chance, even before it has begun: the output file holds each line once.
pub(crate) fn killed_again_and_again(bench: &Bench) {
    let (count, kills, each, rate) = length((8, 10, 2_000, 200), (20, 100, 10_000, 100));
    let engine = bench.engine();
    let folder = engine.folder().join(bench.name("folder"));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("lines.jsonl");
    let (state, output) = (folder.join("state"), file.to_str().unwrap());
    let launch =
        || bench.docklog().args(["--state", state.to_str().unwrap(), "--output-file", output]).start();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("{}: docklog is killed {kills} times by seed {seed}", bench.version.0);
    let mut random = Random(seed);
    let containers: Vec<_> = (0..count)
        .map(|n| Container::new(bench.name(&n.to_string()), &format!("both {each} {rate} hold")))
        .collect();
    let ids = engine.run_all(&containers, 2);
    for _ in 0..kills {
        let docklog = launch();
        sleep(Duration::from_millis(random.below(1_500) as u64));
        docklog.end_by(Signal::SIGKILL);
        sleep(Duration::from_millis(random.below(300) as u64));
    }
    let docklog = launch();
    let written = || fs::read(&file).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
    let expected = count * 2 * each as usize;
    docklog.wait_until("all lines in the file", || {
        sleep(Duration::from_millis(200)); // the file is long
        written() >= expected
    });
    sleep(Duration::from_millis(500));
    docklog.terminate();
    ids.iter().for_each(|id| engine.stop(id));
    let streams = by_stream(&of_file(&file));
    assert_eq!(streams.len(), 2 * count);
    for ((container, stream), found) in &streams {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("seed {seed}: {container} {stream}"), found, &numbered(tag, each));
    }
}

/// A disk of a few MiB, in memory.
struct Disk(PathBuf);

impl Disk {
    fn of(bytes: usize, at: PathBuf) -> Self {
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={bytes}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).status();
        assert!(mount.unwrap().success());
        Self(at)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// The disk of the output file is full for a while; then the file is moved away, as logrotate does; then docklog is killed.
pub(crate) fn output_file_moved_and_disk_full(bench: &Bench) {
    const DISK: usize = 8 << 20;
    let (count, each, rate) = (4, 2_000, 300);
    let engine = bench.engine();
    let folder = engine.folder().join(bench.name("folder"));
    let disk = Disk::of(DISK, folder.join("disk"));
    let (file, old, other) = (disk.0.join("lines.jsonl"), disk.0.join("lines.1"), disk.0.join("other"));
    let args = ["--state", folder.to_str().unwrap(), "--output-file", file.to_str().unwrap()];
    let docklog = bench.docklog().args(args).start_watching();
    let containers: Vec<_> = (0..count)
        .map(|n| Container::new(bench.name(&n.to_string()), &format!("both {each} {rate} hold")))
        .collect();
    fs::write(&other, vec![0; DISK - (128 << 10)]).unwrap();
    let ids = engine.run_all(&containers, 2);
    docklog.wait_for_message("No space left on device (os error 28); lines wait");
    sleep(Duration::from_secs(2));
    fs::remove_file(&other).unwrap();
    docklog.wait_for_message("the output file takes lines again");
    fs::rename(&file, &old).unwrap();
    sleep(Duration::from_millis(200));
    docklog.signal(Signal::SIGHUP);
    docklog.wait_for_message("lines go on in a new one");
    docklog.wait_until("lines in the new file", || fs::metadata(&file).is_ok_and(|file| file.len() > 0));
    docklog.end_by(Signal::SIGKILL);
    let docklog = bench.docklog().args(args).start();
    let written = |file: &Path| fs::read(file).unwrap().iter().filter(|byte| **byte == b'\n').count();
    docklog.wait_until("all lines in the files", || {
        sleep(Duration::from_millis(200));
        written(&old) + written(&file) >= count * 2 * each as usize
    });
    sleep(Duration::from_millis(500));
    docklog.terminate();
    ids.iter().for_each(|id| engine.stop(id));
    let lines = [of_file(&old), of_file(&file)].concat();
    let streams = by_stream(&lines);
    assert_eq!(streams.len(), 2 * count);
    for ((container, stream), found) in &streams {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("{container} {stream}"), found, &numbered(tag, each));
    }
}

/// Containers that write for as long as the test lasts, under a docklog that rotates.
fn followed(bench: &Bench, engine: &Engine) -> (Docklog, Vec<String>) {
    let docklog = Launch::on(engine.host()).args(["--tail", "all", "--rotate-every", "2s"]).start_watching();
    let containers: Vec<_> =
        (0..4).map(|n| Container::new(bench.name(&n.to_string()), "both 1000000 200")).collect();
    let ids = engine.run_all(&containers, 2);
    docklog.wait_for_count(2_000);
    (docklog, ids)
}

/// Waits until docklog has the last lines of containers that write no more; its lines must then be the engine's.
fn assert_all_agree(what: &str, engine: &Engine, docklog: &Docklog, ids: &[String]) {
    let api = engine.api();
    let counts: Vec<_> = ids.iter().map(|id| (id, held(&api, id).len())).collect();
    docklog.wait_until(what, || {
        let lines = docklog.lines();
        sleep(Duration::from_millis(200)); // they are many
        counts.iter().all(|(id, count)| lines.iter().filter(|line| line.id == **id).count() >= *count)
    });
    sleep(Duration::from_millis(500));
    let lines = docklog.lines();
    ids.iter().for_each(|id| assert_agrees(&api, id, &lines));
}

/// The engine is killed, ended, and stands still, while its containers live on and sessions rotate.
pub(crate) fn engine_dies_and_stands_still(bench: &Bench) {
    let engine = bench.own_engine(&["--live-restore"]);
    let (docklog, ids) = followed(bench, &engine);
    let more = |what: &str| {
        let before = docklog.count();
        docklog.wait_for(what, |lines| lines.len() > before + 4_000);
    };
    for _ in 0..length(1, 10) {
        engine.kill();
        sleep(Duration::from_millis(500));
        engine.launch();
        more("lines after kill -9 of the engine");
    }
    engine.end();
    sleep(Duration::from_millis(500));
    engine.launch();
    more("lines after SIGTERM of the engine");
    engine.signal(Signal::SIGSTOP);
    sleep(Duration::from_secs(length(5, 30)));
    engine.signal(Signal::SIGCONT);
    more("lines after the engine stood still");
    ids.iter().for_each(|id| engine.stop(id));
    assert_all_agree("all lines", &engine, &docklog, &ids);
    println!(
        "{}: {} lines of an engine that came and went; {}",
        bench.version.0,
        docklog.count(),
        docklog.counts()
    );
    docklog.terminate();
}

/// Without live-restore an engine that was killed comes back, logs what its containers have written meanwhile, and ends
/// them: those lines come, too. One that is ended in good order ends them first.
pub(crate) fn engine_without_live_restore(bench: &Bench) {
    let engine = bench.own_engine(&[]);
    let api = engine.api();
    let (docklog, ids) = followed(bench, &engine);
    engine.kill();
    sleep(Duration::from_secs(1));
    let before = docklog.count();
    engine.launch();
    let running =
        || ids.iter().any(|id| api.get(&format!("/containers/{id}/json"))["State"]["Running"] == true);
    docklog.wait_until("the containers' end", || !running());
    assert_all_agree("the lines that the engine added", &engine, &docklog, &ids);
    let added = docklog.count() - before;
    println!(
        "{}: killed without live-restore, the engine added {added} lines on its way back",
        bench.version.0
    );
    for id in &ids {
        api.post(&format!("/containers/{id}/start"), None);
    }
    docklog.wait_for("lines of the second run", |lines| lines.len() > before + added + 2_000);
    engine.end();
    engine.launch();
    assert_all_agree("the last lines before SIGTERM", &engine, &docklog, &ids);
    docklog.terminate();
}

/// Somebody empties a log file. Docker from 23 on makes every follow deaf by that, for good; docklog hears again with its
/// next session.
pub(crate) fn truncated_log_is_heard_again(bench: &Bench) {
    let engine = bench.engine();
    let api = engine.api();
    let id = engine.run(&Container::new(bench.name("emptied"), "longout 5000 1000 out 1000000 50"));
    let docklog = bench.docklog().args(["--rotate-every", "3s"]).gaps_may_come().start_watching();
    docklog.wait_for_count(5_100);
    let plain = api.follow(&id);
    docklog.wait_until("the plain follow", || !plain.lock().unwrap().is_empty());
    let path = api.get(&format!("/containers/{id}/json"))["LogPath"].as_str().unwrap().to_owned();
    File::options().write(true).open(path).unwrap().set_len(0).unwrap();
    let before = docklog.count();
    docklog.wait_for("lines after the truncation", |lines| lines.len() > before + 400);
    let later = docklog.lines()[before + 300].text();
    let heard = String::from_utf8_lossy(&plain.lock().unwrap()).contains(&later);
    println!("{}: after a truncation a plain follow hears: {heard}; {}", bench.version.0, docklog.counts());
    assert!(!heard || bench.version.0 != "docker-28", "a plain follow has heard {later}: nothing was proven");
    engine.stop(&id);
    docklog.wait_until("the last line", || {
        stamped(&docklog.lines(), &id, "stdout").pop() == stamped_by_engine(&api, &id, "stdout").pop()
    });
    let healed = docklog.counts()["healed"].as_u64().unwrap();
    let finished = docklog.terminate();
    let last = finished.lines.last().unwrap().text();
    let mut expected = [long("OUT", 5_000, 1_000), numbered("OUT", 100_000)].concat();
    expected.truncate(1 + expected.iter().position(|line| *line == last).unwrap());
    let missing = assert_told("emptied", of(&finished.lines, &id), healed, &expected, &finished.gaps);
    println!("{}: {missing} lines went with the truncation; {:?}", bench.version.0, finished.gaps);
}

fn of<'l>(lines: &'l [Line], id: &str) -> Vec<&'l Line> {
    lines.iter().filter(|line| line.id == id).collect()
}

/// Nobody reads stdout while the engine deletes what is older than a few seconds.
pub(crate) fn stalled_reader_of_small_files(bench: &Bench) {
    let (rest, count) = length((8, 12_000), (20, 25_000));
    let launch = bench.docklog().stdout_rests(Duration::from_secs(rest)).gaps_may_come();
    let expected = [long("OUT", 10, 100), long("OUT", count, 1_000)].concat();
    let steps = format!("longout 10 100 delay 1000 wideout {count} 1000 1000 hold");
    assert_all_or_told(bench, launch, &steps, &expected);
}

/// A container writes faster than any follow is sent, and the engine deletes what is older than the moment.
pub(crate) fn burst_into_small_files(bench: &Bench) {
    let expected = [long("OUT", 10, 100), numbered("OUT", 200_000)].concat();
    let steps = "longout 10 100 delay 3000 out 200000 0 hold";
    assert_all_or_told(bench, bench.docklog().gaps_may_come(), steps, &expected);
}

/// What the engine still holds has come, each line once; what is missing lies in a gap that was told.
fn assert_all_or_told(bench: &Bench, launch: Launch, steps: &str, expected: &[String]) {
    let engine = bench.engine();
    let docklog = launch.start_watching();
    let id = engine.run(&Container::new(bench.name("writes"), steps).three_small_files());
    let last = expected.last().unwrap().as_bytes();
    let came = |lines: &[Line]| lines.iter().rev().take(2_000).any(|line| line.message == last);
    docklog.wait_for("the last line", came);
    // A comparison of what has come with what the log holds may be under way.
    sleep(Duration::from_secs(3));
    let counts = docklog.counts();
    let finished = docklog.terminate();
    let retained = stamped_by_engine(&engine.api(), &id, "stdout");
    engine.stop(&id);
    let healed = counts["healed"].as_u64().unwrap();
    let missing = assert_told("writes", of(&finished.lines, &id), healed, expected, &finished.gaps);
    let found: HashSet<String> = stamped(&finished.lines, &id, "stdout").into_iter().collect();
    let lost = retained.iter().filter(|line| !found.contains(*line)).count();
    println!(
        "{}: {missing} of {} lines missing in {} gaps, {} retained; {counts}",
        bench.version.0,
        expected.len(),
        finished.gaps.len(),
        retained.len()
    );
    assert_eq!(lost, 0, "lines that the engine still holds");
}
