//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use docklog::config::moment;
use lexopt::{Arg, Parser, ValueExt};

use crate::serve::engine::{ALL_HOSTILITIES, Dialect, Endpoint, Hostility, Rotation};
use crate::serve::{Fault, Faults};

/// The help.
pub(crate) const HELP: &str = "\
Usage: cargo run --release --example engine -- [OPTIONS]

Serves a simulated Docker engine on a Unix socket, to test clients of its log API with: /version, /events,
/containers/json, /containers/ID/json and /containers/ID/logs. SIGTERM, SIGINT or --duration end it; then it
says what it did. SHARE and CHANCE are from 0 to 1; spans are such as 500ms, 30s or 1h30m.

      --socket PATH            where to listen [a new folder below $TMPDIR; it is printed]
      --dialect ENGINE         docker20, docker28, docker29 or podman, with its quirks [docker28]
      --duration SPAN          end after that time
      --seed N                 of ids and faults [1]
Load:
      --containers N           how many [10]
      --rate LINES             lines per second of all of them together; 0: none [100]
      --line-bytes N           length of a line, its number included [100]
      --stderr SHARE           of the lines [0.1]
      --tty SHARE              of the containers [0]
      --history N              lines that each log holds at the start [0]
      --keep N                 lines of a log that new readers find at least; older ones go [100 to 1000, by memory]
      --log-size BYTES         max-size of a log file: it is rotated by the engine [off]
      --log-files N            max-file [2]
      --jobs SPAN              that often a container starts, writes three lines, ends and is removed
Faults of log responses, each struck by chance per line:
      --cut CHANCE             the connection is closed in the middle of a chunk
      --stall CHANCE           nothing comes for a while (--stall-for SPAN [1s])
      --duplicate CHANCE       the last 20 lines come again, as from 20.10 after a rotation
      --corrupt CHANCE         a bit is flipped, of the text or of what frames it
Other faults:
      --truncate SPAN          that often somebody truncates a log file, of one container after the other
      --damage SPAN            that often something that is no message gets into one
      --restart SPAN           that often a container restarts
      --crash SPAN             that often the engine is killed, and comes up a second later
      --slow-accept SPAN       so long a client waits to be accepted
      --deaf                   follows fall silent, and never end
      --drop-events            events get lost
      --forbid WHAT            a proxy says 403 to version, events, list, inspect or logs
      --hostile KIND[@WHAT]    answers that no engine should give: --hostile list names them";

/// What the engine is to be like.
pub(crate) struct Options {
    pub(crate) socket: Option<PathBuf>,
    pub(crate) dialect: Dialect,
    pub(crate) duration: Option<Duration>,
    pub(crate) seed: u64,
    pub(crate) containers: usize,
    /// Lines per second, of all containers.
    pub(crate) rate: u64,
    pub(crate) line_bytes: usize,
    pub(crate) stderr: f64,
    pub(crate) tty: f64,
    pub(crate) history: usize,
    keep: Option<usize>,
    log_size: Option<usize>,
    log_files: usize,
    chances: Vec<(Fault, f64)>,
    stall_for: Duration,
    accept_after: Duration,
    /// What happens that often.
    pub(crate) periods: Vec<(Deed, Duration)>,
    pub(crate) deaf: bool,
    pub(crate) drop_events: bool,
    pub(crate) forbidden: Vec<Endpoint>,
    pub(crate) hostile: Option<(Hostility, Option<Endpoint>)>,
    pub(crate) help: bool,
    pub(crate) list_hostilities: bool,
}

/// What happens again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Truncate,
    Damage,
    Restart,
    Crash,
    Job,
}

impl Options {
    fn new() -> Self {
        Options {
            socket: None,
            dialect: Dialect::Docker28,
            duration: None,
            seed: 1,
            containers: 10,
            rate: 100,
            line_bytes: 100,
            stderr: 0.1,
            tty: 0.0,
            history: 0,
            keep: None,
            log_size: None,
            log_files: 2,
            chances: Vec::new(),
            stall_for: Duration::from_secs(1),
            accept_after: Duration::ZERO,
            periods: Vec::new(),
            deaf: false,
            drop_events: false,
            forbidden: Vec::new(),
            hostile: None,
            help: false,
            list_hostilities: false,
        }
    }

    /// Reads a command line, without the program's name.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn parse(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, String> {
        let (mut options, mut parser) = (Self::new(), Parser::from_args(typed));
        while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
            let name = match arg {
                Arg::Short('h') => "help".to_owned(),
                Arg::Long(name) => name.to_owned(),
                other => return Err(other.unexpected().to_string()),
            };
            match name.as_str() {
                "help" => options.help = true,
                "deaf" => options.deaf = true,
                "drop-events" => options.drop_events = true,
                "socket" => options.socket = Some(parser.value().map_err(|error| error.to_string())?.into()),
                _ => {
                    let value = parser.value().and_then(|value| value.string());
                    let value = value.map_err(|error| format!("--{name}: {error}"))?;
                    options.take(&name, &value).map_err(|error| format!("--{name} {value}: {error}"))?;
                }
            }
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "dialect" => self.dialect = dialect(value)?,
            "duration" => self.duration = Some(span(value)?),
            "seed" => self.seed = number(value)?,
            "containers" => self.containers = number(value)?,
            "rate" => self.rate = number(value)?,
            "line-bytes" => self.line_bytes = number(value)?,
            "stderr" => self.stderr = share(value)?,
            "tty" => self.tty = share(value)?,
            "history" => self.history = number(value)?,
            "keep" => self.keep = Some(number(value)?),
            "log-size" => self.log_size = Some(number(value)?),
            "log-files" => self.log_files = number(value)?,
            "jobs" => self.periods.push((Deed::Job, period(value)?)),
            "cut" => self.chances.push((Fault::Cut, share(value)?)),
            "stall" => self.chances.push((Fault::Stall, share(value)?)),
            "stall-for" => self.stall_for = span(value)?,
            "duplicate" => self.chances.push((Fault::Repeat, share(value)?)),
            "corrupt" => self.chances.push((Fault::Corrupt, share(value)?)),
            "truncate" => self.periods.push((Deed::Truncate, period(value)?)),
            "damage" => self.periods.push((Deed::Damage, period(value)?)),
            "restart" => self.periods.push((Deed::Restart, period(value)?)),
            "crash" => self.periods.push((Deed::Crash, period(value)?)),
            "slow-accept" => self.accept_after = span(value)?,
            "forbid" => self.forbidden.push(endpoint(value)?),
            "hostile" if value == "list" => self.list_hostilities = true,
            "hostile" => self.hostile = Some(hostile(value)?),
            _ => return Err("there is no such option; --help names all".to_owned()),
        }
        Ok(())
    }

    /// How each container's log is rotated.
    pub(crate) fn rotation(&self) -> Option<Rotation> {
        self.log_size.map(|max_size| Rotation { max_size, max_file: self.log_files })
    }

    /// Lines that a log keeps, some million of them in all. Where the engine rotates its files, that decides.
    pub(crate) fn keep(&self) -> Option<usize> {
        let fair = (1_000_000 / self.containers.max(1)).clamp(100, 1000).max(self.history);
        self.keep.or(self.log_size.is_none().then_some(fair))
    }

    /// What strikes log responses.
    pub(crate) fn faults(&self) -> Faults {
        let faults = Faults::new(self.seed);
        let mut faults =
            self.chances.iter().fold(faults, |faults, &(fault, chance)| faults.with(fault, chance));
        (faults.stall_for, faults.accept_after) = (self.stall_for, self.accept_after);
        faults
    }
}

/// A hostility as it is typed: `EndlessJson` is `endless-json`.
pub(crate) fn hostility_name(kind: Hostility) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn hostile(value: &str) -> Result<(Hostility, Option<Endpoint>), String> {
    let (kind, at) = value.split_once('@').map_or((value, None), |(kind, at)| (kind, Some(at)));
    let found = ALL_HOSTILITIES.into_iter().find(|known| hostility_name(*known) == kind);
    Ok((found.ok_or("unknown; --hostile list names all")?, at.map(endpoint).transpose()?))
}

fn endpoint(value: &str) -> Result<Endpoint, String> {
    Ok(match value {
        "version" => Endpoint::Version,
        "events" => Endpoint::Events,
        "list" => Endpoint::List,
        "inspect" => Endpoint::Inspect,
        "logs" => Endpoint::Logs,
        _ => return Err("it is version, events, list, inspect or logs".to_owned()),
    })
}

fn dialect(value: &str) -> Result<Dialect, String> {
    Ok(match value {
        "docker20" => Dialect::Docker20,
        "docker28" => Dialect::Docker28,
        "docker29" => Dialect::Docker29,
        "podman" => Dialect::Podman,
        _ => return Err("it is docker20, docker28, docker29 or podman".to_owned()),
    })
}

fn number<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value.parse().map_err(|_| "that is no number, or too large".to_owned())
}

fn share(value: &str) -> Result<f64, String> {
    let share = value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it is a number from 0 to 1".to_owned())
}

fn span(value: &str) -> Result<Duration, String> {
    moment::span(value).ok_or_else(|| "it is a span such as 500ms, 30s or 1h30m".to_owned())
}

fn period(value: &str) -> Result<Duration, String> {
    let long_enough = |span: &Duration| *span >= Duration::from_millis(1);
    span(value)
        .and_then(|span| Some(span).filter(long_enough).ok_or_else(|| "1ms is the shortest".to_owned()))
}
