//! What we tell people: what happened, why, and what to do next. Words only; who prints them is the shell's business.

use std::fmt;

use docklog_protocol::ApiVersion;

use super::exchange::ConnectError;

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Shown by default.
    Warning,
    /// Shown on a terminal: containers that join and leave.
    News,
    /// Shown when asked for.
    Detail,
}

/// One thing to tell. Fields are what their names say, in the words of the engine.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// No connection to the engine. Said once until it is back.
    EngineAway { host: String, error: ConnectError, again: bool },
    /// The engine accepts connections, but doesn't answer.
    EngineSilent { host: String },
    /// The engine refuses or garbles something that discovery needs.
    EngineTrouble { what: &'static str, detail: String },
    /// The engine answers (again).
    EngineHere { version: String, api: Option<ApiVersion>, again: bool },
    /// Its events are subscribed to and its containers are listed: from now on nothing starts unseen.
    Watching { containers: usize },
    /// The engine's versions and ours don't meet.
    UntestedVersion { api: ApiVersion },
    /// A socket proxy refuses the events.
    NoEvents,
    /// A socket proxy refuses the list.
    NoList,
    /// A socket proxy refuses the list, too.
    NothingAllowed,
    /// A stream was opened.
    Joined { name: String },
    /// Its container has ended and its log was read to the end.
    Left { name: String, gone: bool },
    /// The container was removed before its log could be opened.
    Missed { name: String, id: String, total: u64, reason: Option<String> },
    /// The container was removed while its log was read, and the rest couldn't be had.
    CutShort { name: String, id: String },
    /// There is nothing that could be read: most often its log driver's doing.
    Unreadable { name: String, message: String },
    /// A socket proxy refuses its log.
    Forbidden { name: String, message: String },
    /// Reading its log has failed repeatedly, and is tried on.
    LogTrouble { name: String, detail: String },
    /// The engine hangs when it is asked for the end of its log, and nothing of it was read yet.
    NoEnd { name: String },
    /// The engine has deleted, or skipped, what wasn't read yet.
    Gap { name: String },
    /// Where a stream stood can't be found any more: its log was truncated, replaced or damaged.
    PlaceLost { name: String },
    /// More containers than the catalogue holds.
    TooMany { name: String, limit: usize },
    /// Part of what the engine holds about its containers could not be understood.
    ItemLost { detail: String },
    /// Nothing matched, and nothing can come (`--no-follow`).
    NothingMatches { asked: String },
    /// Nobody who is asked for runs at the start.
    NothingYet { asked: String },
    /// Descriptors ran out.
    Descriptors,
    /// A sink that may lose lines has begun to; or has ended it, with so many lost in all.
    SinkFull { name: String },
    /// See `SinkFull`.
    SinkTakes { name: String, lines: u64 },
}

impl Notice {
    /// How much it matters.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Joined { .. } | Self::Left { .. } => Weight::News,
            Self::PlaceLost { .. } => Weight::Detail, // a gap says it, if there is one
            Self::EngineHere { again: false, .. } | Self::Watching { .. } => Weight::Detail,
            _ => Weight::Warning,
        }
    }
}

const NO_END: &str =
    "the engine doesn't answer for the end of its log (was it truncated?): going on with what is new";
const GAP: &str = "lines are missing: the engine deleted or skipped them before they could be read (the output says where; a larger max-size or max-file of its log driver helps)";
const PLACE_LOST: &str =
    "the last line read is not in its log any more (truncated? replaced?): going on with what is newer";

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineAway { host, error, again: true } => {
                write!(f, "{} Trying again until it answers.", away(host, error))
            }
            Self::EngineAway { host, error, again: false } => f.write_str(&away(host, error)),
            Self::EngineSilent { host } => write!(
                f,
                "the engine at {host} accepts connections but does not answer; is it hung or stopped? Trying again until it does."
            ),
            Self::EngineTrouble { what, detail } => write!(f, "the engine's answer to {what}: {detail}. Trying again."),
            Self::EngineHere { version, api, again } => {
                let api = api.map_or_else(String::new, |api| format!(", API {api}"));
                write!(f, "connected{}: engine {version}{api}", if *again { " again" } else { "" })
            }
            Self::Watching { containers } => write!(f, "watching: {containers} containers so far"),
            Self::UntestedVersion { api } => write!(
                f,
                "this engine speaks API {api} at the least, which docklog was not tested with; if something looks wrong, please report it"
            ),
            Self::NoEvents => f.write_str(
                "the engine (or a proxy before it) refuses GET /events: new containers are found by listing every 2 s, and short-lived ones may be missed",
            ),
            Self::NoList => f.write_str(
                "the engine (or a proxy before it) refuses GET /containers/json: only containers that start from now on are seen",
            ),
            Self::NothingAllowed => f.write_str(
                "it refuses GET /containers/json, too: nothing can be followed. A socket proxy must allow CONTAINERS and EVENTS (and PING, VERSION)",
            ),
            Self::Joined { name } => write!(f, "+ {name}"),
            Self::Left { name, gone: false } => write!(f, "- {name}"),
            Self::Left { name, gone: true } => write!(f, "- {name} (removed)"),
            Self::Missed { name, id, total, reason } => {
                write!(f, "missed {name} ({id}): it was removed before its log could be opened ({total} so far)")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::CutShort { name, id } => write!(
                f,
                "{name} ({id}) was removed while its log was read, and the connection ended early: its last lines may be missing"
            ),
            Self::Unreadable { name, message } => write!(
                f,
                "{name}: its log can't be read: {message} (the drivers json-file, local and journald can be)"
            ),
            Self::Forbidden { name, message } => {
                write!(f, "{name}: the engine (or a proxy before it) forbids reading its log ({message})")
            }
            Self::LogTrouble { name, detail } => {
                write!(f, "{name}: the engine can't give its log: {detail}; asking again, ever more slowly")
            }
            Self::NoEnd { name } => write!(f, "{name}: {NO_END}"),
            Self::Gap { name } => write!(f, "{name}: {GAP}"),
            Self::PlaceLost { name } => write!(f, "{name}: {PLACE_LOST}"),
            Self::TooMany { name, limit } => {
                write!(f, "{name} is not followed: there are more than {limit} containers; select some by PATTERN or --label")
            }
            Self::ItemLost { detail } => write!(f, "skipped a part of the engine's answer: {detail} (said once; RUST_LOG=info counts them at the end)"),
            Self::NothingMatches { asked } => write!(f, "no container matches {asked}; `docklog check` with the same options says why"),
            Self::NothingYet { asked } => write!(f, "no running container matches {asked} yet: waiting for one (`docklog check` with the same options says why)"),
            Self::SinkFull { name } => write!(
                f,
                "sink {name} takes nothing, and has on_full = \"drop\": lines for it are lost from now on, and counted"
            ),
            Self::SinkTakes { name, lines } => write!(f, "sink {name} takes lines again; it has lost {lines}"),
            Self::Descriptors => f.write_str(
                "no file descriptor is left for another stream: raise the limit (ulimit -n, LimitNOFILE=), or select fewer containers",
            ),
        }
    }
}

/// Why there is no connection, and what helps (W-81).
fn away(host: &str, error: &ConnectError) -> String {
    match error {
        ConnectError::Missing => format!(
            "no engine: {host} does not exist. Start Docker (systemctl start docker), or name its socket with -H or DOCKER_HOST."
        ),
        ConnectError::Refused => {
            format!(
                "no engine: nobody listens on {host}. Start Docker (systemctl start docker), or name another socket with -H or DOCKER_HOST."
            )
        }
        ConnectError::Denied => format!(
            "no permission to open {host}. Join its group (sudo usermod -aG docker $USER, then log in again), or run docklog as root."
        ),
        ConnectError::Busy => format!("the engine at {host} is busy: its queue of connections is full."),
        ConnectError::Descriptors => {
            "no file descriptor is left: raise the limit (ulimit -n, LimitNOFILE=).".to_owned()
        }
        ConnectError::Other(words) => format!("can't connect to {host}: {words}."),
    }
}
