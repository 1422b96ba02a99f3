//! Everything that can be set, as data: by which flag, under which key of the configuration file, to what. Help, manual,
//! completions, the checks of both sources and `docklog check` are made of this table, so they can't disagree.

use super::kind::Kind;

/// Names a setting in the program. [`KEYS`] has them in this order.
#[allow(missing_docs, reason = "the table says what each is")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Name {
    Tail,
    Since,
    Until,
    NoFollow,
    All,
    Exclude,
    ExcludeImages,
    ExcludeLabels,
    ExcludeProjects,
    ExcludeServices,
    ExcludeDrivers,
    Patterns,
    Images,
    Labels,
    Projects,
    Services,
    Drivers,
    OptIn,
    LabelPrefix,
    IncludeSelf,
    Stdout,
    Stderr,
    Channels,
    RotateEvery,
    MaxStreams,
    MaxLatency,
    Output,
    OutputFile,
    Journal,
    Timestamps,
    Fields,
    OutputLabels,
    NoColor,
    RawControl,
    State,
    Http,
    HttpPerContainer,
    Memory,
    SinkType,
    SinkName,
    SinkContainers,
    SinkExclude,
    SinkProjects,
    SinkServices,
    SinkImages,
    SinkChannels,
    SinkFormat,
    SinkTimestamps,
    SinkOnFull,
    SinkPath,
    SinkRotateSize,
    SinkRotateAge,
    SinkKeepFiles,
    SinkKeepSize,
    SinkKeepAge,
    SinkUrl,
    SinkUser,
    SinkPasswordFile,
    SinkTokenFile,
    SinkHeaders,
    SinkTenant,
    SinkCaFile,
    SinkTimeout,
    SinkBatchSize,
    SinkBatchAge,
    SinkCompress,
    Sandbox,
    Config,
    Host,
    Version,
    Help,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// How the program calls it.
    pub name: Name,
    /// What its value is.
    pub kind: Kind,
    /// `-n`, if there is a letter.
    pub short: Option<char>,
    /// `--tail`, without the dashes; empty if only the configuration file has it.
    pub long: &'static str,
    /// What its value is called in the help; empty if the flag takes none.
    pub value: &'static str,
    /// Table and key in the configuration file: `read.tail`; empty if only the command line has it.
    pub path: &'static str,
    /// What holds where nobody says anything; empty if that is nothing.
    pub default: &'static str,
    /// It can't be changed while docklog runs: a reload says so.
    pub fixed: bool,
    /// What it does, in a few words.
    pub help: &'static str,
}

const fn key(name: Name, kind: Kind, help: &'static str) -> Key {
    let (long, value, path, default) = ("", "", "", "");
    Key { name, kind, short: None, long, value, path, default, fixed: false, help }
}

impl Key {
    const fn flag(mut self, short: Option<char>, long: &'static str, value: &'static str) -> Self {
        (self.short, self.long, self.value) = (short, long, value);
        self
    }

    const fn at(mut self, path: &'static str, default: &'static str) -> Self {
        (self.path, self.default) = (path, default);
        self
    }

    const fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// Its table in the configuration file; empty if only the command line has it.
    pub fn table(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(table, _)| table)
    }

    /// `--tail` or `read.tail`: how messages call it where nobody has set it.
    pub fn called(&self) -> String {
        if self.long.is_empty() { self.path.to_owned() } else { format!("--{}", self.long) }
    }
}

/// All settings, in the order of [`Name`], which is the order of the help, too.
pub const KEYS: &[Key] = &[
    key(Name::Tail, Kind::Tail, "begin with the last N lines of each container, both channels together")
        .flag(Some('n'), "tail", "N|all")
        .at("read.tail", ""),
    key(Name::Since, Kind::Moment, "begin with lines since TIME: 10m, 1h30m, RFC 3339, Unix seconds")
        .flag(None, "since", "TIME")
        .at("read.since", ""),
    key(Name::Until, Kind::Moment, "end with lines until TIME").flag(None, "until", "TIME"),
    key(Name::NoFollow, Kind::Switch, "print what there is, then end").flag(None, "no-follow", ""),
    key(Name::All, Kind::Switch, "stopped containers too")
        .flag(Some('a'), "all", "")
        .at("read.stopped", "false")
        .fixed(),
    key(Name::Exclude, Kind::Patterns, "leave these containers out (repeatable)")
        .flag(None, "exclude", "PATTERN")
        .at("exclude.names", ""),
    key(Name::ExcludeImages, Kind::Patterns, "leave containers of these images out").at("exclude.images", ""),
    key(Name::ExcludeLabels, Kind::Labels, "leave containers with one of these labels out")
        .at("exclude.labels", ""),
    key(Name::ExcludeProjects, Kind::Patterns, "leave these Compose projects out").at("exclude.projects", ""),
    key(Name::ExcludeServices, Kind::Patterns, "leave these Compose services out").at("exclude.services", ""),
    key(Name::ExcludeDrivers, Kind::Patterns, "leave containers with these log drivers out")
        .at("exclude.drivers", ""),
    key(Name::Patterns, Kind::Patterns, "only containers of these names").at("include.names", ""),
    key(Name::Images, Kind::Patterns, "only this image, with any tag unless one is given (repeatable)")
        .flag(None, "image", "PATTERN")
        .at("include.images", ""),
    key(Name::Labels, Kind::Labels, "only containers with this label (repeatable: all of them)")
        .flag(None, "label", "K[=V]")
        .at("include.labels", ""),
    key(Name::Projects, Kind::Patterns, "only this Compose project (repeatable: any of them)")
        .flag(None, "project", "NAME")
        .at("include.projects", ""),
    key(Name::Services, Kind::Patterns, "only this Compose service (repeatable: any of them)")
        .flag(None, "service", "NAME")
        .at("include.services", ""),
    key(Name::Drivers, Kind::Patterns, "only containers with these log drivers").at("include.drivers", ""),
    key(Name::OptIn, Kind::Switch, "only containers that say so by a label (docklog.enable=true)")
        .at("select.opt_in", "false"),
    key(Name::LabelPrefix, Kind::Text, "what docklog's own labels on containers begin with")
        .at("select.label_prefix", "docklog"),
    key(Name::IncludeSelf, Kind::Switch, "follow the container that docklog itself runs in, too")
        .flag(None, "include-self", "")
        .at("select.include_self", "false"),
    key(Name::Stdout, Kind::Switch, "only stdout").flag(None, "stdout", ""),
    key(Name::Stderr, Kind::Switch, "only stderr").flag(None, "stderr", ""),
    key(Name::Channels, Kind::AnyOf(&["stdout", "stderr"]), "which of a container's channels are read")
        .at("read.channels", "stdout,stderr"),
    key(
        Name::RotateEvery,
        Kind::Lease,
        "open each stream anew so often (0: never); SIGUSR1: all of them now",
    )
    .flag(None, "rotate-every", "SPAN")
    .at("read.rotate_every", "5m"),
    key(Name::MaxStreams, Kind::Number, "so many streams open at a time; beyond it they take turns")
        .flag(None, "max-streams", "N")
        .at("read.max_streams", ""),
    key(Name::MaxLatency, Kind::Latency, "lines may wait so long, which spares wake-ups (0: none waits)")
        .flag(None, "max-latency", "SPAN")
        .at("read.max_latency", "20ms"),
    key(
        Name::Output,
        Kind::OneOf(&["auto", "pretty", "json", "raw"]),
        "auto, pretty, json or raw; auto: pretty on a terminal, else json",
    )
    .flag(Some('o'), "output", "FORMAT")
    .at("output.format", "auto"),
    key(Name::OutputFile, Kind::Path, "append JSON lines to this file instead of stdout")
        .flag(None, "output-file", "PATH")
        .at("output.file", "")
        .fixed(),
    key(Name::Journal, Kind::Switch, "write to systemd's journal, each line with its container's fields")
        .flag(None, "journal", "")
        .at("output.journal", "false")
        .fixed(),
    key(Name::Timestamps, Kind::Switch, "the time before each line (json always has it)")
        .flag(Some('t'), "timestamps", "")
        .at("output.timestamps", "false"),
    key(
        Name::Fields,
        Kind::AnyOf(&["image", "project", "service"]),
        "what JSON lines tell of a container beside its id and name",
    )
    .at("output.fields", ""),
    key(Name::OutputLabels, Kind::Words, "labels of containers that JSON lines bear").at("output.labels", ""),
    key(Name::NoColor, Kind::Switch, "no colours for names (also by NO_COLOR)").flag(None, "no-color", ""),
    key(Name::RawControl, Kind::Switch, "let control sequences of containers through to the terminal").flag(
        None,
        "raw-control",
        "",
    ),
    key(Name::State, Kind::Path, "keep a checkpoint here: a restart goes on where the last run ended")
        .flag(None, "state", "DIR")
        .at("state.directory", "")
        .fixed(),
    key(Name::Http, Kind::Listen, "tell how it goes at 127.0.0.1:9177 or unix:/PATH (/metrics, /state)")
        .flag(None, "http", "ADDRESS")
        .at("http.listen", "")
        .fixed(),
    key(Name::HttpPerContainer, Kind::Switch, "each container has metrics of its own")
        .at("http.per_container", "true"),
    key(Name::Memory, Kind::Size, "log data held between the engine and the sinks, at the most")
        .at("limits.memory", "4MiB"),
    key(
        Name::SinkType,
        Kind::OneOf(&["stdout", "file", "journal", "http"]),
        "what lines go to: one of several",
    )
    .at("sink.type", "")
    .fixed(),
    key(
        Name::SinkName,
        Kind::Text,
        "what messages, metrics and the checkpoint call it; its type, unless set",
    )
    .at("sink.name", "")
    .fixed(),
    key(Name::SinkContainers, Kind::Patterns, "of the containers followed, only those of these names")
        .at("sink.containers", "")
        .fixed(),
    key(Name::SinkExclude, Kind::Patterns, "and none of these names").at("sink.exclude", "").fixed(),
    key(Name::SinkProjects, Kind::Patterns, "only those of these Compose projects")
        .at("sink.projects", "")
        .fixed(),
    key(Name::SinkServices, Kind::Patterns, "only those of these Compose services")
        .at("sink.services", "")
        .fixed(),
    key(Name::SinkImages, Kind::Patterns, "only those of these images").at("sink.images", "").fixed(),
    key(Name::SinkChannels, Kind::AnyOf(&["stdout", "stderr"]), "of the channels read, only these")
        .at("sink.channels", "stdout,stderr")
        .fixed(),
    key(
        Name::SinkFormat,
        Kind::OneOf(&["auto", "json", "pretty", "raw", "ndjson", "loki", "otlp"]),
        "stdout and files: json, pretty or raw; http: ndjson, loki or otlp; auto: json, ndjson",
    )
    .at("sink.format", "auto")
    .fixed(),
    key(Name::SinkTimestamps, Kind::Switch, "the time before each line (pretty, raw)")
        .at("sink.timestamps", "false")
        .fixed(),
    key(
        Name::SinkOnFull,
        Kind::OneOf(&["park", "drop"]),
        "when it takes nothing for long: all wait, or it loses lines, which are counted",
    )
    .at("sink.on_full", "park")
    .fixed(),
    key(
        Name::SinkPath,
        Kind::Path,
        "file: where; may hold {project}, {service}, {container}, {id}, {id_full}, {image}",
    )
    .at("sink.path", "")
    .fixed(),
    key(Name::SinkRotateSize, Kind::Size, "file: begin another when it would exceed this")
        .at("sink.rotate_size", "")
        .fixed(),
    key(Name::SinkRotateAge, Kind::Span, "file: begin another when it is so old")
        .at("sink.rotate_age", "")
        .fixed(),
    key(Name::SinkKeepFiles, Kind::Number, "file: rotated files kept, at the most")
        .at("sink.keep_files", "")
        .fixed(),
    key(Name::SinkKeepSize, Kind::Size, "file: bytes of rotated files kept, at the most")
        .at("sink.keep_size", "")
        .fixed(),
    key(Name::SinkKeepAge, Kind::Span, "file: rotated files are kept so long")
        .at("sink.keep_age", "")
        .fixed(),
    key(Name::SinkUrl, Kind::Text, "http: where batches are posted to").at("sink.url", "").fixed(),
    key(Name::SinkUser, Kind::Text, "http: user of basic authentication").at("sink.user", "").fixed(),
    key(Name::SinkPasswordFile, Kind::Path, "http: the file that holds its password")
        .at("sink.password_file", "")
        .fixed(),
    key(Name::SinkTokenFile, Kind::Path, "http: the file that holds a bearer token")
        .at("sink.token_file", "")
        .fixed(),
    key(Name::SinkHeaders, Kind::Words, "http: further headers, as NAME: VALUE")
        .at("sink.headers", "")
        .fixed(),
    key(Name::SinkTenant, Kind::Text, "http, loki: the tenant (X-Scope-OrgID)").at("sink.tenant", "").fixed(),
    key(Name::SinkCaFile, Kind::Path, "http: certificates to trust (PEM), instead of the system's")
        .at("sink.ca_file", "")
        .fixed(),
    key(Name::SinkTimeout, Kind::Span, "http: time for a request and its answer")
        .at("sink.timeout", "10s")
        .fixed(),
    key(Name::SinkBatchSize, Kind::Size, "http: a batch is sent when it is so large")
        .at("sink.batch_size", "256KiB")
        .fixed(),
    key(Name::SinkBatchAge, Kind::Span, "http: or so old").at("sink.batch_age", "1s").fixed(),
    key(Name::SinkCompress, Kind::Switch, "http: bodies by gzip; file: rotated files")
        .at("sink.compress", "true")
        .fixed(),
    key(
        Name::Sandbox,
        Kind::OneOf(&["auto", "on", "off"]),
        "auto, on or off: let the kernel deny what docklog never needs",
    )
    .flag(None, "sandbox", "MODE")
    .at("sandbox.mode", "auto")
    .fixed(),
    key(Name::Config, Kind::Path, "read settings from FILE (/etc/docklog/docklog.toml; none: no file)").flag(
        Some('c'),
        "config",
        "FILE",
    ),
    key(Name::Host, Kind::Host, "the engine's socket, unix:///PATH (also by DOCKER_HOST)")
        .flag(Some('H'), "host", "URL")
        .at("engine.host", "unix:///var/run/docker.sock")
        .fixed(),
    key(Name::Version, Kind::Switch, "print the version").flag(None, "version", ""),
    key(Name::Help, Kind::Switch, "print this").flag(Some('h'), "help", ""),
];

/// The tables of the configuration file, in the order of the example.
pub const TABLES: [&str; 11] = [
    "engine", "include", "exclude", "select", "read", "output", "state", "http", "limits", "sink", "sandbox",
];

/// The table that may be there several times.
pub const SINK: &str = "sink";

/// The entry of this setting.
pub fn of(name: Name) -> &'static Key {
    &KEYS[name as usize]
}

/// The setting of this flag, given without its dashes.
pub fn by_flag(long: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.long == long && !long.is_empty())
}

/// The setting at this path of the configuration file.
pub fn by_path(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path && !path.is_empty())
}

/// The first setting whose path ends with this key, for those who have left out its table or taken a wrong one.
pub fn by_path_end(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path.split_once('.').is_some_and(|(_, end)| end == name))
}

/// The known word that is most like this one, if any is: for "did you mean".
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    known
        .map(|other| (strsim::jaro_winkler(word, other), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_finds_its_entry() {
        for (index, key) in KEYS.iter().enumerate() {
            assert_eq!(key.name as usize, index, "{:?}", key.name);
            assert!(!key.long.is_empty() || !key.path.is_empty(), "{:?} can't be set", key.name);
            let table = key.path.split_once('.').map(|(table, _)| table);
            assert!(table.is_none_or(|table| TABLES.contains(&table)), "{}", key.path);
        }
    }

    #[test]
    fn defaults_are_what_their_kind_expects() {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            for word in key.default.split(',') {
                key.kind.check(word).unwrap_or_else(|error| panic!("{}: {error}", key.path));
            }
        }
    }

    #[test]
    fn flags_letters_and_paths_are_there_once() {
        for (index, key) in KEYS.iter().enumerate() {
            for other in &KEYS[index + 1..] {
                assert!(key.long != other.long || key.long.is_empty(), "--{}", key.long);
                assert!(key.short != other.short || key.short.is_none(), "-{:?}", key.short);
                assert!(key.path != other.path || key.path.is_empty(), "{}", key.path);
            }
        }
    }

    #[test]
    fn what_was_meant_is_guessed_or_not() {
        let words = || KEYS.iter().map(|key| key.long).filter(|long| !long.is_empty());
        assert_eq!(nearest("tial", words()), Some("tail"));
        assert_eq!(nearest("rotate-evry", words()), Some("rotate-every"));
        assert_eq!(nearest("xyz", words()), None);
    }
}
