//! `GET /events`.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::Deserialize;

use super::{Strings, id, strings};
use crate::{ContainerId, Error, Timestamp};

/// Something that happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub action: Action,
    /// To which container.
    pub id: ContainerId,
    /// Its name; after a rename the new one.
    pub name: String,
    /// Its image as it was asked for.
    pub image: String,
    /// All other attributes: the container's labels, and on some actions a few of the engine's.
    pub labels: BTreeMap<String, String>,
    /// When, by the engine's clock.
    pub time: Timestamp,
}

/// What happened, as far as it concerns a reader of logs. The order differs by engine (W-78).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It exists, but does not run.
    Create,
    /// It runs.
    Start,
    /// Told after the `Start` that was part of it.
    Restart,
    /// It does not run any more. Its last lines may still be on their way (W-71).
    Die {
        /// Its exit code, if the engine tells.
        exit_code: Option<i32>,
    },
    /// It is gone. Podman says `remove`.
    Destroy,
    /// It has another name.
    Rename {
        /// The name before, without the leading slash.
        from: String,
    },
    /// It is paused.
    Pause,
    /// It goes on.
    Unpause,
    /// Its limits or restart policy were changed.
    Update,
    /// Anything else, such as `kill`, `stop`, `exec_die` or `health_status: healthy`.
    Other,
}

/// The old top-level `status`, `id` and `from` are gone from API 1.52 on, and not looked at (W-72).
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<RawActor>,
    time: Option<i64>,
    #[serde(rename = "timeNano")]
    time_nano: Option<i64>,
}

#[derive(Default, Deserialize)]
struct RawActor {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Attributes")]
    attributes: Strings,
}

impl Event {
    /// Reads one event; `None` if it is not about a container.
    ///
    /// # Errors
    /// If it is not a JSON object of that shape, or is about a container without an id.
    pub fn parse(document: &[u8]) -> Result<Option<Self>, Error> {
        let raw: Raw = super::parse(document)?;
        if raw.kind.as_deref() != Some("container") {
            return Ok(None);
        }
        let actor = raw.actor.unwrap_or_default();
        let mut attributes = strings(actor.attributes);
        let seconds = raw.time.unwrap_or_default();
        Ok(Some(Self {
            action: action(&raw.action.unwrap_or_default(), &mut attributes),
            id: id(actor.id)?,
            name: attributes.remove("name").unwrap_or_default(),
            image: attributes.remove("image").unwrap_or_default(),
            labels: attributes,
            time: raw.time_nano.map_or(Timestamp { seconds, nanos: 0 }, Timestamp::from_unix_nanos),
        }))
    }
}

/// Takes the attributes that belong to the action out of those that are labels (W-74).
fn action(name: &str, attributes: &mut BTreeMap<String, String>) -> Action {
    // Podman adds both to every event (W-73); a label of that name alone stays.
    let both = attributes.contains_key("containerExitCode") && attributes.contains_key("podId");
    let podman_exit_code = both.then(|| attributes.remove("containerExitCode")).flatten();
    if both {
        attributes.remove("podId");
    }
    match name {
        "create" => Action::Create,
        "start" => Action::Start,
        "restart" => Action::Restart,
        "die" | "died" => {
            let code = attributes.remove("exitCode").or(podman_exit_code);
            Action::Die { exit_code: code.and_then(|code| code.parse().ok()) }
        }
        "destroy" | "remove" => Action::Destroy,
        "rename" => {
            let old = attributes.remove("oldName").unwrap_or_default();
            Action::Rename { from: String::from(old.strip_prefix('/').unwrap_or(&old)) }
        }
        "pause" => Action::Pause,
        "unpause" => Action::Unpause,
        "update" => Action::Update,
        _ => Action::Other,
    }
}
