//! `GET /containers/json` and `GET /containers/{id}/json`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::{Strings, id, strings};
use crate::{ContainerId, Error, Timestamp};

/// One container of the list (W-68). Whether it has a TTY stands only in [`Inspected`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: ContainerId,
    /// Its own name, without the leading slash; not one that a link gave it.
    pub name: String,
    /// The image as it was asked for, or its id.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Such as `running` or `exited`; Podman also says `stopped`.
    pub state: String,
    /// When it was created, in whole seconds.
    pub created: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawListed {
    id: Option<String>,
    names: Option<Vec<String>>,
    image: Option<String>,
    labels: Strings,
    state: Option<String>,
    // Podman before 4 gave text: what isn't a number is no reason to lose the container.
    created: Option<serde_json::Value>,
}

impl Listed {
    /// Reads one element of the list.
    ///
    /// # Errors
    /// If it is not a JSON object of that shape, or has no id.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let raw: RawListed = super::parse(document)?;
        Ok(Self {
            id: id(raw.id)?,
            name: own_name(&raw.names.unwrap_or_default()),
            image: raw.image.unwrap_or_default(),
            labels: strings(raw.labels),
            state: raw.state.unwrap_or_default(),
            created: raw
                .created
                .and_then(|created| created.as_i64())
                .map(|seconds| Timestamp { seconds, nanos: 0 }),
        })
    }
}

/// The name without a second slash: `/other/alias` is how another container's link calls this one (W-63).
fn own_name(names: &[String]) -> String {
    let mut bare = names.iter().map(|name| bare(name));
    let first = bare.clone().next().unwrap_or_default();
    String::from(bare.find(|name| !name.contains('/')).unwrap_or(first))
}

fn bare(name: &str) -> &str {
    name.strip_prefix('/').unwrap_or(name)
}

/// A container as `inspect` tells it (W-69).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// It has a TTY: its log is text, not frames (W-39).
    pub tty: bool,
    /// It runs; also while it is paused.
    pub running: bool,
    /// It is paused.
    pub paused: bool,
    /// Such as `created`, `running`, `exited`.
    pub status: String,
    /// The log driver, such as `json-file`. Podman says `json-file` whatever it is (W-64).
    pub log_driver: String,
    /// The driver's options, such as `max-size`.
    pub log_options: BTreeMap<String, String>,
    /// It is removed, with its log, as soon as it ends (`--rm`).
    pub auto_remove: bool,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When it last ended.
    pub finished_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInspected {
    id: Option<String>,
    name: Option<String>,
    state: Option<RawState>,
    config: Option<RawConfig>,
    host_config: Option<RawHostConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawState {
    status: Option<String>,
    running: Option<bool>,
    paused: Option<bool>,
    started_at: Option<String>,
    finished_at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    tty: Option<bool>,
    image: Option<String>,
    labels: Strings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawHostConfig {
    log_config: Option<RawLogConfig>,
    auto_remove: Option<bool>,
}

#[derive(Deserialize)]
struct RawLogConfig {
    #[serde(rename = "Type")]
    driver: Option<String>,
    #[serde(rename = "Config", default)]
    options: Strings,
}

impl Inspected {
    /// Reads the body of an inspect.
    ///
    /// # Errors
    /// If it is not a JSON object of that shape, or has no id.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let raw: RawInspected = super::parse(document)?;
        let state = raw.state.unwrap_or_default();
        let config = raw.config.unwrap_or_default();
        let (log_config, auto_remove) =
            raw.host_config.map_or((None, None), |host| (host.log_config, host.auto_remove));
        let (driver, options) =
            log_config.map_or((None, Strings::default()), |log| (log.driver, log.options));
        Ok(Self {
            id: id(raw.id)?,
            name: String::from(bare(&raw.name.unwrap_or_default())),
            image: config.image.unwrap_or_default(),
            labels: strings(config.labels),
            auto_remove: auto_remove.unwrap_or_default(),
            tty: config.tty.unwrap_or_default(),
            running: state.running.unwrap_or_default(),
            paused: state.paused.unwrap_or_default(),
            status: state.status.unwrap_or_default(),
            log_driver: driver.unwrap_or_default(),
            log_options: strings(options),
            started_at: time(state.started_at),
            finished_at: time(state.finished_at),
        })
    }
}

/// Go writes a time that was never set as the first moment of year 1.
fn time(text: Option<String>) -> Option<Timestamp> {
    text.filter(|text| !text.starts_with("0001-01-01T00:00:00")).and_then(|text| Timestamp::parse(&text))
}
