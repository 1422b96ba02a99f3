//! A receiver that is gone for long, and one whose name nobody knows.

use super::sinks::{configured, folder, metric, wait_for_all, writers};
use crate::engine::bench::{Bench, length};
use crate::engine::lines::of_file;
use crate::engine::private::VERSIONS;
use crate::engine::receiver::{Names, Receiver};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The receiver is gone for a while; then everything arrives. Meanwhile docklog stays small, and the engine has nothing to do for it.
pub(crate) fn sinks_outage(bench: &Bench) {
    const CONTAINERS: usize = 10;
    const RATE: u64 = 100; // 2,000 lines a second in all
    let (outage, budget) = length((5, "1MiB"), (300, "4MiB"));
    let each = RATE * (outage + 5);
    let folder = folder(bench);
    let mut receiver = Receiver::start(&folder, "receiver", "loki", &[]);
    let http =
        format!("type = \"http\"\nformat = \"loki\"\nurl = \"http://127.0.0.1:{}\"\n", receiver.port());
    let text = format!("[limits]\nmemory = \"{budget}\"\n[[sink]]\n{http}");
    let socket = folder.join("http.sock");
    let launch = bench.docklog().sinks(&configured(&folder, &text));
    let docklog = launch.args(["--http", &format!("unix:{}", socket.display())]).start_watching();
    let (containers, names) = writers(bench, CONTAINERS, each, RATE);
    let ids = bench.engine().run_all(&containers, 2);
    let (process, engine) = (docklog.process(), bench.engine().process());
    docklog.wait_until("lines at the receiver", || receiver.ledger.distinct() > 1_000);
    let (before, ticks, start) = (process.status("VmRSS"), engine.ticks(), Instant::now());
    receiver.kill();
    let mut most = 0;
    for _ in 0..outage * 5 {
        sleep(Duration::from_millis(200));
        most = most.max(process.status("VmRSS"));
    }
    let percent = |ticks: u64, since: Instant| ticks as f64 / since.elapsed().as_secs_f64();
    let during = percent(engine.ticks() - ticks, start);
    let (ticks, start) = (engine.ticks(), Instant::now());
    receiver.restart();
    wait_for_all(&docklog, &mut receiver, CONTAINERS * 2 * each as usize);
    let (caught_up, after) = (start.elapsed(), percent(engine.ticks() - ticks, start));
    sleep(Duration::from_secs(1));
    let (left, connections) = (process.status("VmRSS"), receiver.count("connections"));
    let longest = metric(&socket, "docklog_longest_turn_seconds") * 1e3;
    docklog.terminate();
    ids.iter().for_each(|id| bench.engine().stop(id));
    let mut ledger = receiver.finish();
    let doubled = ledger.assert_complete("outage", &names, each, |request| !request.is_known());
    println!(
        "{}: {outage} s without receiver at 2,000 lines/s: RSS {before} KiB before, {most} at most, {left} after; engine \
         {during:.1} % of a core meanwhile, {after:.1} % then; all there after {caught_up:?}, {doubled} lines doubled; longest turn \
         {longest:.1} ms",
        bench.version.0
    );
    assert!(connections <= 2, "{connections} connections to a receiver that keeps them");
    assert!(most < before + 12 * 1_024, "from {before} to {most} KiB");
}

/// The nameserver is silent, talks nonsense, knows no such name, is late; then the receiver moves to another address. The file
/// beside it has its lines at once, whatever is up with names.
pub(crate) fn sinks_names(bench: &Bench) {
    let (each, rate, spell) = length((900, 150, 1_000), (9_000, 150, 12_000));
    let folder = folder(bench);
    let version = VERSIONS.iter().position(|version| *version == bench.version).unwrap();
    let process = std::process::id();
    let server = format!("127.{}.{}.{}", 53 + version, process >> 8 & 255, process & 255 | 1);
    let names = Names::start(&folder, &server, &["receiver.test 127.0.0.1"]);
    names.command("mode silent");
    let resolv = folder.join("resolv.conf");
    fs::write(&resolv, format!("nameserver {server}\noptions timeout:1 attempts:1\n")).unwrap();
    let mut first = Receiver::start(&folder, "receiver", "ndjson", &[]);
    let (port, socket, file) = (first.port(), folder.join("http.sock"), folder.join("lines.jsonl"));
    let http = format!(
        "type = \"http\"\nurl = \"http://receiver.test:{port}\"\nbatch_age = \"200ms\"\ntimeout = \"1s\"\n"
    );
    // Room for what waits for the nameserver: without any, the file would have to wait, too.
    let limits = "[limits]\nmemory = \"16MiB\"\n";
    let text = format!("{limits}[[sink]]\n{http}[[sink]]\ntype = \"file\"\npath = {file:?}\n");
    let config = configured(&folder, &text);
    // A mount namespace of its own, in which /etc/resolv.conf is ours.
    let bind = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let launch = bench.docklog().sinks(&config).args(["--http", &format!("unix:{}", socket.display())]);
    let docklog = launch.start_under(&["unshare", "--mount", "sh", "-c", bind, resolv.to_str().unwrap()]);
    let (containers, written) = writers(bench, 2, each, rate);
    let ids = bench.engine().run_all(&containers, 2);
    let lines = || if file.exists() { of_file(&file).len() } else { 0 };
    for mode in ["silent", "garbage", "short", "loop", "servfail", "nxdomain", "other-id"] {
        names.command(&format!("mode {mode}"));
        let seen = lines();
        sleep(Duration::from_millis(spell / 2));
        docklog.wait_until("lines in the file", || lines() > seen || seen as u64 == 4 * each);
    }
    assert_eq!(first.ledger.distinct(), 0, "nobody could know where it is");
    names.command("mode late:0.3");
    docklog.wait_until("lines at the receiver", || first.ledger.distinct() > 0);
    names.command("mode forged-first");
    names.command("set receiver.test 127.0.0.2");
    first.kill();
    let place = ["--address", "127.0.0.2", "--port", &port.to_string()];
    let mut second = Receiver::start(&folder, "receiver", "ndjson", &place);
    wait_for_all(&docklog, &mut second, 4 * each as usize);
    let longest = metric(&socket, "docklog_longest_turn_seconds");
    let asked = names.command("counts");
    let doubled = {
        docklog.terminate();
        ids.iter().for_each(|id| bench.engine().stop(id));
        second.finish().assert_complete("names", &written, each, |request| !request.is_known())
    };
    println!("{}: longest turn {:.1} ms; {doubled} lines doubled; {asked}", bench.version.0, longest * 1e3);
    assert!(longest < 1.0, "somebody waited for a nameserver");
    assert_eq!(asked["refused"], 0, "questions that are none");
    assert_eq!(lines() as u64, 4 * each);
}
