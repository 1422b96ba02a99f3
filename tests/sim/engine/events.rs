//! The engine's events: what happened, and who has heard of it.

use serde_json::{Map, Value, json};

use super::stamp::{Nanos, SECOND, parse_query};

/// How many events an engine remembers.
const REMEMBERED: u64 = 256;

/// One event of a container.
#[derive(Clone, Debug)]
pub struct Event {
    at: Nanos,
    action: &'static str,
    id: String,
    attributes: Vec<(String, String)>,
    /// Subscribers at the time did not hear of it: the engine drops events of the slow.
    dropped: bool,
}

/// All events since the engine's start.
#[derive(Clone, Debug, Default)]
pub struct Events {
    list: Vec<Event>,
    /// Sequence number of `list[0]`: an engine that starts anew has forgotten the old ones.
    base: u64,
    last: Nanos,
}

impl Events {
    pub(super) fn push(
        &mut self,
        now: Nanos,
        action: &'static str,
        id: &str,
        attributes: Vec<(String, String)>,
        dropped: bool,
    ) {
        self.last = now.max(self.last + 1);
        self.list.push(Event { at: self.last, action, id: id.into(), attributes, dropped });
    }

    pub(super) fn forget(&mut self) {
        self.base = self.end();
        self.list.clear();
    }

    fn end(&self) -> u64 {
        self.base + self.list.len() as u64
    }
}

/// One subscriber.
#[derive(Clone, Debug)]
pub struct Subscriber {
    next: u64,
    opened: u64,
    since: Option<Nanos>,
    until: Option<Nanos>,
    types: Vec<String>,
    actions: Vec<String>,
}

impl Subscriber {
    pub(super) fn open(events: &Events, parameters: &[(String, String)]) -> Result<Self, String> {
        let get = |key: &str| parameters.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let time = |key: &str| match get(key) {
            None | Some("") => Ok(None),
            Some(text) => parse_query(text).map(Some).ok_or(format!("bad {key}: {text}")),
        };
        let filters: Value = match get("filters") {
            None | Some("") => json!({}),
            Some(text) => serde_json::from_str(text).map_err(|e| e.to_string())?,
        };
        let since = time("since")?;
        let next = if since.is_some() {
            events.base.max(events.end().saturating_sub(REMEMBERED))
        } else {
            events.end()
        };
        Ok(Subscriber {
            next,
            opened: events.end(),
            since,
            until: time("until")?,
            types: wanted(&filters["type"]),
            actions: wanted(&filters["event"]),
        })
    }

    /// The next event's JSON line; `None`: wait.
    pub(super) fn next(&mut self, events: &Events, legacy: bool) -> Option<Vec<u8>> {
        loop {
            let event = events.list.get(usize::try_from(self.next.checked_sub(events.base)?).ok()?)?;
            let unheard = event.dropped && self.next >= self.opened;
            self.next += 1;
            let by_time = self.since.is_none_or(|since| event.at >= since);
            let by_type = self.types.is_empty() || self.types.iter().any(|t| t == "container");
            let by_action = self.actions.is_empty() || self.actions.iter().any(|a| a == event.action);
            if !unheard && by_time && by_type && by_action {
                return Some(json_line(event, legacy));
            }
        }
    }

    /// Its time is over.
    pub(super) fn is_over(&self, now: Nanos) -> bool {
        self.until.is_some_and(|until| now > until)
    }
}

/// A filter's values: a list, or an object with true for each.
fn wanted(filter: &Value) -> Vec<String> {
    match filter {
        Value::Array(list) => list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
        Value::Object(map) => map.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn json_line(event: &Event, legacy: bool) -> Vec<u8> {
    let attributes: Map<String, Value> =
        event.attributes.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect();
    let mut value = json!({
        "Type": "container",
        "Action": event.action,
        "Actor": { "ID": event.id, "Attributes": attributes },
        "scope": "local",
        "time": event.at / SECOND,
        "timeNano": event.at,
    });
    if legacy {
        value["status"] = event.action.into();
        value["id"] = event.id.as_str().into();
        value["from"] = attributes.get("image").cloned().unwrap_or_default();
    }
    format!("{value}\n").into_bytes()
}
