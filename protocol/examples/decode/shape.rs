//! What this crate decodes, in the shape that the vectors have.

use docklog_protocol::{Action, Error, Event, Finished, Inspected, Listed, Timestamp, Truncated, Version};
use serde_json::{Value, json};

/// How a response ended, what a refusal said, and the bytes after it. `fed` has those bytes, or the error.
pub(crate) fn ending(fed: Result<u64, Error>, finished: Result<Finished, Truncated>) -> Value {
    assert!(fed.is_ok() || finished.is_err(), "a response with an error is never complete");
    match (fed, finished) {
        (Err(Error { layer, at, .. }), _) => {
            json!({"end": {"end": "error", "at": at, "layer": layer.to_string()}, "unused": 0})
        }
        (_, Err(Truncated { at })) => json!({"end": {"end": "truncated", "at": at}, "unused": 0}),
        (Ok(unused), Ok(Finished::Complete)) => json!({"end": {"end": "complete"}, "unused": unused}),
        (Ok(unused), Ok(Finished::Refused(refusal))) => {
            json!({"end": {"end": "complete"}, "message": refusal.message, "unused": unused})
        }
    }
}

pub(crate) fn listed(container: &Listed) -> Value {
    let Listed { id, name, image, labels, state, created } = container;
    let created = created.map(|created| created.seconds);
    json!({"id": id.to_string(), "name": name, "image": image, "labels": labels, "state": state, "created": created})
}

pub(crate) fn event(event: Option<Event>) -> Value {
    let Some(event) = event else { return Value::Null };
    let mut row = json!({
        "id": event.id.to_string(), "name": event.name, "image": event.image, "labels": event.labels,
        "time_nanos": event.time.unix_nanos(),
    });
    row["action"] = match event.action {
        Action::Create => "create",
        Action::Start => "start",
        Action::Restart => "restart",
        Action::Die { exit_code } => {
            row["exit_code"] = exit_code.into();
            "die"
        }
        Action::Destroy => "destroy",
        Action::Rename { from } => {
            row["from"] = from.into();
            "rename"
        }
        Action::Pause => "pause",
        Action::Unpause => "unpause",
        Action::Update => "update",
        Action::Other => "other",
    }
    .into();
    row
}

pub(crate) fn version(version: &Version) -> Value {
    let kind = format!("{:?}", version.kind).to_lowercase();
    let text = |api: Option<docklog_protocol::ApiVersion>| api.map(|api| api.to_string());
    json!({"kind": kind, "version": version.version, "api": text(version.api), "min_api": text(version.min_api)})
}

pub(crate) fn inspected(container: &Inspected) -> Value {
    let nanos = |time: Option<Timestamp>| time.map(|time| time.unix_nanos());
    json!({
        "id": container.id.to_string(), "name": container.name, "image": container.image,
        "labels": container.labels, "tty": container.tty, "running": container.running,
        "paused": container.paused, "status": container.status, "log_driver": container.log_driver,
        "log_options": container.log_options,
        "started_nanos": nanos(container.started_at), "finished_nanos": nanos(container.finished_at),
    })
}
