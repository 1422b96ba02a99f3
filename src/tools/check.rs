//! `docklog check`: what would be done, without doing it. The configuration in force, with the origin of each setting; the
//! engine, and which of the requests that docklog needs it grants; each container, and the rule that decided whether it is followed.

use std::ffi::OsString;
use std::fmt::Write;

use docklog_protocol::{ApiVersion, Inspected, Listed, Logs, Tail, Version, request};

use super::ask::{self, Failure};
use super::table::{complain, print, table};
use crate::cli::args;
use crate::config::keys::Name;
use crate::config::{DEFAULT_FILE, Settings, Surroundings};
use crate::core::selection::{Facts, Verdict};
use crate::limits;

/// The help.
const HELP: &str = "\
Usage: docklog check [OPTIONS] [PATTERN…]
Says what docklog would do with these options, and does nothing of it: the settings in force and where each comes from,
what the engine grants, and for each container whether it is followed, and by which rule. It takes all options of
docklog itself; these matter most:

  -c, --config FILE          the configuration to check (/etc/docklog/docklog.toml; none: no file)
  -H, --host URL             the engine's socket, unix:///PATH (also by DOCKER_HOST)
  -h, --help                 print this

Ends with 0; 1: the engine can't be reached, or grants too little; 2: the configuration or the usage is wrong.
";

/// Runs the command. Returns the exit code.
pub fn run(typed: Vec<OsString>) -> i32 {
    let settings = match args::parse(typed) {
        Ok(flags) if flags.is_on(Name::Help) => return print(HELP, 0),
        Ok(flags) => Settings::load(&flags, &Surroundings::here()),
        Err(error) => Err(error),
    };
    match settings {
        Ok(settings) => {
            let (text, code) = report(&settings);
            print(&text, code)
        }
        Err(error) => complain("check", &error, 2),
    }
}

/// The whole report, and the exit code.
fn report(settings: &Settings) -> (String, i32) {
    let mut text = match &settings.file {
        Some(path) => format!("# {}: valid. In force, with the flags of this command:\n", path.display()),
        None => {
            format!("# no configuration file ({DEFAULT_FILE} does not exist, or was left out). In force:\n")
        }
    };
    text.push_str(&settings.values.to_toml());
    let _ = writeln!(text, "\n# engine at {}", settings.socket.display());
    let good = engine(settings, &mut text);
    (text, i32::from(!good))
}

/// What the engine tells and grants. False if too little.
fn engine(settings: &Settings, text: &mut String) -> bool {
    let version = ask::document(&settings.socket, &request::version());
    let version = version.and_then(|body| Ok(Version::parse(&body)?));
    let mut api = None;
    match &version {
        Ok(version) => {
            api = version.api;
            let told = api.map_or_else(String::new, |api| format!(", API {api}"));
            let _ = writeln!(text, "{:<32} granted: engine {}{told}", "GET /version", version.version);
        }
        Err(Failure::Refused(refusal)) => {
            let _ = writeln!(text, "{:<32} refused: {refusal}", "GET /version");
        }
        Err(failure) => {
            let _ =
                writeln!(text, "no answer: {failure}. Is the engine running, and may you open its socket?");
            return false;
        }
    }
    let events = grant(text, "GET /events", ask::stream(&settings.socket, &request::events(api, None, &[])));
    match ask::list(&settings.socket, &request::list(api, true)) {
        Ok((containers, lost)) => {
            let _ = writeln!(text, "{:<32} granted: {} containers", "GET /containers/json", containers.len());
            if lost > 0 {
                let _ = writeln!(text, "  {lost} of them can't be understood, or are too many");
            }
            let good = self::containers(settings, api, &containers, text);
            if !events {
                text.push_str("Without events, containers are found by listing every 2 s: short-lived ones may be missed.\n");
            }
            good
        }
        Err(failure) => {
            grant(text, "GET /containers/json", Err(failure));
            text.push_str(if events {
                "Without the list, only containers that start from now on are seen.\n"
            } else {
                "Nothing can be followed: a socket proxy must allow CONTAINERS and EVENTS (and PING, VERSION).\n"
            });
            false
        }
    }
}

fn grant(text: &mut String, what: &str, told: Result<(), Failure>) -> bool {
    let _ = match &told {
        Ok(()) => writeln!(text, "{what:<32} granted"),
        Err(Failure::Refused(refusal)) => writeln!(text, "{what:<32} refused: {refusal}"),
        Err(failure) => writeln!(text, "{what:<32} failed: {failure}"),
    };
    told.is_ok()
}

/// The table of containers. False if a proxy keeps what is to be followed from being read.
fn containers(settings: &Settings, api: Option<ApiVersion>, listed: &[Listed], text: &mut String) -> bool {
    let mut grants = Grants::default();
    let rows: Vec<_> = listed
        .iter()
        .enumerate()
        .map(|(number, container)| {
            // Two questions each: more than so many would take long.
            row(settings, api, container, &mut grants, number < limits::CHECKED)
        })
        .collect();
    let shown = [("GET /containers/{id}/json", grants.inspect), ("GET /containers/{id}/logs", grants.logs)];
    let granted = shown.map(|(what, told)| told.is_none_or(|told| grant(text, what, told)));
    if granted == [false, true] {
        text.push_str("Without inspect nobody looks for what the engine skips, or repeats.\n");
    }
    let good = granted[1]; // docklog gets on without inspect
    text.push('\n');
    text.push_str(&table(["FOLLOWED", "NAME", "STATE", "DRIVER", "BECAUSE"], &rows));
    good
}

/// The first answers to requests about single containers.
#[derive(Default)]
struct Grants {
    inspect: Option<Result<(), Failure>>,
    logs: Option<Result<(), Failure>>,
}

fn row(
    settings: &Settings,
    api: Option<ApiVersion>,
    container: &Listed,
    grants: &mut Grants,
    ask: bool,
) -> [String; 5] {
    let socket = &settings.socket;
    let inspected = ask.then(|| {
        let body = ask::document(socket, &request::inspect(api, container.id))?;
        Ok(Inspected::parse(&body)?)
    });
    let inspected = match inspected {
        Some(Ok(inspected)) => {
            grants.inspect.get_or_insert(Ok(()));
            Some(inspected)
        }
        Some(Err(failure)) => {
            grants.inspect.get_or_insert(Err(failure));
            None
        }
        None => None,
    };
    let (mut followed, mut why) = verdict(settings, container, inspected.as_ref());
    if followed == "yes" && ask {
        let logs = Logs { id: container.id, follow: false, tail: Tail::Last(1), since: None, until: None };
        match ask::stream(socket, &request::logs(api, &logs)) {
            Ok(()) => drop(grants.logs.get_or_insert(Ok(()))),
            Err(failure) => {
                (followed, why) = ("can't", failure.to_string());
                // That a driver can't be read is no proxy's doing.
                if !matches!(&failure, Failure::Refused(refusal) if matches!(refusal.status, 500 | 501)) {
                    grants.logs.get_or_insert(Err(failure));
                }
            }
        }
    }
    let driver = inspected.map_or_else(|| "?".to_owned(), |inspected| inspected.log_driver);
    [followed.to_owned(), container.name.clone(), container.state.clone(), driver, why]
}

/// Whether there is anything to read of it at present.
fn is_read_now(settings: &Settings, listed: &Listed) -> bool {
    settings.rules.show_stopped || matches!(listed.state.as_str(), "running" | "paused" | "restarting")
}

/// Whether it is followed, and why.
fn verdict(settings: &Settings, listed: &Listed, inspected: Option<&Inspected>) -> (&'static str, String) {
    let selection = &settings.rules.selection;
    let mut facts = Facts::from(listed);
    let mut judged = selection.judge(&facts);
    if let (Verdict::NeedsInspect, Some(inspected)) = (judged, inspected) {
        facts = Facts::from(inspected);
        judged = selection.judge(&facts);
    }
    let (followed, why) = match judged {
        Verdict::Followed(_) if !is_read_now(settings, listed) => {
            ("later", "it is stopped: followed when it starts; -a reads it now".to_owned())
        }
        Verdict::Followed(reason) => ("yes", reason.to_string()),
        Verdict::Left(reason) => ("no", reason.to_string()),
        Verdict::NeedsInspect => ("yes", "only inspect could tell, and better one too many".to_owned()),
    };
    match selection.complaint(&listed.labels) {
        Some(complaint) => (followed, format!("{why} ({complaint})")),
        None => (followed, why),
    }
}
