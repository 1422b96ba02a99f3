//! One history: a log that grows, and a reader of it that is interrupted at will.

use docklog::core::reader::{News, Reader};
use docklog::core::repeats::Habit;
use docklog::core::window::{After, Ask, Begin};
use docklog_protocol::{Channel, ContainerId, EngineKind, Line, Record, Stamp, Tail, Timestamp};

/// An engine's part of a long line: all but the last have this size.
const PART: usize = 16_384;

/// In a session an engine skips records so often at the most: docklog remembers four places of each channel, and one of them may
/// be that before its first line.
const SKIPS: usize = 3;

/// What happens, as bytes tell it, and when there are no more, as chance does (xorshift64*).
pub struct Chance {
    bytes: std::vec::IntoIter<u8>,
    state: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut chance = Chance { bytes: Vec::new().into_iter(), state };
        for _ in 0..4 {
            chance.next(); // seeds that are alike must not begin alike
        }
        chance
    }

    /// Each choice takes a byte of these, or two where there is much to choose from.
    #[allow(dead_code, reason = "for the fuzz target")]
    pub fn of(bytes: &[u8]) -> Self {
        let (seed, bytes) = (bytes.len() as u64, Vec::from(bytes));
        Chance { bytes: bytes.into_iter(), ..Chance::new(seed) }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        let told = match self.bytes.next().map(u64::from) {
            Some(byte) if limit > 256 => byte << 8 | self.bytes.next().map_or(0, u64::from),
            Some(byte) => byte,
            None => self.next() >> 11,
        };
        told % limit.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// What may happen in a history.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// Stamps of the two channels are out of order by up to so many nanoseconds.
    inversion: u64,
    /// Lines may bear the time of the line before.
    equal_times: bool,
    /// The clock is set back now and then.
    steps: bool,
    /// The oldest records are deleted now and then, or all.
    deletions: bool,
    /// The engine repeats records in the middle of a follow, as before 23.
    repeats: bool,
    /// It skips some, as from 23 on.
    skips: bool,
    /// Lines in parts.
    long: bool,
    /// A session is cut with this chance, in percent, at each record.
    cuts: u64,
    /// docklog is killed, and goes on from its checkpoint.
    kills: bool,
    begin: u64,
}

impl Traits {
    pub fn draw(chance: &mut Chance) -> Self {
        let deletions = chance.percent(30);
        let repeats = chance.percent(30);
        let skips = !repeats && chance.percent(20);
        Traits {
            inversion: [0, 10, 100_000][chance.below(3) as usize],
            // Which of several lines of one time are missing can't be told; nor a clock set back from a log replaced.
            equal_times: !deletions && !repeats && !skips && chance.percent(20),
            // Nor what is sent twice across such a step.
            steps: !deletions && !repeats && chance.percent(30),
            deletions,
            repeats,
            skips,
            long: chance.percent(20),
            cuts: [1, 5, 30][chance.below(3) as usize],
            // What was delivered is counted in memory only: what was skipped just before a kill is not told.
            kills: !skips && chance.percent(40),
            begin: chance.below(4),
        }
    }
}

impl Traits {
    /// Leaves out what can't be told: where the last line was deleted only time decides, so what is written after that must not
    /// bear an older time than it, be it by disorder between the channels or as the rest of a line begun before. The sweep
    /// has both; its seeds don't meet the case, but whoever searches for trouble does.
    #[allow(dead_code, reason = "for the fuzz target")]
    pub fn that_can_be_told(mut self) -> Self {
        if self.deletions {
            (self.inversion, self.long) = (0, false);
        }
        // What an engine has skipped inside a line leaves a torn one, and an audit may bring it again, whole.
        self.long &= !self.skips;
        // A history that begins among lines of one time, or has another of the time of a long one, which no engine writes.
        self.equal_times &= self.begin != 2 && !self.long;
        self
    }
}

/// A record of the log.
pub struct Entry {
    pub channel: usize,
    pub time: i64,
    /// The same, as the engine writes it.
    pub stamp: String,
    pub text: Vec<u8>,
    pub part: bool,
    /// Number of its line on its channel.
    pub line: usize,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Line {
        channel: usize,
        text: Vec<u8>,
        number: u32,
    },
    /// What the engine had skipped, found by an audit after lines that follow it.
    Late {
        channel: usize,
        text: Vec<u8>,
    },
    Gap,
}

pub struct History {
    traits: Traits,
    chance: Chance,
    pub log: Vec<Entry>,
    /// Records before this are deleted; and how far records were once deleted or skipped before they were delivered.
    pub start: usize,
    /// Per channel, numbers of lines of which records were deleted, or skipped in a follow.
    pub doubtful: Vec<(usize, usize)>,
    /// Lines written before this record aren't wanted.
    pub wanted_from: usize,
    clock: i64,
    newest: [i64; 2],
    written: [usize; 2],
    open: [Option<(i64, usize)>; 2],
    reader: Reader,
    pub given: Vec<Given>,
    saved: Option<(docklog::core::place::Place, usize)>,
    pub sessions: usize,
    /// For the proof that the sweep can fail.
    pub by_time_alone: bool,
    last_time: i64,
    file_began: usize,
    session_began: usize,
    notes: Vec<String>,
}

fn channel(half: usize) -> Channel {
    [Channel::Stdout, Channel::Stderr][half]
}

fn stamp(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(nanos)
}

impl History {
    pub fn new(chance: Chance, traits: Traits) -> Self {
        let mut history = History {
            traits,
            chance,
            log: Vec::new(),
            start: 0,
            doubtful: Vec::new(),
            wanted_from: 0,
            clock: 1_795_464_967_000_000_000,
            newest: [0; 2],
            written: [0; 2],
            open: [None; 2],
            reader: Reader::new(Begin::First),
            given: Vec::new(),
            saved: None,
            sessions: 0,
            by_time_alone: false,
            last_time: i64::MIN,
            file_began: 0,
            session_began: 0,
            notes: Vec::new(),
        };
        history.begin();
        history
    }

    /// There may be lines before us that nobody asked for.
    fn begin(&mut self) {
        let before = self.chance.below(30);
        self.write_some(before);
        self.wanted_from = match self.traits.begin {
            // Of several lines of one time, which the newest may be, the first is taken for it.
            1 if !self.traits.equal_times => {
                self.reader = Reader::new(Begin::Now(stamp(self.clock)));
                self.close_lines();
                let now = self.log.len();
                self.session(true);
                now
            }
            2 => {
                self.close_lines();
                let tail = self.chance.below(5) + 1;
                self.reader = Reader::new(Begin::History { tail: Tail::Last(tail), since: None });
                self.log.len().saturating_sub(tail as usize)
            }
            _ => 0,
        };
        if self.traits.begin == 2 {
            // A tail that begins inside a line shows its rest: take that for what was asked for.
            let (before, after) = self.log.split_at(self.wanted_from);
            let line = |entry: &Entry| (entry.channel, entry.line);
            let torn = after
                .iter()
                .map(line)
                .filter(|line| before.iter().any(|entry| (entry.channel, entry.line) == *line));
            self.doubtful.extend(torn.collect::<Vec<_>>());
            self.follow_whole();
        }
    }

    /// A first session that isn't cut: what `--tail` asks for is asked for once.
    fn follow_whole(&mut self) {
        let cuts = std::mem::replace(&mut self.traits.cuts, 0);
        self.session(true);
        self.traits.cuts = cuts;
    }

    pub fn run(&mut self) {
        for _ in 0..self.chance.below(12) + 2 {
            let count = self.chance.below(40);
            self.write_some(count);
            if self.traits.deletions && self.chance.percent(25) {
                self.delete();
            }
            if self.traits.kills && self.chance.percent(20) {
                self.kill();
            }
            let follow = self.chance.percent(80);
            self.session(follow);
            if self.chance.percent(30) {
                self.save();
            }
        }
        self.close_lines();
        self.traits.cuts = 0;
        if !self.traits.equal_times {
            self.reader.window_mut().audit(Some(0)); // which is for engines whose times tell lines apart
        }
        self.session(false);
        if self.reader.take_gap().is_some() {
            self.given.push(Given::Gap);
        }
        let mut given = Vec::new();
        self.reader.finish(&mut |news| note(news, &mut given));
        self.given.append(&mut given);
    }

    fn save(&mut self) {
        if let Some(place) = self.reader.place() {
            self.saved = Some((place, self.given.len()));
        }
    }

    /// kill -9: what was given after the checkpoint is cut off, and comes again.
    fn kill(&mut self) {
        let Some((place, length)) = self.saved else { return };
        self.notes.push(format!("killed: back to {length} of {} lines", self.given.len()));
        self.given.truncate(length);
        self.reader = Reader::resume(place);
        if self.given.is_empty() {
            self.wanted_from = self.wanted_from.max(self.start);
        }
    }

    // The log.

    fn write_some(&mut self, count: u64) {
        for _ in 0..count {
            if self.traits.steps && self.chance.percent(2) {
                self.clock -= 1_000_000_000 * (1 + self.chance.below(100) as i64);
                self.notes.push(format!("clock set back at record {}", self.log.len()));
                self.newest = [i64::MIN; 2];
            }
            let channel = usize::from(self.chance.percent(40));
            self.write(channel);
        }
    }

    fn write(&mut self, channel: usize) {
        self.clock += 1 + self.chance.below(1_000_000) as i64;
        if let Some((time, line)) = self.open[channel] {
            // Go on with the line that is open.
            let ends = self.chance.percent(40);
            let size = if ends { self.chance.below(100) as usize } else { PART };
            return self.append(channel, time, line, size, !ends);
        }
        let early = self.chance.below(self.traits.inversion + 1) as i64;
        let same = self.traits.equal_times && self.newest[channel] > 0 && self.chance.percent(10);
        let time = if same {
            self.newest[channel]
        } else {
            (self.clock - early).max(self.newest[channel].saturating_add(1))
        };
        self.newest[channel] = time;
        let line = self.written[channel];
        self.written[channel] += 1;
        let long = self.traits.long && !same && self.chance.percent(5);
        let size = if long { PART } else { self.chance.below(30) as usize };
        self.append(channel, time, line, size, long);
    }

    fn append(&mut self, channel: usize, time: i64, line: usize, size: usize, part: bool) {
        let mut text = if size == PART { Vec::new() } else { format!("{line} ").into_bytes() };
        // Equal texts now and then, also of parts.
        text.resize(size.max(text.len()), b'x');
        // Equal texts at different times; that of one time and equal text is which, nobody can tell.
        let told_apart = self.traits.equal_times || self.traits.deletions || self.traits.skips;
        if !told_apart && self.chance.percent(20) && size < PART {
            text = b"tick".to_vec();
        }
        self.log.push(Entry { channel, time, stamp: stamp(time).rfc3339(), text, part, line });
        self.open[channel] = part.then_some((time, line));
    }

    fn close_lines(&mut self) {
        for channel in 0..2 {
            if let Some((time, line)) = self.open[channel] {
                self.append(channel, time, line, 3, false);
            }
        }
    }

    /// The engine deletes its oldest file; or somebody truncates the log.
    fn delete(&mut self) {
        let left = self.log.len() - self.start;
        let count = if self.chance.percent(20) { left } else { self.chance.below(left as u64 + 1) as usize };
        self.notes.push(format!("records {}..{} deleted", self.start, self.start + count));
        for entry in &self.log[self.start..self.start + count] {
            self.doubtful.push((entry.channel, entry.line));
        }
        self.start += count;
        if self.given.is_empty() {
            self.wanted_from = self.wanted_from.max(self.start); // there is no telling what was before the first line
        }
        self.file_began = self.file_began.max(self.start);
    }

    // The sessions.

    /// A session, and others after it as long as the reader asks for them.
    fn session(&mut self, follow: bool) {
        for round in 0..12 {
            if !self.one_session(follow) {
                return;
            }
            assert!(round < 10, "sessions without end\n{}", self.story());
        }
    }

    /// True if another is asked for.
    fn one_session(&mut self, follow: bool) -> bool {
        self.sessions += 1;
        let size = [1, 4, 64][self.chance.below(3) as usize];
        let id = ContainerId::from([1; 32]);
        let ask = Ask { id, follow, until: None, engine: EngineKind::Docker, size };
        let habit = if self.traits.repeats { Habit::Stretches } else { Habit::Single };
        // Who doesn't rotate files doesn't repeat, and may stamp lines alike.
        let habit = (self.traits.repeats || self.traits.skips).then_some(habit);
        let logs = self.reader.open(&ask, habit);
        self.reader.window_mut().count();
        let from = match logs.tail {
            Tail::All => self.start,
            Tail::Last(count) => self.start.max(self.log.len().saturating_sub(count as usize)),
        };
        self.notes.push(format!(
            "session {}: {:?} from {from} of {}, follow {}",
            self.sessions,
            logs.tail,
            self.log.len(),
            logs.follow
        ));
        self.session_began = from;
        for at in from..self.log.len() {
            if !self.take(at) {
                return true;
            }
            if self.chance.below(1_000) < self.traits.cuts {
                return self.cut();
            }
        }
        if !logs.follow {
            if self.reader.complete() == After::Again {
                self.reader.cut();
                return true;
            }
            return false;
        }
        if from == self.log.len() {
            self.reader.window_mut().was_empty();
        }
        let look = self.reader.window().is_searching() || self.chance.percent(20);
        if look && self.reader.silent(Timestamp::from_unix_nanos(self.clock)) == After::Again {
            self.reader.cut();
            return true;
        }
        self.live()
    }

    /// What is written now comes at once.
    fn live(&mut self) -> bool {
        let (mut skips, mut skipped) = (0, false);
        for _ in 0..self.chance.below(60) {
            let at = self.log.len();
            self.write_some(1);
            if self.traits.repeats && self.chance.percent(3) && !self.repeat() {
                return true;
            }
            if self.traits.skips && !self.given.is_empty() && skips < SKIPS && self.chance.percent(4) {
                self.skip(at);
                skips += 1;
                skipped = true;
                continue;
            }
            // The first record after some that were skipped may come twice; a part can't be told from more of its line.
            let twice = std::mem::take(&mut skipped) && !self.log[at].part && self.chance.percent(30);
            if !self.take(at) || twice && !self.take(at) {
                return true;
            }
            if self.chance.percent(self.traits.cuts) {
                return self.cut();
            }
        }
        self.cut()
    }

    fn cut(&mut self) -> bool {
        self.notes.push("cut".into());
        self.reader.cut();
        if self.traits.skips {
            self.reader.window_mut().audit(Some(0));
        }
        false
    }

    /// The engine sends the beginning of its newest file again, which it has begun during this session.
    fn repeat(&mut self) -> bool {
        let end = self.log.len() - 1;
        let span = self.chance.below(20) as usize;
        let from = self.file_began.max(self.session_began).max(end.saturating_sub(span));
        // Parts of the open line alone, sent again, can't be told from more of it.
        let first = |channel| self.log[from..end].iter().find(|entry| entry.channel == channel);
        let begins_inside = |channel: usize| {
            self.newest_line(channel)
                .is_some_and(|line| first(channel).is_some_and(|first| first.line == line))
        };
        if begins_inside(0) || begins_inside(1) {
            return true;
        }
        self.notes.push(format!("records {from}..{end} sent again"));
        self.file_began = end; // next time it will be another file
        (from..end).all(|at| self.take(at))
    }

    fn newest_line(&self, channel: usize) -> Option<usize> {
        self.log.iter().rev().find(|entry| entry.channel == channel && entry.part).map(|entry| entry.line)
    }

    /// The engine goes on with a newer file: these records aren't sent. They take longer than any other pause.
    fn skip(&mut self, at: usize) {
        self.clock += 1_000_000_000;
        let more = self.chance.below(5);
        self.write_some(more);
        self.notes.push(format!("records {at}..{} skipped", self.log.len()));
        self.doubtful.extend(self.log[at..].iter().map(|entry| (entry.channel, entry.line)));
    }

    fn take(&mut self, at: usize) -> bool {
        if self.by_time_alone {
            return self.take_by_time(at);
        }
        let (entry, given) = (&self.log[at], &mut self.given);
        let record = Record {
            channel: channel(entry.channel),
            stamp: Stamp::parse(&entry.stamp),
            text: &entry.text,
            part: entry.part,
        };
        let fits = self.reader.take(record, &mut |news| note(news, given));
        if !fits {
            self.reader.cut();
        }
        fits
    }

    fn take_by_time(&mut self, at: usize) -> bool {
        let entry = &self.log[at];
        if entry.time > self.last_time || entry.part {
            self.last_time = self.last_time.max(entry.time);
            self.given.push(Given::Line { channel: entry.channel, text: entry.text.clone(), number: 1 });
        }
        true
    }

    pub fn gaps(&self) -> usize {
        self.given.iter().filter(|given| **given == Given::Gap).count()
    }

    /// What an engine skips is found by an audit, after the lines that follow it.
    pub fn gaps_come_late(&self) -> bool {
        self.traits.skips && (self.gaps() > 0 || self.start == self.log.len())
    }

    /// The engine skips records: then no two lines are alike.
    pub fn skips(&self) -> bool {
        self.traits.skips
    }

    /// How many lines came late; and gaps where what the engine has skipped should have come late instead: the log still has it,
    /// and times tell where it is missing. (Unless it skips too often before it is found out.)
    #[allow(dead_code, reason = "for the sweep")]
    pub fn late(&self) -> [usize; 2] {
        let late = self.given.iter().filter(|given| matches!(given, Given::Late { .. })).count();
        let should = self.traits.skips && !(self.traits.deletions || self.traits.steps || self.traits.long);
        [late, if should { self.gaps() } else { 0 }]
    }

    /// For people, when it went wrong.
    pub fn story(&self) -> String {
        let record = |(at, entry): (usize, &Entry)| {
            let part = if entry.part { "…" } else { "" };
            format!("{at}:{}{}@{}{part}", ["o", "e"][entry.channel], entry.line, entry.time % 10_000_000_000)
        };
        let log: Vec<String> = self.log.iter().enumerate().map(record).collect();
        let given = |given: &Given| match given {
            Given::Gap => "gap".to_owned(),
            Given::Line { channel, text, .. } | Given::Late { channel, text } => {
                let text = String::from_utf8_lossy(&text[..text.len().min(8)]).into_owned();
                format!("{}{text:?}", ["o", "e"][*channel])
            }
        };
        let given: Vec<String> = self.given.iter().map(given).collect();
        format!(
            "{:?}\n{}\ngiven: {}\nlog: {}",
            self.traits,
            self.notes.join("\n"),
            given.join(" "),
            log.join(" ")
        )
    }
}

fn note(news: News<'_>, given: &mut Vec<Given>) {
    match news {
        News::Line(Line { channel, text, segment, .. }) => {
            let channel = usize::from(*channel == Channel::Stderr);
            let number = segment.map_or(1, |segment| segment.number);
            given.push(Given::Line { channel, text: text.to_vec(), number });
        }
        News::Late(Line { channel, text, .. }) => {
            let channel = usize::from(*channel == Channel::Stderr);
            given.push(Given::Late { channel, text: text.to_vec() });
        }
        News::Gap(_) => given.push(Given::Gap),
        News::Replay => {}
    }
}
