//! The binary from outside, without an engine: words, exit codes, and what it says when there is nothing to talk to.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn docklog() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docklog"));
    command
        .env_remove("DOCKER_HOST")
        .env_remove("STATE_DIRECTORY")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    docklog().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A path of this test alone, where nothing is.
fn nowhere(name: &str) -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("e.sock")
}

fn spawn(socket: &std::path::Path, more: &[&str]) -> Child {
    docklog()
        .arg("-H")
        .arg(format!("unix://{}", socket.display()))
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets it run for a moment, then asks it to stop; its exit must follow within the promised second (and some patience
/// for a busy machine).
fn stop(child: Child, signal: Signal) -> Output {
    std::thread::sleep(Duration::from_millis(700));
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    output
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Examples:") && help.stderr.is_empty());
    let version = run(&["--version"]);
    assert_eq!(text(&version.stdout), concat!("docklog ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_usage_is_named_and_ends_with_2() {
    for (args, part) in [
        (&["--tial", "5"][..], "--tial"),
        (&["--tail", "many"], "'many'"),
        (&["--since", "yesterday"], "--since: 'yesterday' is no time"),
        (&["-o", "xml"], "xml"),
        (&["/we(b/"], "/we(b/"),
        (&["-H", "tcp://127.0.0.1:2375"], "only unix:// is supported"),
        (&["--since", "1m", "--until", "5m"], "--since lies after --until"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(part), "{args:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_missing_engine_is_said_once_and_waited_for() {
    let output = stop(spawn(&nowhere("missing"), &[]), Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert_eq!(said.matches("does not exist. Start Docker").count(), 1, "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_socket_without_a_listener_is_told_from_a_missing_one() {
    let socket = nowhere("refused");
    drop(UnixListener::bind(&socket).unwrap());
    let output = stop(spawn(&socket, &[]), Signal::SIGINT);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr).matches("nobody listens on").count(), 1);
}

#[test]
fn without_following_a_missing_engine_is_a_failure() {
    let output = spawn(&nowhere("once"), &["--no-follow"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does not exist"));
}

#[test]
fn a_silent_engine_does_not_delay_the_end() {
    let socket = nowhere("silent");
    let _listener = UnixListener::bind(&socket).unwrap();
    let output = stop(spawn(&socket, &[]), Signal::SIGTERM);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_engine_that_talks_nonsense_is_named_and_survived() {
    let socket = nowhere("nonsense");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = std::io::Write::write_all(&mut stream.unwrap(), b"SSH-2.0-OpenSSH_9.2p1 \x1b[2J\r\n\r\n");
        }
    });
    let output = stop(spawn(&socket, &[]), Signal::SIGTERM);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(said.matches("GET /version").count(), 1, "{said}");
    assert!(!said.contains('\x1b'), "{said}");
}

#[test]
fn a_closed_stdout_ends_it_quietly() {
    let socket = nowhere("closed");
    let _listener = UnixListener::bind(&socket).unwrap();
    let mut child = spawn(&socket, &[]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_second_docklog_on_one_state_is_turned_away() {
    let socket = nowhere("state");
    let state = socket.with_file_name("state");
    let first = spawn(&socket, &["--state", state.to_str().unwrap()]);
    while !state.join("checkpoint.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = run(&["--state", state.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another docklog uses it"), "{}", text(&second.stderr));
    stop(first, Signal::SIGTERM);
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_kept_and_the_way_out_told() {
    let state = nowhere("damaged").with_file_name("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("checkpoint.jsonl"), b"\x7fELF").unwrap();
    let output = run(&["--state", state.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("line 1") && said.contains("move it away"), "{said}");
    assert_eq!(std::fs::read(state.join("checkpoint.jsonl")).unwrap(), b"\x7fELF");
}

#[test]
fn an_output_file_that_cannot_be_one_is_named() {
    for (args, code, part) in [
        (&["--output-file", "/dev/full"][..], 1, "not a regular file"),
        (&["--output-file", "/dev/null/at/all"], 1, "/dev/null/at: Not a directory"),
        (&["--output-file", "f", "-o", "pretty"], 2, "JSON lines"),
        (&["--rotate-every", "soon"], 2, "a span such as 5m"),
        (&["--rotate-every", "1ms"], 2, "100ms or more"),
        (&["--max-streams", "0"], 2, "1 or more"),
    ] {
        let output = run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

#[test]
fn counts_are_said_on_demand_and_rotation_is_no_end() {
    let socket = nowhere("counts");
    let _listener = UnixListener::bind(&socket).unwrap();
    let child = spawn(&socket, &[]);
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    std::thread::sleep(Duration::from_millis(300));
    kill(pid, Signal::SIGUSR1).unwrap();
    kill(pid, Signal::SIGUSR2).unwrap();
    let output = stop(child, Signal::SIGTERM);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0));
    assert!(said.starts_with("docklog: counts {") && said.contains("\"rotations\":0"), "{said}");
}

#[test]
fn a_wrong_configuration_is_told_line_by_line_and_ends_with_2() {
    let file = nowhere("config").with_file_name("docklog.toml");
    std::fs::write(&file, "[read]\ntial = 5\n[output]\nformat = \"xml\"\n").unwrap();
    let output = run(&["--config", file.to_str().unwrap()]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("docklog.toml:")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains(":2: read.tial: ") && lines[0].ends_with("did you mean read.tail?"), "{said}");
    assert!(lines[1].contains(":4: output.format: expected auto, pretty, json or raw, not 'xml'"), "{said}");
    for (path, part) in [("/nowhere/at.toml", "No such file"), ("/dev/zero", "isn't a regular file")] {
        let output = run(&["--config", path]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(part), "{path}: {}", text(&output.stderr));
    }
}

#[test]
fn a_hangup_reads_the_configuration_again() {
    let socket = nowhere("hangup");
    let _listener = UnixListener::bind(&socket).unwrap();
    let file = socket.with_file_name("docklog.toml");
    std::fs::write(&file, "[read]\nrotate_every = \"1m\"\n").unwrap();
    let child = spawn(&socket, &["--config", file.to_str().unwrap()]);
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    std::thread::sleep(Duration::from_millis(300));
    // As an editor does it: the sandbox must not hide the new file.
    let next = socket.with_file_name("docklog.toml.next");
    std::fs::write(&next, "[read]\nrotate_every = \"2m\"\n").unwrap();
    std::fs::rename(&next, &file).unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(&file, "[read]\nrotate_every = 2\n").unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    let said = text(&stop(child, Signal::SIGTERM).stderr);
    assert!(said.contains("the configuration was read again: read.rotate_every changed\n"), "{said}");
    assert!(said.contains("stays as it was") && said.contains("docklog.toml:2: read.rotate_every"), "{said}");
}

#[test]
fn from_the_start_on_no_privilege_can_be_gained() {
    for (mode, denied) in [("on", "1"), ("off", "0")] {
        let socket = nowhere(mode);
        let _listener = UnixListener::bind(&socket).unwrap();
        let child = spawn(&socket, &["--sandbox", mode]);
        std::thread::sleep(Duration::from_millis(300));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("NoNewPrivs:")).unwrap();
        assert_eq!(line.split_whitespace().last(), Some(denied), "--sandbox {mode}");
        stop(child, Signal::SIGTERM);
    }
}

/// Without a configuration SIGHUP ends docklog, as it does any program; not under nohup.
#[test]
fn nohup_outlives_its_terminal() {
    for (hangup, lives) in [("--default-signal=HUP", false), ("--ignore-signal=HUP", true)] {
        let socket = nowhere(if lives { "nohup" } else { "terminal" });
        let _listener = UnixListener::bind(&socket).unwrap();
        let mut child = Command::new("env")
            .args([hangup, env!("CARGO_BIN_EXE_docklog"), "--config", "none", "-o", "json"])
            .args(["-H", &format!("unix://{}", socket.display())])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap());
        std::thread::sleep(Duration::from_millis(500));
        kill(pid, Signal::SIGHUP).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(child.try_wait().unwrap().is_none(), lives, "{hangup}");
        let _ = kill(pid, Signal::SIGTERM);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{hangup}");
    }
}

/// What an HTTP sink needs is read again by a reload, from inside the sandbox.
#[cfg(feature = "tls")]
#[test]
fn a_hangup_reads_secrets_and_certificates_again() {
    let socket = nowhere("secrets");
    let _listener = UnixListener::bind(&socket).unwrap();
    let (file, password) =
        (socket.with_file_name("docklog.toml"), nowhere("away").with_file_name("password"));
    std::fs::write(&password, "secret\n").unwrap();
    let sink = |url: &str| {
        format!("[[sink]]\ntype = \"http\"\nurl = \"{url}\"\nuser = \"me\"\npassword_file = {:?}\n", password)
    };
    std::fs::write(&file, sink("https://127.0.0.1:1")).unwrap();
    // `spawn` asks for JSON on stdout, which is another sink.
    let child = spawn(&socket, &["--config", file.to_str().unwrap(), "-o", "auto"]);
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    std::thread::sleep(Duration::from_millis(500));
    kill(pid, Signal::SIGHUP).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let said = text(&stop(child, Signal::SIGTERM).stderr);
    assert!(said.contains("the configuration was read again: nothing has changed\n"), "{said}");
}
