//! A file for each container: through violent ends, and whatever the containers are called.

use super::sinks::{configured, folder, writers};
use crate::engine::bench::{Bench, length};
use crate::engine::container::Container;
use crate::engine::lines::{Line, by_stream};
use crate::engine::random::Random;
use crate::engine::sequence::{assert_same, numbered};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// All files below a folder, and how many other things there are (links, sockets).
fn files(folder: &Path) -> (Vec<PathBuf>, usize) {
    let (mut found, mut others, mut folders) = (Vec::new(), 0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => folders.push(entry.path()),
                (_, true) => found.push(entry.path()),
                _ => others += 1,
            }
        }
    }
    found.sort();
    (found, others)
}

/// What a file holds; a compressed one by gzip's own program. `None`: it is gone, for it was compressed just now.
fn text_of(path: &Path) -> Option<Vec<u8>> {
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let program = if is_gzip { "zcat" } else { "cat" };
    let output = Command::new(program).arg("--").arg(path).output().unwrap();
    if !output.status.success() && !path.exists() {
        return None;
    }
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// A file's lines.
fn lines_of(path: &Path) -> Vec<Line> {
    let bytes = text_of(path).unwrap();
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "{} ends within a line", path.display());
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| Line::parse(line.trim_ascii_end())).collect()
}

/// Killed without warning at moments of chance, while files are begun, rotated and compressed: each line stands in one file, once.
pub(crate) fn sinks_files_killed(bench: &Bench) {
    let (count, kills, each, rate) = length((6, 8, 1_200, 150), (20, 100, 9_000, 100));
    let folder = folder(bench);
    let (logs, state) = (folder.join("logs"), folder.join("state"));
    let path = logs.join("{container}/{container}.log");
    let rotation = "rotate_size = \"48KiB\"\nkeep_files = 100000\nkeep_size = \"10GiB\"\n";
    let config = configured(&folder, &format!("[[sink]]\ntype = \"file\"\npath = {path:?}\n{rotation}"));
    let launch = || bench.docklog().sinks(&config).args(["--state", state.to_str().unwrap()]).start();
    let (containers, names) = writers(bench, count, each, rate);
    let ids = bench.engine().run_all(&containers, 2);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let mut random = Random(seed);
    for _ in 0..kills {
        let docklog = launch();
        sleep(Duration::from_millis(random.below(1_500) as u64));
        docklog.end_by(Signal::SIGKILL);
        sleep(Duration::from_millis(random.below(200) as u64));
    }
    let docklog = launch();
    let last = ["OUT", "ERR"].map(|tag| numbered(tag, each).pop().unwrap());
    docklog.wait_until("the last lines in the files", || {
        sleep(Duration::from_millis(200));
        names.iter().all(|name| {
            // By their names, that which is written to comes first, then the others from the oldest on.
            let (mut paths, _) = files(&logs.join(name));
            let mut newest: Vec<_> = paths.drain(..paths.len().min(1)).collect();
            newest.extend(paths.into_iter().rev().take(2));
            let text: Vec<u8> = newest.iter().filter_map(|path| text_of(path)).flatten().collect();
            let text = String::from_utf8_lossy(&text);
            last.iter().all(|line| text.contains(line))
        })
    });
    sleep(Duration::from_millis(500));
    docklog.terminate();
    ids.iter().for_each(|id| bench.engine().stop(id));
    let (paths, others) = files(&logs);
    let compressed = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "gz")).count();
    println!(
        "{}: {kills} kills: {} files, {compressed} of them compressed; seed {seed}",
        bench.version.0,
        paths.len()
    );
    assert_eq!(others, 0);
    assert!(paths.len() > 2 * count, "hardly a rotation: nothing was proven");
    let all: Vec<Line> = paths.iter().flat_map(|path| lines_of(path)).collect();
    assert_numbered(&format!("seed {seed}"), &all, count, each);
}

/// Each stream's lines are all there, once. Files stand in no order that counts, so neither do lines of different ones.
fn assert_numbered(what: &str, lines: &[Line], count: usize, each: u64) {
    let streams = by_stream(lines);
    assert_eq!(streams.len(), 2 * count, "{what}");
    for ((container, stream), mut found) in streams {
        found.sort_unstable();
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("{what}: {container} {stream}"), &found, &numbered(tag, each));
    }
}

/// Ten containers that call themselves what nobody should use as a file's name: none leaves the folder, none is lost, and
/// none writes into another's file.
pub(crate) fn sinks_hostile_names(bench: &Bench) {
    const EACH: u64 = 20;
    let long = "x".repeat(400);
    let names = [
        "../../../escape",
        "/etc/docklog-escape",
        "..",
        "a/b",
        "a_b",
        "new\nline",
        ".hidden",
        "-rf",
        &long,
        "é\u{9b}\u{202e}\\",
    ];
    let folder = folder(bench);
    let logs = folder.join("outer/inner/logs");
    let path = logs.join("{container}.log");
    let config = configured(&folder, &format!("[[sink]]\ntype = \"file\"\npath = {path:?}\n"));
    let docklog = bench.docklog().sinks(&config).start_watching();
    let made = names.iter().enumerate().map(|(n, name)| {
        Container::new(bench.name(&n.to_string()), &format!("both {EACH} 0 hold")).label("docklog.name", name)
    });
    let ids = bench.engine().run_all(&made.collect::<Vec<_>>(), 2);
    let all = || files(&folder.join("outer")).0.iter().map(|path| lines_of(path).len()).sum::<usize>();
    docklog.wait_until("all lines in files", || all() >= names.len() * 2 * EACH as usize);
    sleep(Duration::from_millis(300));
    let stderr = docklog.terminate().stderr;
    ids.iter().for_each(|id| bench.engine().stop(id));
    let (paths, others) = files(&folder.join("outer"));
    let mut homes = BTreeMap::<String, BTreeSet<&Path>>::new();
    let mut lines = Vec::new();
    for path in &paths {
        for line in lines_of(path) {
            homes.entry(line.id.clone()).or_default().insert(path);
            lines.push(line);
        }
    }
    let shown: Vec<_> = paths.iter().map(|path| path.file_name().unwrap()).collect();
    println!("{}: {shown:?}", bench.version.0);
    assert_eq!(others, 0, "{shown:?}");
    assert!(paths.iter().all(|path| path.parent() == Some(&logs)), "outside of {logs:?}: {paths:?}");
    assert!(!Path::new("/etc/docklog-escape.log").exists() && !Path::new("/etc/docklog-escape").exists());
    assert_eq!(homes.len(), names.len(), "{stderr}");
    assert!(
        homes.values().all(|paths| paths.len() == 1),
        "lines of one container in several files: {homes:?}"
    );
    let distinct: BTreeSet<_> = homes.values().flatten().collect();
    assert_eq!(distinct.len(), names.len(), "a file with lines of two containers: {homes:?}");
    for id in &ids {
        let of: Vec<Line> = lines.iter().filter(|line| line.id == *id).cloned().collect();
        assert_numbered(id, &of, 1, EACH);
    }
}
