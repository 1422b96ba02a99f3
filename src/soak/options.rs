//! The command line of `docklog soak`.

use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::config::moment;
use crate::limits;

/// What the test is to be.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// How many containers write.
    pub(super) containers: usize,
    /// How long it is watched.
    pub(super) duration: Duration,
    /// The time between two checkpoints.
    pub(super) interval: Duration,
    /// How often docklog is to rotate each stream, also as it was typed; `None`: not at all.
    pub(super) rotate_every: Option<(Duration, String)>,
    /// Lines per second that a container writes, both streams together.
    pub(super) rate: u32,
    /// The log driver; `None`: the engine's own choice.
    pub(super) log_driver: Option<String>,
    /// Its settings.
    pub(super) log_opts: Vec<(String, String)>,
    /// What the containers are made of.
    pub(super) image: String,
    /// Against a simulated engine of our own.
    pub(super) simulate: bool,
    /// The engine.
    pub(super) host: Option<String>,
    /// Only tell how it is used.
    pub(super) help: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            containers: 50,
            duration: Duration::from_secs(30 * 60),
            interval: Duration::from_secs(60),
            rotate_every: Some((Duration::from_secs(3 * 60), "3m".to_owned())),
            rate: 100,
            log_driver: None,
            log_opts: Vec::new(),
            image: "busybox".to_owned(),
            simulate: false,
            host: None,
            help: false,
        }
    }
}

/// The help.
pub(super) const HELP: &str = "\
Usage: docklog soak [OPTIONS]

Proves on your engine that docklog leaks nothing and loses nothing: makes containers that write
numbered lines on both streams, follows them with a docklog of its own that rotates its streams, counts
each line, and watches threads, descriptors and memory. Removes the containers at the end.

      --containers N         how many containers (50)
      --duration SPAN        how long, from the moment that all streams are open (30m)
      --interval SPAN        time between two rows of the table (1m)
      --rotate-every SPAN    docklog closes and resumes each stream this often; 0: never (3m)
      --rate N               lines per second that each container writes, both streams together (100)
      --image IMAGE          an image with sh and sleep (busybox)
      --log-driver DRIVER    the containers' log driver (the engine's default)
      --log-opt KEY=VALUE    a setting of it, such as max-size=10m (repeatable)
      --simulate             no engine needed: a simulated one in this process
  -H, --host URL             the engine's socket, unix:///PATH (also by DOCKER_HOST)
  -h, --help                 print this

The engine keeps the lines until the containers are removed: 50 containers, 100 lines/s and 30m make
about 1.4 GB as json-file; --log-opt max-size=10m bounds it, but then an engine whose follower can't keep
up may skip lines. A test that was killed leaves containers behind, with the label docklog.soak.

Ends with 0 if all targets hold, 1 if one doesn't or the test couldn't be done, 2 for wrong usage.
";

impl Options {
    /// Reads the command line after `soak`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn parse(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut real = false;
        let mut parser = Parser::from_args(typed);
        while let Some(arg) = parser.next().map_err(text)? {
            real |= matches!(arg, Arg::Long("image" | "log-driver" | "log-opt" | "host") | Arg::Short('H'));
            options.option(&arg_name(&arg)?, &mut parser)?;
        }
        if options.simulate && real {
            return Err("--simulate takes no engine: leave out --host, --image, --log-driver and --log-opt"
                .to_owned());
        }
        options.interval = options.interval.min(options.duration);
        Ok(options)
    }

    fn option(&mut self, name: &str, parser: &mut Parser) -> Result<(), String> {
        match name {
            "simulate" => self.simulate = true,
            "help" => self.help = true,
            _ => {
                let value = match name {
                    "containers" | "duration" | "interval" | "rotate-every" | "rate" | "log-driver"
                    | "log-opt" | "image" | "host" => {
                        parser.value().and_then(|value| value.string()).map_err(text)?
                    }
                    _ => return Err(format!("there is no option '--{name}'")),
                };
                return self.valued(name, value);
            }
        }
        Ok(())
    }

    fn valued(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "containers" => self.containers = number(name, &value, limits::SOAK_CONTAINERS)?,
            "rate" => self.rate = number(name, &value, limits::SOAK_RATE)?,
            "duration" => self.duration = span(name, &value)?,
            "interval" => self.interval = span(name, &value)?,
            "rotate-every" if value == "0" => self.rotate_every = None,
            "rotate-every" => self.rotate_every = Some((span(name, &value)?, value)),
            "log-driver" => self.log_driver = Some(value),
            "log-opt" => match value.split_once('=') {
                Some((key, value)) => self.log_opts.push((key.to_owned(), value.to_owned())),
                None => return Err(format!("--log-opt is KEY=VALUE, such as max-size=10m, not '{value}'")),
            },
            "image" => self.image = value,
            _ => self.host = Some(value),
        }
        Ok(())
    }
}

fn arg_name(arg: &Arg) -> Result<String, String> {
    match arg {
        Arg::Long(name) => Ok((*name).to_owned()),
        Arg::Short('H') => Ok("host".to_owned()),
        Arg::Short('h') => Ok("help".to_owned()),
        Arg::Short(letter) => Err(format!("there is no option '-{letter}'")),
        Arg::Value(value) => {
            Err(format!("'{}' is one word too many: soak takes options only", value.display()))
        }
    }
}

fn number<N: FromStr + PartialOrd + Default + std::fmt::Display>(
    name: &str,
    value: &str,
    most: N,
) -> Result<N, String> {
    match value.parse() {
        Ok(number) if number > N::default() && number <= most => Ok(number),
        _ => Err(format!("--{name} is a number from 1 to {most}, not '{value}'")),
    }
}

fn span(name: &str, value: &str) -> Result<Duration, String> {
    moment::span(value)
        .filter(|span| *span >= Duration::from_secs(1))
        .ok_or_else(|| format!("--{name} is a span of at least 1s, such as 30s, 5m or 1h30m, not '{value}'"))
}

fn text(error: lexopt::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_kept() {
        let options = Options::parse([
            "--containers=3",
            "--duration",
            "10s",
            "--rotate-every",
            "1m30s",
            "--rate",
            "20",
            "--log-opt",
            "a=b=c",
            "-H",
            "unix:///run/e.sock",
        ])
        .expect("fine");
        assert_eq!((options.containers, options.rate), (3, 20));
        assert_eq!((options.duration, options.interval), (Duration::from_secs(10), Duration::from_secs(10)));
        assert_eq!(options.rotate_every, Some((Duration::from_secs(90), "1m30s".to_owned())));
        assert_eq!(options.log_opts, [("a".to_owned(), "b=c".to_owned())]);
        assert_eq!(options.host.as_deref(), Some("unix:///run/e.sock"));
        assert!(Options::parse(["--rotate-every", "0"]).expect("fine").rotate_every.is_none());
    }

    #[test]
    fn mistakes_are_named() {
        for (typed, part) in [
            (&["--tial"][..], "'--tial'"),
            (&["-z"], "'-z'"),
            (&["web"], "'web'"),
            (&["--containers", "0"], "from 1 to"),
            (&["--rate", "many"], "'many'"),
            (&["--duration", "5"], "such as 30s"),
            (&["--log-opt", "max-size"], "KEY=VALUE"),
            (&["--duration"], "duration"),
            (&["--simulate", "--image", "alpine"], "--simulate"),
        ] {
            let error = Options::parse(typed).expect_err("wrong");
            assert!(error.contains(part), "{typed:?}: {error}");
        }
    }

    #[test]
    fn the_help_fits_a_screen_and_names_every_option() {
        assert!(HELP.lines().count() <= 40 && HELP.lines().all(|line| line.chars().count() <= 105));
        for name in
            ["containers", "duration", "interval", "rotate-every", "rate", "log-driver", "log-opt", "image"]
        {
            assert!(HELP.contains(&format!("--{name} ")), "{name}");
            assert!(Options::parse([format!("--{name}")]).expect_err(name).contains("argument"), "{name}");
        }
    }
}
