//! Where lines go: the sinks of the configuration file; without any, the one that `output` and its flags say.

use std::time::Duration;

use super::keys::Name;
use super::values::Values;
use super::{Surroundings, http, kind};
use crate::core::metadata::Fields;
use crate::core::pattern::Pattern;
use crate::core::selection::Selection;
use crate::core::sinks::SinkRules;
use crate::encode::{Encoder, Look};
use crate::files::Policy;
use crate::files::template::Template;
use crate::limits;
use crate::push::target::{Format, Target};

/// Where lines go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// stdout, whatever that is.
    Stdout,
    /// Files, by a template of their path, and what becomes of them.
    File(Template, Policy),
    /// systemd's journal.
    Journal,
    /// A receiver, by HTTP.
    Http(Box<Target>),
}

impl Destination {
    /// True if it opens descriptors while docklog runs.
    pub fn opens_more(&self) -> bool {
        match self {
            Self::File(template, _) => template.single().is_none(),
            Self::Http(_) => true,
            Self::Stdout | Self::Journal => false,
        }
    }

    /// True if it is the same place, as far as formats are concerned.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stdout, Self::Stdout) | (Self::Journal, Self::Journal) => true,
            (Self::File(one, _), Self::File(two, _)) => one == two,
            // The encoders of others hold how far the open batch has come.
            (Self::Http(one), Self::Http(two)) => [one.format(), two.format()] == [Format::Ndjson; 2],
            _ => false,
        }
    }

    /// True if it puts the lines of each container elsewhere.
    fn sorts(&self) -> bool {
        matches!(self, Self::File(template, _) if template.single().is_none())
    }

    /// What messages call it, if it is the only one.
    pub fn called(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File(..) => "the output file",
            Self::Journal => "the journal",
            Self::Http(_) => "the receiver",
        }
    }
}

/// One sink.
#[derive(Debug)]
pub struct Sink {
    /// What messages, metrics and the checkpoint call it.
    pub name: String,
    /// Where its lines go.
    pub destination: Destination,
    /// What they look like.
    pub encoder: Encoder,
    /// What decisions depend on.
    pub rules: SinkRules,
}

impl Sink {
    /// What it must know of a container to put its lines where they belong.
    pub(super) fn needs(&self) -> Option<Fields> {
        match &self.destination {
            Destination::File(template, _) => Some(template.needs()),
            Destination::Stdout | Destination::Journal | Destination::Http(_) => None,
        }
    }

    /// True if it is for people.
    pub fn is_pretty(&self) -> bool {
        matches!(self.destination, Destination::Stdout) && matches!(self.encoder, Encoder::Pretty(_))
    }
}

/// The sinks of these settings.
///
/// # Errors
/// What is wrong, for people.
pub(super) fn all(values: &Values, around: &Surroundings) -> Result<Vec<Sink>, String> {
    let mut sinks: Vec<Sink> = Vec::new();
    for (sink, called) in values.sinks() {
        if let Some(name) = OUTPUT.into_iter().find(|name| !values.is_default(*name)) {
            let output = values.called(name);
            return Err(format!("{output}: with [[sink]] tables, each of them says where its lines go"));
        }
        let sink = one(sink, values, around).map_err(|error| format!("{called}: {error}"))?;
        if sinks.iter().any(|other| other.name == sink.name) {
            return Err(format!("{called}: there is another sink {}: give each a name", sink.name));
        }
        if matches!(sink.destination, Destination::Stdout)
            && sinks.iter().any(|other| matches!(other.destination, Destination::Stdout))
        {
            return Err(format!("{called}: stdout is taken by another sink"));
        }
        if let Some(other) = sinks.iter().find(|other| shares_files(other, &sink)) {
            let name = &other.name;
            return Err(format!("{called}: lines of {} and of {name} may go to one file", sink.name));
        }
        sinks.push(sink);
    }
    match sinks.is_empty() {
        true => Ok(vec![output(values, around)?]),
        false => Ok(sinks),
    }
}

/// Two writers of one file would cut it each as if the other's lines were nobody's.
fn shares_files(one: &Sink, two: &Sink) -> bool {
    match (&one.destination, &two.destination) {
        (Destination::File(one, _), Destination::File(two, _)) => one.may_meet(two),
        _ => false,
    }
}

/// What says where lines go if there is no `[[sink]]`.
const OUTPUT: [Name; 3] = [Name::Output, Name::OutputFile, Name::Journal];

/// The sink of a run without `[[sink]]`.
fn output(values: &Values, around: &Surroundings) -> Result<Sink, String> {
    let format = values.word(Name::Output).unwrap_or_default();
    let destination = destination(values, format)?;
    let terminal = around.terminal && matches!(destination, Destination::Stdout);
    let look = Look {
        timestamps: values.is_on(Name::Timestamps),
        colour: terminal && !around.no_color && !values.is_on(Name::NoColor),
        visible_control: terminal && !values.is_on(Name::RawControl),
        ..fields(values)
    };
    let pretty = format == "pretty" || format == "auto" && terminal;
    let (name, encoder) = match destination {
        Destination::Journal => ("journal", Encoder::journal()),
        Destination::File(..) => ("file", Encoder::json(look)),
        _ if format == "raw" => ("stdout", Encoder::raw(look)),
        _ if pretty => ("stdout", Encoder::pretty(look)),
        _ => ("stdout", Encoder::json(look)),
    };
    let rules = SinkRules { sorts: destination.sorts(), ..SinkRules::of_all(name) };
    Ok(Sink { name: name.to_owned(), destination, encoder, rules })
}

/// Where lines go, which not every format can.
fn destination(values: &Values, format: &str) -> Result<Destination, String> {
    let format_is = values.called_here(Name::Output);
    match (values.path(Name::OutputFile), values.is_on(Name::Journal)) {
        (None, false) => Ok(Destination::Stdout),
        (Some(path), false) if matches!(format, "auto" | "json") => {
            let path = std::path::absolute(&path).unwrap_or(path);
            let file = Template::parse(&path.to_string_lossy());
            let file = file.map_err(|error| format!("{}: {error}", values.called(Name::OutputFile)))?;
            Ok(Destination::File(file, Policy::default()))
        }
        (Some(_), false) => {
            let file = values.called(Name::OutputFile);
            Err(format!("{file} takes JSON lines: {format_is} must be json, or left out"))
        }
        (None, true) if format == "auto" => Ok(Destination::Journal),
        (None, true) => {
            let journal = values.called(Name::Journal);
            Err(format!("{journal}: the journal has a format of its own, {format_is} must be left out"))
        }
        (Some(_), true) => {
            let (journal, file) = (values.called(Name::Journal), values.called_here(Name::OutputFile));
            Err(format!("{journal} and {file}: lines go to one of them"))
        }
    }
}

/// What JSON lines are to tell of a container: what was chosen.
fn fields(values: &Values) -> Look {
    let chosen = values.words(Name::Fields);
    let hides = |field| !chosen.contains(&field);
    Look {
        hides_image: hides("image"),
        hides_project: hides("project"),
        hides_service: hides("service"),
        ..Look::default()
    }
}

/// One `[[sink]]`; `all`: what was set beside it.
fn one(values: &Values, all: &Values, around: &Surroundings) -> Result<Sink, String> {
    let Some(kind) = values.word(Name::SinkType) else {
        return Err("sink.type is missing: stdout, file, journal or http".to_owned());
    };
    let name = values.word(Name::SinkName).unwrap_or(kind).to_owned();
    only_for(values, kind, "file", &FILE)?;
    only_for(values, kind, "http", &HTTP)?;
    let format = values.word(Name::SinkFormat).unwrap_or("auto");
    let terminal = around.terminal && kind == "stdout";
    let look = Look {
        timestamps: values.is_on(Name::SinkTimestamps),
        colour: terminal && !around.no_color,
        visible_control: terminal,
        ..fields(all)
    };
    let wrong =
        || Err(format!("{}: {format} isn't a format of {kind}", values.called_here(Name::SinkFormat)));
    let encoder = match (kind, format) {
        ("journal", "auto") => Encoder::journal(),
        ("stdout" | "file", "auto" | "json") => Encoder::json(look),
        ("stdout" | "file", "pretty") => Encoder::pretty(look),
        ("stdout" | "file", "raw") => Encoder::raw(look),
        ("http", "auto" | "ndjson") => Encoder::json(look),
        ("http", "loki") => Encoder::loki(),
        ("http", "otlp") => Encoder::otlp(),
        _ => return wrong(),
    };
    let destination = match kind {
        "stdout" => Destination::Stdout,
        "journal" => Destination::Journal,
        "http" => Destination::Http(Box::new(http::target(values, format, &encoder)?)),
        _ => file(values)?,
    };
    let mut rules = rules(values, &name, kind == "http")?;
    rules.sorts = destination.sorts();
    Ok(Sink { name, destination, encoder, rules })
}

/// Files.
fn file(values: &Values) -> Result<Destination, String> {
    let path = values.word(Name::SinkPath).ok_or("sink.path is missing: where the file is to be")?;
    let template = Template::parse(path).map_err(|error| format!("sink.path: {error}"))?;
    let size = |name| values.word(name).map(kind::size).transpose();
    let age = |name| values.word(name).map(kind::span).transpose();
    let policy = Policy {
        rotate_size: size(Name::SinkRotateSize)?,
        rotate_age: age(Name::SinkRotateAge)?,
        compress: values.is_on(Name::SinkCompress),
        keep_files: values.word(Name::SinkKeepFiles).map(kind::number).transpose()?,
        keep_size: size(Name::SinkKeepSize)?,
        keep_age: age(Name::SinkKeepAge)?,
    };
    Ok(Destination::File(template, policy))
}

/// What only files have, and only HTTP.
const FILE: [Name; 6] = [
    Name::SinkPath,
    Name::SinkRotateSize,
    Name::SinkRotateAge,
    Name::SinkKeepFiles,
    Name::SinkKeepSize,
    Name::SinkKeepAge,
];
/// See [`FILE`].
const HTTP: [Name; 10] = [
    Name::SinkUrl,
    Name::SinkUser,
    Name::SinkPasswordFile,
    Name::SinkTokenFile,
    Name::SinkHeaders,
    Name::SinkTenant,
    Name::SinkCaFile,
    Name::SinkTimeout,
    Name::SinkBatchSize,
    Name::SinkBatchAge,
];

fn only_for(values: &Values, kind: &str, of: &str, names: &[Name]) -> Result<(), String> {
    match names.iter().find(|name| kind != of && values.is_given(**name)) {
        Some(name) => Err(format!("{} is for sinks of type {of}, this is {kind}", values.called_here(*name))),
        None => Ok(()),
    }
}

fn rules(values: &Values, name: &str, batches: bool) -> Result<SinkRules, String> {
    let read = |name: Name, parse: fn(&str) -> Result<Pattern, String>| {
        let all = values.words(name).into_iter().map(parse).collect::<Result<Vec<_>, _>>();
        all.map_err(|error| format!("{}: {error}", values.called_here(name)))
    };
    let mut selection = Selection::default();
    selection.include.names = read(Name::SinkContainers, Pattern::name)?;
    selection.include.projects = read(Name::SinkProjects, Pattern::parse)?;
    selection.include.services = read(Name::SinkServices, Pattern::parse)?;
    selection.include.images = read(Name::SinkImages, Pattern::parse)?;
    selection.exclude.names = read(Name::SinkExclude, Pattern::name)?;
    // That a container asks by a label not to be followed was decided before.
    selection.label_prefix.clear();
    let channels = values.words(Name::SinkChannels);
    Ok(SinkRules {
        name: name.into(),
        selection,
        stdout: channels.contains(&"stdout"),
        stderr: channels.contains(&"stderr"),
        drops: values.word(Name::SinkOnFull) == Some("drop"),
        batches: batches.then(|| batch(values)).transpose()?,
        sorts: false,
    })
}

/// How large and how old a batch may get.
fn batch(values: &Values) -> Result<(usize, Duration), String> {
    let size = kind::size(values.word(Name::SinkBatchSize).unwrap_or_default())?;
    let age = kind::span(values.word(Name::SinkBatchAge).unwrap_or_default())?;
    match usize::try_from(size) {
        Ok(size) if size <= limits::BATCH_MOST => Ok((size, age)),
        _ => Err(format!("sink.batch_size: {} bytes at the most", limits::BATCH_MOST)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Settings, file};
    use super::*;
    use crate::cli::args;

    fn sinks(text: &str, typed: &[&str], around: &Surroundings) -> Result<Vec<Sink>, String> {
        let file = file::parse(Path::new("d.toml"), text)?;
        Ok(Settings::new(&args::parse(typed)?, &file, around)?.sinks)
    }

    #[test]
    fn a_table_makes_a_sink() {
        let text = "[[sink]]\ntype = \"stdout\"\non_full = \"drop\"\n\
                    [[sink]]\ntype = \"file\"\nname = \"all\"\npath = \"/var/log/{container}.log\"\nformat = \"raw\"\n\
                    [[sink]]\ntype = \"http\"\nurl = \"http://h/x\"\nformat = \"otlp\"\nbatch_size = \"1KiB\"\nchannels = [\"stderr\"]\n";
        let sinks = sinks(text, &[], &Surroundings::default()).expect("three sinks");
        let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
        assert_eq!(names, ["stdout", "all", "http"]);
        let rules: Vec<_> =
            sinks.iter().map(|sink| (sink.rules.drops, sink.rules.sorts, sink.rules.batches)).collect();
        let batches = Some((1024, Duration::from_secs(1)));
        assert_eq!(rules, [(true, false, None), (false, true, None), (false, false, batches)]);
        assert!(matches!(sinks[1].encoder, Encoder::Raw(_)) && matches!(sinks[2].encoder, Encoder::Otlp(_)));
        assert!(!sinks[2].rules.stdout && sinks[2].rules.stderr && sinks[0].rules.stdout);
    }

    #[test]
    fn without_tables_output_says_where_lines_go() {
        for (typed, name) in
            [(&[][..], "stdout"), (&["--output-file", "/f"], "file"), (&["--journal"], "journal")]
        {
            let sinks = sinks("", typed, &Surroundings::default()).expect("one sink");
            assert_eq!((sinks.len(), sinks[0].name.as_str()), (1, name));
        }
    }

    #[test]
    fn mistakes_name_the_table_the_key_and_what_is_wrong() {
        for (text, typed, told) in [
            ("[[sink]]", &[][..], "d.toml:1: [[sink]]: sink.type is missing: stdout, file, journal or http"),
            ("[sink]\ntype = \"file\"", &[], "expected a table for each sink, [[sink]], not a table"),
            (
                "[[sink]]\ntipe = \"file\"",
                &[],
                "d.toml:2: sink.tipe: there is no such key; did you mean sink.type?",
            ),
            ("[[sink]]\ntype = \"file\"", &[], "sink.path is missing"),
            (
                "[[sink]]\ntype = \"file\"\npath = \"a.log\"",
                &[],
                "sink.path: expected a path from the root on",
            ),
            ("[[sink]]\ntype = \"http\"", &[], "sink.url is missing"),
            (
                "[[sink]]\ntype = \"http\"\nurl = \"ftp://h\"",
                &[],
                "sink.url: a URL begins with http:// or https://",
            ),
            ("[[sink]]\ntype = \"http\"\nurl = \"http://h\"\nuser = \"u\"", &[], "belong together"),
            (
                "[[sink]]\ntype = \"http\"\nurl = \"http://h\"\ntenant = \"t\"",
                &[],
                "sink.tenant is for the format loki",
            ),
            (
                "[[sink]]\ntype = \"http\"\nurl = \"http://h\"\nbatch_size = \"9MiB\"",
                &[],
                "bytes at the most",
            ),
            (
                "[[sink]]\ntype = \"http\"\nurl = \"http://h\"\ntoken_file = \"/nowhere\"",
                &[],
                "sink.token_file: /nowhere: No such file",
            ),
            (
                "[[sink]]\ntype = \"stdout\"\nurl = \"http://h\"",
                &[],
                "sink.url is for sinks of type http, this is stdout",
            ),
            ("[[sink]]\ntype = \"stdout\"\nformat = \"loki\"", &[], "loki isn't a format of stdout"),
            (
                "[[sink]]\ntype = \"stdout\"\n[[sink]]\ntype = \"stdout\"",
                &[],
                "d.toml:3: [[sink]]: there is another sink stdout: give each a name",
            ),
            (
                "[[sink]]\ntype = \"stdout\"\n[[sink]]\ntype = \"stdout\"\nname = \"b\"",
                &[],
                "stdout is taken by another sink",
            ),
            (
                "[[sink]]\ntype = \"stdout\"",
                &["--output-file", "f"],
                "--output-file: with [[sink]] tables, each of them says",
            ),
            ("[limits]\nmemory = \"1KiB\"", &[], "limits.memory: expected 512 KiB or more"),
        ] {
            let error = sinks(text, typed, &Surroundings::default()).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
        let many = "[[sink]]\ntype = \"journal\"\n".repeat(limits::SINKS + 1);
        let error = sinks(&many, &[], &Surroundings::default()).expect_err("too many");
        assert!(error.contains("there are more than 16"), "{error}");
    }
}
