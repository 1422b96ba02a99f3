//! What a scenario does to the machine: containers and the engine, told to the simulation and to the model alike.

use docklog::shell::world::Ask;

use super::engine::{Channel, Container, Process, Spec, State};
use super::link::Ending;
use super::machine::{MS, Machine};

impl Machine {
    pub fn run(&mut self, spec: Spec) {
        let name = spec.name.clone();
        self.create(spec);
        self.start(&name);
    }

    pub fn create(&mut self, spec: Spec) {
        let (name, tty, driver) = (spec.name.clone(), spec.tty, spec.driver);
        let labels = spec.labels.clone();
        let id = self.engine.create(self.wall(), spec);
        self.model.created(&id, &name, tty, driver);
        for (_, shown) in labels.iter().filter(|(key, _)| key == "docklog.name") {
            self.model.renamed(&id, shown);
        }
    }

    pub fn start(&mut self, name: &str) {
        self.last_start = self.now;
        self.engine.start(self.wall(), name);
    }

    /// The container writes: lines, or a part of one.
    pub fn write(&mut self, name: &str, channel: Channel, bytes: &[u8]) {
        let id = self.id(name);
        self.model.wrote(&id, self.now, channel, bytes);
        // What one channel writes may be stamped after, and yet come into the log before what the other wrote.
        let early = if channel == Channel::Stderr { self.rng.below(self.knobs.delay) } else { 0 };
        self.engine.write(self.wall() - early.min(self.now), name, channel, bytes);
    }

    /// The container writes a numbered line.
    pub fn line(&mut self, name: &str, channel: Channel, filler: usize) {
        let number = self.model.next_number(&self.id(name), channel);
        let what = if channel == Channel::Stdout { "out" } else { "err" };
        let line = format!("{name} {what} {number} {}\n", "x".repeat(filler));
        self.write(name, channel, line.as_bytes());
    }

    /// So many lines on both channels, in random order.
    pub fn lines(&mut self, name: &str, count: u64, filler: usize) {
        for _ in 0..count {
            let channel = self.rng.pick(&[Channel::Stdout, Channel::Stderr]);
            self.line(name, channel, filler);
        }
    }

    pub fn die(&mut self, name: &str) {
        let id = self.id(name);
        self.engine.die(self.wall(), name, 0);
        self.model.ended(&id, self.now);
    }

    pub fn restart(&mut self, name: &str) {
        let id = self.id(name);
        self.model.ended(&id, self.now);
        self.last_start = self.now;
        self.engine.restart(self.wall(), name);
    }

    pub fn remove(&mut self, name: &str) {
        let id = self.id(name);
        self.model.ended(&id, self.now);
        self.model.removed(&id);
        self.engine.remove(self.wall(), name);
    }

    pub fn rename(&mut self, name: &str, to: &str) {
        let id = self.id(name);
        self.model.renamed(&id, to);
        self.engine.rename(self.wall(), name, to);
    }

    /// Docklog hears what happens to containers.
    pub fn is_watched(&self) -> bool {
        self.engine.process() == Process::Up && self.engine.has_subscriber()
    }

    /// Docklog reads this container's log.
    pub fn is_followed(&self, name: &str) -> bool {
        self.is_watched() && self.engine.find(name).is_some_and(|c| self.engine.has_reader(&c.id))
    }

    pub fn is_running(&self, name: &str) -> bool {
        self.engine.find(name).is_some_and(|c| c.state == State::Running)
    }

    fn id(&self, name: &str) -> String {
        self.engine.find(name).unwrap_or_else(|| panic!("scenario: no container {name}")).id.clone()
    }

    /// An operator empties its log file.
    pub fn truncate(&mut self, name: &str) {
        self.engine.truncate(self.wall(), name);
    }

    /// Something that is no message gets into its log file.
    pub fn corrupt(&mut self, name: &str) {
        self.engine.corrupt(name);
    }

    /// An administrator sets the wall clock, forward or back.
    pub fn step_clock(&mut self, ms: i64) {
        self.wall_step += ms * MS as i64;
        if ms < 0 {
            self.engine.clock_was_set_back();
            self.model.clock_was_set_back();
        }
    }

    /// It dies: every connection is cut, anywhere in what was on its way.
    pub fn engine_down(&mut self, orderly: bool) {
        self.engine.go_down(orderly);
        for link in self.links.values_mut() {
            let unread = link.unread();
            // Mostly what was sent arrives; now and then a cut falls anywhere in it.
            if self.rng.percent(40) {
                link.lose_after(self.rng.below(unread as u64 + 1) as usize);
            }
            let ending = if self.rng.percent(25) { Ending::Reset } else { Ending::Close };
            link.end(self.now + self.rng.below(self.knobs.delay), ending);
        }
    }

    /// It is back. What containers wrote before a crash cut them off is logged now: without live restore these are the last
    /// lines that they wrote.
    pub fn engine_up(&mut self, live_restore: bool) {
        if !live_restore && self.engine.process() == Process::Crashed {
            self.write_last_words();
        }
        let alive: Vec<String> =
            self.engine.containers().iter().filter(|c| c.is_alive()).map(|c| c.id.clone()).collect();
        self.engine.come_up(self.wall(), live_restore);
        if !live_restore {
            for id in alive {
                self.model.ended(&id, self.now);
            }
        }
    }

    fn write_last_words(&mut self) {
        let running = |c: &&Container| c.state == State::Running;
        let names: Vec<String> =
            self.engine.containers().iter().filter(running).map(|c| c.spec.name.clone()).collect();
        for name in names {
            let count = self.rng.below(self.knobs.orphan_lines + 1);
            self.lines(&name, count, 0);
        }
    }

    /// kill -9 of docklog: from here on it does nothing any more.
    pub fn kill_docklog(&mut self) {
        assert!(!self.killed, "scenario: docklog was killed already");
        self.killed = true;
        self.kills.push(self.stdout.taken.len());
        self.others.iter_mut().for_each(|sink| sink.kills.push(sink.outlet.taken.len()));
    }

    /// Docklog is started again after a kill.
    pub fn start_docklog(&mut self) {
        self.killed = false;
    }

    /// SIGTERM for docklog.
    pub fn stop_signal(&mut self) {
        assert!(!self.killed, "scenario: nobody is there to be stopped");
        self.asks.push_back(Ask::Stop);
    }

    /// SIGUSR2 for docklog.
    pub fn counts_signal(&mut self) {
        self.asks.push_back(Ask::Counts);
    }

    /// SIGHUP for docklog.
    pub fn hangup_signal(&mut self) {
        self.asks.push_back(Ask::Reload);
    }

    /// Writes another configuration file, and asks docklog to read it.
    pub fn reload_signal(&mut self, text: &str) {
        self.configuration = Some(text.to_owned());
        self.hangup_signal();
    }
}
