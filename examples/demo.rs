//! See docklog at work without Docker: `cargo run --release --example demo`.
//!
//! A second thread plays a Docker engine on a Unix socket in a temporary folder: the simulated engine of the tests, with a
//! few containers that come, talk and go. docklog itself runs on the main thread as it would for you, for about ten
//! seconds or until Ctrl-C. Arguments are handed on: `cargo run --release --example demo -- -o json 'api*'`.

#![allow(unreachable_pub, missing_docs)] // those of the simulated engine

#[allow(dead_code, reason = "the example `engine` needs more of it")]
#[path = "serve/mod.rs"]
mod serve;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use serve::engine::{Channel, Dialect, SimEngine, Spec};
use serve::{Faults, Server, now};

/// How long the show lasts.
const SHOW: Duration = Duration::from_secs(10);

/// The time between two things that the containers do.
const BEAT: Duration = Duration::from_millis(2);

fn main() -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("docklog-demo-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let code = show(&folder.join("docker.sock"));
    std::fs::remove_dir_all(&folder)?;
    std::process::exit(code?);
}

fn show(socket: &Path) -> io::Result<i32> {
    let server = Server::new(socket, engine(), Faults::new(0))?;
    eprintln!("demo: docklog follows a simulated engine at {} for {} s", socket.display(), SHOW.as_secs());
    let _engine = std::thread::Builder::new().name("engine".into()).spawn(move || {
        // Ctrl-C and the end of the show are docklog's to handle, which waits for these signals.
        SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]).thread_block()?;
        Stage { server, jobs: 0 }.play()
    })?;
    let mut args: Vec<OsString> = vec!["-H".into(), format!("unix://{}", socket.display()).into()];
    args.extend(["--config", "none", "--sandbox", "off", "--tail", "all"].map(OsString::from));
    args.extend(std::env::args_os().skip(1));
    Ok(docklog::cli::run_with(args))
}

/// With the containers that are there from the beginning.
fn engine() -> SimEngine {
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
    engine
}

/// What goes on.
struct Stage {
    server: Server,
    jobs: u32,
}

impl Stage {
    fn play(mut self) -> io::Result<()> {
        let began = Instant::now();
        for beat in 0.. {
            self.act(beat);
            self.server.serve_until(began + BEAT * beat)?;
            if began.elapsed() > SHOW {
                break;
            }
        }
        Ok(kill(Pid::this(), Signal::SIGTERM)?)
    }

    /// What the containers do at this beat.
    fn act(&mut self, beat: u32) {
        let mut say = |name: &str, channel: Channel, text: String| {
            if let Some(container) = self.server.engine().index(name) {
                self.server.write(container, channel, format!("{text}\n").as_bytes());
            }
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
        self.server.act(|engine, now| {
            engine.run(now, Spec::named(&name));
            for line in ["backup: 3 volumes", "backup: 41.2 MB written", "backup: done"] {
                engine.write(now, &name, Channel::Stdout, format!("{line}\n").as_bytes());
            }
        });
    }

    fn end_job(&mut self) {
        let name = self.job();
        self.server.act(|engine, now| {
            engine.die(now, &name, 0);
            engine.remove(now, &name);
        });
    }

    fn job(&self) -> String {
        format!("backup-{}", self.jobs)
    }
}
