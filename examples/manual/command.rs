//! Commands and their options, as the writers of manuals and completions need them.

use std::io;

use docklog::cli::help;
use docklog::config::keys::KEYS;
use docklog::config::kind::Kind;

/// docklog itself, or one of its commands.
pub(crate) struct Command {
    /// How it is called; empty: docklog itself.
    pub(crate) name: String,
    /// What it is for, in a few words.
    pub(crate) summary: String,
    /// How it is used, without "Usage:".
    pub(crate) usage: String,
    /// What the help says before and after the options.
    pub(crate) about: [Vec<String>; 2],
    /// Its options.
    pub(crate) options: Vec<Opt>,
}

/// An option.
pub(crate) struct Opt {
    /// `-n`, if there is a letter.
    pub(crate) short: Option<char>,
    /// `--tail`, without the dashes.
    pub(crate) long: String,
    /// What its value is called; empty if it takes none.
    pub(crate) value: String,
    /// What it does.
    pub(crate) help: String,
    /// What can follow it.
    pub(crate) takes: Takes,
}

/// What can follow an option.
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// One of these.
    Words(Vec<String>),
    /// The path of a file.
    File,
    /// The path of a folder.
    Folder,
    /// Something that no shell can guess.
    Else,
}

/// All of them, docklog itself first. `help` gives the help of one.
///
/// # Errors
/// If there is no help of one.
pub(crate) fn all(help: impl Fn(&str) -> io::Result<String>) -> io::Result<Vec<Command>> {
    let mut commands = vec![program()];
    for (name, summary) in help::COMMANDS {
        commands.push(of_help(name, summary, &help(name)?));
    }
    Ok(commands)
}

fn program() -> Command {
    let options = KEYS.iter().filter(|key| !key.long.is_empty()).map(|key| Opt {
        short: key.short,
        long: key.long.to_owned(),
        value: key.value.to_owned(),
        help: key.help.to_owned(),
        takes: match key.kind {
            Kind::OneOf(words) | Kind::AnyOf(words) => {
                Takes::Words(words.iter().map(|word| (*word).to_owned()).collect())
            }
            _ => by_name(key.value),
        },
    });
    Command {
        name: String::new(),
        summary: "reads the logs of all containers of a Docker engine".to_owned(),
        usage: "docklog [OPTIONS] [PATTERN…]".to_owned(),
        about: Default::default(),
        options: options.collect(),
    }
}

/// Where nothing else is known, what a value is called tells what it is.
fn by_name(value: &str) -> Takes {
    match value {
        "" => Takes::Nothing,
        "FILE" | "PATH" => Takes::File,
        "DIR" => Takes::Folder,
        _ => Takes::Else,
    }
}

/// A help is: how it is used; paragraphs; options, which are indented; paragraphs.
fn of_help(name: &str, summary: &str, help: &str) -> Command {
    let usage = help.lines().next().unwrap_or_default().trim_start_matches("Usage: ").to_owned();
    let body = help.split_once('\n').map_or("", |(_, body)| body);
    let mut about: [Vec<String>; 2] = Default::default();
    let mut options: Vec<Opt> = Vec::new();
    let mut open = false;
    for line in body.lines() {
        let text = line.trim();
        if text.starts_with('-') && line.starts_with(' ') {
            options.extend(option(text));
        } else if line.starts_with("          ") && !options.is_empty() {
            let last = options.len() - 1;
            options[last].help = format!("{} {text}", options[last].help);
        } else {
            let paragraphs = &mut about[usize::from(!options.is_empty())];
            match (text.is_empty(), open) {
                (true, _) => {}
                (false, true) if !paragraphs.is_empty() => {
                    let last = paragraphs.len() - 1;
                    paragraphs[last] = format!("{} {text}", paragraphs[last]);
                }
                (false, _) => paragraphs.push(text.to_owned()),
            }
            open = !text.is_empty();
        }
    }
    Command { name: name.to_owned(), summary: summary.to_owned(), usage, about, options }
}

/// `-H, --host URL   what it does`
fn option(text: &str) -> Option<Opt> {
    let (names, rest) = text.split_once("--")?;
    let (flag, help) = rest.split_once("  ").unwrap_or((rest, ""));
    let (long, value) = flag.split_once(' ').unwrap_or((flag, ""));
    Some(Opt {
        short: names.strip_prefix('-').and_then(|short| short.chars().next()),
        long: long.to_owned(),
        value: value.to_owned(),
        help: help.trim().to_owned(),
        takes: by_name(value),
    })
}
