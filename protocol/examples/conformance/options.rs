//! The command line.

use std::thread;
use std::time::Duration;

use super::kit::{Cut, Options};

const USAGE: &str = "usage: conformance [--rules W-31,W-40] [--vectors GLOB,…] [--cuts whole,hostile,bytes] \
    [--ignore KEYS] [--jobs N] [--limit SECONDS] [--verbose] COMMAND";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) options: Options,
    /// None stands for all.
    pub(crate) rules: Vec<String>,
    globs: Vec<String>,
    pub(crate) verbose: bool,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let options = Options {
            command: String::new(),
            cuts: Cut::ALL.to_vec(),
            ignored: Vec::new(),
            jobs: thread::available_parallelism().map_or(1, usize::from),
            limit: Duration::from_secs(20),
        };
        let mut parsed = Self { options, rules: Vec::new(), globs: Vec::new(), verbose: false };
        while let Some(word) = words.next() {
            if !word.starts_with("--") && parsed.options.command.is_empty() {
                parsed.options.command = word;
            } else if word == "--verbose" {
                parsed.verbose = true;
            } else {
                let value = words.next().ok_or(USAGE)?;
                parsed.set(&word, &value).ok_or_else(|| format!("{word} {value}?\n{USAGE}"))?;
            }
        }
        if parsed.options.command.is_empty() { Err(USAGE.into()) } else { Ok(parsed) }
    }

    fn set(&mut self, option: &str, value: &str) -> Option<()> {
        let list = || value.split(',').map(str::to_owned);
        match option {
            "--rules" => self.rules = list().collect(),
            "--vectors" => self.globs = list().collect(),
            "--ignore" => self.options.ignored = list().collect(),
            "--jobs" => self.options.jobs = value.parse().ok()?,
            "--limit" => self.options.limit = Duration::from_secs(value.parse().ok()?),
            "--cuts" => {
                let cut = |name: String| Cut::ALL.into_iter().find(|cut| cut.name() == name);
                self.options.cuts = list().map(cut).collect::<Option<_>>()?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether a vector of this name, which proves these rules, is to be tried.
    pub(crate) fn chooses(&self, name: &str, rules: &[String]) -> bool {
        let named =
            self.globs.is_empty() || self.globs.iter().any(|glob| fits(glob.as_bytes(), name.as_bytes()));
        named && (self.rules.is_empty() || rules.iter().any(|rule| self.rules.contains(rule)))
    }
}

/// `*` stands for any bytes, `?` for one.
fn fits(glob: &[u8], name: &[u8]) -> bool {
    match (glob, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => fits(rest, name) || (!name.is_empty() && fits(glob, &name[1..])),
        ([b'?', glob @ ..], [_, name @ ..]) => fits(glob, name),
        ([want, glob @ ..], [byte, name @ ..]) => want == byte && fits(glob, name),
        _ => false,
    }
}
