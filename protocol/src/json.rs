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

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::{Action, EngineKind, Event, Inspected, Listed, Version};

    const ID: &str = "a5093a5406f3f69877c2672137ae164ba228e12675f3536d639715a8ad0fe97d";

    #[test]
    fn missing_and_null_fields_are_empty() {
        let listed = Listed::parse(format!("{{\"Id\":\"{ID}\",\"Names\":null,\"Labels\":null}}").as_bytes());
        let listed = listed.expect("valid");
        assert_eq!((listed.name.as_str(), listed.labels.len(), listed.state.as_str()), ("", 0, ""));
        let inspected =
            Inspected::parse(format!("{{\"Id\":\"{ID}\",\"State\":null,\"HostConfig\":{{}}}}").as_bytes());
        let inspected = inspected.expect("valid");
        assert_eq!((inspected.tty, inspected.running, inspected.started_at), (false, false, None));
        let version = Version::parse(b"{}").expect("valid");
        assert_eq!((version.kind, version.api), (EngineKind::Other, None));
    }

    #[test]
    fn the_own_name_of_a_linked_container() {
        for names in [r#"["/b/alias","/web"]"#, r#"["/web","/b/alias"]"#, r#"["web"]"#] {
            let listed = Listed::parse(format!("{{\"Id\":\"{ID}\",\"Names\":{names}}}").as_bytes());
            assert_eq!(listed.expect("valid").name, "web", "{names}");
        }
    }

    #[test]
    fn no_id_no_container() {
        for json in ["{}", "{\"Id\":null}", "{\"Id\":\"abc\"}"] {
            assert!(
                Listed::parse(json.as_bytes()).is_err() && Inspected::parse(json.as_bytes()).is_err(),
                "{json}"
            );
        }
        assert!(Event::parse(b"{\"Type\":\"container\"}").is_err());
        assert_eq!(Event::parse(b"{\"Type\":\"image\"}"), Ok(None));
        assert_eq!(Event::parse(b"{\"Type\":null}"), Ok(None));
    }

    #[test]
    fn errors_tell_the_offset() {
        let error = Version::parse(b"{\n\"Version\":\n 7}").expect_err("a number");
        assert_eq!((error.layer, error.at), (Layer::Json, 14));
        assert!(!format!("{error}").contains(" line "), "{error}");
        assert_eq!(Version::parse(b"").expect_err("nothing").at, 0);
        assert_eq!(Version::parse(b"{}x").expect_err("more").at, 2);
    }

    #[test]
    fn actions() {
        let action = |name: &str, attributes: &str| {
            let json = format!(
                "{{\"Type\":\"container\",\"Action\":\"{name}\",\"Actor\":{{\"ID\":\"{ID}\",\"Attributes\":{attributes}}}}}"
            );
            let event = Event::parse(json.as_bytes()).expect("valid").expect("a container's");
            (event.action, event.labels.len())
        };
        assert_eq!(
            action("died", "{\"containerExitCode\":\"3\",\"podId\":\"\"}"),
            (Action::Die { exit_code: Some(3) }, 0)
        );
        assert_eq!(
            action("die", "{\"exitCode\":\"x\",\"podId\":\"label\"}"),
            (Action::Die { exit_code: None }, 1)
        );
        assert_eq!(action("remove", "null"), (Action::Destroy, 0));
        assert_eq!(action("exec_die", "{\"execID\":\"1\"}"), (Action::Other, 1));
        assert_eq!(action("rename", "{\"oldName\":\"/a\"}"), (Action::Rename { from: "a".into() }, 0));
    }
}
