//! Sinks whose receivers are at the other ends of socket pairs, on a clock that is set.

mod answers;
mod finding;
mod hostile;
mod keeping;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::Timestamp;

use super::names::System;
use super::target::{Format, Target};
use super::{Outcome, Pushes};
use crate::config::Settings;
use crate::core::source::Source;
use crate::core::time::{Mono, Now};
use crate::shell::messages::Messages;
use crate::shell::process::Figures;
use crate::shell::world::{Ready, Token, Urgency, World};

const NOW: i64 = 1_795_464_967;

fn at(mono: Duration) -> Now {
    let nanos = u64::try_from(mono.as_nanos()).expect("soon");
    Now { mono: Mono(nanos), wall: Timestamp { seconds: NOW + mono.as_secs() as i64, nanos: 0 } }
}

/// How the way to an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Nobody listens.
    Refused,
    /// A firewall swallows all.
    Silent,
    /// It can't even be begun.
    Unreachable,
    /// Whoever listens answers [`BUSY`] and is gone, just when we write, and not before.
    Breaks,
    /// Whoever listens tells us to go on, without end.
    Endless,
}

/// Our end of a connection.
#[derive(Debug)]
enum Sock {
    Stream(UnixStream),
    Datagram(UnixDatagram),
    Nowhere(Way),
    /// What is left to be read, once it was written to.
    Breaking(Option<&'static [u8]>),
    /// So many bytes were read, once it was written to. (It has an end after all, or a mistake would take for ever.)
    Endless(Option<usize>),
}

impl Read for Sock {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stream(stream) => stream.read(out),
            Self::Datagram(socket) => socket.recv(out),
            Self::Nowhere(_) | Self::Breaking(None) | Self::Endless(None) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Self::Breaking(Some(answer)) => answer.read(out),
            Self::Endless(Some(ENDLESS..)) => Ok(0),
            Self::Endless(Some(read)) => {
                for byte in out.iter_mut() {
                    *byte = GO_ON.as_bytes()[*read % GO_ON.len()];
                    *read += 1;
                }
                Ok(out.len())
            }
        }
    }
}

impl Write for Sock {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(stream) => stream.write(bytes),
            Self::Datagram(socket) => socket.send(bytes),
            Self::Nowhere(Way::Refused) => Err(io::ErrorKind::ConnectionRefused.into()),
            Self::Nowhere(_) => Err(io::ErrorKind::WouldBlock.into()),
            Self::Breaking(_) if bytes.is_empty() => Ok(0),
            Self::Breaking(answer) => {
                *answer = Some(BUSY.as_bytes());
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Self::Endless(_) if bytes.is_empty() => Ok(0),
            Self::Endless(read) => {
                read.get_or_insert(0);
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A machine with nothing but a network.
struct Net {
    /// How the way is to those addresses that aren't simply open.
    ways: Vec<(SocketAddr, Way)>,
    calls: VecDeque<Call>,
    servers: VecDeque<(SocketAddr, UnixDatagram)>,
    tokens: Vec<Token>,
    /// Whoever answers says this at once, and closes.
    greeting: Option<&'static str>,
    /// Connections tried, sockets open.
    dialled: Vec<SocketAddr>,
    open: usize,
}

impl World for Net {
    type Socket = Sock;

    fn dial(&mut self, token: Token, to: SocketAddr) -> io::Result<Sock> {
        self.dialled.push(to);
        let way = self.ways.iter().find(|(address, _)| *address == to).map_or(Way::Open, |(_, way)| *way);
        if way == Way::Unreachable {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        self.tokens.push(token);
        self.open += 1;
        match way {
            Way::Breaks => return Ok(Sock::Breaking(None)),
            Way::Endless => return Ok(Sock::Endless(None)),
            Way::Refused | Way::Silent | Way::Unreachable => return Ok(Sock::Nowhere(way)),
            Way::Open => {}
        }
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        match self.greeting {
            Some(greeting) => (&theirs).write_all(greeting.as_bytes())?,
            None => self.calls.push_back(Call { to, stream: theirs, got: Vec::new() }),
        }
        Ok(Sock::Stream(ours))
    }

    fn ask(&mut self, token: Token, server: SocketAddr) -> io::Result<Sock> {
        let (ours, theirs) = UnixDatagram::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        self.servers.push_back((server, theirs));
        self.tokens.push(token);
        self.open += 1;
        Ok(Sock::Datagram(ours))
    }

    fn close(&mut self, _: Sock) {
        self.open -= 1;
    }

    fn accept(&mut self, _: Token) -> io::Result<Sock> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn figures(&mut self) -> Figures {
        Figures::default()
    }

    fn now(&mut self) -> Now {
        at(Duration::ZERO)
    }

    fn connect(&mut self, _: Token, _: Urgency) -> io::Result<Sock> {
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

/// A connection, at the receiver's.
#[derive(Debug)]
struct Call {
    to: SocketAddr,
    stream: UnixStream,
    got: Vec<u8>,
}

impl Call {
    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("room for an answer");
    }

    /// Takes what has come.
    fn take(&mut self) {
        let _ = self.stream.read_to_end(&mut self.got); // ends with WouldBlock, or the connection
    }

    /// True if docklog has closed it.
    fn is_closed(&mut self) -> bool {
        self.take();
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    /// Takes the next request off, if it is there: its head, and its body.
    fn next(&mut self) -> Option<(String, Vec<u8>)> {
        self.take();
        let end = self.got.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.got[..end].to_vec()).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        if self.got.len() < end + length {
            return None;
        }
        let body = self.got[end..end + length].to_vec();
        self.got.drain(..end + length);
        Some((head, body))
    }
}

/// Sinks, and all around them.
struct Town {
    pushes: Pushes<Sock>,
    net: Net,
    messages: Messages,
    time: Duration,
    done: Vec<(usize, Outcome)>,
}

impl Town {
    fn new(targets: Vec<Target>) -> Self {
        let named = targets.into_iter().enumerate().map(|(n, target)| (format!("sink{n}"), target)).collect();
        let system = || System { hosts: String::new(), resolv: "nameserver 10.0.0.53\n".to_owned() };
        Self {
            pushes: Pushes::new(named, 1).with_system(system),
            net: Net {
                ways: Vec::new(),
                calls: VecDeque::new(),
                servers: VecDeque::new(),
                tokens: Vec::new(),
                greeting: None,
                dialled: Vec::new(),
                open: 0,
            },
            messages: Messages::default(),
            time: Duration::ZERO,
            done: Vec::new(),
        }
    }

    /// One sink, whose receiver has an address.
    fn with(format: Format) -> Self {
        Self::new(vec![plain(format)])
    }

    /// One turn. Events that tell nothing new must do no harm, so everybody is said to be ready each time.
    fn turn(&mut self) {
        for token in &self.net.tokens {
            assert!(self.pushes.mark(*token, true, true));
        }
        self.pushes.turn(&mut self.net, at(self.time), &self.messages, &mut self.done);
    }

    /// Turns until nothing happens by itself any more.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.turn();
        }
        let mut turns = 0;
        while self.pushes.is_busy() {
            // Not even one event is needed for the work to end.
            self.pushes.turn(&mut self.net, at(self.time), &self.messages, &mut self.done);
            turns += 1;
            assert!(turns < 1000, "it works without end");
        }
    }

    /// Lets time pass, in steps as the loop would make them.
    fn pass(&mut self, span: Duration) {
        let end = self.time + span;
        while let Some(next) = self.pushes.deadline().map(|at| Duration::from_nanos(at.0))
            && next <= end
        {
            assert!(next >= self.time, "a deadline that has passed stays");
            self.time = next;
            self.settle();
            assert!(
                self.pushes.deadline().is_none_or(|at| at.0 > next.as_nanos() as u64),
                "it doesn't go on"
            );
        }
        self.time = end;
        self.settle();
    }

    /// The next connection.
    fn call(&mut self) -> Call {
        self.settle();
        self.net.calls.pop_front().expect("a connection")
    }

    /// The next request on this connection.
    fn request(&mut self, call: &mut Call) -> (String, Vec<u8>) {
        for _ in 0..100 {
            self.settle();
            if let Some(request) = call.next() {
                return request;
            }
        }
        panic!("no request: {:?}", String::from_utf8_lossy(&call.got));
    }

    /// The receiver answers the request under way.
    fn answer(&mut self, call: &mut Call, text: &str) {
        call.say(text);
        self.settle();
    }

    /// Sends this, gets this answer, and tells what became of it.
    fn exchange(&mut self, bytes: &[u8], answer: &str) -> (Call, Option<Outcome>) {
        self.pushes.send(0, bytes);
        let mut call = self.call();
        self.request(&mut call);
        self.answer(&mut call, answer);
        (call, self.done.pop().map(|(_, outcome)| outcome))
    }

    fn state(&self) -> String {
        self.pushes.figures(0).state
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

/// A receiver with an address. Bodies are plain, to be looked at.
fn plain(format: Format) -> Target {
    Target::parse_url("http://10.0.0.1:3100", format).expect("a URL").with_gzip(false)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const GO_ON: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const ENDLESS: usize = 100 << 20;
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nlater";

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}
