//! The command line: which command, and how docklog is started.

pub mod args;
pub mod help;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::config::keys::Name;
use crate::config::sink::Destination;
use crate::config::{Settings, Surroundings};
use crate::files::Files;
use crate::shell::host::{self, Host, Keeping, Lines, Reload};
use crate::shell::journal::{self, Journal};
use crate::shell::manager;
use crate::shell::messages::Messages;
use crate::shell::sandbox;
use crate::shell::state::State;
use crate::shell::turn::Turn;
use crate::tools::{check, status};

/// Runs docklog with a command line (without the program's name). Returns the exit code.
pub fn run_with(mut typed: Vec<OsString>) -> i32 {
    if let Some(command) = typed.first().and_then(|word| word.to_str()).and_then(command) {
        return command(typed.split_off(1));
    }
    let flags = match args::parse(typed) {
        Ok(flags) => flags,
        Err(error) => return complain(&error, 2),
    };
    if flags.is_on(Name::Help) {
        return print(&help::help());
    }
    if flags.is_on(Name::Version) {
        return print(concat!("docklog ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let settings = match Settings::load(&flags, &Surroundings::here()) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, 2),
    };
    let messages = Messages::default();
    log_to(&messages);
    let typed = flags;
    let reload: Reload = Box::new(move || match Settings::load(&typed, &Surroundings::here()) {
        Ok(settings) if settings.file.is_none() => None,
        settings => Some(settings.map(within_limits)),
    });
    match start(settings, reload, messages) {
        Ok(mut turn) => turn.run(),
        Err(error) => complain(&error, 1),
    }
}

/// Commands beside following. (A container of such a name: `docklog -- NAME`.)
fn command(name: &str) -> Option<fn(Vec<OsString>) -> i32> {
    match name {
        "check" => Some(check::run),
        "status" => Some(status::status),
        "top" => Some(status::top),
        "soak" => Some(crate::soak::run),
        _ => None,
    }
}

/// Takes up what an earlier run has left, and makes the loop.
fn start(settings: Settings, reload: Reload, messages: Messages) -> Result<Turn<Host>, String> {
    let settings = within_limits(settings);
    let (state, mut saved) = match &settings.state {
        Some(directory) => {
            let (state, saved) = State::open(directory)?;
            (Some(state), saved)
        }
        None => Default::default(),
    };
    let mut sinks = Vec::new();
    for sink in &settings.sinks {
        sinks.push(match &sink.destination {
            Destination::Stdout => Lines::Stdout,
            Destination::File(template, policy) => {
                let settled = saved.files.remove(&sink.name).unwrap_or_default();
                let now = Surroundings::here().now;
                Lines::Files(Box::new(Files::open(template.clone(), policy.clone(), settled, now)?))
            }
            Destination::Journal => Lines::Journal(Journal::open(Path::new(journal::SOCKET))?),
            Destination::Http(_) => Lines::Sent,
        });
    }
    let host = Host::new(settings.socket.clone(), Keeping { sinks, state }, reload);
    let mut host = host.map_err(|error| format!("can't start: {error}"))?;
    settings.http.iter().try_for_each(|at| host.listen(at))?;
    let confined = sandbox::enter(settings.sandbox, &sandbox::needs(&settings))?;
    log::info!("sandbox: {confined}");
    Ok(Turn::new(settings, saved, host, messages))
}

/// No more streams than descriptors.
fn within_limits(mut settings: Settings) -> Settings {
    let sinks = settings.sinks.iter().filter(|sink| sink.destination.opens_more()).count();
    settings.rules.max_streams = settings.rules.max_streams.min(host::room(sinks));
    settings
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
            state_directory: variable("STATE_DIRECTORY"),
            no_color: variable("NO_COLOR").is_some(),
            watchdog: manager::watchdog(),
            terminal: io::stdout().is_terminal(),
            own_container: crate::config::own::container(),
            now: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .ok()
                .and_then(|span| i64::try_from(span.as_nanos()).ok())
                .map(docklog_protocol::Timestamp::from_unix_nanos)
                .unwrap_or_default(),
        }
    }
}
