//! The binary's own HTTP from outside, on real sockets, while it follows the simulated engine.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub, missing_docs)]

#[path = "sim/engine/mod.rs"]
mod engine;
#[path = "http/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use docklog::limits;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stage::Stage;

/// docklog at work, and the lines that it gives: their container, number and age when they came, in milliseconds.
struct Docklog {
    child: Child,
    lines: Receiver<(String, u64, f64)>,
    /// The last number of each container.
    last: BTreeMap<String, u64>,
}

impl Docklog {
    fn start(stage: &Stage, http: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_docklog"))
            .args(["--config", "none", "--tail", "all", "-o", "json", "--http", http, "-H"])
            .arg(format!("unix://{}", stage.socket.display()))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
                let (number, written) = line["message"].as_str().unwrap().split_once(' ').unwrap();
                let age = stage::now().saturating_sub(written.parse().unwrap()) as f64 / 1e6;
                let name = line["container"].as_str().unwrap().to_owned();
                if sender.send((name, number.parse().unwrap(), age)).is_err() {
                    return;
                }
            }
        });
        Docklog { child, lines, last: BTreeMap::new() }
    }

    /// The age of the next line, which must be the one after the last of its container.
    fn line(&mut self, patience: Duration) -> Option<f64> {
        let (name, number, age) = self.lines.recv_timeout(patience).ok()?;
        let last = self.last.insert(name.clone(), number).unwrap_or(number - 1);
        assert_eq!(number, last + 1, "{name}");
        Some(age)
    }

    /// The ages of the lines that come in a span from now on, from the least to the most.
    fn watch(&mut self, span: Duration) -> Vec<f64> {
        while self.line(Duration::ZERO).is_some() {}
        let end = Instant::now() + span;
        let mut ages = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            ages.extend(self.line(left));
        }
        ages.sort_unstable_by(f64::total_cmp);
        ages
    }

    fn proc(&self, file: &str) -> std::path::PathBuf {
        format!("/proc/{}/{file}", self.child.id()).into()
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// The most memory that it has had, in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn stop(mut self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

/// Waits for something that comes soon, or never.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn ask(stream: &mut (impl Read + Write), request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn get(socket: &Path, path: &str) -> (String, String) {
    ask(&mut UnixStream::connect(socket).unwrap(), &format!("GET {path} HTTP/1.0\r\n\r\n"))
}

fn quantile(ages: &[f64], part: f64) -> f64 {
    ages[((ages.len() - 1) as f64 * part) as usize]
}

#[test]
fn a_unix_socket_serves_figures_and_orders_and_is_removed_at_the_end() {
    let stage = Stage::start("unix", 5, 10);
    let admin = stage.beside("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&admin).unwrap()); // a docklog that was killed has left it
    let docklog = Docklog::start(&stage, &format!("unix:{}", admin.display()));
    let live = until("all streams to be live", || {
        let mut stream = UnixStream::connect(&admin).ok()?;
        let (_, state) = ask(&mut stream, "GET /state HTTP/1.0\r\n\r\n");
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        let live = state["streams"].as_array()?.iter().filter(|stream| stream["state"] == "live").count();
        (live == 5).then_some(state)
    });
    assert_eq!(std::fs::metadata(&admin).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(
        (live["docklog"]["threads"].as_u64(), live["engine"]["events"].as_str()),
        (Some(1), Some("flowing"))
    );
    assert_eq!(
        live["docklog"]["open_fds"].as_u64(),
        Some(docklog.descriptors() as u64 + 1),
        "and the client's own"
    );
    assert_eq!(get(&admin, "/readyz").1, "ready\n");
    let mut order = UnixStream::connect(&admin).unwrap();
    assert!(ask(&mut order, "POST /rotate HTTP/1.0\r\n\r\n").0.starts_with("HTTP/1.0 200"));
    until("the rotations", || {
        get(&admin, "/metrics").1.contains("docklog_rotations_total 5\n").then_some(())
    });
    docklog.stop();
    assert!(!admin.exists());
}

#[test]
fn tcp_serves_figures_but_no_orders() {
    let stage = Stage::start("tcp", 1, 10);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let docklog = Docklog::start(&stage, &port.to_string());
    let mut stream = until("the port", || TcpStream::connect(port).ok());
    assert_eq!(ask(&mut stream, "GET /healthz HTTP/1.0\r\n\r\n").1, "ok\n");
    let mut stream = TcpStream::connect(port).unwrap();
    assert!(ask(&mut stream, "POST /rotate HTTP/1.0\r\n\r\n").0.starts_with("HTTP/1.0 403"));
    // A refused head isn't overtaken by the reset of the connection that it comes on.
    let mut stream = TcpStream::connect(port).unwrap();
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    assert!(ask(&mut stream, &long).0.starts_with("HTTP/1.1 431"));
    docklog.stop();
}

#[test]
fn an_address_that_cannot_be_had_ends_it_with_a_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (http, code, part) in [
        (address.as_str(), 1, "Another program (another docklog?)"),
        ("unix:/nowhere/at/all.sock", 1, "Make its folder first"),
        ("unix:/etc/hostname", 1, "something else at this path"),
        ("localhost:9177", 2, "such as 127.0.0.1:9177"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_docklog"))
            .args(["--config", "none", "--http", http])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{http}: {said}");
        assert!(said.contains(part) && said.contains(http), "{http}: {said}");
    }
}

fn tool(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docklog"));
    command.args(args).stdin(Stdio::null());
    command
}

#[test]
fn status_and_top_show_a_running_docklog() {
    let stage = Stage::start("tools", 3, 10);
    let admin = stage.beside("admin.sock");
    let address = format!("unix:{}", admin.display());
    let docklog = Docklog::start(&stage, &address);
    let status = until("a docklog that is ready", || {
        let output = tool(&["status", "--http", &address]).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    });
    assert!(status.contains(": ready\n") && status.contains("\nc2 ") && !status.contains('\x1b'), "{status}");
    let mut top = tool(&["top", "--http", &address]).stdout(Stdio::piped()).spawn().unwrap();
    let shown = BufReader::new(top.stdout.take().unwrap()).lines().map(Result::unwrap);
    let tables = shown.filter(|line| line.starts_with("NAME ")).take(2).count();
    assert_eq!(tables, 2, "it goes on");
    top.kill().unwrap();
    top.wait().unwrap();
    docklog.stop();
}

#[test]
fn tools_say_why_they_have_nothing_to_show() {
    let stage = Stage::start("nothing", 0, 10);
    let nobody = format!("unix:{}", stage.beside("nobody.sock").display());
    let engine = format!("unix:{}", stage.socket.display());
    for (args, code, part) in [
        (&["top", "web"][..], 2, "web"),
        (&["status", "--http", "here"], 1, "such as 127.0.0.1:9177"),
        (&["status", "--http", &nobody], 1, "Does it run, with --http"),
        (&["top", "--http", &engine], 1, "no answer from docklog at"),
    ] {
        let output = tool(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(part) && output.stdout.is_empty(), "{args:?}: {said}");
    }
    let help = tool(&["status", "--help"]).output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Usage: docklog status"));
}

/// One of the five kinds of bad clients. It holds its end until it is dropped.
fn pest(socket: &Path, number: usize) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_nonblocking(true).unwrap();
    let sent = match number % 5 {
        0 => stream.write(b"GET /state HTTP/1.1\r\nX-Slow: "), // goes on byte by byte
        1 => {
            let sent = stream.write(b"GET /state HT");
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            sent
        }
        2 => stream.write(&[b'x'; 60_000]),
        3 => stream.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        _ => stream.write(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n"), // and never reads
    };
    drop(sent); // docklog may have closed it by now
    Some(stream)
}

#[test]
fn five_hundred_bad_clients_take_nothing_from_the_logs_and_are_gone_in_time() {
    let stage = Stage::start("bad", 50, 25);
    let admin = stage.beside("admin.sock");
    let mut docklog = Docklog::start(&stage, &format!("unix:{}", admin.display()));
    until("our HTTP", || UnixStream::connect(&admin).ok().map(drop));
    until("all streams to be live", || {
        get(&admin, "/metrics").1.contains("docklog_streams{state=\"live\"} 50\n").then_some(())
    });
    let span = Duration::from_secs(4);
    let before = docklog.watch(span);
    let (descriptors, memory) = (docklog.descriptors(), docklog.memory());

    let come = admin.clone();
    let pests = std::thread::spawn(move || {
        let mut pests: Vec<UnixStream> = (0..500).filter_map(|number| pest(&come, number)).collect();
        let asked = Instant::now();
        let health = get(&come, "/healthz").1;
        let answered = asked.elapsed();
        let end = Instant::now() + span;
        while Instant::now() < end {
            for stream in pests.iter_mut().step_by(5) {
                drop(stream.write(b"y"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        (pests, health, answered)
    });
    let during = docklog.watch(span);
    let most = docklog.descriptors();
    let (pests, health, answered) = pests.join().unwrap();
    until("the last of them to be gone", || (docklog.descriptors() <= descriptors).then_some(()));
    let after = docklog.memory();
    println!(
        "{} bad clients, at most {} at a time; a good one had its answer after {answered:?}",
        pests.len(),
        most - descriptors
    );
    for (when, ages) in [("before", &before), ("during", &during)] {
        let rate = ages.len() as f64 / span.as_secs_f64();
        let (middle, late, last) = (quantile(ages, 0.5), quantile(ages, 0.99), quantile(ages, 1.0));
        println!(
            "{when}: {rate:.0} lines/s, {middle:.1} ms old when written; 99 %: {late:.1}, all: {last:.1}"
        );
    }
    println!(
        "memory at most: {memory} KiB before, {after} KiB after; descriptors: {descriptors} before and after"
    );
    drop(pests);

    assert_eq!(health, "ok\n");
    assert!(most <= descriptors + limits::HTTP_CONNECTIONS + 1, "{most}");
    assert!(after < memory + 4096, "{memory} KiB became {after} KiB");
    assert_eq!(get(&admin, "/readyz").1, "ready\n");
    assert!(get(&admin, "/metrics").1.contains("docklog_dropped_total{reason=\"gap\"} 0\n"));
    docklog.stop();
}

#[test]
#[ignore = "needs Prometheus' promtool: run .ci/promtool, which fetches it"]
fn promtool_accepts_the_metrics() {
    let promtool = std::env::var("DOCKLOG_PROMTOOL").unwrap();
    let stage = Stage::start("promtool", 3, 10);
    let admin = stage.beside("admin.sock");
    let docklog = Docklog::start(&stage, &format!("unix:{}", admin.display()));
    let metrics = until("lines of each container", || {
        let mut stream = UnixStream::connect(&admin).ok()?;
        let (_, metrics) = ask(&mut stream, "GET /metrics HTTP/1.0\r\n\r\n");
        let counted = metrics.lines().filter(|line| line.starts_with("docklog_container_last_line_")).count();
        (counted == 3).then_some(metrics)
    });
    docklog.stop();
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    println!(
        "promtool: {} series, {:?}, it says: {:?}",
        metrics.lines().filter(|l| !l.starts_with('#')).count(),
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(output.status.success() && output.stdout.is_empty(), "{metrics}");
}
