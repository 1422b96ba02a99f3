//! The JSON lines that docklog prints, taken apart.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// What a line of output tells.
pub(crate) enum Told {
    Line(Line),
    Gap(Gap),
}

impl Told {
    /// Panics on whatever is neither: standard output holds nothing else.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let is_gap = bytes.starts_with(b"{\"gap\":");
        if is_gap { Self::Gap(Gap::parse(bytes)) } else { Self::Line(Line::parse(bytes)) }
    }
}

/// Some of a container's log was gone before it could be read.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) id: String,
    /// Time of the last line before it, and of the first after.
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Gap {
    fn parse(bytes: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(bytes).unwrap();
        let text = |key: &str| value["gap"][key].as_str().unwrap().to_owned();
        Self { id: text("id"), from: text("from"), to: text("to") }
    }
}

/// One line of output.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) time: String,
    pub(crate) id: String,
    pub(crate) container: String,
    pub(crate) stream: String,
    pub(crate) message: Vec<u8>,
    /// The message came as `message_base64`, because it isn't UTF-8.
    pub(crate) encoded: bool,
    /// A part of a line that is too long to leave in one: its number, and whether more follows.
    pub(crate) segment: Option<(u64, bool)>,
    /// What it says of its container beside id and name.
    pub(crate) fields: BTreeMap<String, Value>,
    /// When it came out of the pipe.
    pub(crate) arrived: SystemTime,
}

impl Line {
    /// Panics on whatever isn't such a line: standard output holds nothing else.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let arrived = SystemTime::now();
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let value: Value =
            serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", shown()));
        let text =
            |key: &str| value[key].as_str().unwrap_or_else(|| panic!("no {key}: {}", shown())).to_owned();
        let encoded = value.get("message_base64").is_some();
        assert!(
            encoded != value.get("message").is_some(),
            "message or message_base64, not both: {}",
            shown()
        );
        let message = if encoded {
            STANDARD.decode(text("message_base64")).unwrap()
        } else {
            text("message").into_bytes()
        };
        let segment =
            value.get("segment").map(|number| (number.as_u64().unwrap(), value["more"].as_bool().unwrap()));
        let (time, id, container, stream) = (text("time"), text("id"), text("container"), text("stream"));
        let chosen = ["image", "project", "service", "labels"];
        let field = |key: &str| Some((key.to_owned(), value.get(key)?.clone()));
        let fields = chosen.into_iter().filter_map(field).collect();
        Self { time, id, container, stream, message, encoded, segment, fields, arrived }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }
}

/// The lines of an output file; there must be no gaps in it.
pub(crate) fn of_file(path: &Path) -> Vec<Line> {
    let bytes = fs::read(path).unwrap();
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| Line::parse(line.trim_ascii_end())).collect()
}

/// The texts of the lines of each container and stream, in their order.
pub(crate) fn by_stream(lines: &[Line]) -> BTreeMap<(String, String), Vec<String>> {
    let mut streams = BTreeMap::<_, Vec<String>>::new();
    for line in lines {
        streams.entry((line.container.clone(), line.stream.clone())).or_default().push(line.text());
    }
    streams
}

/// The texts of one container's stream.
pub(crate) fn texts(lines: &[Line], container: &str, stream: &str) -> Vec<String> {
    lines.iter().filter(|line| line.container == container && line.stream == stream).map(Line::text).collect()
}
