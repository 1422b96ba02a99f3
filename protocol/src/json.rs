//! The JSON of four answers, with only the fields we need.
//!
//! Engines differ in what they leave out and what they write as `null` (W-62), so nothing is required but what a
//! value can't be told apart without: a container's id.

mod container;
mod event;
mod version;

pub use container::{Inspected, Listed};
pub use event::{Action, Event};
pub use version::{EngineKind, Version};

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use serde::de::DeserializeOwned;

use crate::ContainerId;
use crate::error::{Error, Layer, Reason};

/// A map of strings in which each value, and the map itself, may be `null`.
type Strings = Option<BTreeMap<String, Option<String>>>;

/// Parses a whole document; errors tell the offset in it.
fn parse<T: DeserializeOwned>(document: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(document).map_err(|error| {
        let at = offset(document, error.line(), error.column());
        // The parser's own "at line … column …" says the same in other units.
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        Error::new(Layer::Json, at, Reason::Json(text.to_string()))
    })
}

/// The offset of a place that the JSON parser tells by line and column, both from 1.
fn offset(document: &[u8], line: usize, column: usize) -> u64 {
    let lines_before = document.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1));
    let start: usize = lines_before.map(<[u8]>::len).sum();
    (start + column.saturating_sub(1)).min(document.len()) as u64
}

/// The id of a container, without which its JSON is of no use.
fn id(text: Option<String>) -> Result<ContainerId, Error> {
    text.as_deref()
        .and_then(ContainerId::parse)
        .ok_or_else(|| Error::new(Layer::Json, 0, Reason::Json("there is no container id in it".to_string())))
}

fn strings(map: Strings) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
}
