//! See docklog at work without Docker: `cargo run --release --example demo`.
//!
//! A second thread plays a Docker engine on a Unix socket in a temporary folder: the simulated engine of the tests, with a
//! few containers that come, talk and go. docklog itself runs on the main thread as it would for you, for about ten
//! seconds or until Ctrl-C. Arguments are handed on: `cargo run --release --example demo -- -o json 'api*'`.

#![allow(unreachable_pub, missing_docs)] // those of the simulated engine

#[path = "../tests/sim/engine/mod.rs"]
mod engine;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{Channel, ConnId, Dialect, Nanos, SimEngine, Spec};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// How long the show lasts.
const SHOW: Duration = Duration::from_secs(10);

/// Pause between two looks at the sockets. This is the demo's engine, not docklog: it may be simple.
const BEAT: Duration = Duration::from_millis(2);

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("docklog-demo-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let code = show(&folder.join("docker.sock"));
    std::fs::remove_dir_all(&folder)?;
    std::process::exit(code?);
}

fn show(socket: &PathBuf) -> io::Result<i32> {
    let listener = UnixListener::bind(socket)?;
    listener.set_nonblocking(true)?;
    eprintln!("demo: docklog follows a simulated engine at {} for {} s", socket.display(), SHOW.as_secs());
    let _engine = std::thread::Builder::new().name("engine".into()).spawn(move || {
        // Ctrl-C and the end of the show are docklog's to handle, which waits for these signals.
        SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]).thread_block()?;
        Stage::new(listener).play()
    })?;
    let mut args: Vec<OsString> = vec!["-H".into(), format!("unix://{}", socket.display()).into()];
    args.extend(["--config", "none", "--sandbox", "off", "--tail", "all"].map(OsString::from));
    args.extend(std::env::args_os().skip(1));
    Ok(docklog::cli::run_with(args))
}

/// The engine with its sockets.
struct Stage {
    listener: UnixListener,
    engine: SimEngine,
    open: BTreeMap<ConnId, Line>,
    began: Instant,
    jobs: u32,
}

/// A connection: what the socket hasn't taken yet is kept.
struct Line {
    stream: UnixStream,
    unsent: Vec<u8>,
}

/// Wall time, as the engine stamps lines with it.
fn now() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
}

impl Stage {
    fn new(listener: UnixListener) -> Self {
        let mut engine = SimEngine::new(Dialect::Docker28, u64::from(std::process::id()));
        let compose = |name: &str, service: &str| {
            Spec::named(name)
                .label("com.docker.compose.project", "shop")
                .label("com.docker.compose.service", service)
        };
        for spec in [compose("shop-web-1", "web"), compose("shop-api-1", "api"), compose("shop-db-1", "db")] {
            engine.run(now(), spec);
        }
        engine.run(now(), Spec::named("shell").tty());
        engine.run(now(), Spec::named("sensor"));
        engine.write(
            now(),
            "shop-db-1",
            Channel::Stderr,
            b"LOG:  database system is ready to accept connections\n",
        );
        engine.write(now(), "shell", Channel::Stdout, b"\x1b[32mroot@box\x1b[0m:/# uptime\n");
        Stage { listener, engine, open: BTreeMap::new(), began: Instant::now(), jobs: 0 }
    }

    fn play(mut self) -> io::Result<()> {
        let mut beat = 0;
        while self.began.elapsed() < SHOW {
            self.act(beat);
            self.accept()?;
            let ids: Vec<ConnId> = self.open.keys().copied().collect();
            for id in ids {
                if self.serve(id).is_err() {
                    self.open.remove(&id);
                    self.engine.disconnect(id);
                }
            }
            std::thread::sleep(BEAT);
            beat += 1;
        }
        Ok(kill(Pid::this(), Signal::SIGTERM)?)
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some((stream, _)) = unblocked(self.listener.accept())? {
            stream.set_nonblocking(true)?;
            if let Ok(id) = self.engine.connect() {
                self.open.insert(id, Line { stream, unsent: Vec::new() });
            }
        }
        Ok(())
    }

    /// Takes what has come, and gives what there is to say, as far as the socket takes it.
    fn serve(&mut self, id: ConnId) -> io::Result<()> {
        let Some(line) = self.open.get_mut(&id) else { return Ok(()) };
        let mut buffer = [0; 4096];
        while let Some(n) = unblocked(line.stream.read(&mut buffer))? {
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.engine.feed(id, &buffer[..n]);
        }
        loop {
            if line.unsent.is_empty() {
                match self.engine.next_write(now(), id) {
                    Some(write) => line.unsent = write,
                    None if self.engine.has_closed(id) => return Err(ErrorKind::ConnectionAborted.into()),
                    None => return Ok(()),
                }
            }
            match unblocked(line.stream.write(&line.unsent))? {
                Some(sent) => drop(line.unsent.drain(..sent)),
                None => return Ok(()),
            }
        }
    }

    /// What the containers do at this beat.
    fn act(&mut self, beat: u32) {
        let mut say = |name: &str, channel: Channel, text: String| {
            self.engine.write(now(), name, channel, format!("{text}\n").as_bytes());
        };
        if beat % 70 == 10 {
            let (status, bytes) = ([200, 200, 304, 200, 404][beat as usize / 70 % 5], 180 + beat % 977);
            let path =
                ["/", "/cart", "/static/app.js", "/api/items?page=2", "/favicon.ico"][beat as usize / 70 % 5];
            say(
                "shop-web-1",
                Channel::Stdout,
                format!("10.0.3.{} - \"GET {path} HTTP/1.1\" {status} {bytes}", beat % 200),
            );
        }
        if beat % 110 == 40 {
            say(
                "shop-api-1",
                Channel::Stdout,
                format!("INFO  request done user={} took={}ms", beat % 37, 3 + beat % 45),
            );
        }
        if beat % 900 == 500 {
            say("shop-api-1", Channel::Stderr, "WARN  slow query: 812 ms: SELECT * FROM items".into());
            say(
                "shop-db-1",
                Channel::Stderr,
                "LOG:  duration: 811.924 ms  statement: SELECT * FROM items".into(),
            );
        }
        if beat % 240 == 60 {
            let celsius = 20.0 + f64::from(beat % 50) / 10.0;
            say(
                "sensor",
                Channel::Stdout,
                format!("{{\"sensor\":\"t1\",\"celsius\":{celsius:.1},\"ok\":true}}"),
            );
        }
        if beat % 1_000 == 700 {
            say("shell", Channel::Stdout, " 12:00:07 up 41 days, load average: 0.08, 0.03, 0.01".into());
        }
        match beat % 1_200 {
            300 => self.start_job(),
            450 => self.end_job(),
            _ => {}
        }
    }

    /// One of those that are gone before one could type `docker logs`.
    fn start_job(&mut self) {
        self.jobs += 1;
        let name = self.job();
        self.engine.run(now(), Spec::named(&name));
        for line in ["backup: 3 volumes", "backup: 41.2 MB written", "backup: done"] {
            self.engine.write(now(), &name, Channel::Stdout, format!("{line}\n").as_bytes());
        }
    }

    fn end_job(&mut self) {
        let name = self.job();
        self.engine.die(now(), &name, 0);
        self.engine.remove(now(), &name);
    }

    fn job(&self) -> String {
        format!("backup-{}", self.jobs)
    }
}

/// "Not now" is no error.
fn unblocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
