//! Answers with a JSON body: what the engine says of itself and of its containers.

use serde_json::{Map, Value, json};

use super::container::{Container, Driver, State};
use super::dialect::Dialect;
use super::http::{Head, Length, Request, chunk};
use super::stamp::{Nanos, SECOND, rfc3339};

/// Small answers tell their length; larger ones are chunked. That is Go's buffer.
const TOLD_LENGTH: usize = 2048;

/// A whole answer with a JSON body, as the writes that the engine makes.
pub fn whole(dialect: Dialect, now: Nanos, request: &Request, status: u16, body: &Value) -> Vec<Vec<u8>> {
    let body = format!("{body}\n").into_bytes();
    typed(dialect, now, request, status, "application/json", &body)
}

/// A whole answer of any type.
pub fn typed(
    dialect: Dialect,
    now: Nanos,
    request: &Request,
    status: u16,
    content_type: &str,
    body: &[u8],
) -> Vec<Vec<u8>> {
    let length = match request.http10 {
        true => Length::UntilClose,
        false if body.len() <= TOLD_LENGTH => Length::Known(body.len()),
        false => Length::Chunked,
    };
    let head = Head { dialect, now, status, content_type: Some(content_type), length, close: request.close };
    let mut out = head.bytes();
    if request.method == "HEAD" {
        return vec![out];
    }
    match length {
        Length::Chunked => {
            let cut = if dialect.is_podman() { TOLD_LENGTH } else { body.len() };
            let (first, rest) = body.split_at(cut);
            let mut writes = vec![out, chunk(first)];
            if !rest.is_empty() {
                writes.push(chunk(rest));
            }
            writes.push(super::http::LAST_CHUNK.to_vec());
            writes
        }
        _ => {
            out.extend_from_slice(body);
            vec![out]
        }
    }
}

/// An error's body.
pub fn message(dialect: Dialect, status: u16, text: &str) -> Value {
    match dialect {
        Dialect::Podman => json!({ "cause": text, "message": text, "response": status }),
        _ => json!({ "message": text }),
    }
}

/// `/version`.
pub fn version(dialect: Dialect) -> Value {
    let dotted = |(major, minor): (u32, u32)| format!("{major}.{minor}");
    let name = if dialect.is_podman() { "Podman Engine" } else { "Engine" };
    json!({
        "Platform": { "Name": "" },
        "Components": [{ "Name": name, "Version": dialect.version(), "Details": {} }],
        "Version": dialect.version(),
        "ApiVersion": dotted(dialect.api()),
        "MinAPIVersion": dotted(dialect.api_min()),
        "GitCommit": "0000000",
        "GoVersion": "go1.24",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": "6.1.0",
    })
}

/// `/containers/json`: newest first.
pub fn list(dialect: Dialect, containers: &[Container], parameters: &[(String, String)]) -> Value {
    let get = |key: &str| parameters.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let all = matches!(get("all"), Some("1" | "true" | "True"));
    let filters: Value = get("filters").and_then(|f| serde_json::from_str(f).ok()).unwrap_or_default();
    let states: Option<Vec<&str>> =
        filters["status"].as_array().map(|l| l.iter().filter_map(Value::as_str).collect());
    let shown = |c: &&Container| match &states {
        Some(states) => states.contains(&state_name(c.state)),
        None => all || c.is_alive(),
    };
    let entries = containers.iter().rev().filter(|c| c.state != State::Removed).filter(shown);
    Value::Array(entries.map(|c| list_entry(dialect, c)).collect())
}

fn list_entry(dialect: Dialect, container: &Container) -> Value {
    let state = match container.state {
        State::Exited if dialect.is_podman() => "stopped",
        state => state_name(state),
    };
    let image_id = format!("sha256:{}", container.id);
    json!({
        "Id": container.id,
        "Names": [format!("/{}", container.spec.name)],
        "Image": if container.spec.image_moved { &image_id } else { &container.spec.image },
        "ImageID": image_id,
        "Command": "/bin/sh -c 'generate'",
        "Created": container.created / SECOND,
        "Ports": [],
        "Labels": labels(container),
        "State": state,
        "Status": if container.is_alive() { "Up 2 minutes" } else { "Exited (0) 2 minutes ago" },
        "HostConfig": { "NetworkMode": "none" },
        "NetworkSettings": { "Networks": {} },
        "Mounts": [],
    })
}

/// `/containers/{id}/json`.
pub fn inspect(dialect: Dialect, container: &Container) -> Value {
    let time = |at: Nanos| if at == 0 { "0001-01-01T00:00:00Z".into() } else { rfc3339(at, true) };
    let driver = match container.spec.driver {
        // It writes k8s-file, and says this.
        _ if dialect.is_podman() => "json-file",
        Driver::JsonFile => "json-file",
        Driver::Local => "local",
        Driver::None => "none",
    };
    json!({
        "Id": container.id,
        "Created": time(container.created),
        "Path": "/bin/sh",
        "Args": ["-c", "generate"],
        "State": {
            "Status": state_name(container.state),
            "Running": container.is_alive(),
            "Paused": container.state == State::Paused,
            "Restarting": false,
            "Dead": false,
            "Pid": if container.is_alive() { 4242 } else { 0 },
            "ExitCode": container.exit_code,
            "Error": "",
            "StartedAt": time(container.started),
            "FinishedAt": time(container.finished),
        },
        "Image": format!("sha256:{}", container.id),
        "LogPath": format!("/var/lib/docker/containers/{0}/{0}-json.log", container.id),
        "Name": format!("/{}", container.spec.name),
        "RestartCount": 0,
        "HostConfig": { "LogConfig": { "Type": driver, "Config": log_options(container) }, "AutoRemove": container.spec.auto_remove },
        "Config": {
            "Hostname": &container.id[..12],
            "Tty": container.spec.tty,
            "Image": container.spec.image,
            "Labels": labels(container),
            // An inspect of a real engine has several kilobytes.
            "Env": (0..40).map(|n| format!("SOME_VARIABLE_{n}=with a value of some length")).collect::<Vec<_>>(),
        },
    })
}

/// As given to `docker run`: numbers are text, and bytes may be counted in thousands.
fn log_options(container: &Container) -> Value {
    match container.spec.rotation {
        Some(rotation) => {
            let size = match rotation.max_size {
                size if size.is_multiple_of(1024) => format!("{}k", size / 1024),
                size => size.to_string(),
            };
            json!({ "max-size": size, "max-file": rotation.max_file.to_string() })
        }
        None => json!({}),
    }
}

fn labels(container: &Container) -> Map<String, Value> {
    container.spec.labels.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect()
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Created => "created",
        State::Running => "running",
        State::Paused => "paused",
        State::Exited => "exited",
        State::Removing | State::Removed => "removing",
    }
}
