//! Lines go to receivers over HTTP, which do wrong what receivers do wrong: each line arrives, and comes again only where
//! the answer to it didn't.

use crate::engine::api::Api;
use crate::engine::bench::{Bench, length};
use crate::engine::container::Container;
use crate::engine::docklog::Docklog;
use crate::engine::ledger::{Ledger, Request};
use crate::engine::lines::{by_stream, of_file};
use crate::engine::nginx::Nginx;
use crate::engine::random::Random;
use crate::engine::receiver::Receiver;
use crate::engine::sequence::{assert_same, long, numbered};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What becomes of requests, by turns.
const FAULTS: &str = "ok*3,500,ok,429:1,cut,chunked,503,ok,mute,sip:0.2,reset,ok,stuck,early:503,continue,drop,close,ok,drip:0.2,\
                      leave,slow:0.3,big:100000,408,noise";

/// Where a test keeps its files.
pub(super) fn folder(bench: &Bench) -> PathBuf {
    let folder = bench.engine().folder().join(bench.name("folder"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes the configuration; its path.
pub(super) fn configured(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("docklog.toml");
    fs::write(&path, text).unwrap();
    path
}

/// So many containers that write numbered lines on both streams, and their names.
pub(super) fn writers(bench: &Bench, count: usize, each: u64, rate: u64) -> (Vec<Container>, Vec<String>) {
    let steps = format!("both {each} {rate} hold");
    let names: Vec<String> = (0..count).map(|n| bench.name(&n.to_string())).collect();
    (names.iter().map(|name| Container::new(name, &steps)).collect(), names)
}

/// Waits until the receiver has so many lines; and a moment longer, for what comes twice would come now.
pub(super) fn wait_for_all(docklog: &Docklog, receiver: &mut Receiver, lines: usize) {
    docklog.wait_until("all lines at the receiver", || {
        sleep(Duration::from_millis(100)); // the ledger is long
        receiver.ledger.distinct() >= lines
    });
    sleep(Duration::from_millis(500));
}

/// A figure of docklog's `/metrics`, at this Unix socket.
pub(super) fn metric(socket: &Path, name: &str) -> f64 {
    let answer = Api::at(socket).call("GET", "/metrics", "text/plain", b"").unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// A line comes again only if its sender can't know that it was taken.
fn unknown(request: &Request) -> bool {
    !request.is_known()
}

pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Five containers, a receiver with all faults, which is killed and comes back.
fn delivered(bench: &Bench, format: &str, options: &[&str], sink: impl Fn(&Path, u16) -> String) {
    let (count, each, rate, kills, pause) = length((5, 400, 100, 2, 1_000), (20, 1_500, 25, 5, 7_000));
    let folder = folder(bench);
    let mut receiver =
        Receiver::start(&folder, "receiver", format, &[&["--faults", FAULTS], options].concat());
    let common = "type = \"http\"\nbatch_size = \"16KiB\"\nbatch_age = \"100ms\"\ntimeout = \"1s\"\n";
    let text = format!("[[sink]]\nformat = \"{format}\"\n{common}{}", sink(&folder, receiver.port()));
    let docklog = bench.docklog().sinks(&configured(&folder, &text)).start_watching();
    let (containers, names) = writers(bench, count, each, rate);
    let ids = bench.engine().run_all(&containers, 2);
    for _ in 0..kills {
        sleep(Duration::from_millis(pause));
        receiver.kill();
        sleep(Duration::from_millis(pause / 2));
        receiver.restart();
    }
    if length(false, true) {
        receiver.faults("slow:1");
        sleep(Duration::from_secs(10));
        receiver.faults(FAULTS);
    }
    wait_for_all(&docklog, &mut receiver, count * 2 * each as usize);
    docklog.terminate();
    ids.iter().for_each(|id| bench.engine().stop(id));
    let mut ledger = receiver.finish();
    let doubled = ledger.assert_complete(format, &names, each, unknown);
    tell(bench, format, &mut ledger, doubled);
    let refused: u64 = ledger.requests.iter().map(|request| request.refused).sum();
    assert_eq!(refused, 0, "no request was one to refuse");
    for fault in ["500", "429:1", "cut", "mute", "reset"] {
        assert!(
            ledger.requests.iter().any(|request| request.fault == fault),
            "no {fault}: nothing was proven"
        );
    }
}

fn tell(bench: &Bench, what: &str, ledger: &mut Ledger, doubled: usize) {
    let (taken, (median, most)) = (ledger.taken(), ledger.delays());
    let faults: BTreeSet<&str> = ledger.requests.iter().map(|request| request.fault.as_str()).collect();
    let unknown: usize = ledger.requests.iter().filter(|request| !request.is_known()).count();
    let requests = ledger.requests.len();
    println!(
        "{}: {what}: {taken} lines in {requests} requests, {unknown} of them unanswered or in vain, {doubled} lines doubled; under way \
         {median:.2} s (median), {most:.2} s (99 %); {faults:?}",
        bench.version.0
    );
}

/// Loki's push API, with a tenant and a password.
pub(crate) fn sinks_loki(bench: &Bench) {
    let options = ["--basic", "me:secret", "--header", "X-Scope-OrgID: one", "--encoding", "gzip"];
    delivered(bench, "loki", &options, |folder, port| {
        let password = folder.join("password");
        fs::write(&password, "secret\n").unwrap();
        let who = format!("user = \"me\"\npassword_file = {password:?}\ntenant = \"one\"\n");
        format!("{who}url = \"http://127.0.0.1:{port}\"\n")
    });
}

/// OTLP, over TLS, with a token.
pub(crate) fn sinks_otlp(bench: &Bench) {
    let tls = folder(bench).join("tls");
    let options = ["--bearer", "t0ken", "--tls", tls.to_str().unwrap()];
    delivered(bench, "otlp", &options, |folder, port| {
        let (token, authority) = (folder.join("token"), tls.join("ca.pem"));
        fs::write(&token, "t0ken\n").unwrap();
        format!("token_file = {token:?}\nca_file = {authority:?}\nurl = \"https://localhost:{port}\"\n")
    });
}

/// JSON lines, uncompressed, to a path of the user's.
pub(crate) fn sinks_ndjson(bench: &Bench) {
    let options = ["--path", "/in/logs", "--header", "X-One: 1", "--encoding", "identity"];
    delivered(bench, "ndjson", &options, |_, port| {
        let headers = "headers = [\"X-One: 1\"]\ncompress = false\n";
        format!("{headers}url = \"http://127.0.0.1:{port}/in/logs\"\n")
    });
}

/// docklog is killed without warning, again and again, with a file beside the receiver: the file has each line once, and the receiver has
/// those again that were on their way, or taken since the last checkpoint.
pub(crate) fn sinks_killed(bench: &Bench) {
    /// A checkpoint is written a second after what it tells; a machine with much to do takes its time.
    const CHECKPOINT: f64 = 3.0;
    let (count, kills, each, rate) = length((4, 4, 1_800, 150), (20, 20, 9_000, 100));
    let folder = folder(bench);
    // While docklog waits to repeat a request, it has lines in hand that nobody else has.
    let faults = "ok*3,slow:0.3,503*4";
    let mut receiver = Receiver::start(&folder, "receiver", "ndjson", &["--faults", faults]);
    let (file, state) = (folder.join("lines.jsonl"), folder.join("state"));
    let http =
        format!("type = \"http\"\nurl = \"http://127.0.0.1:{}\"\nbatch_age = \"200ms\"\n", receiver.port());
    let text = format!("[[sink]]\n{http}[[sink]]\ntype = \"file\"\npath = {file:?}\n");
    let config = configured(&folder, &text);
    let launch = || bench.docklog().sinks(&config).args(["--state", state.to_str().unwrap()]).start();
    let mut docklog = launch();
    let (containers, names) = writers(bench, count, each, rate);
    let ids = bench.engine().run_all(&containers, 2);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let (mut random, mut moments) = (Random(seed), Vec::new());
    for kill in 0..kills {
        // Some follow each other closely; others leave time for checkpoints, whose lines don't come again.
        let least = if kill % 2 == 0 { 400 } else { 4_000 };
        sleep(Duration::from_millis(least + random.below(1_200) as u64));
        docklog.end_by(Signal::SIGKILL);
        moments.push(now());
        sleep(Duration::from_millis(random.below(300) as u64));
        docklog = launch();
    }
    let total = count * 2 * each as usize;
    wait_for_all(&docklog, &mut receiver, total);
    let written = || fs::read(&file).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
    docklog.wait_until("all lines in the file", || written() >= total);
    docklog.terminate();
    ids.iter().for_each(|id| bench.engine().stop(id));
    for ((container, stream), found) in &by_stream(&of_file(&file)) {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("seed {seed}: the file: {container} {stream}"), found, &numbered(tag, each));
    }
    let mut ledger = receiver.finish();
    let doubled = ledger.assert_complete(&format!("seed {seed}"), &names, each, |request| {
        unknown(request) || moments.iter().any(|at| (*at - CHECKPOINT..=*at).contains(&request.at))
    });
    tell(bench, &format!("docklog killed {kills} times"), &mut ledger, doubled);
}

/// A real proxy stands between: it closes connections as it likes, is reloaded, ends and comes back; then the receiver does.
pub(crate) fn sinks_nginx(bench: &Bench) {
    let (count, each, rate) = length((5, 600, 100), (20, 3_000, 50));
    let folder = folder(bench);
    let mut receiver = Receiver::start(&folder, "receiver", "ndjson", &["--faults", "ok*4,500,ok*2,429:1"]);
    let mut nginx = Nginx::start(&folder, receiver.port());
    let url = format!("url = \"http://127.0.0.1:{}\"\n", nginx.port());
    let text = format!("[[sink]]\ntype = \"http\"\nbatch_age = \"100ms\"\n{url}");
    let docklog = bench.docklog().sinks(&configured(&folder, &text)).start_watching();
    let (containers, names) = writers(bench, count, each, rate);
    let ids = bench.engine().run_all(&containers, 2);
    sleep(Duration::from_secs(1));
    nginx.reload();
    sleep(Duration::from_secs(1));
    nginx.stop();
    sleep(Duration::from_millis(500));
    nginx.start_again();
    sleep(Duration::from_secs(1));
    receiver.kill(); // nginx says 502
    sleep(Duration::from_millis(500));
    receiver.restart();
    wait_for_all(&docklog, &mut receiver, count * 2 * each as usize);
    docklog.terminate();
    ids.iter().for_each(|id| bench.engine().stop(id));
    let mut ledger = receiver.finish();
    let doubled = ledger.assert_complete("nginx", &names, each, unknown);
    tell(bench, "behind nginx", &mut ledger, doubled);
}

/// A receiver that stands still time and again, and may lose lines: the file beside it has all, and what was lost is counted, to the line.
pub(crate) fn sinks_drop(bench: &Bench) {
    let (each, size) = length((5_000, 500), (50_000, 500));
    let folder = folder(bench);
    let mut receiver = Receiver::start(&folder, "receiver", "ndjson", &["--faults", "ok*3,still"]);
    let (file, socket) = (folder.join("lines.jsonl"), folder.join("http.sock"));
    let http = format!(
        "type = \"http\"\nname = \"far\"\non_full = \"drop\"\ntimeout = \"2s\"\nurl = \"http://127.0.0.1:{}\"\n",
        receiver.port()
    );
    let text =
        format!("[limits]\nmemory = \"1MiB\"\n[[sink]]\n{http}[[sink]]\ntype = \"file\"\npath = {file:?}\n");
    let listen = format!("unix:{}", socket.display());
    let docklog =
        bench.docklog().sinks(&configured(&folder, &text)).args(["--http", &listen]).start_watching();
    let names = ["0", "1"].map(|name| bench.name(name));
    let steps = format!("wide {each} 1000 {size} hold");
    let containers: Vec<_> = names.iter().map(|name| Container::new(name, &steps)).collect();
    let ids = bench.engine().run_all(&containers, 2);
    let total = 4 * each as usize;
    let written = || fs::read(&file).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
    docklog.wait_until("all lines in the file", || {
        sleep(Duration::from_millis(200)); // it is long
        written() >= total
    });
    receiver.faults("ok");
    let figure =
        |name: &str| metric(&socket, &format!("docklog_sink_{name}_lines_total{{sink=\"far\"}}")) as usize;
    docklog.wait_until("what wasn't dropped", || {
        sleep(Duration::from_millis(100));
        receiver.ledger.distinct() + figure("dropped") >= total
    });
    sleep(Duration::from_millis(500));
    let (dropped, refused) = (figure("dropped"), figure("refused"));
    docklog.terminate();
    ids.iter().for_each(|id| bench.engine().stop(id));
    for ((container, stream), found) in &by_stream(&of_file(&file)) {
        let tag = if stream == "stdout" { "OUT" } else { "ERR" };
        assert_same(&format!("the file: {container} {stream}"), found, &long(tag, each, size));
    }
    let mut ledger = receiver.finish();
    let doubled = ledger.assert_streams("dropped", &names, |tag| long(tag, each, size), true, &unknown);
    let arrived = ledger.distinct();
    println!(
        "{}: of {total} lines {arrived} arrived, {dropped} were dropped, {doubled} doubled",
        bench.version.0
    );
    assert!(dropped > 0, "nothing was proven");
    assert_eq!((arrived + dropped, refused), (total, 0), "what didn't arrive was dropped, and counted");
}
