//! All of docklog on a machine that does next to nothing: an engine of canned answers with one container, and an outlet
//! that takes everything. What it costs is what docklog costs.

use crate::captures::Repeated;
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use docklog::cli::args;
use docklog::config::values::Values;
use docklog::config::{Settings, Surroundings};
use docklog::core::checkpoint::Saved;
use docklog::core::source::Source;
use docklog::core::time::{Mono, Now};
use docklog::shell::messages::Messages;
use docklog::shell::process::Figures;
use docklog::shell::turn::Turn;
use docklog::shell::world::{Ready, Token, Urgency, World};
use docklog_protocol::Timestamp;

/// As much as a Unix socket queues of small chunks.
const QUEUED: usize = 39 * 1024;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Runs docklog on this log response until it ends; what came out, as `measure` sees it write by write.
pub(crate) fn run(log: Repeated, measure: fn(&[u8]) -> usize) -> usize {
    let flags = args::parse(["-o", "json", "--tail", "all", "--no-follow"]).unwrap();
    let settings = Settings::new(&flags, &Values::default(), &Surroundings::default()).unwrap();
    let out: Rc<Cell<usize>> = Rc::default();
    let machine = Replay { log, ready: Rc::default(), now: 0, out: Rc::clone(&out), measure };
    let code = Turn::new(settings, Saved::default(), machine, Messages::default()).run();
    assert_eq!(code, 0, "docklog fails");
    out.take()
}

struct Replay {
    log: Repeated,
    /// What the next wait tells.
    ready: Rc<RefCell<Vec<Ready>>>,
    now: u64,
    out: Rc<Cell<usize>>,
    measure: fn(&[u8]) -> usize,
}

/// What is read from a connection.
enum Answer {
    Text(String),
    Log(Repeated),
}

impl Answer {
    /// What stands at this offset; empty at the end.
    fn at(&self, offset: usize) -> &[u8] {
        match self {
            Self::Text(text) => &text.as_bytes()[offset..],
            Self::Log(log) => log.at(offset),
        }
    }
}

/// A connection to the canned engine.
struct Canned {
    token: Token,
    ready: Rc<RefCell<Vec<Ready>>>,
    log: Repeated,
    request: Vec<u8>,
    answer: Answer,
    read: usize,
}

impl Canned {
    /// The answer to the request, once that is whole.
    fn ask(&mut self) {
        let Some(path) =
            self.request.strip_suffix(b"\r\n\r\n").and_then(|text| text.split(|b| *b == b' ').nth(1))
        else {
            return;
        };
        let path = String::from_utf8_lossy(path).into_owned();
        let json = |body: String| {
            Answer::Text(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        };
        self.answer = if path.contains("/logs") {
            Answer::Log(self.log)
        } else if path.contains("/events") {
            Answer::Text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into())
        } else if path.ends_with("/version") {
            json(r#"{"Version":"28.5.2","ApiVersion":"1.51","MinAPIVersion":"1.24"}"#.into())
        } else if path.contains(ID) {
            let state = r#"{"Running":true,"StartedAt":"2026-11-23T20:00:00Z"}"#;
            let host = r#"{"LogConfig":{"Type":"json-file"}}"#;
            json(format!(
                r#"{{"Id":"{ID}","Name":"/web","Config":{{"Tty":false}},"State":{state},"HostConfig":{host}}}"#
            ))
        } else {
            json(format!(r#"[{{"Id":"{ID}","Names":["/web"],"State":"running"}}]"#))
        };
        self.tell();
    }

    /// Bytes have come.
    fn tell(&self) {
        let event = Ready::Socket { token: self.token, readable: true, closed: false, writable: false };
        self.ready.borrow_mut().push(event);
    }
}

impl Read for Canned {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = self.answer.at(self.read);
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = rest.len().min(out.len()).min(QUEUED);
        out[..length].copy_from_slice(&rest[..length]);
        self.read += length;
        if !self.answer.at(self.read).is_empty() {
            self.tell(); // the engine fills up what was taken
        }
        Ok(length)
    }
}

impl Write for Canned {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.request.extend_from_slice(bytes);
        self.ask();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl World for Replay {
    type Socket = Canned;

    fn now(&mut self) -> Now {
        self.now += 1_000;
        Now {
            mono: Mono(self.now),
            wall: Timestamp::from_unix_nanos(1_795_464_967_000_000_000 + self.now.cast_signed()),
        }
    }

    fn connect(&mut self, token: Token, _: Urgency) -> io::Result<Canned> {
        let (ready, log) = (Rc::clone(&self.ready), self.log);
        ready.borrow_mut().push(Ready::Socket { token, readable: false, closed: false, writable: true });
        Ok(Canned { token, ready, log, request: Vec::new(), answer: Answer::Text(String::new()), read: 0 })
    }

    fn accept(&mut self, _: Token) -> io::Result<Canned> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn dial(&mut self, _: Token, _: SocketAddr) -> io::Result<Canned> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn ask(&mut self, _: Token, _: SocketAddr) -> io::Result<Canned> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn close(&mut self, _: Canned) {}

    fn wait(&mut self, _: Duration, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.append(&mut self.ready.borrow_mut());
        if ready.is_empty() {
            let pause = timeout.ok_or_else(|| io::Error::other("waits for ever"))?;
            self.now += u64::try_from(pause.as_nanos()).unwrap();
        }
        Ok(())
    }

    fn complain(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn write_lines(&mut self, _: usize, _: Option<&Rc<Source>>, bytes: &[u8]) -> io::Result<usize> {
        self.out.set(self.out.get() + (self.measure)(bytes));
        Ok(bytes.len())
    }

    fn figures(&mut self) -> Figures {
        Figures::default()
    }

    fn notify(&mut self, _: &str) {}

    fn reload(&mut self) -> Option<Result<Settings, String>> {
        None
    }

    fn save(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}
