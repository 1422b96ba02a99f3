//! The simulated engine on a real socket (`examples/serve`): a client gets each line once, with and without faults.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[allow(dead_code, reason = "the examples need more of it")]
#[path = "../examples/serve/mod.rs"]
mod serve;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serve::engine::{Channel, Dialect, SimEngine, Spec};
use serve::{Fault, Faults, Server, now};

const CONTAINERS: usize = 5;

/// Lines before docklog comes, and while it follows.
const HISTORY: usize = 100;
const LIVE: usize = 4_000;

/// An engine whose containers have a history; one of them has a terminal.
fn server(name: &str, dialect: Dialect, faults: Faults) -> (Server, PathBuf) {
    let mut engine = SimEngine::new(dialect, 7);
    for container in 0..CONTAINERS {
        let spec = Spec::named(&format!("c{container}"));
        engine.run(now(), if container == 1 { spec.tty() } else { spec });
        for number in 0..HISTORY {
            engine.write_to(now(), container, Channel::Stdout, format!("line {number}\n").as_bytes());
        }
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("docker.sock");
    let _ = std::fs::remove_file(&socket);
    let mut server = Server::new(&socket, engine, faults).unwrap();
    server.keep = Some(2 * HISTORY + LIVE / CONTAINERS);
    (server, socket)
}

fn docklog(socket: &std::path::Path) -> (Child, std::thread::JoinHandle<Vec<String>>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docklog"));
    command.args(["-H", &format!("unix://{}", socket.display())]);
    command.args(["--config", "none", "--tail", "all", "-o", "json"]);
    command.env_remove("DOCKER_HOST").env_remove("RUST_LOG").env_remove("STATE_DIRECTORY");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, std::thread::spawn(move || out.lines().map(Result::unwrap).collect()))
}

/// Lets the containers write, with pauses in between, and gives time to catch up. Returns docklog's lines.
fn follow(mut server: Server, socket: &std::path::Path, crash: bool) -> (Vec<String>, Server) {
    let (mut child, out) = docklog(socket);
    let serve = |server: &mut Server, span: u64| {
        server.serve_until(Instant::now() + Duration::from_millis(span)).unwrap();
    };
    serve(&mut server, 500);
    for line in 0..LIVE {
        let (container, number) = (line % CONTAINERS, HISTORY + line / CONTAINERS);
        let channel = if number % 7 == 0 { Channel::Stderr } else { Channel::Stdout };
        server.write(container, channel, format!("line {number}\n").as_bytes());
        if line % 20 == 0 {
            serve(&mut server, 10);
        }
        if crash && line == LIVE / 2 {
            server.crash();
            serve(&mut server, 100);
            server.come_up().unwrap();
        }
    }
    server.faults.chances = server.faults.chances.map(|(fault, _)| (fault, 0.0));
    serve(&mut server, 4_000);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    serve(&mut server, 1_000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    (out.join().unwrap(), server)
}

/// Each line of each container once, in order per channel.
fn assert_once(lines: &[String]) {
    let mut seen: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("no {key}: {line}")).to_owned();
        let number = text("message").strip_prefix("line ").unwrap().parse().unwrap();
        seen.entry((text("container"), text("stream"))).or_default().push(number);
    }
    for container in 0..CONTAINERS {
        let name = format!("c{container}");
        let of = |stream: &str| seen.get(&(name.clone(), stream.to_owned())).cloned().unwrap_or_default();
        let all = [of("stdout"), of("stderr"), of("tty")];
        assert!(all.iter().all(|numbers| numbers.is_sorted()), "{name}: out of order");
        let mut numbers = all.concat();
        numbers.sort_unstable();
        let expected: Vec<usize> = (0..HISTORY + LIVE / CONTAINERS).collect();
        assert!(numbers == expected, "{name}: {} lines of {}", numbers.len(), expected.len());
    }
}

#[test]
fn each_line_comes_once() {
    let (server, socket) = server("serve-plain", Dialect::Docker28, Faults::new(1));
    let (lines, mut server) = follow(server, &socket, false);
    assert_once(&lines);
    let counts = server.counts();
    assert_eq!(counts.lines, LIVE as u64);
    assert!(counts.sessions >= CONTAINERS as u64 && counts.connections > counts.sessions);
    assert_eq!(server.faults.struck, [0; 4]);
}

#[test]
fn each_line_comes_once_though_responses_are_cut_and_stall_and_the_engine_is_killed() {
    let faults = Faults::new(2).with(Fault::Cut, 0.003).with(Fault::Stall, 0.001);
    let (mut server, socket) = server("serve-faults", Dialect::Docker20, faults);
    server.faults.stall_for = Duration::from_millis(200);
    let (lines, mut server) = follow(server, &socket, true);
    assert_once(&lines);
    let [cuts, stalls, ..] = server.faults.struck;
    assert!(cuts > 3 && stalls > 0, "{cuts} cuts, {stalls} stalls");
    assert!(server.counts().sessions >= CONTAINERS as u64 + cuts);
}
