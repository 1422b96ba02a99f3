//! What was set, and by whom. The command line beats the environment, that the file, and that the defaults; per setting, not
//! per item: a list that is given replaces the one below.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::keys::{self, KEYS, Key, Name, SINK, TABLES};
use super::kind::Kind;

/// Who has set something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// A variable of the environment.
    Environment(&'static str),
    /// The configuration file, in this line.
    File(Rc<Path>, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    words: Vec<String>,
    origin: Origin,
}

/// All that was set.
#[derive(Clone, Debug)]
pub struct Values {
    given: Vec<Option<Given>>,
    /// Those of each sink, and who has set it.
    sinks: Vec<(Values, Origin)>,
}

impl Default for Values {
    fn default() -> Self {
        Self { given: vec![None; KEYS.len()], sinks: Vec::new() }
    }
}

impl Values {
    /// Sets a setting, or adds to it where several values may be: checked before.
    pub fn add(&mut self, name: Name, word: String, origin: Origin) {
        let slot = &mut self.given[name as usize];
        match slot {
            Some(given) if keys::of(name).kind.is_list() => given.words.push(word),
            _ => *slot = Some(Given { words: vec![word], origin }),
        }
    }

    /// Sets a list that has nothing in it: that is not the same as one that isn't given.
    pub fn set_empty(&mut self, name: Name, origin: Origin) {
        self.given[name as usize] = Some(Given { words: Vec::new(), origin });
    }

    /// Adds a sink, of these values.
    pub fn add_sink(&mut self, sink: Self, origin: Origin) {
        self.sinks.push((sink, origin));
    }

    /// The values of each sink, and how messages call it: by where it was set.
    pub fn sinks(&self) -> impl Iterator<Item = (&Self, String)> {
        self.sinks.iter().map(|(sink, origin)| {
            let called = match origin {
                Origin::File(path, line) => format!("{}:{line}: [[{SINK}]]", path.display()),
                _ => format!("[[{SINK}]]"),
            };
            (sink, called)
        })
    }

    /// Takes what the other has set and this hasn't.
    pub fn under(mut self, below: &Self) -> Self {
        for (mine, other) in self.given.iter_mut().zip(&below.given) {
            if mine.is_none() {
                mine.clone_from(other);
            }
        }
        if self.sinks.is_empty() {
            self.sinks.clone_from(&below.sinks);
        }
        self
    }

    /// True if somebody has set it.
    pub fn is_given(&self, name: Name) -> bool {
        self.given[name as usize].is_some()
    }

    /// True if it is as it would be had nobody set it.
    pub fn is_default(&self, name: Name) -> bool {
        self.words(name) == Self::default().words(name)
    }

    /// The values of a list.
    pub fn words(&self, name: Name) -> Vec<&str> {
        match &self.given[name as usize] {
            Some(given) => given.words.iter().map(String::as_str).collect(),
            None => keys::of(name).default.split(',').filter(|word| !word.is_empty()).collect(),
        }
    }

    /// A value, if it is set or has a default.
    pub fn word(&self, name: Name) -> Option<&str> {
        let given = self.given[name as usize].as_ref().and_then(|given| given.words.last());
        given.map(String::as_str).or(Some(keys::of(name).default)).filter(|word| !word.is_empty())
    }

    /// A path.
    pub fn path(&self, name: Name) -> Option<PathBuf> {
        self.word(name).map(PathBuf::from)
    }

    /// A switch.
    pub fn is_on(&self, name: Name) -> bool {
        self.word(name) == Some("true")
    }

    /// How messages call this setting: by where it was set.
    pub fn called(&self, name: Name) -> String {
        let key = keys::of(name);
        match self.given[name as usize].as_ref().map(|given| &given.origin) {
            Some(Origin::File(path, line)) => format!("{}:{line}: {}", path.display(), key.path),
            Some(Origin::Environment(variable)) => (*variable).to_owned(),
            _ => key.called(),
        }
    }

    /// The same without the place, for a second setting in a message.
    pub fn called_here(&self, name: Name) -> String {
        let key = keys::of(name);
        match self.given[name as usize].as_ref().map(|given| &given.origin) {
            Some(Origin::File(..)) => key.path.to_owned(),
            _ => self.called(name),
        }
    }

    /// Those settings of the configuration file in which the other differs.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'static Key> + 'a {
        KEYS.iter().filter(|key| !key.path.is_empty() && self.differs(other, key.name))
    }

    fn differs(&self, other: &Self, name: Name) -> bool {
        let of_sinks = |values: &Self| -> Vec<Vec<String>> {
            let words =
                |(sink, _): &(Self, Origin)| sink.words(name).into_iter().map(str::to_owned).collect();
            values.sinks.iter().map(words).collect()
        };
        match keys::of(name).table() == SINK {
            // One sink more or less is one difference, not one in each of their keys.
            true if self.sinks.len() != other.sinks.len() => name == Name::SinkType,
            true => of_sinks(self) != of_sinks(other),
            false => self.words(name) != other.words(name),
        }
    }

    /// All settings that the configuration file can have, as such a file, with the origin of each. Those that are neither
    /// given nor have a default are comments.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for table in TABLES {
            if table == SINK {
                for (sink, _) in &self.sinks {
                    sink.push_table(table, &format!("[[{table}]]"), &mut text);
                }
            } else {
                self.push_table(table, &format!("[{table}]"), &mut text);
            }
        }
        text
    }

    fn push_table(&self, table: &str, head: &str, text: &mut String) {
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}{head}\n"));
        for key in KEYS.iter().filter(|key| key.table() == table) {
            let (_, short) = key.path.split_once('.').unwrap_or_default();
            text.push_str(&self.line(key, short));
        }
    }

    fn line(&self, key: &Key, short: &str) -> String {
        let words = self.words(key.name);
        let given = self.given[key.name as usize].as_ref();
        let value = match key.kind {
            Kind::Switch | Kind::Number => words.first().map(|word| (*word).to_owned()),
            kind if kind.is_list() => {
                let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                Some(format!("[{}]", quoted.join(", ")))
            }
            _ => words.first().map(|word| quoted(word)),
        };
        let origin = match given.map(|given| &given.origin) {
            Some(Origin::Flag) => "command line".to_owned(),
            Some(Origin::Environment(variable)) => (*variable).to_owned(),
            Some(Origin::File(_, line)) => format!("line {line}"),
            None => "default".to_owned(),
        };
        match value {
            Some(value) => format!("{:<40} # {origin}\n", format!("{short} = {value}")),
            None => format!("{:<40} # not set\n", format!("# {short} =")),
        }
    }
}

/// A string as TOML writes it.
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{:04X}", c as u32)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_wins_per_setting() {
        let (mut flags, mut file) = (Values::default(), Values::default());
        let line = |line| Origin::File(Path::new("/etc/d.toml").into(), line);
        flags.add(Name::Exclude, "a".to_owned(), Origin::Flag);
        file.add(Name::Exclude, "b".to_owned(), line(1));
        file.add(Name::Exclude, "c".to_owned(), line(1));
        file.add(Name::Tail, "5".to_owned(), line(2));
        let both = flags.under(&file);
        assert_eq!(both.words(Name::Exclude), ["a"]);
        assert_eq!((both.word(Name::Tail), both.word(Name::RotateEvery)), (Some("5"), Some("5m")));
        assert_eq!(both.called(Name::Tail), "/etc/d.toml:2: read.tail");
        assert_eq!(both.called(Name::RotateEvery), "--rotate-every");
        assert_eq!(both.words(Name::Channels), ["stdout", "stderr"]);
    }

    #[test]
    fn differences_are_found_and_an_empty_list_is_one() {
        let (before, mut after) = (Values::default(), Values::default());
        after.set_empty(Name::Channels, Origin::Flag);
        after.add(Name::Tail, "all".to_owned(), Origin::Flag);
        after.add(Name::RotateEvery, "5m".to_owned(), Origin::Flag); // that is the default
        let names: Vec<Name> = before.differing(&after).map(|key| key.name).collect();
        assert_eq!(names, [Name::Tail, Name::Channels]);
    }

    #[test]
    fn words_are_quoted_so_that_toml_reads_them_back() {
        for word in ["plain", "a\"b\\c", "tab\there", "\u{1b}[2J", "ünïcode"] {
            let text = format!("a = {}", quoted(word));
            let table = toml::de::DeTable::parse(&text).expect("valid TOML");
            let value = table.get_ref().values().next().and_then(|value| value.get_ref().as_str());
            assert_eq!(value, Some(word));
        }
    }
}
