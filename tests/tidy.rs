//! The rules of the source tree that a compiler doesn't know.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest function in product code. A longer one decides more than one thing.
const FUNCTION_LINES: usize = 70;

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.ends_with("tests") {
                continue; // of a module that has many
            } else if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no source below {folder}");
    found
}

/// The part of a file before its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

fn assert_absent(folder: &str, banned: &[&str], except: &[&str]) {
    for (path, text) in sources(folder) {
        if except.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        for (number, line) in product(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for word in banned {
                assert!(!code.contains(word), "{}:{}: {word} has no place here", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn decisions_touch_nothing() {
    let outside = [
        "crate::shell",
        "crate::web",
        "crate::push",
        "mio::",
        "hyper::",
        "nix::",
        "std::net",
        "std::fs",
        "std::thread",
        "Instant::now",
        "SystemTime::now",
        "std::os",
        "std::env",
    ];
    assert_absent("src/core", &outside, &[]);
    assert_absent("src/encode", &outside, &[]);
}

#[test]
fn the_protocol_has_no_surroundings() {
    assert_absent("protocol/src", &["std::", "log::", "static mut"], &[]);
}

#[test]
fn only_the_shell_knows_the_reactor() {
    for folder in ["src/core", "src/encode", "src/cli", "src/web", "src/push"] {
        // A file that may be no file is opened with care there.
        assert_absent(folder, &["mio::", "nix::"], &["names/system.rs"]);
    }
}

#[test]
fn only_our_own_http_and_the_http_sinks_know_hyper() {
    for folder in ["src/core", "src/encode", "src/cli", "src/config", "src/shell", "src/soak", "src/tools"] {
        assert_absent(folder, &["hyper::", "rustls::"], &[]);
    }
    // Sockets and clocks are the shell's. What this machine knows of names is in files, which one file reads.
    let outside = ["std::net::Tcp", "std::net::Udp", "std::os", "std::fs", "Instant::now", "SystemTime::now"];
    for folder in ["src/web", "src/push"] {
        assert_absent(folder, &outside, &["names/system.rs"]);
    }
}

/// docklog proper is one thread that only asks an engine. Its soak test and the small commands beside it are another
/// matter. (What may be asked of docklog itself is in `web`; what it sends to receivers of lines, in `push`.)
#[test]
fn one_thread_that_starts_nothing() {
    let banned =
        ["thread::", "process::Command", "process::{Child", "net::UnixStream", "net::{Tcp", "POST", "DELETE"];
    for (path, text) in sources("src") {
        let proper = !path.components().any(|part| part.as_os_str() == "soak" || part.as_os_str() == "tools");
        let own_socket = path.ends_with("shell/socket.rs") || path.ends_with("shell/listener.rs");
        let own_requests = path.ends_with("web/routes.rs") || path.ends_with("push/target.rs");
        for line in product(&text).lines().map(|line| line.split("//").next().unwrap()).filter(|_| proper) {
            let found = banned.iter().find(|word| line.contains(*word));
            let allowed =
                own_socket && line.starts_with("use mio::net::") || own_requests && found == Some(&"POST");
            assert!(found.is_none() || allowed, "{}: {}", path.display(), found.unwrap());
        }
    }
}

#[test]
fn nothing_writes_around_the_outlets() {
    assert_absent("src", &["println!", "eprintln!", "print!(", "std::process::exit"], &[]);
}

#[test]
fn nothing_is_left_undone() {
    for folder in ["src", "protocol/src"] {
        assert_absent(folder, &["todo!", "unimplemented!", "FIXME", "XXX", ".unwrap()", "unsafe {"], &[]);
    }
}

/// A function begins at a line with `fn ` and ends at a brace in the same column; rustfmt sees to that.
#[test]
fn functions_can_be_seen_whole() {
    for folder in ["src", "protocol/src"] {
        for (path, text) in sources(folder) {
            let lines: Vec<&str> = product(&text).lines().collect();
            for (start, line) in lines.iter().enumerate() {
                let code = line.trim_start();
                let indent = line.len() - code.len();
                let begins = code.split('(').next().unwrap().split_whitespace().any(|word| word == "fn");
                if !begins || code.starts_with("//") {
                    continue;
                }
                let end = format!("{}}}", " ".repeat(indent));
                let length = lines[start..].iter().position(|line| *line == end).unwrap_or(0) + 1;
                assert!(length <= FUNCTION_LINES, "{}:{}: {length} lines", path.display(), start + 1);
            }
        }
    }
}

#[test]
fn every_limit_is_used() {
    for (limits, folder) in [("src/limits.rs", "src"), ("protocol/src/limits.rs", "protocol/src")] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(limits)).unwrap();
        let all: String = sources(folder)
            .into_iter()
            .chain(sources("src"))
            .filter(|(path, _)| !path.ends_with("limits.rs"))
            .map(|(_, text)| text)
            .collect();
        for name in text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next()) {
            assert!(all.contains(name), "{limits}: nobody uses {name}");
        }
    }
}
