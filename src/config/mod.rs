//! What a run is to do: what was set and its surroundings, checked and put into the words of the program.
//!
//! | file | decides |
//! |---|---|
//! | `keys` | what can be set |
//! | `kind` | what values can be |
//! | `sink` | where lines go |
//! | `http` | how they are sent to a receiver |
//! | `file` | what a configuration file says |
//! | `values` | what was set, and by whom |
//! | `moment` | points and spans of time as people write them |
//! | `own` | which container we run in |

pub mod file;
mod http;
pub mod keys;
pub mod kind;
pub mod moment;
pub mod own;
pub mod sink;
pub mod values;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::{ContainerId, Tail, Timestamp};

use crate::cli::args;
use crate::core::Rules;
use crate::core::metadata::Fields;
use crate::core::pattern::{LabelRule, Pattern};
use crate::core::selection::{Criteria, Selection};
use crate::encode::Encoder;
use crate::limits;
use crate::web::listen::Listen;
use keys::Name;
use sink::{Destination, Sink};
use values::{Origin, Values};

/// The configuration file, if there is one.
pub const DEFAULT_FILE: &str = "/etc/docklog/docklog.toml";

/// What a run finds around itself.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `DOCKER_HOST` (W-80).
    pub docker_host: Option<String>,
    /// `STATE_DIRECTORY`, as systemd sets it (systemd.exec(5)).
    pub state_directory: Option<String>,
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub no_color: bool,
    /// stdout is a terminal.
    pub terminal: bool,
    /// How often a service manager wants to hear that docklog is alive.
    pub watchdog: Option<Duration>,
    /// The container that we run in.
    pub own_container: Option<ContainerId>,
    /// For spans such as `--since 10m`.
    pub now: Timestamp,
}

/// Whether the kernel is to deny what docklog never needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// As far as this kernel can.
    Auto,
    /// It must: else docklog doesn't start.
    On,
    /// No.
    Off,
}

/// All that a run depends on.
#[derive(Debug)]
pub struct Settings {
    /// What decisions depend on.
    pub rules: Rules,
    /// The engine's socket.
    pub socket: PathBuf,
    /// Where lines go.
    pub sinks: Vec<sink::Sink>,
    /// How long lines may wait, so that more of them are read at a time.
    pub max_latency: Duration,
    /// Say on stderr who joins and who leaves.
    pub news: bool,
    /// Where checkpoints are kept.
    pub state: Option<PathBuf>,
    /// Where our own HTTP is to be had.
    pub http: Option<Listen>,
    /// Each container has metrics of its own.
    pub http_per_container: bool,
    /// What the kernel is asked to deny.
    pub sandbox: Sandbox,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// What all this was made of.
    pub values: Values,
    /// Seed of the retries' jitter; `None`: from the clock. A simulated run sets it.
    pub seed: Option<u64>,
}

impl Settings {
    /// What a command line means here, with the configuration file that it names, or the default one, if that exists.
    ///
    /// # Errors
    /// All that is wrong, for people.
    pub fn load(flags: &Values, around: &Surroundings) -> Result<Self, String> {
        let file = match flags.word(Name::Config) {
            Some("none") => None,
            Some(path) => Some(PathBuf::from(path)),
            None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
        };
        let below = match &file {
            Some(path) => file::read(path).map_err(|error| match flags.is_given(Name::Config) {
                true => error,
                false => format!("{error}\n--config none leaves {DEFAULT_FILE} out"),
            })?,
            None => Values::default(),
        };
        Ok(Self { file, ..Self::new(flags, &below, around)? })
    }

    /// What a command line and a configuration file mean here.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn new(flags: &Values, file: &Values, around: &Surroundings) -> Result<Self, String> {
        let mut environment = Values::default();
        if let Some(host) = &around.docker_host {
            let origin = Origin::Environment("DOCKER_HOST");
            keys::of(Name::Host).kind.check(host).map_err(|error| format!("DOCKER_HOST: {error}"))?;
            environment.add(Name::Host, host.clone(), origin);
        }
        let mut values = flags.clone().under(&environment).under(file);
        if let (Some(directory), false) = (&around.state_directory, values.is_given(Name::State)) {
            values.add(Name::State, directory.clone(), Origin::Environment("STATE_DIRECTORY"));
        }
        let sinks = sink::all(&values, around)?;
        Ok(Self {
            rules: rules(&values, &sinks, around)?,
            socket: kind::socket(values.word(Name::Host).unwrap_or_default())?,
            max_latency: kind::latency(values.word(Name::MaxLatency).unwrap_or("0"))?,
            news: around.terminal && sinks.iter().any(Sink::is_pretty) && !values.is_on(Name::NoFollow),
            state: values.path(Name::State),
            sinks,
            http: values.word(Name::Http).map(str::parse).transpose()?,
            http_per_container: values.is_on(Name::HttpPerContainer),
            sandbox: match values.word(Name::Sandbox) {
                Some("on") => Sandbox::On,
                Some("off") => Sandbox::Off,
                _ => Sandbox::Auto,
            },
            file: None,
            values,
            seed: None,
        })
    }

    /// The same from words, with nothing around: for tests and simulations.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub fn from_args<const N: usize>(typed: [&str; N]) -> Result<Self, String> {
        Self::new(&args::parse(typed)?, &Values::default(), &Surroundings::default())
    }
}

fn rules(values: &Values, sinks: &[Sink], around: &Surroundings) -> Result<Rules, String> {
    let moment = |name| {
        let moment = values.word(name).map(|text| moment::parse(text, around.now)).transpose();
        moment.map_err(|error| format!("{}: {error}", values.called(name)))
    };
    let tail = values.word(Name::Tail).map(kind::tail).transpose()?;
    let (since, until) = (moment(Name::Since)?, moment(Name::Until)?);
    if let (Some(since_time), Some(until_time)) = (since, until)
        && since_time > until_time
    {
        let (since, until) = (values.called(Name::Since), values.called_here(Name::Until));
        return Err(format!("{since} lies after {until}: no line can be between them"));
    }
    let journal = sinks.iter().any(|sink| matches!(sink.destination, Destination::Journal));
    let selection = selection(values, journal, around)?;
    let (all, no_follow) = (values.is_on(Name::All), values.is_on(Name::NoFollow));
    let show_stopped = all || no_follow && selection.is_explicit();
    let stateful = values.is_given(Name::State);
    let (stdout, stderr) = channels(values);
    Ok(Rules {
        host: values
            .word(Name::Host)
            .map(|host| host.trim_start_matches("unix://").to_owned())
            .unwrap_or_default(),
        no_follow,
        all,
        show_stopped,
        // What has stopped while nobody looked is drained, and what was removed is forgotten.
        stopped_too: show_stopped || stateful,
        rotate_every: kind::lease(values.word(Name::RotateEvery).unwrap_or("0"))?,
        max_streams: values.word(Name::MaxStreams).map(kind::number).transpose()?.unwrap_or(usize::MAX),
        stateful,
        watchdog: around.watchdog,
        history: (tail.is_some() || since.is_some()).then(|| (tail.unwrap_or(Tail::All), since)),
        until,
        stdout,
        stderr,
        patterns: values.words(Name::Patterns).join(" "),
        fields: fields(values, sinks),
        selection,
        sinks: sinks.iter().map(|sink| sink.rules.clone()).collect(),
        memory: memory(values)?,
    })
}

/// The budget.
fn memory(values: &Values) -> Result<usize, String> {
    let size = kind::size(values.word(Name::Memory).unwrap_or_default())?;
    let size = usize::try_from(size).ok().filter(|size| *size >= limits::MEMORY_LEAST);
    size.ok_or_else(|| {
        format!("{}: expected {} KiB or more", values.called(Name::Memory), limits::MEMORY_LEAST >> 10)
    })
}

/// What records say of their container.
fn fields(values: &Values, sinks: &[Sink]) -> Fields {
    let chosen = values.words(Name::Fields);
    let mut labels: Vec<Rc<str>> = Vec::new();
    for key in values.words(Name::OutputLabels) {
        if !labels.iter().any(|other| **other == *key) {
            labels.push(key.into());
        }
    }
    let has = |field| chosen.contains(&field);
    // In the journal an entry has its image in any case, as from Docker's own driver; and stores are told of all three.
    let journal = sinks.iter().any(|sink| matches!(sink.destination, Destination::Journal));
    let store = sinks.iter().any(|sink| matches!(sink.encoder, Encoder::Loki(_) | Encoder::Otlp(_)));
    let path =
        |of: fn(&Fields) -> bool| sinks.iter().any(|sink| sink.needs().is_some_and(|needs| of(&needs)));
    Fields {
        image: has("image") || journal || store || path(|needs| needs.image),
        project: has("project") || store || path(|needs| needs.project),
        service: has("service") || store || path(|needs| needs.service),
        labels,
    }
}

/// Which channels are read. The flags mean: only this one, or both.
fn channels(values: &Values) -> (bool, bool) {
    match (values.is_on(Name::Stdout), values.is_on(Name::Stderr)) {
        (false, false) => {
            let channels = values.words(Name::Channels);
            (channels.contains(&"stdout"), channels.contains(&"stderr"))
        }
        both => both,
    }
}

fn selection(values: &Values, journal: bool, around: &Surroundings) -> Result<Selection, String> {
    let include = Criteria {
        names: read(values, Name::Patterns, Pattern::name)?,
        labels: read(values, Name::Labels, LabelRule::parse)?,
        projects: read(values, Name::Projects, Pattern::parse)?,
        services: read(values, Name::Services, Pattern::parse)?,
        images: read(values, Name::Images, Pattern::parse)?,
        drivers: read(values, Name::Drivers, Pattern::parse)?,
    };
    let exclude = Criteria {
        names: read(values, Name::Exclude, Pattern::name)?,
        labels: read(values, Name::ExcludeLabels, LabelRule::parse)?,
        projects: read(values, Name::ExcludeProjects, Pattern::parse)?,
        services: read(values, Name::ExcludeServices, Pattern::parse)?,
        images: read(values, Name::ExcludeImages, Pattern::parse)?,
        drivers: read(values, Name::ExcludeDrivers, Pattern::parse)?,
    };
    let mut selection = Selection {
        include,
        exclude,
        opt_in: values.is_on(Name::OptIn),
        label_prefix: values.word(Name::LabelPrefix).unwrap_or_default().to_owned(),
        own: around.own_container.filter(|_| !values.is_on(Name::IncludeSelf)),
    };
    if journal {
        selection.leave_the_journals();
    }
    Ok(selection)
}

/// The values of a list.
fn read<T>(values: &Values, name: Name, parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let all = values.words(name).into_iter().map(parse).collect::<Result<_, _>>();
    all.map_err(|error| format!("{}: {error}", values.called(name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn settings(typed: &[&str], around: &Surroundings) -> Result<Settings, String> {
        Settings::new(&args::parse(typed)?, &Values::default(), around)
    }

    fn with_file(typed: &[&str], text: &str) -> Result<Settings, String> {
        let file = file::parse(Path::new("d.toml"), text)?;
        Settings::new(&args::parse(typed)?, &file, &Surroundings::default())
    }

    #[test]
    fn the_socket_is_found_in_the_order_option_variable_file_default() {
        let around =
            Surroundings { docker_host: Some("unix:///run/a.sock".to_owned()), ..Surroundings::default() };
        let of = |typed: &[&str], around| {
            settings(typed, around).map(|settings| settings.socket.display().to_string())
        };
        assert_eq!(of(&["-H", "unix:///run/b.sock"], &around).as_deref(), Ok("/run/b.sock"));
        assert_eq!(of(&[], &around).as_deref(), Ok("/run/a.sock"));
        assert_eq!(of(&[], &Surroundings::default()).as_deref(), Ok("/var/run/docker.sock"));
        let file = with_file(&[], "[engine]\nhost = \"/run/c.sock\"").expect("valid");
        assert_eq!(file.socket, Path::new("/run/c.sock"));
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let around =
            Surroundings { docker_host: Some("ssh://me@there".to_owned()), ..Surroundings::default() };
        let error = settings(&[], &around).expect_err("not a Unix socket");
        assert!(error.starts_with("DOCKER_HOST: ssh://me@there: only unix://"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let text = "[read]\nrotate_every = \"1m\"\nchannels = [\"stderr\"]\n[exclude]\nnames = [\"a\"]\n";
        let rules = |typed: &[&str]| with_file(typed, text).expect("valid").rules;
        let seconds = |rules: &Rules| rules.rotate_every.map(|span| span.as_secs());
        assert_eq!(seconds(&rules(&[])), Some(60));
        assert_eq!(seconds(&rules(&["--rotate-every", "0"])), None);
        assert_eq!((rules(&[]).stdout, rules(&[]).stderr), (false, true));
        assert!(rules(&["--stdout"]).stdout && !rules(&["--stdout"]).stderr);
        let file_only = with_file(&[], "[output]\nformat = \"raw\"\nfile = \"/x\"").expect_err("no JSON");
        assert!(
            file_only.contains("d.toml:3: output.file takes JSON lines: output.format must"),
            "{file_only}"
        );
    }

    #[test]
    fn two_sinks_never_write_to_one_file() {
        let read = |paths: [&str; 2]| {
            let text = format!(
                "[[sink]]\ntype = \"file\"\npath = \"{}\"\n[[sink]]\ntype = \"file\"\nname = \"b\"\npath = \"{}\"\n",
                paths[0], paths[1]
            );
            let file = file::parse(Path::new("d.toml"), &text).expect("valid");
            Settings::new(&Values::default(), &file, &Surroundings::default())
                .map(|settings| settings.sinks.len())
        };
        assert_eq!(read(["/l/a", "/l/b"]), Ok(2));
        for paths in [["/l/a", "/l//a"], ["/l/{container}.log", "/l/web.log"]] {
            let error = read(paths).expect_err("one file");
            assert!(
                error.ends_with("d.toml:4: [[sink]]: lines of b and of file may go to one file"),
                "{error}"
            );
        }
    }

    #[test]
    fn with_a_journal_among_the_sinks_what_is_in_it_is_not_read() {
        let read = |text: &str| {
            let file = file::parse(Path::new("d.toml"), text).expect("valid");
            Settings::new(&Values::default(), &file, &Surroundings::default()).expect("valid").rules.selection
        };
        let excluded = |selection: &Selection| -> Vec<String> {
            selection.exclude.drivers.iter().map(|driver| driver.text().to_owned()).collect()
        };
        let beside = "[[sink]]\ntype = \"stdout\"\n[[sink]]\ntype = \"journal\"\n";
        assert_eq!(excluded(&read(beside)), ["journald"]);
        let mut other = read("[exclude]\ndrivers = [\"local\"]\n");
        (0..2).for_each(|_| other.leave_the_journals()); // as after reloads
        assert_eq!(excluded(&other), ["local", "journald"]);
    }

    #[test]
    fn the_journal_excludes_other_ways_and_what_is_in_it_already() {
        let settings = settings(&["--journal"], &Surroundings::default()).expect("valid");
        assert!(matches!(settings.sinks[0].destination, Destination::Journal));
        assert!(settings.rules.fields.image && settings.rules.selection.exclude.drivers.len() == 1);
        for (text, told) in [
            (
                "journal = true\nformat = \"json\"",
                "d.toml:2: output.journal: the journal has a format of its own",
            ),
            (
                "journal = true\nfile = \"/x\"",
                "d.toml:2: output.journal and output.file: lines go to one of them",
            ),
        ] {
            let error = with_file(&[], &format!("[output]\n{text}")).expect_err(text);
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_service_manager_s_state_directory_is_the_default() {
        let around =
            Surroundings { state_directory: Some("/var/lib/docklog".to_owned()), ..Surroundings::default() };
        let state = |typed: &[&str]| settings(typed, &around).expect("valid").state;
        assert_eq!(state(&[]).as_deref(), Some(Path::new("/var/lib/docklog")));
        assert_eq!(state(&["--state", "/x"]).as_deref(), Some(Path::new("/x")));
        assert!(settings(&[], &around).expect("valid").rules.stateful);
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
    fn what_is_in_force_can_be_written_as_a_file_and_read_again() {
        let settings =
            with_file(&["--exclude", "a\"b", "-n", "all"], "[read]\nmax_streams = 7").expect("valid");
        let text = settings.values.to_toml();
        let again =
            file::parse(Path::new("again.toml"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(settings.values.differing(&again).count(), 0, "{text}");
        assert!(text.contains("max_streams = 7") && text.contains("# line 2"), "{text}");
    }
}
