//! Manual pages, in the macros of man(7).

use std::fmt::Write;

use docklog::config::keys::{KEYS, Key};
use docklog::config::kind::Kind;

use super::command::{Command, Opt};

/// What the page says between the synopsis and the options.
const DESCRIPTION: &str = include_str!("description.man");

/// What it says after them.
const REST: &str = include_str!("rest.man");

/// What docklog.toml(5) says before the keys.
const CONFIGURATION: &str = include_str!("configuration.man");

/// docklog(1).
pub(crate) fn program(commands: &[Command]) -> String {
    let mut page = head("docklog", "1", "User Commands");
    page.push_str(
        ".SH NAME\ndocklog \\- reads the logs of all containers of a Docker engine\n.SH SYNOPSIS\n",
    );
    for (index, command) in commands.iter().enumerate() {
        let brief = if index == 0 { "" } else { ".br\n" };
        let (name, words) = command.usage.split_once(" [").unwrap_or((&command.usage, ""));
        let words = if words.is_empty() { String::new() } else { format!(" [{words}") };
        let _ = writeln!(page, "{brief}\\fB{}\\fR{}", escaped(name), escaped(&words));
    }
    page.push_str(DESCRIPTION);
    for command in commands {
        if command.name.is_empty() {
            page.push_str(
                ".SH OPTIONS\nThose that have a key in the configuration file show it in brackets.\n",
            );
        } else {
            let _ = writeln!(page, ".SH \"DOCKLOG {}\"", escaped(&command.name.to_uppercase()));
        }
        paragraphs(&mut page, &command.about[0]);
        command.options.iter().for_each(|option| option_entry(&mut page, option, command.name.is_empty()));
        paragraphs(&mut page, &command.about[1]);
    }
    page.push_str(REST);
    page
}

/// docklog.toml(5).
pub(crate) fn configuration() -> String {
    let mut page = head("docklog.toml", "5", "File Formats");
    page.push_str(CONFIGURATION);
    let mut table = "";
    let mut keys: Vec<&Key> = KEYS.iter().filter(|key| !key.path.is_empty()).collect();
    // Tables as one finds them in the table of settings first; the sort keeps the order within each.
    let order: Vec<&str> = keys.iter().map(|key| table_of(key)).collect();
    keys.sort_by_key(|key| order.iter().position(|name| *name == table_of(key)));
    for key in keys {
        if table_of(key) != table {
            table = table_of(key);
            let _ = writeln!(page, ".SH [{}]", escaped(table));
        }
        let short = key.path.split_once('.').map_or(key.path, |(_, short)| short);
        let _ = writeln!(page, ".TP\n\\fB{}\\fR = \\fI{}\\fR", escaped(short), escaped(&written(key.kind)));
        let _ = writeln!(page, "{}", filled(&format!("{}.", sentence(key.help))));
        if !key.default.is_empty() {
            let _ = writeln!(page, "Default: {}.", escaped(key.default));
        }
        if !key.long.is_empty() {
            let _ = writeln!(page, "Flag: \\fB{}\\fR.", escaped(&format!("--{}", key.long)));
        }
        if key.fixed {
            page.push_str("A change needs a restart.\n");
        }
    }
    page.push_str(".SH \"SEE ALSO\"\n.BR docklog (1)\n");
    page
}

/// The day on which the text of these pages last changed: a build tells the same on any day.
const DATE: &str = "2026-11-24";

fn head(name: &str, section: &str, title: &str) -> String {
    let version = concat!("docklog ", env!("CARGO_PKG_VERSION"));
    format!(".TH {} {section} {DATE} \"{version}\" \"{title}\"\n", escaped(&name.to_uppercase()))
}

fn paragraphs(page: &mut String, about: &[String]) {
    for paragraph in about {
        let first = page.lines().last().is_some_and(|line| line.starts_with(".SH"));
        let _ = writeln!(page, "{}{}", if first { "" } else { ".PP\n" }, filled(paragraph));
    }
}

fn option_entry(page: &mut String, option: &Opt, with_key: bool) {
    let short = option.short.map_or(String::new(), |short| format!("\\fB\\-{short}\\fR, "));
    let value =
        if option.value.is_empty() { String::new() } else { format!(" \\fI{}\\fR", escaped(&option.value)) };
    let long = escaped(&format!("--{}", option.long));
    let path = KEYS.iter().find(|key| with_key && key.long == option.long).map_or("", |key| key.path);
    let path = if path.is_empty() { String::new() } else { format!(" [{path}]") };
    let help = filled(&format!("{}{path}", option.help));
    let _ = writeln!(page, ".TP\n{short}\\fB{long}\\fR{value}\n{help}");
}

fn table_of(key: &Key) -> &'static str {
    key.path.split_once('.').map_or("", |(table, _)| table)
}

/// How a value of this kind is written in TOML.
fn written(kind: Kind) -> String {
    match kind {
        Kind::Switch => "true | false".to_owned(),
        Kind::Number => "number".to_owned(),
        Kind::Tail => "number | \"all\"".to_owned(),
        Kind::OneOf(words) => words.map_to(" | "),
        Kind::AnyOf(words) => format!("[{}, …]", words.map_to(", ")),
        Kind::Lease => "\"5m\"".to_owned(),
        Kind::Moment => "\"10m\" | \"time\"".to_owned(),
        Kind::Path => "\"path\"".to_owned(),
        Kind::Host => "\"unix:///path\"".to_owned(),
        kind if kind.is_list() => "[\"…\", …]".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

trait Quoted {
    /// Each word in quotes, with this between them.
    fn map_to(&self, between: &str) -> String;
}

impl Quoted for &[&str] {
    fn map_to(&self, between: &str) -> String {
        self.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(between)
    }
}

/// A setting's help, where the setting is a key: that a flag can be repeated concerns nobody here.
fn sentence(help: &str) -> String {
    let help = help.replace(" (repeatable)", "").replace("(repeatable: ", "(");
    let mut letters = help.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Text in lines that other tools can bear, none of which begins as a macro does.
fn filled(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace().map(escaped) {
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if line.len() + word.len() < LINE => *line = format!("{line} {word}"),
            _ => lines.push(word),
        }
    }
    lines.join("\n")
}

/// Bytes of a line in the source of a page.
const LINE: usize = 79;

/// A dash is a minus, which can be copied to a shell; a line must not begin with a dot or a quote.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('…', "\\|.\\|.\\|.\\|");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
