//! Who is compared.

use crate::machine::on_path;
use crate::options::Options;
use crate::stage::Source;
use crate::tool;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is read of each log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// All there is; then the reader ends.
    History,
    /// What is written from now on, until the reader is ended.
    Live,
}

/// Somebody who reads logs.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) name: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Nobody,
    Docklog { program: PathBuf, args: Vec<String> },
    Configured { program: PathBuf, configuration: PathBuf },
    Drain,
    Curl,
    DockerLogs,
    Bollard,
    Vector,
    FluentBit,
}

impl Reader {
    fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }

    /// What the engine does when nobody reads.
    pub(crate) fn nobody() -> Self {
        Self::new("nobody", Kind::Nobody)
    }

    /// The sleeping drain: the floor.
    pub(crate) fn drain() -> Self {
        Self::new("sleeping drain", Kind::Drain)
    }

    /// The small reader on bollard.
    pub(crate) fn bollard() -> Self {
        Self::new("bollard", Kind::Bollard)
    }

    /// Each docklog that is to be measured, with these arguments besides.
    pub(crate) fn docklogs(options: &Options, args: &[&str]) -> Vec<Self> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let reader = |(name, program): &(String, PathBuf)| {
            let name = [std::slice::from_ref(name), &args[..]].concat().join(" ");
            Self { name, kind: Kind::Docklog { program: program.clone(), args: args.clone() } }
        };
        options.docklogs.iter().map(reader).collect()
    }

    /// A docklog that this file tells where lines go, and that it begins with the first.
    pub(crate) fn configured(name: String, program: &Path, configuration: &Path) -> Self {
        let (program, configuration) = (program.to_owned(), configuration.to_owned());
        Self { name, kind: Kind::Configured { program, configuration } }
    }

    /// Each docklog with another longest latency than its own; none if it can't be set.
    pub(crate) fn with_latency(options: &Options, latency: &str) -> Vec<Self> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            Self::docklogs(options, &["--max-latency", latency]).into_iter().partition(
                |reader| matches!(&reader.kind, Kind::Docklog { program, .. } if knows_latency(program)),
            );
        unknown.iter().for_each(|reader| eprintln!("  {}: left out, there is no such option", reader.name));
        known
    }

    /// The usual programs that can read such a span of real logs, as far as they are here; who is left out is told.
    pub(crate) fn others(span: Span) -> Vec<Self> {
        let all = [
            ("curl", "curl", Kind::Curl, span == Span::History),
            ("docker logs", "docker", Kind::DockerLogs, true),
            ("Vector", "vector", Kind::Vector, span == Span::Live),
            ("Fluent Bit (files)", "fluent-bit", Kind::FluentBit, true),
        ];
        let mut found = vec![Self::bollard()];
        for (name, program, kind, fits) in all {
            if !on_path(program) {
                eprintln!("  {name}: left out, there is no {program} on PATH");
            } else if fits {
                found.push(Self::new(name, kind));
            }
        }
        found
    }

    /// Whether it reads through the engine and prints lines that can be told apart.
    pub(crate) fn prints_lines(&self) -> bool {
        !matches!(self.kind, Kind::Nobody | Kind::Drain | Kind::Curl)
    }

    /// How it is started: one process, or one for each container.
    pub(crate) fn commands(&self, source: &Source, span: Span) -> Vec<Command> {
        let history = span == Span::History;
        let host = format!("unix://{}", source.socket.display());
        let of_each = |make: &dyn Fn(&String) -> Command| source.ids.iter().map(make).collect();
        match &self.kind {
            Kind::Nobody => Vec::new(),
            Kind::Docklog { program, args } => {
                let mut command = Command::new(program);
                command.args(["--config", "none", "-H", &host, "-o", "json"]).args(args);
                if history {
                    command.args(["--tail", "all", "--no-follow"]);
                }
                vec![command]
            }
            Kind::Configured { program, configuration } => {
                let mut command = Command::new(program);
                command.arg("--config").arg(configuration).args(["-H", &host]);
                if history {
                    command.arg("--no-follow");
                }
                vec![command]
            }
            Kind::Drain => of_each(&|id| {
                let mut command = own("drain");
                command.arg(&source.socket).arg(id);
                command
            }),
            Kind::Bollard => {
                let mut command = own("bollard");
                command.arg(&source.socket).arg(if history { "history" } else { "live" });
                vec![command]
            }
            Kind::Curl => of_each(&|id| {
                let mut command = Command::new("curl");
                command.args(["--silent", "--unix-socket"]).arg(&source.socket);
                command.arg(format!("http://docker/containers/{id}/logs?stdout=1&stderr=1&timestamps=1"));
                command
            }),
            Kind::DockerLogs => of_each(&|id| {
                let mut command = Command::new("docker");
                command.args(["-H", &host, "logs", "--timestamps"]);
                command.args(if history { &["--tail", "all"][..] } else { &["--tail", "0", "--follow"] });
                command.arg(id);
                command
            }),
            Kind::Vector => vec![tool::vector(source)],
            Kind::FluentBit => vec![tool::fluent_bit(source, history)],
        }
    }

    /// Whether lines of stderr come out of its own stderr, so that this must be looked at, too.
    pub(crate) fn splits_channels(&self) -> bool {
        matches!(self.kind, Kind::DockerLogs)
    }
}

fn knows_latency(docklog: &Path) -> bool {
    let help = Command::new(docklog).arg("--help").output();
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--max-latency"))
}

/// A reader that is kept in this program.
fn own(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["read", name]).stdin(Stdio::null());
    command
}
