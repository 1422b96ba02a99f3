//! Random histories: batches, short writes, checkpoints, rotations, work beside, files closed for others, logrotate; and kills
//! after any of these. In the end each line must be in the files exactly once, and in order.
//!
//! `DOCKLOG_SEED=n cargo test --lib files::tests::history` repeats one, `DOCKLOG_SEEDS=n` tries so many.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::files::live::Live;

/// Few, because syncing files to the disk takes its time.
const HISTORIES: u64 = 60;
const SOURCES: [&str; 4] = ["a", "../b", "c.20961002T070640.000Z", "dd"];

/// What was killed never returns.
struct Killed;

struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end
    }

    fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

struct History {
    chance: Chance,
    folder: PathBuf,
    template: Template,
    policy: Policy,
    moves: bool,
    sources: Vec<Rc<Source>>,
    files: Files,
    now: Timestamp,
    /// Lines of each source that are settled; and what the last checkpoint says of it.
    settled: Vec<u64>,
    saved: (Vec<FileMark>, Vec<u64>),
    moved: u32,
    kills: usize,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let folder = folder(&format!("history/{seed}"));
        let name =
            ["{container}.log", "all.log", "{project}/{container}", "{container}"][chance.below(4) as usize];
        let template = Template::parse(&format!("{}/{name}", folder.display())).expect("a template");
        let keeps = seed.is_multiple_of(4);
        let mut some = |value: u64| Some(value).filter(|_| !chance.is(3));
        let policy = Policy {
            rotate_size: some(100),
            rotate_age: some(30).map(Duration::from_secs),
            compress: some(1).is_some(),
            keep_files: some(2).filter(|_| keeps).map(|most| most as usize),
            keep_size: some(500).filter(|_| keeps),
            keep_age: None,
        };
        let moves = chance.is(3) && !keeps;
        let files = Files::open(template.clone(), policy.clone(), vec![], at(0)).expect("files");
        Self {
            sources: SOURCES.map(source).to_vec(),
            settled: vec![0; SOURCES.len()],
            saved: (vec![], vec![0; SOURCES.len()]),
            now: at(0),
            moved: 0,
            kills: 0,
            chance,
            folder,
            template,
            policy,
            moves,
            files,
        }
    }

    /// A kill may strike here.
    fn survives(&mut self) -> Result<(), Killed> {
        if self.chance.is(40) { Err(Killed) } else { Ok(()) }
    }

    fn save(&mut self) -> Result<(), Killed> {
        self.survives()?;
        self.saved = (self.files.marks().collect(), self.settled.clone());
        self.survives()?;
        self.files.saved();
        self.survives()
    }

    fn batch(&mut self) -> Result<(), Killed> {
        let mut next = self.settled.clone();
        let mut runs = Vec::new();
        for _ in 0..=self.chance.below(5) {
            let which = self.chance.below(SOURCES.len() as u64) as usize;
            let mut text = String::new();
            for _ in 0..=self.chance.below(4) {
                let length = self.chance.below(20) as usize;
                text.push_str(&format!("{which} {} {}\n", next[which], "x".repeat(length)));
                next[which] += 1;
            }
            runs.push((which, text));
        }
        self.prepare(&runs)?;
        for (which, text) in &runs {
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                self.perhaps_disturb(rest.len() == text.len());
                let piece = if self.chance.is(2) {
                    rest.len()
                } else {
                    1 + self.chance.below(rest.len() as u64) as usize
                };
                match self.files.write(&self.sources[*which], &rest[..piece]) {
                    Ok(taken) => rest = &rest[taken..],
                    Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => self.prepare(&runs)?,
                    Err(error) => panic!("{error}"),
                }
                self.survives()?;
            }
            if self.chance.is(10) {
                self.save()?;
            }
            if self.chance.is(10) {
                self.steps()?;
            }
        }
        self.files.settle();
        self.settled = next;
        self.survives()
    }

    fn prepare(&mut self, runs: &[(usize, String)]) -> Result<(), Killed> {
        let sources = runs.iter().map(|(which, text)| (&self.sources[*which], text.len()));
        let changed = self.files.prepare(sources, self.now).expect("prepared");
        self.survives()?;
        if changed { self.save() } else { Ok(()) }
    }

    /// Others need descriptors, or logrotate comes.
    fn perhaps_disturb(&mut self, between_runs: bool) {
        // A line is torn if its file is moved away, and closed for others in the midst of it.
        if self.chance.is(10) && (between_runs || !self.moves) {
            self.files.live.values_mut().for_each(Live::close);
            self.files.open.clear();
        }
        if self.moves && between_runs && self.chance.is(10) {
            self.move_one();
        }
    }

    fn move_one(&mut self) {
        let paths: Vec<_> = self.sources.iter().map(|source| self.template.path(source)).collect();
        let path = &paths[self.chance.below(paths.len() as u64) as usize];
        let mut to = path.clone().into_os_string();
        to.push(format!(".{}", self.moved));
        self.moved += 1;
        let _ = fs::rename(path, to); // if it is there
        if self.chance.is(2) {
            let _ = fs::write(path, ""); // as logrotate does
        }
        self.files.reopen();
    }

    fn steps(&mut self) -> Result<(), Killed> {
        for _ in 0..self.chance.below(8) {
            self.files.step(self.now);
            self.survives()?;
        }
        Ok(())
    }

    fn act(&mut self) -> Result<(), Killed> {
        match self.chance.below(8) {
            0..4 => self.batch(),
            4 => self.save(),
            5 => self.steps(),
            6 => {
                let later = self.chance.below(20) as i64;
                self.now.seconds += if self.chance.is(10) { -later } else { later };
                Ok(())
            }
            _ => {
                self.perhaps_disturb(true);
                Ok(())
            }
        }
    }

    fn restart(&mut self) {
        self.settled.clone_from(&self.saved.1);
        let (template, marks) = (self.template.clone(), self.saved.0.clone());
        self.files = Files::open(template, self.policy.clone(), marks, self.now).expect("files");
        self.kills += 1;
    }

    fn run(&mut self) {
        for _ in 0..60 {
            if self.act().is_err() {
                self.restart();
            }
        }
        self.saved = (self.files.marks().collect(), self.settled.clone());
        self.files.saved();
        self.restart();
        while self.files.needs_save() || self.files.step(self.now) {
            self.files.saved();
        }
    }

    /// The numbers of all lines of each source, in the order of the files.
    fn found(&self) -> BTreeMap<usize, Vec<u64>> {
        let mut found = BTreeMap::<_, Vec<_>>::new();
        let mut add = |folder: &Path| {
            for (name, text) in contents(folder) {
                assert!(text.is_empty() || text.ends_with('\n'), "{name}: {text}");
                for line in text.lines() {
                    let words: Vec<_> = line.split(' ').collect();
                    let [which, number, x] = words[..] else { panic!("{name}: {line}") };
                    assert!(x.chars().all(|c| c == 'x'), "{name}: {line}");
                    found
                        .entry(which.parse().expect("a source"))
                        .or_default()
                        .push(number.parse().expect("a number"));
                }
            }
        };
        add(&self.folder);
        if self.folder.join("none").exists() {
            add(&self.folder.join("none"));
        }
        found
    }

    fn check(&self) {
        let keeps = self.policy.keep_files.is_some() || self.policy.keep_size.is_some();
        let mut found = self.found();
        for (which, &count) in self.settled.iter().enumerate() {
            let mut numbers = found.remove(&which).unwrap_or_default();
            if self.moves {
                numbers.sort_unstable(); // names don't tell the order
            }
            let first = if keeps { numbers.first().copied().unwrap_or(count) } else { 0 };
            assert_eq!(numbers, (first..count).collect::<Vec<_>>(), "of {}", SOURCES[which]);
        }
        assert!(found.is_empty());
        if self.policy.compress && !self.moves {
            let plain = contents(&self.folder)
                .iter()
                .any(|(name, _)| Rotated::parse(name).is_some_and(|rotated| rotated.form != Form::Packed));
            assert!(!plain, "all that was rotated is compressed, and nothing is left of that");
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("DOCKLOG_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DOCKLOG_SEEDS").unwrap_or(HISTORIES),
    }
}

#[test]
fn no_history_loses_or_doubles_a_line() {
    let (mut kills, mut lines, mut files) = (0, 0, 0);
    for seed in seeds() {
        let result = std::panic::catch_unwind(|| {
            let mut history = History::new(seed);
            history.run();
            history.check();
            counts(&history)
        });
        let Ok(counts) = result else { panic!("history {seed}: DOCKLOG_SEED={seed} repeats it") };
        kills += counts.0;
        lines += counts.1;
        files += counts.2;
    }
    let histories = seeds().count();
    assert!(kills > histories && lines > histories * 50 && files > histories * 3, "{kills} {lines} {files}");
}

/// Kills, lines and files; and the folder is removed, for many small files take their time.
fn counts(history: &History) -> (usize, usize, usize) {
    let files = contents(&history.folder).len();
    let _ = fs::remove_dir_all(&history.folder);
    (history.kills, history.settled.iter().sum::<u64>() as usize, files)
}
