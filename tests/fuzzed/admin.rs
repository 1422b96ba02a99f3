//! Arbitrary bytes as a client of docklog's own HTTP, over socket pairs, with a clock that is set.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use docklog::config::Settings;
use docklog::core::Core;
use docklog::core::checkpoint::Saved;
use docklog::core::exchange::{End, Exchange, Input};
use docklog::core::source::Source;
use docklog::core::time::{Mono, Now};
use docklog::limits;
use docklog::shell::messages::Messages;
use docklog::shell::process::Figures;
use docklog::shell::world::{Ready, Token, Urgency, World};
use docklog::web::{Ways, Web};
use docklog_protocol::{ContainerId, Document, EngineKind, Listed, Progress, Timestamp, Version};

/// A byte of choices, two of how the rest is cut, then what a client sends.
///
/// Whatever that is: the answers are well-formed HTTP, each whole; the work for it ends; and at last the client is gone,
/// with all that was kept for it.
pub fn property(data: &[u8]) {
    let Some((&[choices, a, b], sent)) = data.split_first_chunk() else { return };
    let containers = [0, 1, 5, 40][usize::from(choices & 3)];
    let mut house = House::new(choices & 4 == 0, containers);
    let mut client = house.visit();
    let mut cuts = [a, b, 255].map(|cut| usize::from(cut) + 1).into_iter().cycle();
    let mut rest = sent;
    while let (false, Some(cut)) = (rest.is_empty(), cuts.next()) {
        let piece = &rest[..cut.min(rest.len())];
        let taken = client.stream.write(piece).unwrap_or(0);
        if taken == 0 {
            break; // it was closed
        }
        rest = &rest[taken..];
        house.turn();
        client.take();
        if choices & 8 != 0 {
            house.pass(Duration::from_millis(7));
        }
    }
    if choices & 16 != 0 {
        let _ = client.stream.shutdown(Shutdown::Write); // may be closed
    }
    house.serve(&mut client, sent.len());
    house.pass(limits::HTTP_PATIENCE + Duration::from_millis(1));
    assert_eq!((house.door.closed, house.web.deadline()), (1, None), "the client is still here");
    client.take();
    // To know what answers a HEAD (no body), one would have to read the requests as hyper does.
    let has = |word: &[u8]| sent.windows(word.len()).any(|window| window == word);
    if !has(b"HEAD") {
        answers(&client.got, sent.len());
    }
}

/// All of it is answers, and each is whole.
fn answers(mut got: &[u8], sent: usize) {
    let mut count = 0;
    while !got.is_empty() {
        let mut document = Document::new();
        let unused = match document.feed(got) {
            Ok(Progress::Complete { unused }) => unused,
            Ok(Progress::More) => 0,
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(got)),
        };
        let answer = document.finish().unwrap_or_else(|_| panic!("cut: {:?}", String::from_utf8_lossy(got)));
        let known = [200, 400, 403, 404, 405, 411, 413, 414, 431, 501, 503, 505];
        assert!(known.contains(&answer.head.status), "{}", answer.head.status);
        assert!(!answer.body.contains(&0x1b));
        got = &got[got.len() - unused..];
        count += 1;
    }
    assert!(count * 16 <= sent + 16, "{count} answers to {sent} bytes");
}

/// A machine with nothing but clients that wait to be accepted.
#[derive(Debug, Default)]
struct Door {
    waiting: VecDeque<UnixStream>,
    accepted: Vec<Token>,
    closed: usize,
}

impl World for Door {
    type Socket = UnixStream;

    fn accept(&mut self, token: Token) -> io::Result<UnixStream> {
        let stream = self.waiting.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        self.accepted.push(token);
        Ok(stream)
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
        Figures::default()
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

fn now(mono: Duration) -> Now {
    let nanos = u64::try_from(mono.as_nanos()).expect("soon");
    Now { mono: Mono(nanos), wall: Timestamp { seconds: 1_795_464_967, nanos: 0 } }
}

/// A core that has listed so many running containers.
fn core(containers: usize) -> Core {
    let settings = Settings::from_args([]).expect("defaults");
    let mut core = Core::new(settings.rules, Saved::default(), now(Duration::ZERO), 1);
    let version =
        Version { kind: EngineKind::Docker, version: "28.5.2".to_owned(), api: None, min_api: None };
    core.handle(Input::Version(version));
    core.handle(Input::Ended(Exchange::Version, End::Complete));
    for number in 0..containers {
        core.handle(Input::Listed(Listed {
            id: ContainerId::parse(&format!("{number:064x}")).expect("an id"),
            name: format!("container-{number}\u{1b}[2J\"\n"),
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

/// Our HTTP, and all around it.
struct House {
    web: Web<UnixStream>,
    door: Door,
    core: Core,
    messages: Messages,
    time: Duration,
}

impl House {
    fn new(local: bool, containers: usize) -> Self {
        let web = Web::new(Ways { local, per_container: true });
        let (door, messages) = (Door::default(), Messages::default());
        House { web, door, core: core(containers), messages, time: Duration::ZERO }
    }

    fn visit(&mut self) -> Client {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).expect("a socket");
        theirs.set_nonblocking(true).expect("a socket");
        self.door.waiting.push_back(ours);
        self.web.knock();
        Client { stream: theirs, got: Vec::new() }
    }

    /// One turn. Events that tell nothing new must do no harm, so everybody is said to be ready each time.
    fn turn(&mut self) {
        for token in &self.door.accepted {
            assert!(self.web.mark(*token, true, true));
        }
        self.core.begin_turn(now(self.time));
        self.web.turn(&mut self.door, &mut self.core, &self.messages);
    }

    /// Turns until there is nothing more to expect at present, which must be soon.
    fn serve(&mut self, client: &mut Client, sent: usize) {
        let (mut quiet, mut turns) = (0, 0);
        while quiet < 10 {
            self.turn();
            quiet = if client.take() == 0 { quiet + 1 } else { 0 };
            turns += 1;
            let pieces = client.got.len() / 1024;
            assert!(
                turns < 100 + sent + pieces,
                "{turns} turns for {sent} bytes and {} back",
                client.got.len()
            );
        }
    }

    /// Lets time pass, in steps as the loop would make them.
    fn pass(&mut self, span: Duration) {
        let end = self.time + span;
        let mut steps = 0;
        while let Some(at) = self.web.deadline().map(|at| Duration::from_nanos(at.0)).filter(|at| *at <= end)
        {
            self.time = self.time.max(at);
            self.turn();
            steps += 1;
            assert!(steps < 100, "a deadline that never goes");
        }
        self.time = end;
        self.turn();
    }
}

struct Client {
    stream: UnixStream,
    got: Vec<u8>,
}

impl Client {
    /// Takes what has come; tells how much.
    fn take(&mut self) -> usize {
        let before = self.got.len();
        let _ = self.stream.read_to_end(&mut self.got); // ends with WouldBlock, or where it was closed
        self.got.len() - before
    }
}
