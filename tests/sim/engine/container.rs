//! A container: what it is, how its output becomes log messages, what its log holds.

use super::dialect::Dialect;
use super::files::{LogFiles, Record, Rotation};
use super::stamp::Nanos;

/// Where a container writes. A TTY has only the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// Life of a container, as the API tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never started.
    Created,
    /// Runs.
    Running,
    /// Frozen.
    Paused,
    /// Ended; its log can be read.
    Exited,
    /// Marked for removal: its log answers 409.
    Removing,
    /// Gone: answers 404. Open log readers go on, as they hold the file.
    Removed,
}

/// A log driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// The default. Can't hold bytes that aren't UTF-8.
    JsonFile,
    /// Compact and clean of such changes.
    Local,
    /// Can't be read: 501.
    None,
}

/// What a container is made with.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    pub image: String,
    /// The image's name stands for another one by now: the list tells its id instead.
    pub image_moved: bool,
    pub labels: Vec<(String, String)>,
    pub tty: bool,
    pub driver: Driver,
    /// `--rm`.
    pub auto_remove: bool,
    /// `max-size` and `max-file` of its log; `None`: one file that grows.
    pub rotation: Option<Rotation>,
}

impl Spec {
    /// A plain one.
    pub fn named(name: &str) -> Self {
        Spec {
            name: name.into(),
            image: "busybox".into(),
            image_moved: false,
            labels: Vec::new(),
            tty: false,
            driver: Driver::JsonFile,
            auto_remove: false,
            rotation: None,
        }
    }

    /// With a terminal.
    pub fn tty(mut self) -> Self {
        self.tty = true;
        self
    }

    /// With `--rm`. The scenario removes it all the same.
    pub fn auto_remove(mut self) -> Self {
        self.auto_remove = true;
        self
    }

    /// With another log driver.
    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = driver;
        self
    }

    /// With a log of several files, so large each.
    pub fn rotated(mut self, max_size: usize, max_file: usize) -> Self {
        self.rotation = Some(Rotation { max_size, max_file });
        self
    }

    /// Of another image.
    pub fn image(mut self, image: &str) -> Self {
        self.image = image.into();
        self
    }

    /// Of an image whose name stands for another one by now.
    pub fn image_moved(mut self) -> Self {
        self.image_moved = true;
        self
    }

    /// With a label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }
}

/// Where a message stands in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    first: bool,
    /// It has the newline.
    last: bool,
}

/// Takes a message: its time, its text, and where it stands in its line.
type Emit<'a> = dyn FnMut(Nanos, Vec<u8>, Part) + 'a;

/// Makes messages of one channel's bytes: cuts at newlines and at the part limit; all parts of a line bear the time of
/// its first, and times within a channel rise strictly.
#[derive(Clone, Debug, Default)]
struct Copier {
    open: Vec<u8>,
    line_began: Option<Nanos>,
    last: Nanos,
}

impl Copier {
    fn stamp(&mut self, now: Nanos) -> Nanos {
        self.line_began.unwrap_or_else(|| {
            self.last = now.max(self.last + 1);
            self.last
        })
    }

    fn write(&mut self, now: Nanos, limit: usize, bytes: &[u8], emit: &mut Emit<'_>) {
        self.open.extend_from_slice(bytes);
        let mut done = 0;
        loop {
            let rest = &self.open[done..];
            let window = &rest[..rest.len().min(limit)];
            if let Some(at) = window.iter().position(|&b| b == b'\n') {
                let text = rest[..=at].to_vec();
                let part = Part { first: self.line_began.is_none(), last: true };
                emit(self.stamp(now), text, part);
                self.line_began = None;
                done += at + 1;
            } else if rest.len() >= limit {
                let text = rest[..limit].to_vec();
                let part = Part { first: self.line_began.is_none(), last: false };
                let stamp = self.stamp(now);
                self.line_began = Some(stamp);
                emit(stamp, text, part);
                done += limit;
            } else {
                break;
            }
        }
        self.open.drain(..done);
    }

    /// The channel was closed: what is open becomes a message without newline.
    fn close(&mut self, now: Nanos, emit: &mut Emit<'_>) {
        if !self.open.is_empty() {
            let text = std::mem::take(&mut self.open);
            let part = Part { first: self.line_began.is_none(), last: false };
            emit(self.stamp(now), text, part);
        }
        self.line_began = None;
    }

    /// An administrator has set the clock back: from now on times rise from there.
    fn clock_was_set_back(&mut self) {
        self.last = 0;
    }
}

/// A container with its log.
#[derive(Clone, Debug)]
pub struct Container {
    pub id: String,
    pub spec: Spec,
    pub state: State,
    pub created: Nanos,
    pub started: Nanos,
    pub finished: Nanos,
    pub exit_code: i32,
    /// Its log file was deleted under the engine: readers get an engine error.
    pub log_unlinked: bool,
    /// A removal has deleted the log file, and whoever asks for it makes the engine create it anew, empty.
    pub log_vanished: bool,
    log: LogFiles,
    /// Sequence number of the end of each finished run.
    run_ends: Vec<u64>,
    runs: usize,
    copiers: [Copier; 2],
    /// Written while the engine was down: the pipe's buffer.
    fifo: Vec<(Channel, Vec<u8>)>,
}

impl Container {
    pub(super) fn new(id: String, spec: Spec, now: Nanos) -> Self {
        let log = LogFiles::new(spec.rotation);
        Container {
            id,
            spec,
            state: State::Created,
            created: now,
            started: 0,
            finished: 0,
            exit_code: 0,
            log_unlinked: false,
            log_vanished: false,
            log,
            run_ends: Vec::new(),
            runs: 0,
            copiers: Default::default(),
            fifo: Vec::new(),
        }
    }

    pub fn is_alive(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    pub(super) fn start(&mut self, now: Nanos) {
        self.state = State::Running;
        self.started = now;
        self.runs += 1;
        self.log.reopen();
    }

    pub(super) fn end(&mut self, now: Nanos, dialect: Dialect, code: i32) {
        let told = self.log.end();
        for channel in [Channel::Stdout, Channel::Stderr] {
            self.copy(channel, dialect, |copier, emit| copier.close(now, emit));
        }
        self.state = State::Exited;
        // Time goes on after the last line, even where a scenario lets everything happen at once.
        self.finished = self.log.last().map_or(now, |record| now.max(record.stamp + 1));
        self.exit_code = code;
        // Docker 20 tells its followers of the end before it logs a last line that has no newline.
        let end = if dialect == Dialect::Docker20 { told } else { self.log.end() };
        self.run_ends.resize(self.runs, end);
    }

    pub(super) fn write(&mut self, now: Nanos, dialect: Dialect, channel: Channel, bytes: &[u8]) {
        if self.spec.tty {
            // The terminal's line discipline: newline becomes carriage return and newline.
            let cooked = bytes.split_inclusive(|&b| b == b'\n').fold(Vec::new(), |mut out, piece| {
                match piece.strip_suffix(b"\n") {
                    Some(line) => out.extend_from_slice(&[line, b"\r\n"].concat()),
                    None => out.extend_from_slice(piece),
                }
                out
            });
            let limit = dialect.part_limit();
            self.copy(Channel::Stdout, dialect, |copier, emit| copier.write(now, limit, &cooked, emit));
        } else {
            let limit = dialect.part_limit();
            self.copy(channel, dialect, |copier, emit| copier.write(now, limit, bytes, emit));
        }
    }

    fn copy(&mut self, channel: Channel, dialect: Dialect, act: impl FnOnce(&mut Copier, &mut Emit<'_>)) {
        let driver = self.spec.driver;
        let log = &mut self.log;
        act(&mut self.copiers[channel as usize], &mut |stamp, mut text, part| {
            let ends_split_line = part.last && !part.first;
            if driver == Driver::Local && ends_split_line && dialect.local_drops_last_newline() {
                text.pop();
            }
            if driver == Driver::JsonFile {
                text = String::from_utf8_lossy(&text).into_owned().into_bytes();
            }
            log.push(Record { channel, stamp, text, begins_line: part.first });
        });
    }

    pub(super) fn write_while_down(&mut self, channel: Channel, bytes: &[u8]) {
        self.fifo.push((channel, bytes.to_vec()));
    }

    /// The engine is back: it opens the log, and logs what waited in the pipe, with the time of this moment.
    pub(super) fn take_up(&mut self, now: Nanos, dialect: Dialect) {
        self.log.reopen();
        for (channel, bytes) in std::mem::take(&mut self.fifo) {
            self.write(now, dialect, channel, &bytes);
        }
    }

    pub(super) fn clock_was_set_back(&mut self) {
        self.copiers.iter_mut().for_each(Copier::clock_was_set_back);
    }

    /// Its log.
    pub fn log(&self) -> &LogFiles {
        &self.log
    }

    pub(super) fn log_mut(&mut self) -> &mut LogFiles {
        &mut self.log
    }

    /// Number of the run that is going on, or was the last.
    pub fn run(&self) -> usize {
        self.runs
    }

    /// Where the messages of finished runs end.
    pub fn run_ends(&self) -> &[u64] {
        &self.run_ends
    }

    /// Where a run's messages end, once it has ended.
    pub fn run_end(&self, run: usize) -> Option<u64> {
        self.run_ends.get(run.checked_sub(1)?).copied()
    }
}
