//! What a run is to do: the command line and its surroundings, checked and put into the words of the program.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use docklog_protocol::{ContainerId, Tail, Timestamp};

use crate::cli::{Args, moment};
use crate::core::Rules;
use crate::core::selection::{LabelRule, Pattern, Selection};
use crate::encode::{Encoder, Look};
use crate::limits;

/// Where Docker listens unless told otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Longest path of a Unix socket (`sun_path`, with its final NUL).
const LONGEST_PATH: usize = 107;

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// JSON lines.
    Json,
    /// Messages alone.
    Raw,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            "raw" => Ok(Self::Raw),
            _ => Err(format!("--output is auto, pretty, json or raw, not '{text}'")),
        }
    }
}

/// What a run finds around itself.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub no_color: bool,
    /// stdout is a terminal.
    pub terminal: bool,
    /// The container that we run in.
    pub own_container: Option<ContainerId>,
    /// For spans such as `--since 10m`.
    pub now: Timestamp,
}

/// All that a run depends on.
#[derive(Debug)]
pub struct Settings {
    /// What decisions depend on.
    pub rules: Rules,
    /// The engine's socket.
    pub socket: PathBuf,
    /// The format of the output.
    pub encoder: Encoder,
    /// Say on stderr who joins and who leaves.
    pub news: bool,
    /// Where checkpoints are kept.
    pub state: Option<PathBuf>,
    /// The file that lines go to instead of stdout.
    pub output_file: Option<PathBuf>,
    /// Seed of the retries' jitter; `None`: from the clock. A simulated run sets it.
    pub seed: Option<u64>,
}

impl Settings {
    /// What a command line means here.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn new(args: &Args, around: &Surroundings) -> Result<Self, String> {
        let (host, socket) = socket(args.host.as_deref().or(around.docker_host.as_deref()))?;
        if args.output_file.is_some() && !matches!(args.output, Output::Auto | Output::Json) {
            return Err("--output-file takes JSON lines: leave --output out, or say json".to_owned());
        }
        let terminal = around.terminal && args.output_file.is_none();
        let pretty = match args.output {
            Output::Auto => terminal,
            output => output == Output::Pretty,
        };
        let look = Look {
            timestamps: args.timestamps,
            colour: terminal && !around.no_color && !args.no_color,
            visible_control: terminal && !args.raw_control,
        };
        let encoder = match args.output {
            Output::Raw => Encoder::raw(look),
            _ if pretty => Encoder::pretty(look),
            _ => Encoder::json(look),
        };
        Ok(Self {
            rules: rules(args, around, host)?,
            socket,
            encoder,
            news: pretty && terminal && !args.no_follow,
            state: args.state.clone(),
            output_file: args.output_file.clone(),
            seed: None,
        })
    }

    /// The same from words, with nothing around: for tests and simulations.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub fn from_args<const N: usize>(typed: [&str; N]) -> Result<Self, String> {
        Self::new(&Args::parse(typed)?, &Surroundings::default())
    }
}

fn rules(args: &Args, around: &Surroundings, host: String) -> Result<Rules, String> {
    let moment = |text: &Option<String>, option| {
        text.as_deref()
            .map(|text| moment::parse(text, around.now))
            .transpose()
            .map_err(|error| format!("{option}: {error}"))
    };
    let tail = args.tail.as_deref().map(tail).transpose()?;
    let since = moment(&args.since, "--since")?;
    let until = moment(&args.until, "--until")?;
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err("--since lies after --until: no line can be between them".to_owned());
    }
    let selection = selection(args, around)?;
    let show_stopped = args.all || args.no_follow && selection.is_explicit();
    Ok(Rules {
        host,
        no_follow: args.no_follow,
        all: args.all,
        show_stopped,
        // What has stopped while nobody looked is drained, and what was removed is forgotten.
        stopped_too: show_stopped || args.state.is_some(),
        rotate_every: rotate_every(args)?,
        max_streams: match args.max_streams {
            Some(0) => return Err("--max-streams is 1 or more".to_owned()),
            Some(streams) => streams,
            None => usize::MAX,
        },
        stateful: args.state.is_some(),
        history: (tail.is_some() || since.is_some()).then(|| (tail.unwrap_or(Tail::All), since)),
        until,
        stdout: args.stdout || !args.stderr,
        stderr: args.stderr || !args.stdout,
        patterns: args.patterns.join(" "),
        selection,
    })
}

/// How long a session lasts; `None`: as long as it does.
fn rotate_every(args: &Args) -> Result<Option<Duration>, String> {
    let Some(text) = &args.rotate_every else { return Ok(Some(limits::LEASE)) };
    let zero = Some(Duration::ZERO).filter(|_| text == "0");
    let span = zero.or_else(|| moment::span(text));
    match span.ok_or_else(|| format!("--rotate-every is a span such as 5m or 30s, or 0, not '{text}'"))? {
        Duration::ZERO => Ok(None),
        span if span < limits::SHORTEST_LEASE => {
            Err(format!("--rotate-every is {:?} or more, or 0 for never", limits::SHORTEST_LEASE))
        }
        span => Ok(Some(span)),
    }
}

fn selection(args: &Args, around: &Surroundings) -> Result<Selection, String> {
    let patterns = |list: &[String]| list.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>();
    Ok(Selection {
        patterns: patterns(&args.patterns)?,
        excluded: patterns(&args.exclude).map_err(|error| format!("--exclude: {error}"))?,
        labels: args.labels.iter().map(|text| LabelRule::parse(text)).collect(),
        projects: args.projects.iter().map(|name| LabelRule::project(name)).collect(),
        services: args.services.iter().map(|name| LabelRule::service(name)).collect(),
        own: around.own_container.filter(|_| !args.include_self),
    })
}

fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail::All),
        _ => text
            .parse()
            .map(Tail::Last)
            .map_err(|_| format!("--tail is a number of lines or 'all', not '{text}'")),
    }
}

/// The engine's address for messages, and its socket.
fn socket(host: Option<&str>) -> Result<(String, PathBuf), String> {
    let Some(host) = host else { return Ok((DEFAULT_SOCKET.to_owned(), PathBuf::from(DEFAULT_SOCKET))) };
    let path = match host.split_once("://") {
        Some(("unix", path)) => path,
        Some((scheme, _)) => {
            return Err(format!(
                "host {host}: only unix:// is supported so far, not {scheme}://; run docklog on the engine's machine"
            ));
        }
        None if host.starts_with('/') => host,
        None => return Err(format!("host {host}: expected unix:///path/to/docker.sock")),
    };
    if path.is_empty() {
        return Err(format!("host {host}: the path is missing; expected unix:///path/to/docker.sock"));
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("host {host}: a socket's path has {LONGEST_PATH} bytes at the most"));
    }
    Ok((path.to_owned(), Path::new(path).to_owned()))
}

/// The container that this process runs in, if it does: engines mount a few files of `…/containers/<id>/` into it.
pub fn own_container() -> Option<ContainerId> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    find_own_container(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}

fn find_own_container(mountinfo: &str, cgroup: &str) -> Option<ContainerId> {
    let mounted =
        mountinfo.lines().filter(|line| line.contains("/etc/hostname") || line.contains("/etc/resolv.conf"));
    mounted.chain(cgroup.lines()).find_map(|line| {
        line.split(|c: char| !c.is_ascii_hexdigit())
            .filter(|part| part.len() == 64)
            .find_map(ContainerId::parse)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(typed: &[&str], around: &Surroundings) -> Result<Settings, String> {
        Settings::new(&Args::parse(typed)?, around)
    }

    #[test]
    fn the_socket_is_found_in_the_order_option_variable_default() {
        let around =
            Surroundings { docker_host: Some("unix:///run/a.sock".to_owned()), ..Surroundings::default() };
        let of = |typed: &[&str], around| {
            settings(typed, around).map(|settings| settings.socket.display().to_string())
        };
        assert_eq!(of(&["-H", "unix:///run/b.sock"], &around).as_deref(), Ok("/run/b.sock"));
        assert_eq!(of(&[], &around).as_deref(), Ok("/run/a.sock"));
        assert_eq!(of(&[], &Surroundings::default()).as_deref(), Ok(DEFAULT_SOCKET));
    }

    #[test]
    fn other_hosts_are_refused_with_a_reason() {
        for (host, part) in [
            ("tcp://10.0.0.1:2375", "only unix://"),
            ("ssh://me@there", "only unix://"),
            ("unix://", "the path is missing"),
            ("docker.sock", "expected unix:///path"),
        ] {
            let error = settings(&["-H", host], &Surroundings::default()).expect_err(host);
            assert!(error.contains(part), "{host}: {error}");
        }
        let long = format!("unix:///{}", "x".repeat(120));
        assert!(settings(&["-H", &long], &Surroundings::default()).is_err());
    }

    #[test]
    fn one_channel_alone_or_both() {
        let channels = |typed: &[&str]| {
            settings(typed, &Surroundings::default()).map(|s| (s.rules.stdout, s.rules.stderr))
        };
        assert_eq!(channels(&[]), Ok((true, true)));
        assert_eq!(channels(&["--stdout"]), Ok((true, false)));
        assert_eq!(channels(&["--stderr"]), Ok((false, true)));
        assert_eq!(channels(&["--stderr", "--stdout"]), Ok((true, true)));
    }

    #[test]
    fn history_is_what_tail_and_since_ask_for() {
        let around = Surroundings { now: Timestamp { seconds: 1000, nanos: 0 }, ..Surroundings::default() };
        let history = |typed: &[&str]| settings(typed, &around).map(|settings| settings.rules.history);
        assert_eq!(history(&[]), Ok(None));
        assert_eq!(history(&["-n", "5"]), Ok(Some((Tail::Last(5), None))));
        assert_eq!(
            history(&["--since", "10s"]),
            Ok(Some((Tail::All, Some(Timestamp { seconds: 990, nanos: 0 }))))
        );
        assert!(history(&["-n", "-5"]).is_err());
        assert!(history(&["--since", "1s", "--until", "10s"]).is_err());
    }

    #[test]
    fn the_own_container_is_recognised_by_its_mounts_or_its_cgroup() {
        let id = "0123456789abcdef".repeat(4);
        let mount = format!(
            "701 690 254:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/vda1 rw"
        );
        let expected = ContainerId::parse(&id);
        assert!(expected.is_some());
        assert_eq!(find_own_container(&mount, ""), expected);
        assert_eq!(find_own_container("", &format!("4:memory:/docker/{id}\n")), expected);
        assert_eq!(find_own_container("36 35 98:0 / / rw - ext4 /dev/root rw", "0::/\n"), None);
    }
}
