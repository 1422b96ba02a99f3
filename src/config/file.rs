//! The configuration file: TOML, whose tables and keys are those of [`KEYS`]. All mistakes are told at once, each with its line,
//! its key, what was expected, and what may have been meant.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

use nix::fcntl::OFlag;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, Key, SINK, TABLES};
use super::kind::Kind;
use super::values::{Origin, Values};
use crate::limits;

/// Reads a configuration file.
///
/// # Errors
/// All that is wrong with it, one mistake a line, for people.
pub fn read(path: &Path) -> Result<Values, String> {
    let text = load(path).and_then(text).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(path, &text)
}

/// The bytes of a file of the configuration. Not a device or a pipe, which could be endless, or keep us waiting.
///
/// # Errors
/// Why they can't be had, for people; without the path.
pub(super) fn load(path: &Path) -> Result<Vec<u8>, String> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = file.map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("it isn't a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(limits::CONFIGURATION + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limits::CONFIGURATION {
        return Err(format!(
            "it has more than {} bytes, which no configuration needs",
            limits::CONFIGURATION
        ));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        format!("line {} isn't UTF-8 text", line + 1)
    })
}

/// Reads the text of a configuration file; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &str) -> Result<Values, String> {
    let mut file = File::new(path, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = file.line(&error.span().unwrap_or_default());
        let said = file.text_of(line).trim();
        file.mistake(line, &format!("{}, in: {said}", error.message().replace('\n', ", ")));
    }
    if errors.is_empty() {
        file.root(root.get_ref());
    }
    if file.mistakes.is_empty() {
        for (sink, line) in file.sinks {
            file.values.add_sink(sink, Origin::File(file.path.clone(), line));
        }
        return Ok(file.values);
    }
    let mut told: Vec<String> = file
        .mistakes
        .into_iter()
        .map(|((line, _), what)| format!("{}:{line}: {what}", path.display()))
        .collect();
    if file.untold > 0 {
        told.push(format!("{}: and {} more mistakes", path.display(), file.untold));
    }
    Err(told.join("\n"))
}

struct File<'a> {
    path: Rc<Path>,
    text: &'a str,
    /// Where its lines begin.
    lines: Vec<usize>,
    values: Values,
    /// Those of each sink, and the line where they begin.
    sinks: Vec<(Values, usize)>,
    /// The first of them, by line, and those of one line as they were found; and how many more there are.
    mistakes: BTreeMap<(usize, usize), String>,
    untold: usize,
}

impl<'a> File<'a> {
    fn new(path: &Path, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        let (values, mistakes) = (Values::default(), BTreeMap::new());
        Self { path: path.into(), text, lines, values, sinks: Vec::new(), mistakes, untold: 0 }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }

    fn text_of(&self, line: usize) -> &'a str {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    /// What the file says may hold control characters, and be long.
    fn mistake(&mut self, line: usize, what: &str) {
        let what = what.chars().map(|c| if c.is_control() { '?' } else { c }).take(limits::MISTAKE).collect();
        self.mistakes.insert((line, self.mistakes.len() + self.untold), what);
        if self.mistakes.len() > limits::MISTAKES {
            self.mistakes.pop_last();
            self.untold += 1;
        }
    }

    fn root(&mut self, root: &DeTable<'_>) {
        for (name, value) in root {
            let line = self.line(&name.span());
            let name = name.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Array(sinks) if name == SINK => self.sinks(sinks.iter()),
                _ if name == SINK => {
                    let found = kind_of(value);
                    self.mistake(
                        line,
                        &format!("{SINK}: expected a table for each sink, [[{SINK}]], not {found}"),
                    );
                }
                DeValue::Table(table) if TABLES.contains(&name) => self.table(name, table),
                _ if TABLES.contains(&name) => {
                    self.mistake(
                        line,
                        &format!("{name}: expected a table, [{name}], not {}", kind_of(value)),
                    );
                }
                _ => {
                    let all = keys::by_path_end(name);
                    let hint = match (keys::nearest(name, TABLES.into_iter()), all) {
                        (_, Some(key)) => format!("; {name} belongs into a table: {}", key.path),
                        (Some(table), None) => format!("; did you mean [{table}]?"),
                        (None, None) => "; docklog.toml(5) and the example have all keys".to_owned(),
                    };
                    self.mistake(line, &format!("{name}: there is no such table{hint}"));
                }
            }
        }
    }

    /// `[[sink]]`, each with values of its own.
    fn sinks<'t>(&mut self, sinks: impl Iterator<Item = &'t Spanned<DeValue<'t>>>) {
        for sink in sinks {
            let line = self.line(&sink.span());
            match sink.get_ref() {
                DeValue::Table(_) if self.sinks.len() == limits::SINKS => {
                    return self.mistake(line, &format!("{SINK}: there are more than {}", limits::SINKS));
                }
                DeValue::Table(table) => {
                    let outside = std::mem::take(&mut self.values);
                    self.table(SINK, table);
                    self.sinks.push((std::mem::replace(&mut self.values, outside), line));
                }
                _ => self.mistake(line, &format!("{SINK}: expected a table, not {}", kind_of(sink))),
            }
        }
    }

    fn table(&mut self, table: &str, entries: &DeTable<'_>) {
        for (name, value) in entries {
            let line = self.line(&name.span());
            let path = format!("{table}.{}", name.get_ref());
            let Some(key) = keys::by_path(&path) else {
                let name = name.get_ref();
                let meant = keys::by_path_end(name).map(|key| key.path.to_owned());
                let meant =
                    meant.or_else(|| Some(format!("{table}.{}", keys::nearest(name, keys_of(table))?)));
                let hint = match meant {
                    Some(meant) => format!("; did you mean {meant}?"),
                    None => format!("; [{table}] has {}", keys_of(table).collect::<Vec<_>>().join(", ")),
                };
                self.mistake(line, &format!("{path}: there is no such key{hint}"));
                continue;
            };
            self.key(key, line, value);
        }
    }

    fn key(&mut self, key: &'static Key, line: usize, value: &Spanned<DeValue<'_>>) {
        let origin = Origin::File(self.path.clone(), line);
        match value.get_ref() {
            DeValue::Array(items) if key.kind.is_list() => {
                self.values.set_empty(key.name, origin.clone());
                for item in items.iter() {
                    self.word(key, self.line(&item.span()), item, &origin);
                }
            }
            _ => self.word(key, line, value, &origin),
        }
    }

    fn word(&mut self, key: &'static Key, line: usize, value: &Spanned<DeValue<'_>>, origin: &Origin) {
        let path = key.path;
        let word = match (value.get_ref(), key.kind) {
            (DeValue::Boolean(on), Kind::Switch) => on.to_string(),
            (DeValue::Integer(number), Kind::Number | Kind::Tail | Kind::Size) => number.to_string(),
            (DeValue::Integer(number), Kind::Lease | Kind::Latency) if number.to_string() == "0" => {
                "0".to_owned()
            }
            (DeValue::Datetime(moment), Kind::Moment) => moment.to_string(),
            (DeValue::String(_), Kind::Switch | Kind::Number) => {
                return self
                    .mistake(line, &format!("{path}: expected {} without quotes", expected(key.kind)));
            }
            (DeValue::String(word), _) => word.as_ref().to_owned(),
            _ => {
                let found = kind_of(value);
                return self.mistake(line, &format!("{path}: expected {}, not {found}", expected(key.kind)));
            }
        };
        match key.kind.check(&word) {
            Ok(()) => self.values.add(key.name, word, origin.clone()),
            Err(error) => self.mistake(line, &format!("{path}: {error}")),
        }
    }
}

fn kind_of(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(_) => "a string".to_owned(),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What a value of this kind looks like in TOML.
fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "true or false",
        Kind::Number => "a number, 1 or more",
        Kind::Span => "a string such as \"10s\"",
        Kind::Size => "a number of bytes, or a string such as \"64KiB\"",
        Kind::Text | Kind::Path => "a string",
        Kind::Host => "a string such as \"unix:///var/run/docker.sock\"",
        Kind::Listen => "a string such as \"127.0.0.1:9177\" or \"unix:/run/docklog/admin.sock\"",
        Kind::Lease => "a string such as \"5m\", or 0",
        Kind::Latency => "a string such as \"20ms\", or 0",
        Kind::Moment => "a string such as \"10m\", or a date",
        Kind::Tail => "a number of lines, or \"all\"",
        Kind::Patterns => "a list of strings such as [\"web-*\", \"/^db/\"]",
        Kind::Labels => "a list of strings such as [\"tier=1\"]",
        Kind::Words => "a list of strings",
        Kind::OneOf(_) => "a string",
        Kind::AnyOf(_) => "a list of strings",
    }
}

/// The keys of a table.
fn keys_of(table: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter_map(|key| key.path.split_once('.'))
        .filter(move |(of, _)| *of == table)
        .map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::super::keys::Name;
    use super::*;

    fn read(text: &str) -> Result<Values, String> {
        parse(Path::new("d.toml"), text)
    }

    #[test]
    fn values_are_taken_as_they_would_be_from_the_command_line() {
        let values = read(
            "[read]\ntail = 5\nrotate_every = 0\nsince = 2026-11-23T20:16:07Z\nstopped = true\n\
             [exclude]\nnames = [\"tmp-*\",\n  '/^x/']\nlabels = \"one\"\n[include]\nnames = []\n",
        )
        .expect("valid");
        assert_eq!((values.word(Name::Tail), values.word(Name::RotateEvery)), (Some("5"), Some("0")));
        assert_eq!(values.word(Name::Since), Some("2026-11-23T20:16:07Z"));
        assert_eq!(values.words(Name::Exclude), ["tmp-*", "/^x/"]);
        assert_eq!(values.words(Name::ExcludeLabels), ["one"]);
        assert!(values.is_on(Name::All) && values.is_given(Name::Patterns));
        assert_eq!(values.called(Name::Exclude), "d.toml:7: exclude.names");
    }

    #[test]
    fn mistakes_name_line_key_expectation_and_what_was_meant() {
        for (text, told) in [
            ("[read]\ntial = 5", "d.toml:2: read.tial: there is no such key; did you mean read.tail?"),
            ("[raed]\ntail = 5", "d.toml:1: raed: there is no such table; did you mean [read]?"),
            ("tail = 5", "d.toml:1: tail: there is no such table; tail belongs into a table: read.tail"),
            ("read = 5", "d.toml:1: read: expected a table, [read], not the number 5"),
            ("[output]\ntail = 5", "d.toml:2: output.tail: there is no such key; did you mean read.tail?"),
            (
                "[output]\nxyzzy = 5",
                "d.toml:2: output.xyzzy: there is no such key; [output] has format, file",
            ),
            ("[read]\nstopped = \"yes\"", "d.toml:2: read.stopped: expected true or false without quotes"),
            ("[read]\nstopped = 1", "d.toml:2: read.stopped: expected true or false, not the number 1"),
            ("[read]\nrotate_every = 5", "expected a string such as \"5m\", or 0, not the number 5"),
            (
                "[read]\nmax_streams = -1",
                "d.toml:2: read.max_streams: expected a number, 1 or more, not '-1'",
            ),
            ("[read]\ntail = [1]", "d.toml:2: read.tail: expected a number of lines, or \"all\", not a list"),
            ("[include]\nnames = [\n\"web\",\n\"/we(b/\"]", "d.toml:4: include.names: /we(b/: "),
            ("[include]\nnames = [7]", "d.toml:2: include.names: expected a list of strings such as"),
            ("[engine]\nhost = \"tcp://h:1\"", "d.toml:2: engine.host: tcp://h:1: only unix://"),
            ("[read]\ntail = ", "d.toml:2: "),
            ("[read]\n[read]", "d.toml:2: duplicate key, in: [read]"),
            ("\u{1b}]0;x = 1", "d.toml:1: "),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains('\u{1b}'), "{text}: {error}");
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_in_order_up_to_a_limit() {
        let error = read("[read]\nzzz = 1\n[output]\nformat = \"xml\"\n").expect_err("two mistakes");
        let lines: Vec<&str> = error.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("d.toml:2") && lines[1].starts_with("d.toml:4"));
        let many: String = (0..100).map(|number| format!("k{number} = 1\n")).collect();
        let error = read(&many).expect_err("a hundred mistakes");
        assert_eq!(error.lines().count(), limits::MISTAKES + 1);
        assert!(error.ends_with("and 80 more mistakes"), "{error}");
    }

    const EXAMPLE: &str = include_str!("../../packaging/docklog.toml");

    #[test]
    fn the_example_changes_nothing_as_it_is_shipped() {
        let values = read(EXAMPLE).expect("valid");
        assert_eq!(values.differing(&Values::default()).count(), 0);
    }

    #[test]
    fn each_key_is_in_the_example_with_its_default_if_it_has_one() {
        let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with([' ', '#']) => setting,
            _ => line,
        });
        let active: String = lines.flat_map(|line| [line, "\n"]).collect();
        let values = read(&active).unwrap_or_else(|error| panic!("{error}"));
        let sinks: Vec<&Values> = values.sinks().map(|(sink, _)| sink).collect();
        for key in KEYS.iter().filter(|key| !key.path.is_empty()) {
            let values = if key.table() == SINK { sinks[0] } else { &values };
            assert!(values.is_given(key.name), "{} is missing", key.path);
            if !key.default.is_empty() {
                assert_eq!(values.words(key.name).join(","), key.default, "{}", key.path);
            }
            assert_eq!(comment_on(key).contains("(restart)"), key.fixed, "{}", key.path);
        }
    }

    /// The comment right before this key in the example.
    fn comment_on(key: &Key) -> String {
        let (table, short) = key.path.split_once('.').expect("a table and a key");
        let head = if table == SINK { format!("\n#[[{table}]]\n") } else { format!("\n[{table}]\n") };
        let (_, body) = EXAMPLE.split_once(&head).expect("its table");
        let (before, _) = body.split_once(&format!("#{short} = ")).expect("its line");
        let comment = before.lines().rev().take_while(|line| line.starts_with("# "));
        comment.collect()
    }
}
