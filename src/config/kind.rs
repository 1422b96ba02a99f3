//! What values can be, and what is wrong with one that can't: the same for the command line and the configuration file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use docklog_protocol::{Tail, Timestamp};

use super::moment;
use crate::core::pattern::{LabelRule, Pattern};
use crate::limits;
use crate::web::listen::Listen;

/// Longest path of a Unix socket (`sun_path`, with its final NUL).
pub(crate) const LONGEST_PATH: usize = 107;

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On or off. A flag of this kind takes no value.
    Switch,
    /// 1 or more.
    Number,
    /// Any text but none.
    Text,
    /// A path.
    Path,
    /// An engine's address.
    Host,
    /// Where our own HTTP is to be had.
    Listen,
    /// How long a session lasts: a span, or 0 for ever.
    Lease,
    /// How long a line may wait: a short span, or 0.
    Latency,
    /// A span of time, and not none.
    Span,
    /// Bytes, and not none.
    Size,
    /// A point in time.
    Moment,
    /// How many lines, or all.
    Tail,
    /// Globs or `/regexes/`; several.
    Patterns,
    /// `K` or `K=V`; several.
    Labels,
    /// Any words; several.
    Words,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Any of these; several.
    AnyOf(&'static [&'static str]),
}

impl Kind {
    /// True if there may be several values.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Patterns | Self::Labels | Self::Words | Self::AnyOf(_))
    }

    /// Whether this is such a value. Times are checked against any present moment.
    ///
    /// # Errors
    /// What was expected instead, and what is wrong, for people.
    pub fn check(self, word: &str) -> Result<(), String> {
        match self {
            Self::Switch => switch(word).map(drop),
            Self::Number => number(word).map(drop),
            Self::Text | Self::Path | Self::Words if word.is_empty() => {
                Err("expected something, not nothing".to_owned())
            }
            Self::Text | Self::Path | Self::Words => Ok(()),
            Self::Host => socket(word).map(drop),
            Self::Listen => word.parse::<Listen>().map(drop),
            Self::Lease => lease(word).map(drop),
            Self::Latency => latency(word).map(drop),
            Self::Span => span(word).map(drop),
            Self::Size => size(word).map(drop),
            Self::Moment => moment::parse(word, Timestamp::default()).map(drop),
            Self::Tail => tail(word).map(drop),
            Self::Patterns => Pattern::parse(word).map(drop),
            Self::Labels => LabelRule::parse(word).map(drop),
            Self::OneOf(words) | Self::AnyOf(words) if words.contains(&word) => Ok(()),
            Self::OneOf(words) | Self::AnyOf(words) => {
                Err(format!("expected {}, not '{word}'", alternatives(words)))
            }
        }
    }
}

/// `a, b or c`
fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// On or off.
///
/// # Errors
/// What was expected.
pub fn switch(word: &str) -> Result<bool, String> {
    match word {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("expected true or false, not '{word}'")),
    }
}

/// 1 or more.
///
/// # Errors
/// What was expected.
pub fn number(word: &str) -> Result<usize, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("expected a number, 1 or more, not '{word}'"))
}

/// How many lines of the past.
///
/// # Errors
/// What was expected.
pub fn tail(word: &str) -> Result<Tail, String> {
    match word {
        "all" => Ok(Tail::All),
        _ => word
            .parse()
            .map(Tail::Last)
            .map_err(|_| format!("expected a number of lines or 'all', not '{word}'")),
    }
}

/// How long a session lasts; `None`: as long as it does.
///
/// # Errors
/// What was expected.
pub fn lease(word: &str) -> Result<Option<Duration>, String> {
    let zero = Some(Duration::ZERO).filter(|_| word == "0");
    let span = zero.or_else(|| moment::span(word));
    match span.ok_or_else(|| format!("expected a span such as 5m or 30s, or 0, not '{word}'"))? {
        Duration::ZERO => Ok(None),
        span if span < limits::SHORTEST_LEASE => {
            Err(format!("expected {:?} or more, or 0 for never, not '{word}'", limits::SHORTEST_LEASE))
        }
        span => Ok(Some(span)),
    }
}

/// How long a line may wait.
///
/// # Errors
/// What was expected.
pub fn latency(word: &str) -> Result<Duration, String> {
    let zero = Some(Duration::ZERO).filter(|_| word == "0");
    let span = zero.or_else(|| moment::span(word)).filter(|span| *span <= limits::LATENCY_MOST);
    span.ok_or_else(|| {
        format!("expected a span up to {:?}, such as 20ms, or 0, not '{word}'", limits::LATENCY_MOST)
    })
}

/// A span of time.
///
/// # Errors
/// What was expected.
pub fn span(word: &str) -> Result<Duration, String> {
    let span = moment::span(word).filter(|span| !span.is_zero());
    span.ok_or_else(|| format!("expected a span such as 10s, 5m or 7d, not '{word}'"))
}

/// A number of bytes: `65536`, `64KiB`, `64kB`, `10MiB`, `1GiB`.
///
/// # Errors
/// What was expected.
pub fn size(word: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
        ("", 1),
    ];
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| *name == unit.trim_start());
    let bytes = factor.and_then(|(_, factor)| number.parse::<u64>().ok()?.checked_mul(*factor));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("expected a number of bytes such as 65536, 64KiB or 10MB, not '{word}'"))
}

/// The engine's socket.
///
/// # Errors
/// What was expected.
pub fn socket(host: &str) -> Result<PathBuf, String> {
    let path = match host.split_once("://") {
        Some(("unix", path)) => path,
        Some((scheme, _)) => {
            return Err(format!(
                "{host}: only unix:// is supported so far, not {scheme}://; run docklog on the engine's machine"
            ));
        }
        None if host.starts_with('/') => host,
        None => return Err(format!("{host}: expected unix:///path/to/docker.sock")),
    };
    if path.is_empty() {
        return Err(format!("{host}: the path is missing; expected unix:///path/to/docker.sock"));
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("{host}: a socket's path has {LONGEST_PATH} bytes at the most"));
    }
    Ok(Path::new(path).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_what_it_should_and_says_what_it_expects() {
        for (kind, good, bad, part) in [
            (Kind::Switch, "true", "yes", "true or false"),
            (Kind::Number, "7", "0", "1 or more"),
            (Kind::Text, "docklog", "", "not nothing"),
            (Kind::Host, "unix:///run/d.sock", "tcp://h:1", "only unix://"),
            (Kind::Host, "/run/d.sock", "unix://", "the path is missing"),
            (Kind::Host, "/run/d.sock", "docker.sock", "expected unix:///path"),
            (Kind::Lease, "0", "5", "a span such as 5m"),
            (Kind::Lease, "30s", "1ms", "100ms or more"),
            (Kind::Latency, "0", "20", "a span up to 1s"),
            (Kind::Latency, "20ms", "2s", "a span up to 1s"),
            (Kind::Span, "7d", "0s", "a span such as 10s"),
            (Kind::Size, "64KiB", "64Kib", "65536, 64KiB or 10MB, not '64Kib'"),
            (Kind::Size, "1", "0", "a number of bytes"),
            (Kind::Size, "10 MB", "99999999999GiB", "a number of bytes"),
            (Kind::Moment, "10m", "soon", "'soon' is no time"),
            (Kind::Tail, "all", "-1", "a number of lines"),
            (Kind::Patterns, "/^web/", "/we(b/", "/we(b/"),
            (Kind::Labels, "tier=1", "=1", "KEY or KEY=VALUE"),
            (Kind::OneOf(&["auto", "on", "off"]), "on", "no", "auto, on or off, not 'no'"),
        ] {
            assert_eq!(kind.check(good), Ok(()), "{kind:?} {good}");
            let error = kind.check(bad).expect_err(bad);
            assert!(error.contains(part), "{kind:?}: {error}");
        }
        assert!(Kind::Host.check(&format!("unix:///{}", "x".repeat(120))).is_err());
    }
}
