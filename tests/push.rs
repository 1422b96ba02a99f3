//! HTTP sinks on real sockets: the loop's machine on one side, a receiver on a thread of its own on the other.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use docklog::push::names::System;
use docklog::push::target::{Format, Target};
use docklog::push::{Outcome, Pushes};
use docklog::shell::host::{Host, Keeping};
use docklog::shell::messages::Messages;
use docklog::shell::socket::Socket;
use docklog::shell::world::{Ready, Token, World};

/// So long a test waits before it says that something hangs.
const HANGS: Duration = Duration::from_secs(30);

const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// One sink, and the loop around it.
struct Loop {
    host: Host,
    pushes: Pushes<Socket>,
    messages: Messages,
    done: Vec<(usize, Outcome)>,
    waits: usize,
}

impl Loop {
    fn new(target: Target) -> Self {
        let hosts = || System {
            hosts: "127.0.0.2 receiver\n127.0.0.1 receiver localhost\n".to_owned(),
            resolv: String::new(),
        };
        Self {
            host: Host::new(PathBuf::from("/nowhere"), Keeping::default(), Box::new(|| None)).unwrap(),
            pushes: Pushes::new(vec![("real".to_owned(), target.with_gzip(false))], 1).with_system(hosts),
            messages: Messages::default(),
            done: Vec::new(),
            waits: 0,
        }
    }

    /// One turn: waits for an event or a deadline, at most for so long, unless there is something to do.
    fn turn(&mut self, most: Duration) {
        let now = self.host.now();
        let deadline = self.pushes.deadline().map_or(most, |at| at.since(now.mono));
        let timeout = if self.pushes.is_busy() { Duration::ZERO } else { deadline.min(most) };
        let mut ready = Vec::new();
        self.host.wait(Duration::ZERO, Some(timeout), &mut ready).unwrap();
        self.waits += 1;
        for event in ready {
            if let Ready::Socket { token, readable, writable, .. } = event {
                assert!(self.pushes.mark(token, readable, writable));
            }
        }
        let now = self.host.now();
        self.pushes.turn(&mut self.host, now, &self.messages, &mut self.done);
    }

    /// Turns until this is so.
    fn until(&mut self, what: &str, mut so: impl FnMut(&mut Self) -> bool) {
        let begin = std::time::Instant::now();
        while !so(self) {
            assert!(begin.elapsed() < HANGS, "{what}: it hangs: {:?}", self.pushes.figures(0));
            self.turn(Duration::from_secs(1));
        }
    }

    /// What becomes of this batch.
    fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.pushes.send(0, bytes);
        self.until("a batch", |all| !all.done.is_empty());
        self.done.pop().unwrap().1
    }

    fn said(&self) -> String {
        let mut said = Vec::new();
        let all = self.messages.drain(|bytes| {
            said.extend_from_slice(bytes);
            Ok(bytes.len())
        });
        all.unwrap();
        String::from_utf8(said).unwrap()
    }

    fn close(mut self) {
        self.pushes.close(&mut self.host);
    }
}

/// Reads a request's body; `None` at the end of the connection.
fn request(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.trim().parse().unwrap();
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            return Some(body);
        }
    }
}

/// What makes a conversation of a connection.
trait Speaks: Read + Write {}
impl<T: Read + Write> Speaks for T {}
type Wrap = Box<dyn Fn(TcpStream) -> Box<dyn Speaks> + Send>;

/// A receiver that gives these answers, and goes on to the next connection whenever one is over or its answer says so. Ends
/// when all were given.
fn receiver(answers: Vec<&'static str>, wrap: Wrap) -> (SocketAddr, Receiver<Vec<u8>>, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (bodies, got) = channel();
    let thread = std::thread::spawn(move || {
        let (mut answers, mut connections) = (answers.into_iter().peekable(), 0);
        while answers.peek().is_some() {
            let (stream, _) = listener.accept().unwrap();
            connections += 1;
            stream.set_read_timeout(Some(HANGS)).unwrap();
            let mut stream = BufReader::with_capacity(1000, Both(wrap(stream)));
            while let Some(body) = answers.peek().and_then(|_| request(&mut stream)) {
                bodies.send(body).unwrap();
                let answer = answers.next().unwrap();
                stream.get_mut().0.write_all(answer.as_bytes()).unwrap();
                stream.get_mut().0.flush().unwrap();
                if answer.contains("close") {
                    break;
                }
            }
        }
        connections
    });
    (address, got, thread)
}

/// A stream behind a box.
struct Both(Box<dyn Speaks>);

impl Read for Both {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

fn plainly() -> Wrap {
    Box::new(|stream| Box::new(stream))
}

fn target(scheme: &str, host: &str, port: u16) -> Target {
    Target::parse_url(&format!("{scheme}://{host}:{port}"), Format::Ndjson).unwrap()
}

/// What doesn't fit into any socket's buffer.
fn large() -> Vec<u8> {
    (0..6_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn batches_arrive_over_a_connection_that_is_kept() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let (address, got, thread) = receiver(vec![TAKEN, TAKEN, close, TAKEN], plainly());
    let mut all = Loop::new(target("http", "127.0.0.1", address.port()));
    for body in [b"one".to_vec(), large(), b"three".to_vec(), b"four".to_vec()] {
        assert_eq!(all.send(&body), Outcome::Taken);
        assert!(got.recv_timeout(HANGS).unwrap() == body);
        assert!(!all.pushes.is_busy() && all.pushes.deadline().is_none());
    }
    assert_eq!((thread.join().unwrap(), all.said()), (2, String::new()));
    // Each wait had a reason: readiness of a socket of some 2.5 MB at the most.
    assert!(all.waits < 2000, "{} waits", all.waits);
    all.until("the receiver has gone", |all| {
        all.turn(Duration::from_millis(10));
        all.pushes.figures(0).state == "idle"
    });
    all.close();
}

#[test]
fn a_name_with_an_address_where_nobody_is_leads_to_the_next() {
    let (address, got, thread) = receiver(vec![TAKEN], plainly());
    let mut all = Loop::new(target("http", "receiver", address.port()));
    assert_eq!(all.send(b"one"), Outcome::Taken);
    assert_eq!(got.recv_timeout(HANGS).unwrap(), b"one");
    assert_eq!((thread.join().unwrap(), all.said(), all.pushes.figures(0).retries), (1, String::new(), 0));
    all.close();
}

#[test]
fn a_receiver_that_refuses_connections_is_told_and_tried_again() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut all = Loop::new(target("http", "127.0.0.1", port));
    all.pushes.send(0, b"one");
    all.until("two tries", |all| all.pushes.figures(0).retries >= 2);
    let said = all.said();
    assert!(
        said.contains(&format!("127.0.0.1:{port}: Connection refused (os error 111); lines wait")),
        "{said}"
    );
    assert!(all.waits < 100, "{} waits", all.waits);
    all.close();
}

#[test]
fn datagrams_go_to_a_name_server_and_come_back() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(HANGS)).unwrap();
    let mut host = Host::new(PathBuf::from("/nowhere"), Keeping::default(), Box::new(|| None)).unwrap();
    let mut socket = host.ask(Token(7), server.local_addr().unwrap()).unwrap();
    socket.write_all(b"who?").unwrap();
    socket.write_all(b"where?").unwrap();
    let mut datagram = [0; 100];
    let (length, from) = server.recv_from(&mut datagram).unwrap();
    assert_eq!(&datagram[..length], b"who?");
    assert_eq!(server.recv(&mut datagram).unwrap(), 6);
    server.send_to(b"you", from).unwrap();
    server.send_to(b"here", from).unwrap();
    let wait = |host: &mut Host| loop {
        let mut ready = Vec::new();
        host.wait(Duration::ZERO, Some(HANGS), &mut ready).unwrap();
        assert!(!ready.is_empty(), "it hangs");
        if ready.iter().any(|event| matches!(event, Ready::Socket { token: Token(7), readable: true, .. })) {
            return;
        }
    };
    wait(&mut host);
    assert_eq!((socket.read(&mut datagram).unwrap(), socket.read(&mut datagram).unwrap()), (3, 4));
    assert_eq!(socket.read(&mut datagram).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    // Nobody listens there any more: the kernel says so.
    drop(server);
    socket.write_all(b"still?").unwrap();
    wait(&mut host);
    assert_eq!(socket.read(&mut datagram).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    host.close(socket);
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use docklog::push::secure::trusting;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::version::{TLS12, TLS13};
    use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

    use super::*;

    /// A certificate of this subject for these names, that nobody else has signed, with its key.
    struct Identity {
        der: CertificateDer<'static>,
        key: Vec<u8>,
    }

    impl Identity {
        fn new(subject: &str, names: &[&str]) -> Self {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name.push(DnType::CommonName, subject);
            if subject == "authority" {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            Self { der: params.self_signed(&key).unwrap().der().clone(), key: key.serialize_der() }
        }

        fn pem(&self) -> String {
            let text = STANDARD.encode(&self.der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        }

        /// Speaks TLS under this certificate.
        fn wrap(&self, versions: &[&'static SupportedProtocolVersion]) -> Wrap {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(versions)
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![self.der.clone()], PrivateKeyDer::Pkcs8(self.key.clone().into()))
                .unwrap();
            let config = Arc::new(config);
            Box::new(move |stream| {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                Box::new(StreamOwned::new(session, stream))
            })
        }
    }

    fn trusted(target: Target, identity: &Identity) -> Target {
        target.with_tls(trusting(Some(identity.pem().as_bytes())).unwrap())
    }

    #[test]
    fn batches_arrive_encrypted_in_both_versions() {
        for version in [&TLS12, &TLS13] {
            let identity = Identity::new("ours", &["localhost", "127.0.0.1"]);
            let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
            let (address, got, thread) =
                receiver(vec![TAKEN, TAKEN, close, TAKEN], identity.wrap(&[version]));
            for_each_host(&identity, address, &got);
            assert_eq!(thread.join().unwrap(), 2);
        }
    }

    fn for_each_host(identity: &Identity, address: SocketAddr, got: &Receiver<Vec<u8>>) {
        for (host, bodies) in [
            ("localhost", vec![b"one".to_vec(), large(), b"three".to_vec()]),
            ("127.0.0.1", vec![b"four".to_vec()]),
        ] {
            let mut all = Loop::new(trusted(target("https", host, address.port()), identity));
            for body in bodies {
                assert_eq!(all.send(&body), Outcome::Taken);
                assert!(got.recv_timeout(HANGS).unwrap() == body);
                assert!(!all.pushes.is_busy() && all.pushes.deadline().is_none());
            }
            assert_eq!(all.said(), "");
            assert!(all.waits < 3000, "{} waits", all.waits);
            all.close();
        }
    }

    /// Sends to a receiver that can't be spoken to, and returns what is said.
    fn refused(scheme: &str, trusts: &Identity, wrap: Wrap) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(HANGS)).unwrap();
            let mut stream = wrap(stream);
            let _ = stream.read(&mut [0; 100]); // what comes of it our side tells
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.read(&mut [0; 100]);
        });
        let mut all = Loop::new(trusted(target(scheme, "localhost", port), trusts));
        all.pushes.send(0, b"one");
        all.until("a refusal", |all| all.pushes.figures(0).retries > 0);
        assert!(all.done.is_empty());
        let said = all.said();
        all.close();
        thread.join().unwrap();
        said
    }

    #[test]
    fn who_is_not_who_it_should_be_gets_nothing_and_the_reason_is_told() {
        let ours = Identity::new("ours", &["localhost"]);
        for subject in ["ours", "theirs"] {
            let theirs = Identity::new(subject, &["localhost"]);
            let said = refused("https", &ours, theirs.wrap(&[&TLS13]));
            assert!(said.contains("set ca_file") && said.ends_with("lines wait\n"), "{said}");
        }
        let other = Identity::new("other", &["other.example"]);
        let said = refused("https", &other, other.wrap(&[&TLS13]));
        assert!(said.contains("TLS: invalid peer certificate: ") && said.contains("localhost"), "{said}");
        let authority = Identity::new("authority", &["localhost"]);
        let said = refused("https", &authority, authority.wrap(&[&TLS13]));
        assert!(said.contains("CA:FALSE"), "{said}");
        let said = refused("https", &ours, plainly());
        assert!(said.contains("does the receiver speak https there?"), "{said}");
    }

    #[test]
    fn what_can_be_trusted_is_said_by_pem_or_by_this_system() {
        let identity = Identity::new("ours", &["a"]);
        assert!(trusting(Some(format!("{0}{0}", identity.pem()).as_bytes())).is_ok());
        let error = |pem: &[u8]| trusting(Some(pem)).map(drop).unwrap_err();
        assert!(error(b"").contains("no certificate in it"));
        assert!(error(b"not a certificate").contains("no certificate in it"));
        let broken = identity.pem().replace("MII", "AAA");
        assert!(error(format!("{}{broken}", identity.pem()).as_bytes()).starts_with("certificate 2 in it: "));
        assert!(!error(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").is_empty());
        // Machines without any exist, too.
        if let Err(error) = trusting(None) {
            assert!(error.contains("install ca-certificates"), "{error}");
        }
    }
}
