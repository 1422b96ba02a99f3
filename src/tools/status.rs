//! `docklog status` and `docklog top`: how a running docklog fares, once, or again and again.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser, ValueExt};
use serde_json::Value;

use super::state::State;
use super::table::{complain, number, print, table, write};
use crate::cli::args;
use crate::config::{Settings, Surroundings, moment};
use crate::limits;
use crate::web::listen::Listen;

/// Where the packaged service listens, if its HTTP is on.
const USUAL_SOCKET: &str = "/run/docklog/admin.sock";

const STATUS_HELP: &str = "\
Usage: docklog status [--http ADDRESS] [--config FILE]
Prints how a running docklog fares: the engine, memory, and a line for each stream, the busiest first.
It is asked over its HTTP.

      --http ADDRESS         where that is: 127.0.0.1:9177, unix:/PATH (as http.listen says, or /run/docklog/admin.sock)
  -c, --config FILE          the configuration that says so (/etc/docklog/docklog.toml)
  -h, --help                 print this

Ends with 0 if docklog is ready; 1: it isn't, or doesn't answer; 2: wrong usage.
";

const TOP_HELP: &str = "\
Usage: docklog top [--http ADDRESS] [--config FILE] [--every SPAN] [--rows N]
As docklog status, again and again, with the rates in between. Ends by Ctrl-C.

      --every SPAN           so often (2s)
      --rows N               the busiest N streams (20)
      --http ADDRESS         where docklog's HTTP is, as for docklog status
  -c, --config FILE          the configuration that says so
  -h, --help                 print this
";

/// What was typed.
#[derive(Debug, Default)]
struct Options {
    http: Option<String>,
    config: Option<String>,
    every: Option<Duration>,
    rows: Option<usize>,
    help: bool,
}

fn parse(typed: Vec<OsString>) -> Result<Options, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = Parser::from_args(typed);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("http") => options.http = Some(parser.value()?.string()?),
            Arg::Long("config") | Arg::Short('c') => options.config = Some(parser.value()?.string()?),
            Arg::Long("every") => {
                let span = parser.value()?.string()?;
                let every = moment::span(&span).filter(|span| *span >= limits::SHORTEST_LEASE);
                options.every =
                    Some(every.ok_or(format!("--every: expected a span such as 2s, not '{span}'"))?);
            }
            Arg::Long("rows") => options.rows = Some(parser.value()?.parse()?),
            Arg::Long("help") | Arg::Short('h') => options.help = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

/// Runs `docklog status`. Returns the exit code.
pub fn status(typed: Vec<OsString>) -> i32 {
    let options = match parse(typed) {
        Ok(options) if options.help => return print(STATUS_HELP, 0),
        Ok(options) => options,
        Err(error) => return complain("status", &error.to_string(), 2),
    };
    match address(&options).and_then(|address| State::ask(&address)) {
        Ok(state) => print(&text(&state, &rates(&state, None), usize::MAX), i32::from(!is_ready(&state))),
        Err(error) => complain("status", &error, 1),
    }
}

/// Runs `docklog top`. Returns the exit code.
pub fn top(typed: Vec<OsString>) -> i32 {
    let options = match parse(typed) {
        Ok(options) if options.help => return print(TOP_HELP, 0),
        Ok(options) => options,
        Err(error) => return complain("top", &error.to_string(), 2),
    };
    let address = match address(&options) {
        Ok(address) => address,
        Err(error) => return complain("top", &error, 1),
    };
    let (every, rows) = (options.every.unwrap_or(Duration::from_secs(2)), options.rows.unwrap_or(20));
    let terminal = io::stdout().is_terminal();
    let mut before: Option<(Instant, State)> = None;
    loop {
        let (shown, state) = match State::ask(&address) {
            Ok(state) => {
                let earlier = before.as_ref().map(|(then, state)| (then.elapsed(), state));
                (text(&state, &rates(&state, earlier), rows) + "\n", Some((Instant::now(), state)))
            }
            Err(error) if before.is_none() => return complain("top", &error, 1),
            Err(error) => (format!("{error}\n"), before), // it may come back
        };
        before = state;
        // Home, then clear what is below: without a flicker, and without a mode to be reset.
        let home: &[u8] = if terminal { b"\x1b[H\x1b[J" } else { b"" };
        if let Err(error) = write(home, &shown) {
            return i32::from(error.kind() != io::ErrorKind::BrokenPipe);
        }
        thread::sleep(every);
    }
}

/// Where docklog's HTTP is to be had.
fn address(options: &Options) -> Result<Listen, String> {
    if let Some(http) = &options.http {
        return http.parse().map_err(|error| format!("--http: {error}"));
    }
    let config = options.config.iter().flat_map(|path| ["--config", path]);
    let settings = Settings::load(&args::parse(config)?, &Surroundings::here())?;
    let usual = Path::new(USUAL_SOCKET);
    settings.http.or_else(|| usual.exists().then(|| Listen::Unix(usual.to_owned()))).ok_or_else(|| {
        "docklog's HTTP is off: set http.listen in its configuration, or start it with --http, and name the address here"
            .to_owned()
    })
}

fn is_ready(state: &State) -> bool {
    state.0["docklog"]["ready"] == true
}

/// Lines per second of each stream: between two states, or as docklog itself reckons.
fn rates(state: &State, before: Option<(Duration, &State)>) -> HashMap<String, f64> {
    let id = |stream: &Value| stream["id"].as_str().unwrap_or_default().to_owned();
    let lines = |stream: &Value| stream["lines"].as_u64().unwrap_or_default();
    let earlier: HashMap<String, u64> = before
        .iter()
        .flat_map(|(_, state)| state.streams())
        .map(|stream| (id(stream), lines(stream)))
        .collect();
    let rate = |stream: &Value| match (before, earlier.get(&id(stream))) {
        (Some((span, _)), Some(then)) => lines(stream).saturating_sub(*then) as f64 / span.as_secs_f64(),
        _ => stream["rate"].as_f64().unwrap_or_default(),
    };
    state.streams().iter().map(|stream| (id(stream), rate(stream))).collect()
}

/// All of it, for people; of the streams the busiest.
fn text(state: &State, rates: &HashMap<String, f64>, most: usize) -> String {
    let mut text = head(state, rates.values().sum());
    let rate =
        |stream: &Value| rates.get(stream["id"].as_str().unwrap_or_default()).copied().unwrap_or_default();
    let name = |stream: &Value| stream["name"].as_str().unwrap_or_default().to_owned();
    let mut streams: Vec<&Value> = state.streams().iter().collect();
    streams.sort_by(|one, other| rate(other).total_cmp(&rate(one)).then_with(|| name(one).cmp(&name(other))));
    let rows: Vec<[String; 9]> = streams
        .iter()
        .take(most)
        .map(|stream| {
            let count = |key: &str| number(stream[key].as_u64().unwrap_or_default());
            [
                name(stream),
                stream["state"].as_str().unwrap_or_default().to_owned(),
                format!("{:.1}", rate(stream)),
                lag(stream["lag"].as_f64().unwrap_or_default()),
                count("lines"),
                count("rotations"),
                count("replayed"),
                count("gaps"),
                count("errors"),
            ]
        })
        .collect();
    let columns =
        ["NAME", "STATE", " LINES/S", " LAG", " LINES", " ROTATIONS", " REPLAYED", " GAPS", " ERRORS"];
    text.push_str(&table(columns, &rows));
    if streams.len() > most {
        let _ = writeln!(text, "and {} more", streams.len() - most);
    }
    text
}

fn head(state: &State, rate: f64) -> String {
    let ready = if is_ready(state) { "ready" } else { "NOT READY" };
    let mut text = format!("docklog {}: {ready}\n", state.word("docklog", "version"));
    for words in ["reasons", "notes"] {
        for line in state.0["docklog"][words].as_array().into_iter().flatten() {
            let _ = writeln!(text, "  {}", line.as_str().unwrap_or_default());
        }
    }
    let _ = writeln!(
        text,
        "engine   {} at {}: {} since {}, events {}",
        state.word("engine", "version"),
        state.word("engine", "host"),
        state.word("engine", "state"),
        state.word("engine", "since"),
        state.word("engine", "events"),
    );
    let count = |name: &str| number(state.number("counts", name));
    let _ = writeln!(
        text,
        "streams  {} open of {}, {rate:.1} lines/s; {} lines, {} rotations, {} gaps, {} errors",
        state.number("sessions", "open"),
        state.number("sessions", "streams"),
        count("lines"),
        count("rotations"),
        count("gaps"),
        count("errors"),
    );
    let _ = writeln!(
        text,
        "memory   {} KiB resident, {} of {} KiB for lines; {} thread, {} descriptors",
        number(state.number("docklog", "resident_bytes") / 1024),
        number(state.number("memory", "used") / 1024),
        number(state.number("memory", "limit") / 1024),
        state.number("docklog", "threads"),
        state.number("docklog", "open_fds"),
    );
    sinks(state, &mut text);
    text.push('\n');
    text
}

/// Seconds after which it is worth a word that a sink has a batch in hand.
const STALLED: u64 = 5;

fn sinks(state: &State, text: &mut String) {
    for sink in state.0["sinks"].as_array().into_iter().flatten() {
        let count = |name: &str| sink[name].as_u64().unwrap_or_default();
        let name: String = sink["name"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        let _ = write!(text, "sink     {name}: {} lines", number(count("lines")));
        for (what, number_of) in [("dropped", count("dropped")), ("refused", count("refused"))] {
            if number_of > 0 {
                let _ = write!(text, ", {} {what}", number(number_of));
            }
        }
        let _ = write!(text, "; {} KiB wait", number(count("waiting_bytes").div_ceil(1024)));
        text.push_str(&match count("stalled_seconds") {
            0..STALLED => "\n".to_owned(),
            seconds => format!(", nothing taken for {}\n", lag(seconds as f64)),
        });
    }
}

/// Seconds, as people say them.
fn lag(seconds: f64) -> String {
    match seconds {
        small if small < 1.0 => format!("{:.0}ms", small * 1000.0),
        some if some < 120.0 => format!("{some:.1}s"),
        long => format!("{:.0}m", long / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(lines: u64) -> State {
        let stream = |id: &str, name: &str, rate: f64, lines: u64| json!({"id": id, "name": name, "state": "live", "rate": rate, "lag": 0.0021, "lines": lines, "gaps": 1});
        State(json!({
            "docklog": {"version": "0.1.0", "ready": false, "reasons": ["web: not live for 40 s (waiting)"],
                "resident_bytes": 3_145_728, "threads": 1, "open_fds": 61},
            "engine": {"host": "/run/d.sock", "version": "28.5.2", "state": "up", "events": "flowing", "since": "T"},
            "sessions": {"open": 2, "streams": 2},
            "memory": {"used": 1024, "limit": 2_097_152},
            "counts": {"lines": 1_234_567},
            "sinks": [{"name": "lo\u{1b}ki", "lines": 1_234, "waiting_bytes": 2_000, "dropped": 7, "refused": 0, "stalled_seconds": 34}],
            "streams": [stream("a", "quiet", 0.0, 5), stream("b", "we\u{1b}b", 10.0, lines)],
        }))
    }

    #[test]
    fn the_busiest_stands_first_and_why_it_is_not_ready_on_top() {
        let state = state(1000);
        let text = text(&state, &rates(&state, None), usize::MAX);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "docklog 0.1.0: NOT READY");
        assert_eq!(lines[1], "  web: not live for 40 s (waiting)");
        assert!(lines[3].contains("2 open of 2, 10.0 lines/s; 1,234,567 lines"), "{text}");
        assert_eq!(lines[5], "sink     lo?ki: 1,234 lines, 7 dropped; 2 KiB wait, nothing taken for 34.0s");
        assert!(lines[8].contains("we") && lines[8].contains("live") && lines[8].contains("2ms"), "{text}");
        assert!(lines[9].starts_with("quiet"), "{text}");
    }

    #[test]
    fn rates_are_taken_between_two_states() {
        let (before, after) = (state(1000), state(1500));
        let rates = rates(&after, Some((Duration::from_secs(2), &before)));
        assert_eq!((rates["a"], rates["b"]), (0.0, 250.0));
        assert!(text(&after, &rates, 1).ends_with("and 1 more\n"));
    }

    #[test]
    fn options_are_understood_or_named() {
        let parse =
            |typed: &[&str]| parse(typed.iter().map(OsString::from).collect()).map_err(|e| e.to_string());
        let options = parse(&["--every", "500ms", "--rows=3", "--http", "unix:/x"]).expect("fine");
        assert_eq!((options.every, options.rows), (Some(Duration::from_millis(500)), Some(3)));
        assert!(parse(&["--every", "0s"]).expect_err("never").contains("a span such as 2s"));
        assert!(parse(&["--tail"]).is_err());
    }
}
