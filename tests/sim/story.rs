//! A story: a machine with a plan, docklog run on it to its end, and what can be said about that afterwards.

use docklog::config::Settings;
use docklog::shell::messages::Messages;
use docklog::shell::turn::Turn;
use docklog_protocol::Timestamp;

use super::engine::{Dialect, Spec};
use super::knobs::Knobs;
use super::machine::{MS, Machine};
use super::model::{Expect, Given, Output, parse_output};
use super::shape::shape;
use super::told::{Gap, Missing, Repeats, missing};
use super::world::SimWorld;

/// Tells how to repeat a run that fails.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat this run: DOCKLOG_SEED={} cargo test --test sim <name of the test>", self.0);
        }
    }
}

/// A machine and how docklog is called on it.
#[derive(Debug)]
pub struct Story {
    pub seed: u64,
    pub machine: Machine,
}

/// What has become of it.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub exit: i32,
    pub machine: SimWorld,
    pub stderr: String,
}

impl Story {
    /// On a quiet machine.
    pub fn calm(dialect: Dialect) -> Self {
        Story::new(1, dialect, Knobs::calm())
    }

    pub fn new(seed: u64, dialect: Dialect, knobs: Knobs) -> Self {
        Story { seed, machine: Machine::new(seed, dialect, knobs) }.args(&["--tail", "all"])
    }

    /// With these arguments after `-o json`.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.machine.args = ["-o", "json"].iter().chain(args).map(|&arg| arg.to_owned()).collect();
        self
    }

    /// With this configuration file.
    pub fn configured(mut self, text: &str) -> Self {
        self.machine.configuration = Some(text.to_owned());
        self
    }

    /// Runs it so long, in milliseconds, then asks docklog to stop.
    pub fn run_for(mut self, ms: u64) -> Outcome {
        self.machine.at(ms, "SIGTERM", Machine::stop_signal);
        self.run()
    }

    /// Runs it until the plan is through, and a while longer.
    pub fn run_through(mut self) -> Outcome {
        self.machine.stop_after(100_000);
        self.run()
    }

    /// Kills docklog at the first of each two points in time, in milliseconds, and starts it again at the second. All else on
    /// the machine goes on, and what docklog writes is kept.
    pub fn kills(mut self, spans: &[(u64, u64)]) -> Self {
        for &(killed, started) in spans {
            assert!(killed < started, "scenario: a kill comes before the start after it");
            self.machine.at(killed, "kill -9", Machine::kill_docklog);
            self.machine.at(started, "docklog starts again", Machine::start_docklog);
        }
        self
    }

    /// Runs it until docklog ends.
    pub fn run(self) -> Outcome {
        let _replay = Replay(self.seed);
        let _ = env_logger::try_init(); // RUST_LOG=trace shows what docklog thinks
        let world = SimWorld::new(self.machine);
        let (exit, reader_left) = loop {
            let settings = Settings { seed: Some(self.seed), ..world.settings().unwrap() };
            let saved = world.machine_mut().take_up(&settings);
            let mut turn = Turn::new(settings, saved, world.clone(), Messages::default());
            let exit = turn.run();
            if !world.machine().killed {
                let reader_left = world.machine().stdout.is_closed();
                let left = world.machine().links.len();
                assert!(left == 0 || reader_left, "{left} connections left open");
                break (exit, reader_left);
            }
            world.machine_mut().bury();
            drop(turn);
            world.machine_mut().go_on_alone();
        };
        let stderr = String::from_utf8_lossy(&world.machine().stderr.taken).into_owned();
        let outcome = Outcome { seed: self.seed, exit, machine: world, stderr };
        outcome.check_manners(reader_left);
        outcome
    }
}

impl Outcome {
    /// What holds for every run.
    fn check_manners(&self, reader_left: bool) {
        let machine = self.machine.machine();
        let tally = &machine.tally;
        assert!(reader_left || tally.violations.is_empty(), "{:?}", tally.violations);
        let starts = machine.starts;
        assert!(tally.clock_reads <= tally.waits + 2 * starts, "one clock reading per turn: {tally:?}");
        for (_, line) in &machine.engine.requests {
            let path = line.split(' ').nth(1).unwrap_or_default();
            assert!(line.starts_with("GET ") && shape(path).is_some(), "odd request {line}");
        }
    }

    /// What can be said of another sink's lines than of stdout's.
    pub fn of_sink(self, sink: usize) -> Self {
        {
            let mut machine = self.machine.machine_mut();
            let machine = &mut *machine;
            let other = &mut machine.others[sink - 1];
            std::mem::swap(&mut machine.stdout, &mut other.outlet);
            std::mem::swap(&mut machine.kills, &mut other.kills);
        }
        self
    }

    /// What each docklog gave out: the first, and those that were started after kills.
    pub fn parts(&self) -> Vec<Output> {
        let machine = self.machine.machine();
        parse_output(&machine.stdout.taken, &machine.kills).unwrap_or_else(|what| panic!("{what}"))
    }

    pub fn given(&self) -> Vec<Given> {
        self.parts().into_iter().flat_map(|part| part.lines).collect()
    }

    /// The spans in which docklog says that lines are missing.
    pub fn gaps(&self) -> Vec<Gap> {
        self.parts().into_iter().flat_map(|part| part.gaps).collect()
    }

    /// The lines that were logged and not given out, told or not; and whether the engine has them still.
    #[track_caller]
    pub fn missing(&self, repeats: Repeats) -> Vec<Missing> {
        let _replay = Replay(self.seed);
        self.dump();
        let machine = self.machine.machine();
        missing(&machine.model, &machine.engine, &self.parts(), repeats)
            .unwrap_or_else(|what| panic!("{what}\nstderr:\n{}{}", self.stderr, self.recent_requests()))
    }

    /// Every line of every container, once and in order, but for those in gaps that were told. Lines that were deleted before
    /// docklog first asked for their log aren't expected.
    #[track_caller]
    pub fn assert_all_or_told(&self) {
        self.assert_missing_are_told(Repeats::None);
    }

    /// The same, but a docklog may give out again what one that was killed before it had.
    #[track_caller]
    pub fn assert_all_or_told_at_least_once(&self) {
        self.assert_missing_are_told(Repeats::AfterKills);
    }

    #[track_caller]
    fn assert_missing_are_told(&self, repeats: Repeats) {
        let (missing, gaps) = (self.missing(repeats), self.gaps());
        let _replay = Replay(self.seed);
        let untold: Vec<&Missing> =
            missing.iter().filter(|line| !gaps.iter().any(|gap| gap.covers(line))).collect();
        if let Some(first) = untold.first() {
            let (count, requests) = (untold.len(), self.recent_requests());
            panic!(
                "{count} lines missing and not told, the first: {first:?}\n{gaps:?}\n{}{requests}",
                self.stderr
            );
        }
        assert_eq!(self.exit, 0, "{}", self.stderr);
    }

    /// No gap was told in which nothing is missing. (Such a gap may be honest all the same.)
    #[track_caller]
    pub fn assert_gaps_are_real(&self) {
        let missing = self.missing(Repeats::AfterKills);
        let idle = self.gaps().into_iter().find(|gap| !missing.iter().any(|line| gap.covers(line)));
        assert!(idle.is_none(), "nothing is missing in {idle:?}; to repeat: DOCKLOG_SEED={}", self.seed);
    }

    /// Every line of every container, once and in order.
    #[track_caller]
    pub fn assert_all(&self) {
        self.assert(|_| Expect::All);
    }

    #[track_caller]
    pub fn assert(&self, expect: impl Fn(&str) -> Expect) {
        let _replay = Replay(self.seed);
        self.dump();
        if let Err(what) = self.machine.machine().model.compare(&self.given(), expect) {
            panic!("{what}\nstderr:\n{}{}", self.stderr, self.recent_requests());
        }
        assert_eq!(self.exit, 0, "{}", self.stderr);
    }

    /// The engine's log of a container, one message a line: for DOCKLOG_DUMP=name.
    fn dump(&self) {
        let machine = self.machine.machine();
        let Ok(name) = std::env::var("DOCKLOG_DUMP") else { return };
        for container in machine.engine.containers().iter().filter(|c| c.spec.name == name) {
            eprintln!(
                "{} {name} {:?}, runs end at {:?}",
                &container.id[..4],
                container.state,
                container.run_ends()
            );
            let log = container.log();
            for at in log.start()..log.end() {
                let record = log.record(at).unwrap();
                let text = String::from_utf8_lossy(&record.text);
                let time = since_start(record.stamp);
                eprintln!(
                    "{at} {time:.9} {:?} {:?} ({})",
                    record.channel,
                    (&text[..text.len().min(20)], &text[text.len().saturating_sub(12)..]),
                    text.len()
                );
            }
        }
    }

    fn recent_requests(&self) -> String {
        let machine = self.machine.machine();
        let last = machine.engine.requests.iter().rev().take(25);
        let lines: Vec<String> = last.map(|(at, line)| format!("{:.3} {line}", since_start(*at))).collect();
        format!("the last requests, newest first:\n{}", lines.join("\n"))
    }

    /// The longest time, in milliseconds, from a line's stamp to its writing.
    pub fn longest_wait(&self) -> u64 {
        let machine = self.machine.machine();
        let mut end = 0;
        let mut longest = 0;
        for line in machine.stdout.taken.split_inclusive(|&byte| byte == b'\n') {
            end += line.len();
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            let Some(stamp) = value["time"].as_str().and_then(Timestamp::parse) else { continue };
            let written = machine.stdout.times.partition_point(|&(_, taken)| taken < end);
            let written = super::machine::EPOCH + machine.stdout.times[written].0;
            longest = longest.max(written.saturating_sub(stamp.unix_nanos().unsigned_abs()));
        }
        longest / MS
    }

    /// How often stderr says this.
    pub fn said(&self, what: &str) -> usize {
        self.stderr.lines().filter(|line| line.contains(what)).count()
    }

    /// One of the counts that were told last, on SIGUSR2.
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        let told = self.stderr.lines().rev().find_map(|line| line.strip_prefix("docklog: counts "));
        let counts: serde_json::Value = serde_json::from_str(told.expect("counts")).unwrap();
        counts[name].as_u64().unwrap()
    }

    /// Requests whose line holds this.
    pub fn requests(&self, what: &str) -> usize {
        self.machine.machine().engine.requests.iter().filter(|(_, line)| line.contains(what)).count()
    }

    /// When this container's log was asked for, in milliseconds.
    pub fn log_requests(&self, name: &str) -> Vec<u64> {
        let machine = self.machine.machine();
        let Some(container) = machine.engine.find(name) else { return Vec::new() };
        let asks = |line: &str| line.contains(&container.id) && line.contains("/logs");
        let requests = machine.engine.requests.iter().filter(|(_, line)| asks(line));
        requests.map(|(at, _)| (at - super::machine::EPOCH) / MS).collect()
    }

    /// Of those, the ones about this container, by the name that it bears in the end.
    pub fn requests_about(&self, name: &str, what: &str) -> usize {
        let machine = self.machine.machine();
        let mut about = machine.engine.containers().iter().filter(|container| container.spec.name == name);
        let container = about.next().unwrap_or_else(|| panic!("scenario: no container {name}"));
        assert!(about.next().is_none(), "scenario: several containers of the name {name}");
        let asks = |line: &str| line.contains(&container.id) && line.contains(what);
        machine.engine.requests.iter().filter(|(_, line)| asks(line)).count()
    }

    /// What is said of each line's container: its objects without time, stream and message.
    pub fn described(&self) -> Vec<serde_json::Value> {
        let machine = self.machine.machine();
        let lines = machine.stdout.taken.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let objects = lines.map(|line| {
            let mut value: serde_json::Value = serde_json::from_slice(line).unwrap();
            let object = value.as_object_mut().unwrap();
            for key in ["time", "id", "stream", "message"] {
                object.remove(key).unwrap();
            }
            value
        });
        objects.collect()
    }

    /// Connects, and tries to, in a span of milliseconds.
    pub fn connects_between(&self, from_ms: u64, to_ms: u64) -> usize {
        let machine = self.machine.machine();
        let tries = machine.tally.connects.iter().chain(&machine.tally.refused);
        tries.filter(|&&at| at >= from_ms * MS && at < to_ms * MS).count()
    }

    /// The run's end, in milliseconds.
    pub fn ended_at(&self) -> u64 {
        self.machine.machine().now / MS
    }
}

/// Wall time in seconds since the start; below zero if the clock was set back.
fn since_start(wall: u64) -> f64 {
    (wall as i64 - super::machine::EPOCH as i64) as f64 / 1e9
}

/// Seeds to try: that of DOCKLOG_SEED; or DOCKLOG_SEEDS many (`count` if it isn't set) from DOCKLOG_FIRST on.
pub fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("DOCKLOG_FIRST").unwrap_or(1);
    match number("DOCKLOG_SEED") {
        Some(seed) => vec![seed],
        None => (first..first + number("DOCKLOG_SEEDS").unwrap_or(count)).collect(),
    }
}

/// A plain container of this name.
pub fn plain(name: &str) -> Spec {
    Spec::named(name)
}
