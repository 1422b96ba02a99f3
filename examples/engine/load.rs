//! What the containers of the simulated engine do: lines at a rate, and what happens to them now and then.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::options::{Deed, Options};
use crate::serve::engine::{Channel, Process, SimEngine, Spec};
use crate::serve::{Server, now};

/// How long a killed engine stays down.
const DOWN: Duration = Duration::from_secs(1);

/// How long a short-lived container runs.
const JOB: Duration = Duration::from_millis(300);

/// Between two lines of a log's history, in nanoseconds.
const HISTORY_STEP: u64 = 1_000_000;

/// The load and what it has done so far.
pub(crate) struct Load {
    rate: u64,
    began: Instant,
    /// The next line is the so many-th of all; a container's lines are numbered from `first` on.
    lines: u64,
    first: u64,
    containers: usize,
    stderr: f64,
    text: Text,
    deeds: Vec<Every>,
    come_up: Option<Instant>,
    /// Short-lived containers that run, and when they end.
    jobs: VecDeque<(Instant, String)>,
    /// So many deeds were done.
    pub(crate) done: u64,
    turn: usize,
}

/// A deed, and when it is due again.
struct Every {
    deed: Deed,
    period: Duration,
    next: Instant,
}

/// Makes the text of lines.
struct Text {
    length: usize,
    line: Vec<u8>,
}

impl Text {
    /// `000017 abcabc…`: its number, then filler up to the length.
    fn line(&mut self, number: u64) -> &[u8] {
        const FILLER: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz-:,./=";
        self.line.clear();
        self.line.extend_from_slice(format!("{number:06} ").as_bytes());
        while self.line.len() < self.length {
            let rest = self.length - self.line.len();
            self.line.extend_from_slice(&FILLER[..rest.min(FILLER.len())]);
        }
        self.line.push(b'\n');
        &self.line
    }
}

/// The engine with its containers and their history.
pub(crate) fn engine(options: &Options) -> SimEngine {
    let mut engine = SimEngine::new(options.dialect, options.seed);
    engine.faults.deaf_follows = options.deaf;
    engine.faults.drop_events = options.drop_events;
    engine.faults.forbidden.clone_from(&options.forbidden);
    engine.faults.hostile = options.hostile;
    let began = now() - HISTORY_STEP * (options.history as u64 + 1);
    let mut text = Text { length: options.line_bytes, line: Vec::new() };
    for container in 0..options.containers {
        let mut spec = Spec::named(&format!("c{container:05}"));
        spec.tty = is_of_share(container as u64, options.tty);
        spec.rotation = options.rotation();
        engine.run(began, spec);
        for number in 0..options.history as u64 {
            let channel = channel(number, options.stderr);
            engine.write_to(began + HISTORY_STEP * (number + 1), container, channel, text.line(number));
        }
    }
    engine
}

/// Of so large a share in even steps: with 0.1 every tenth.
fn is_of_share(number: u64, share: f64) -> bool {
    ((number + 1) as f64 * share).floor() > (number as f64 * share).floor()
}

fn channel(number: u64, stderr: f64) -> Channel {
    if is_of_share(number, stderr) { Channel::Stderr } else { Channel::Stdout }
}

impl Load {
    pub(crate) fn new(options: &Options) -> Self {
        let now = Instant::now();
        let every = |&(deed, period): &(Deed, Duration)| Every { deed, period, next: now + period };
        Load {
            rate: options.rate,
            began: now,
            lines: 0,
            first: options.history as u64,
            containers: options.containers,
            stderr: options.stderr,
            text: Text { length: options.line_bytes, line: Vec::new() },
            deeds: options.periods.iter().map(every).collect(),
            come_up: None,
            jobs: VecDeque::new(),
            done: 0,
            turn: 0,
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// If an engine that was killed can't listen again.
    pub(crate) fn act(&mut self, server: &mut Server) -> io::Result<()> {
        self.write(server);
        let now = Instant::now();
        if self.come_up.take_if(|at| *at <= now).is_some() {
            server.come_up()?;
        }
        while server.engine().process() == Process::Up
            && self.jobs.front().is_some_and(|job| job.0 <= now)
            && let Some((_, name)) = self.jobs.pop_front()
        {
            server.act(|engine, now| {
                engine.die(now, &name, 0);
                engine.remove(now, &name);
            });
        }
        for at in 0..self.deeds.len() {
            let every = &mut self.deeds[at];
            if every.next <= now {
                every.next = (every.next + every.period).max(now);
                let deed = every.deed;
                self.deed(server, deed);
            }
        }
        Ok(())
    }

    /// The lines that are due, each from the next container.
    fn write(&mut self, server: &mut Server) {
        let due = self.due();
        let count = self.containers as u64;
        while count > 0 && self.lines < due {
            let number = self.first + self.lines / count;
            let container = (self.lines % count) as usize;
            server.write(container, channel(number, self.stderr), self.text.line(number));
            self.lines += 1;
        }
    }

    fn due(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos() * u128::from(self.rate) / 1_000_000_000)
            .unwrap_or(u64::MAX)
    }

    /// When there is something to do next, if not before `end`.
    pub(crate) fn next(&self, end: Instant) -> Instant {
        let line = (self.rate > 0 && self.containers > 0)
            .then(|| self.began + Duration::from_nanos((self.lines + 1) * 1_000_000_000 / self.rate));
        let deeds = self.deeds.iter().map(|every| every.next);
        let job = self.jobs.front().map(|job| job.0);
        deeds.chain(line).chain(self.come_up).chain(job).fold(end, Instant::min)
    }

    fn deed(&mut self, server: &mut Server, deed: Deed) {
        if server.engine().process() != Process::Up {
            return;
        }
        self.done += 1;
        if deed == Deed::Crash {
            server.crash();
            self.come_up = Some(Instant::now() + DOWN);
            return;
        }
        if deed == Deed::Job {
            return self.start_job(server);
        }
        self.turn = (self.turn + 1) % self.containers.max(1);
        let Some(name) = server.engine().containers().get(self.turn).map(|c| c.spec.name.clone()) else {
            return;
        };
        server.act(|engine, now| match deed {
            Deed::Truncate => engine.truncate(now, &name),
            Deed::Damage => engine.corrupt(&name),
            _ => engine.restart(now, &name),
        });
    }

    /// One of those that are gone before one could type `docker logs`.
    fn start_job(&mut self, server: &mut Server) {
        let name = format!("job-{}", self.done);
        server.act(|engine, now| {
            engine.run(now, Spec::named(&name));
            for line in ["begins", "works", "ends"] {
                engine.write(now, &name, Channel::Stdout, format!("{line}\n").as_bytes());
            }
        });
        self.jobs.push_back((Instant::now() + JOB, name));
    }
}
