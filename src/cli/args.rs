//! The command line: what was typed becomes [`Values`].

use std::ffi::OsString;

use lexopt::{Arg, Parser, ValueExt};

use crate::config::keys::{self, KEYS, Key, Name};
use crate::config::kind::Kind;
use crate::config::values::{Origin, Values};

/// Reads a command line, without the program's name.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Values, String> {
    let mut parser = Parser::from_args(typed);
    let mut values = Values::default();
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        let key = match arg {
            Arg::Value(pattern) => {
                let pattern = pattern.string().map_err(|error| error.to_string())?;
                keys::of(Name::Patterns).kind.check(&pattern)?;
                values.add(Name::Patterns, pattern, Origin::Flag);
                continue;
            }
            Arg::Short(letter) => {
                KEYS.iter().find(|key| key.short == Some(letter)).ok_or_else(|| no_short(letter))?
            }
            Arg::Long("no-colour") => keys::of(Name::NoColor),
            Arg::Long(name) => keys::by_flag(name).ok_or_else(|| unknown(name))?,
        };
        take(key, &mut parser, &mut values)?;
    }
    Ok(values)
}

fn take(key: &'static Key, parser: &mut Parser, values: &mut Values) -> Result<(), String> {
    let word = match key.kind {
        Kind::Switch => "true".to_owned(),
        _ => {
            let value = parser.value().and_then(|value| value.string());
            value.map_err(|error| format!("--{}: {error}", key.long))?
        }
    };
    key.kind.check(&word).map_err(|error| format!("--{}: {error}", key.long))?;
    values.add(key.name, word, Origin::Flag);
    Ok(())
}

/// Whoever comes from `docker logs` asks for it.
const FOLLOWS: &str = "docklog follows unless it is told not to (--no-follow)";

fn no_short(letter: char) -> String {
    match letter {
        'f' => format!("there is no option -{letter}: {FOLLOWS}"),
        _ => format!("there is no option -{letter}"),
    }
}

fn unknown(name: &str) -> String {
    if name == "follow" {
        return format!("there is no option --{name}: {FOLLOWS}");
    }
    let known = KEYS.iter().map(|key| key.long).filter(|long| !long.is_empty());
    match keys::nearest(name, known) {
        Some(meant) => format!("there is no option --{name}; did you mean --{meant}?"),
        None => format!("there is no option --{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_the_table_is_understood() {
        for key in KEYS.iter().filter(|key| !key.long.is_empty()) {
            let value = match key.kind {
                Kind::OneOf(words) => words[0],
                Kind::Host => "/run/d.sock",
                Kind::Listen => "unix:/run/a.sock",
                Kind::Latency => "20ms",
                Kind::Lease | Kind::Moment => "5s",
                _ => "5",
            };
            let name = [Some(format!("--{}", key.long)), key.short.map(|letter| format!("-{letter}"))];
            for name in name.into_iter().flatten() {
                let mut typed = vec![name.clone()];
                typed.extend((key.kind != Kind::Switch).then(|| value.to_owned()));
                let values = parse(&typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
                assert!(values.is_given(key.name), "{name}");
                assert_eq!(key.value.is_empty(), key.kind == Kind::Switch, "{name}");
            }
        }
    }

    #[test]
    fn what_was_typed_is_kept() {
        let values = parse(["web", "-n5", "-atojson", "/api/", "--label=a=b", "--no-color", "--label", "c"])
            .expect("fine");
        assert_eq!(values.words(Name::Patterns), ["web", "/api/"]);
        assert_eq!(values.word(Name::Tail), Some("5"));
        assert_eq!(values.words(Name::Labels), ["a=b", "c"]);
        assert!([Name::All, Name::Timestamps, Name::NoColor].iter().all(|name| values.is_on(*name)));
        assert_eq!(values.word(Name::Output), Some("json"));
    }

    #[test]
    fn mistakes_are_named() {
        for (typed, part) in [
            ("--tial", "there is no option --tial; did you mean --tail?"),
            ("--xyzzy", "there is no option --xyzzy"),
            ("--tail", "--tail"),
            ("-z", "there is no option -z"),
            ("--output=xml", "--output: expected auto, pretty, json or raw, not 'xml'"),
            ("--no-follow=5", "no-follow"),
        ] {
            let error = parse([typed]).expect_err(typed);
            assert!(error.contains(part), "{typed}: {error}");
        }
    }
}
