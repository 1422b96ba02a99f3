//! Clients on socket pairs, a core that knows containers, and a clock that is set.

mod hostile;
mod pages;
mod service;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::{
    ApiVersion, ContainerId, Content, EngineKind, Framing, Head, Listed, Timestamp, Version,
};

use super::{Ways, Web};
use crate::config::Settings;
use crate::core::Core;
use crate::core::checkpoint::Saved;
use crate::core::exchange::{End, Exchange, Input};
use crate::core::source::Source;
use crate::core::time::{Mono, Now};
use crate::shell::messages::Messages;
use crate::shell::process::Figures;
use crate::shell::world::{Ready, Token, Urgency, World};

const LOCAL: Ways = Ways { local: true, per_container: true };

fn now(mono: Duration) -> Now {
    let nanos = u64::try_from(mono.as_nanos()).expect("soon");
    Now { mono: Mono(nanos), wall: Timestamp { seconds: 1_795_464_967 + mono.as_secs() as i64, nanos: 0 } }
}

/// A core that has listed so many running containers, and asks for their logs.
fn core_with(names: &[String]) -> Core {
    let settings = Settings::from_args([]).expect("defaults");
    let mut core = Core::new(settings.rules, Saved::default(), now(Duration::ZERO), 1);
    let api = Some(ApiVersion { major: 1, minor: 51 });
    let version = Version { kind: EngineKind::Docker, version: "28.5.2".to_owned(), api, min_api: None };
    core.handle(Input::Version(version));
    core.handle(Input::Ended(Exchange::Version, End::Complete));
    let head = Head {
        status: 200,
        version_1_1: true,
        content: Content::Json,
        api_version: None,
        podman: false,
        framing: Framing::Chunked,
    };
    core.handle(Input::Head(Exchange::Events, head));
    for (number, name) in names.iter().enumerate() {
        core.handle(Input::Listed(Listed {
            id: ContainerId::parse(&format!("{number:064x}")).expect("an id"),
            name: name.clone(),
            image: "busybox".to_owned(),
            labels: Default::default(),
            state: "running".to_owned(),
            created: None,
        }));
    }
    core.handle(Input::Ended(Exchange::List, End::Complete));
    core.end_turn();
    core
}

fn named(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("container-{number}")).collect()
}

/// A machine with nothing but clients that wait to be accepted.
#[derive(Debug, Default)]
struct Door {
    waiting: VecDeque<UnixStream>,
    /// Accepting fails so, if set.
    broken: Option<i32>,
    closed: usize,
}

impl World for Door {
    type Socket = UnixStream;

    fn accept(&mut self, _: Token) -> io::Result<UnixStream> {
        if let Some(code) = self.broken {
            return Err(io::Error::from_raw_os_error(code));
        }
        self.waiting.pop_front().ok_or(io::ErrorKind::WouldBlock.into())
    }

    fn dial(&mut self, _: Token, _: SocketAddr) -> io::Result<UnixStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn ask(&mut self, _: Token, _: SocketAddr) -> io::Result<UnixStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn close(&mut self, _: UnixStream) {
        self.closed += 1;
    }

    fn figures(&mut self) -> Figures {
        Figures { resident: Some(3 << 20), threads: Some(1), started: Some(1.5), ..Figures::default() }
    }

    fn now(&mut self) -> Now {
        now(Duration::ZERO)
    }

    fn connect(&mut self, _: Token, _: Urgency) -> io::Result<UnixStream> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn wait(&mut self, _: Duration, _: Option<Duration>, _: &mut Vec<Ready>) -> io::Result<()> {
        Ok(())
    }

    fn complain(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn write_lines(&mut self, _: usize, _: Option<&Rc<Source>>, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn notify(&mut self, _: &str) {}

    fn reload(&mut self) -> Option<Result<Settings, String>> {
        None
    }

    fn save(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Our HTTP, and all around it.
struct House {
    web: Web<UnixStream>,
    door: Door,
    core: Core,
    messages: Messages,
    time: Duration,
}

impl House {
    fn new(ways: Ways, names: &[String]) -> Self {
        Self {
            web: Web::new(ways),
            door: Door::default(),
            core: core_with(names),
            messages: Messages::default(),
            time: Duration::ZERO,
        }
    }

    /// A client connects.
    fn visit(&mut self) -> Visitor {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).expect("a socket");
        theirs.set_nonblocking(true).expect("a socket");
        self.door.waiting.push_back(ours);
        self.web.knock();
        Visitor { stream: theirs, got: Vec::new() }
    }

    /// One that sends this at once.
    fn ask(&mut self, request: &[u8]) -> Visitor {
        let mut visitor = self.visit();
        visitor.send(request);
        visitor
    }

    /// One turn. Events that tell nothing new must do no harm, so everybody is said to be ready each time.
    fn turn(&mut self) {
        let tokens: Vec<Token> = self.web.clients.iter().map(|(token, _)| token).collect();
        for token in tokens {
            assert!(self.web.mark(token, true, true));
        }
        self.core.begin_turn(now(self.time));
        self.web.turn(&mut self.door, &mut self.core, &self.messages);
    }

    /// Turns until this client has nothing more to expect at present.
    fn serve(&mut self, visitor: &mut Visitor) {
        let mut quiet = 0;
        while quiet < 10 {
            self.turn();
            quiet = if visitor.take() == 0 { quiet + 1 } else { 0 };
        }
    }

    /// Lets time pass, in steps as the loop would make them.
    fn pass(&mut self, span: Duration) {
        let end = self.time + span;
        while let Some(at) = self.web.deadline().map(|at| Duration::from_nanos(at.0)).filter(|at| *at <= end)
        {
            self.time = self.time.max(at);
            self.turn();
        }
        self.time = end;
        self.turn();
    }

    fn clients(&self) -> usize {
        self.web.clients.iter().count()
    }

    fn said(&self) -> String {
        let mut said = Vec::new();
        let all = self.messages.drain(|bytes| {
            said.extend_from_slice(bytes);
            Ok(bytes.len())
        });
        all.expect("nothing fails here");
        String::from_utf8(said).expect("text")
    }
}

/// A client.
#[derive(Debug)]
struct Visitor {
    stream: UnixStream,
    got: Vec<u8>,
}

impl Visitor {
    /// Sends as much of this as the socket takes.
    fn send(&mut self, bytes: &[u8]) -> usize {
        self.stream.write(bytes).unwrap_or(0)
    }

    fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("open");
    }

    /// Takes what has come.
    fn take(&mut self) -> usize {
        let before = self.got.len();
        let _ = self.stream.read_to_end(&mut self.got); // ends with WouldBlock
        self.got.len() - before
    }

    /// True if docklog has closed the connection.
    fn is_closed(&mut self) -> bool {
        self.take();
        !matches!(self.stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    fn text(&self) -> String {
        String::from_utf8(self.got.clone()).expect("text")
    }

    fn status(&self) -> String {
        self.text().split(' ').nth(1).unwrap_or_default().to_owned()
    }

    fn body(&self) -> String {
        let text = self.text();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        if head.to_lowercase().contains("transfer-encoding: chunked") {
            unchunked(body)
        } else {
            body.to_owned()
        }
    }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    loop {
        let (size, more) = rest.split_once("\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(size, 16).expect("a number");
        body.push_str(&more[..size]);
        rest = more[size..].strip_prefix("\r\n").expect("a chunk's end");
        if size == 0 {
            assert_eq!(rest, "", "something follows the last chunk");
            return body;
        }
    }
}
