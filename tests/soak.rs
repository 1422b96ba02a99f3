//! `docklog soak` from outside, against its simulated engine.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// `docklog soak` with a place for temporary files of its own.
fn soak(name: &str, args: &[&str]) -> (Command, PathBuf) {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_docklog"));
    command.arg("soak").args(args).env("TMPDIR", &folder);
    command.env_remove("DOCKER_HOST").env_remove("RUST_LOG").stdin(Stdio::null());
    (command, folder)
}

fn run(name: &str, args: &[&str]) -> Output {
    soak(name, args).0.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The row of the verdict that begins so, as words.
fn target(table: &str, name: &str) -> Vec<String> {
    let verdict = table.split("target").nth(1).unwrap_or_else(|| panic!("no verdict: {table}"));
    let row =
        verdict.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {table}"));
    row[name.len()..].split_whitespace().map(str::to_owned).collect()
}

#[test]
fn nothing_is_lost_or_leaked_over_rotations() {
    let args = ["--simulate", "--containers", "3", "--rate", "200", "--duration", "4s", "--interval", "1s"];
    let output = run("rotations", &[&args[..], &["--rotate-every", "1s"]].concat());
    let (table, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{table}{said}");
    for name in ["threads", "descriptors"] {
        assert_eq!(target(&table, name).last().unwrap(), "holds", "{table}");
    }
    for name in ["lost", "doubled", "lines that aren't ours"] {
        assert_eq!(target(&table, name), ["0", "0", "holds"], "{table}");
    }
    let rotations = target(&table, "rotations");
    assert_eq!(rotations[..2], [">=", "9"], "3 streams, each 4 times but for the last: {table}");
    assert!(rotations[2].parse::<u32>().unwrap() >= 9, "{table}");
    assert!(table.contains("All targets hold"), "{table}");
}

#[test]
fn each_interval_has_its_row() {
    let args = ["--simulate", "--containers", "2", "--duration", "2s", "--interval", "1s"];
    let output = run("rows", &[&args[..], &["--rotate-every", "0"]].concat());
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{table}{}", text(&output.stderr));
    let rows: Vec<&str> = table.lines().skip_while(|line| !line.starts_with("elapsed")).skip(1).collect();
    let rows: Vec<&str> = rows.into_iter().take_while(|line| !line.is_empty()).collect();
    assert!((2..=4).contains(&rows.len()) && rows[0].trim_start().starts_with("0m00s"), "{table}");
    assert!(rows.iter().all(|row| row.split_whitespace().count() == 10), "{table}");
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    for (name, signal) in [("int", Signal::SIGINT), ("term", Signal::SIGTERM)] {
        let (mut command, folder) = soak(name, &["--simulate", "--containers", "2", "--rotate-every", "0"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::fs::read_dir(&folder).unwrap().count() == 0 {
            assert!(Instant::now() < deadline, "the simulated engine doesn't start");
            std::thread::sleep(Duration::from_millis(20));
        }
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("interrupted: no verdict"), "{}", text(&output.stderr));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn help_goes_to_stdout_and_wrong_usage_ends_with_2() {
    let help = run("help", &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).starts_with("Usage: docklog soak") && help.stderr.is_empty());
    for (args, part) in [
        (&["--containers", "none"][..], "'none'"),
        (&["--rotate-evry", "3m"], "--rotate-evry"),
        (&["-H", "tcp://127.0.0.1:2375"], "only unix:// is supported"),
    ] {
        let output = run("usage", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(part), "{args:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn without_an_engine_it_says_so() {
    let output = run("nowhere", &["-H", "unix:///nowhere/docker.sock", "--containers", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nowhere/docker.sock gave no answer"), "{}", text(&output.stderr));
}
