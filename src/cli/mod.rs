//! The command line: what was typed becomes [`Args`], and what it means becomes [`crate::config::Settings`].

pub mod moment;
pub mod options;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::config::{Output, Settings, Surroundings};
use crate::shell::file;
use crate::shell::host::{self, Host, Keeping};
use crate::shell::messages::Messages;
use crate::shell::state::State;
use crate::shell::turn::Turn;

/// What was typed.
#[derive(Debug, Default)]
pub struct Args {
    /// `PATTERN…`
    pub patterns: Vec<String>,
    /// `--exclude`
    pub exclude: Vec<String>,
    /// `--label`
    pub labels: Vec<String>,
    /// `--project`
    pub projects: Vec<String>,
    /// `--service`
    pub services: Vec<String>,
    /// `--tail`
    pub tail: Option<String>,
    /// `--since`
    pub since: Option<String>,
    /// `--until`
    pub until: Option<String>,
    /// `--host`
    pub host: Option<String>,
    /// `--output`
    pub output: Output,
    /// `--output-file`
    pub output_file: Option<PathBuf>,
    /// `--state`
    pub state: Option<PathBuf>,
    /// `--rotate-every`
    pub rotate_every: Option<String>,
    /// `--max-streams`
    pub max_streams: Option<usize>,
    /// `--no-follow`
    pub no_follow: bool,
    /// `--all`
    pub all: bool,
    /// `--stdout`
    pub stdout: bool,
    /// `--stderr`
    pub stderr: bool,
    /// `--timestamps`
    pub timestamps: bool,
    /// `--no-color`
    pub no_color: bool,
    /// `--raw-control`
    pub raw_control: bool,
    /// `--include-self`
    pub include_self: bool,
    /// `--version`
    pub version: bool,
    /// `--help`
    pub help: bool,
}

impl Args {
    /// Reads the command line, without the program's name.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, String> {
        Self::read(Parser::from_args(typed)).map_err(|error| error.to_string())
    }

    fn read(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut args = Self::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Value(pattern) => args.patterns.push(pattern.string()?),
                Arg::Short(letter) => {
                    let known = options::OPTIONS.iter().find(|option| option.short == Some(letter));
                    match known {
                        Some(option) => args.option(option.long, &mut parser)?,
                        None => return Err(arg.unexpected()),
                    }
                }
                Arg::Long(name) => {
                    let known = options::OPTIONS.iter().find(|option| option.long == name);
                    match known {
                        Some(option) => args.option(option.long, &mut parser)?,
                        None if name == "no-colour" => args.no_color = true,
                        None => return Err(arg.unexpected()),
                    }
                }
            }
        }
        Ok(args)
    }

    fn option(&mut self, name: &'static str, parser: &mut Parser) -> Result<(), lexopt::Error> {
        match name {
            "tail" => self.tail = Some(parser.value()?.string()?),
            "since" => self.since = Some(parser.value()?.string()?),
            "until" => self.until = Some(parser.value()?.string()?),
            "host" => self.host = Some(parser.value()?.string()?),
            "output" => self.output = parser.value()?.parse()?,
            "output-file" => self.output_file = Some(parser.value()?.into()),
            "state" => self.state = Some(parser.value()?.into()),
            "rotate-every" => self.rotate_every = Some(parser.value()?.string()?),
            "max-streams" => self.max_streams = Some(parser.value()?.parse()?),
            "exclude" => self.exclude.push(parser.value()?.string()?),
            "label" => self.labels.push(parser.value()?.string()?),
            "project" => self.projects.push(parser.value()?.string()?),
            "service" => self.services.push(parser.value()?.string()?),
            "no-follow" => self.no_follow = true,
            "all" => self.all = true,
            "stdout" => self.stdout = true,
            "stderr" => self.stderr = true,
            "timestamps" => self.timestamps = true,
            "no-color" => self.no_color = true,
            "raw-control" => self.raw_control = true,
            "include-self" => self.include_self = true,
            "version" => self.version = true,
            "help" => self.help = true,
            _ => return Err(Arg::Long(name).unexpected()),
        }
        Ok(())
    }
}

/// Runs docklog with a command line (without the program's name). Returns the exit code.
pub fn run_with(mut typed: Vec<OsString>) -> i32 {
    if typed.first().is_some_and(|word| word == "soak") {
        return crate::soak::run(typed.split_off(1));
    }
    let args = match Args::parse(typed) {
        Ok(args) => args,
        Err(error) => return complain(&error, 2),
    };
    if args.help {
        return print(&options::help());
    }
    if args.version {
        return print(concat!("docklog ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let settings = match Settings::new(&args, &Surroundings::here()) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, 2),
    };
    let messages = Messages::default();
    log_to(&messages);
    match start(settings, messages) {
        Ok(mut turn) => turn.run(),
        Err(error) => complain(&error, 1),
    }
}

/// Takes up what an earlier run has left, and makes the loop.
fn start(mut settings: Settings, messages: Messages) -> Result<Turn<Host>, String> {
    settings.rules.max_streams = settings.rules.max_streams.min(host::room());
    let (state, saved, settled) = match &settings.state {
        Some(directory) => {
            let (state, saved, settled) = State::open(directory)?;
            (Some(state), saved, settled)
        }
        None => Default::default(),
    };
    let output = match &settings.output_file {
        Some(path) => {
            let (file, mark, notice) = file::open(path, settled)?;
            notice.iter().for_each(|notice| messages.push(format!("docklog: {notice}\n").as_bytes()));
            Some((file, mark))
        }
        None => None,
    };
    let host = Host::new(settings.socket.clone(), Keeping { output, state });
    let host = host.map_err(|error| format!("can't start: {error}"))?;
    Ok(Turn::new(settings, saved, host, messages))
}

/// `RUST_LOG` chooses what the logger tells. It writes where our messages wait, never straight to stderr.
fn log_to(messages: &Messages) {
    let target = env_logger::Target::Pipe(Box::new(messages.clone()));
    let logger = env_logger::Builder::new()
        .parse_env(env_logger::Env::default().default_filter_or("off"))
        .target(target)
        .format(|out, record| {
            writeln!(out, "docklog: {}: {}", record.level().as_str().to_lowercase(), record.args())
        })
        .try_init();
    drop(logger); // there is one already when a test or a demo runs docklog twice
}

fn complain(error: &str, code: i32) -> i32 {
    let _ = writeln!(io::stderr(), "docklog: {error}");
    if code == 2 {
        let _ = writeln!(io::stderr(), "Try 'docklog --help'.");
    }
    code
}

fn print(text: &str) -> i32 {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(_) => 1,
    }
}

impl Surroundings {
    /// Those of this process.
    pub fn here() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            docker_host: variable("DOCKER_HOST"),
            no_color: variable("NO_COLOR").is_some(),
            terminal: io::stdout().is_terminal(),
            own_container: crate::config::own_container(),
            now: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .ok()
                .and_then(|span| i64::try_from(span.as_nanos()).ok())
                .map(docklog_protocol::Timestamp::from_unix_nanos)
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_table_is_understood() {
        for option in options::OPTIONS {
            let mut typed = vec![format!("--{}", option.long)];
            if !option.value.is_empty() {
                typed.push(if option.long == "output" { "json".to_owned() } else { "5".to_owned() });
            }
            Args::parse(&typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
            if let Some(short) = option.short {
                typed[0] = format!("-{short}");
                Args::parse(&typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
            }
        }
    }

    #[test]
    fn what_was_typed_is_kept() {
        let args =
            Args::parse(["web", "-n5", "-atojson", "/api/", "--label=a=b", "--no-color"]).expect("fine");
        assert_eq!(args.patterns, ["web", "/api/"]);
        assert_eq!(args.tail.as_deref(), Some("5"));
        assert_eq!(args.labels, ["a=b"]);
        assert!(args.all && args.timestamps && args.no_color && args.output == Output::Json);
    }

    #[test]
    fn mistakes_are_named() {
        for (typed, part) in
            [("--tial", "--tial"), ("--tail", "--tail"), ("-z", "-z"), ("--output=xml", "xml")]
        {
            let error = Args::parse([typed]).expect_err(typed);
            assert!(error.contains(part), "{typed}: {error}");
        }
    }
}
