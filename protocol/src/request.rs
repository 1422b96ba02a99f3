//! The bytes of the six GET requests, and of nothing else: this crate can't change a container (W-07), and can't attach to
//! one (W-08).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{ApiVersion, ContainerId, Timestamp};

/// What to ask of a container's log. Both channels (W-50; a TTY has only one, W-38) and time stamps are always asked for,
/// attributes (`details`, W-51) and JSON (`format`, W-59) never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Whose log: by full id, since names change (W-58).
    pub id: ContainerId,
    /// Stay for what is written from now on.
    pub follow: bool,
    /// How much of the log's end, in records of both channels together.
    pub tail: Tail,
    /// Only records at or after this time (W-53 says what engines make of it).
    pub since: Option<Timestamp>,
    /// Only records at or before this time; the first that is later ends the response (W-56).
    pub until: Option<Timestamp>,
}

/// How much of a log's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All that the engine kept.
    All,
    /// So many records. Broken on Podman 4 (W-54).
    Last(u64),
}

/// `GET /_ping`: without a version, so that every engine answers and names its own (W-16).
#[must_use]
pub fn ping() -> Vec<u8> {
    get("/_ping")
}

/// `GET /version`, likewise without one. What to make of the answer: [`crate::Version`].
#[must_use]
pub fn version() -> Vec<u8> {
    get("/version")
}

/// `GET /events` of containers, from `since` on if given, inclusive (W-79): a stream of JSON values. Only these
/// `actions` are sent, or all if there are none; moby sends three for each health check alone (W-76). Letters only: they
/// are not escaped.
#[must_use]
pub fn events(version: Option<ApiVersion>, since: Option<Timestamp>, actions: &[&str]) -> Vec<u8> {
    // {"type":["container"],"event":["start","die"]}, percent-encoded.
    let actions = match actions {
        [] => String::new(),
        _ => format!("%2C%22event%22%3A%5B%22{}%22%5D", actions.join("%22%2C%22")),
    };
    let filters = format!("filters=%7B%22type%22%3A%5B%22container%22%5D{actions}%7D");
    get(&format!("{}/events?{filters}{}", prefix(version), time("&since=", since)))
}

/// `GET /containers/json`: the running containers, or `all` of them, as one JSON array (W-67).
#[must_use]
pub fn list(version: Option<ApiVersion>, all: bool) -> Vec<u8> {
    get(&format!("{}/containers/json{}", prefix(version), if all { "?all=1" } else { "" }))
}

/// `GET /containers/{id}/json`. What it tells: W-69.
#[must_use]
pub fn inspect(version: Option<ApiVersion>, id: ContainerId) -> Vec<u8> {
    get(&format!("{}/containers/{id}/json", prefix(version)))
}

/// `GET /containers/{id}/logs`. How the answer ends, and what that means: W-87, W-88.
#[must_use]
pub fn logs(version: Option<ApiVersion>, logs: &Logs) -> Vec<u8> {
    let tail = match logs.tail {
        Tail::All => "all".to_string(),
        Tail::Last(records) => records.to_string(),
    };
    get(&format!(
        "{}/containers/{}/logs?follow={}&stdout=1&stderr=1&timestamps=1&tail={tail}{}{}",
        prefix(version),
        logs.id,
        u8::from(logs.follow),
        time("&since=", logs.since),
        time("&until=", logs.until),
    ))
}

/// A GET of any path. The path must be percent-encoded: spaces and control characters would break the request.
///
/// `Connection: close` makes the connection's end the second witness of the response's (W-03); without `Host` an
/// engine answers 400 (W-02). HTTP/1.0 would hide cuts (W-14).
#[must_use]
pub fn get(path: &str) -> Vec<u8> {
    let agent = concat!("docklog/", env!("CARGO_PKG_VERSION"));
    format!("GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// What the version changes of an answer: W-18.
fn prefix(version: Option<ApiVersion>) -> String {
    version.map_or_else(String::new, |version| format!("/v{version}"))
}

fn time(name: &str, time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| format!("{name}{time}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(request: &[u8]) -> String {
        let text = core::str::from_utf8(request).expect("ASCII");
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n") && text.contains("\r\nHost: docker\r\n"));
        String::from(text.lines().next().expect("a line"))
    }

    #[test]
    fn the_six() {
        let version = Some(ApiVersion { major: 1, minor: 51 });
        let id = ContainerId::from([0xab; 32]);
        let digits = "ab".repeat(32);
        let since = Some(Timestamp { seconds: 7, nanos: 5 });
        assert_eq!(first_line(&ping()), "GET /_ping HTTP/1.1");
        assert_eq!(first_line(&super::version()), "GET /version HTTP/1.1");
        assert_eq!(first_line(&list(None, false)), "GET /containers/json HTTP/1.1");
        assert_eq!(first_line(&list(version, true)), "GET /v1.51/containers/json?all=1 HTTP/1.1");
        assert_eq!(
            first_line(&inspect(version, id)),
            format!("GET /v1.51/containers/{digits}/json HTTP/1.1")
        );
        assert_eq!(
            first_line(&events(version, since, &[])),
            "GET /v1.51/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D&since=7.000000005 HTTP/1.1"
        );
        assert_eq!(
            first_line(&events(None, None, &["start", "die"])),
            "GET /events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%2C%22die%22%5D%7D HTTP/1.1"
        );
        let mut wanted = Logs { id, follow: true, tail: Tail::All, since: None, until: None };
        assert_eq!(
            first_line(&logs(None, &wanted)),
            format!(
                "GET /containers/{digits}/logs?follow=1&stdout=1&stderr=1&timestamps=1&tail=all HTTP/1.1"
            )
        );
        wanted = Logs { follow: false, tail: Tail::Last(5), since, until: since, ..wanted };
        let query = "follow=0&stdout=1&stderr=1&timestamps=1&tail=5&since=7.000000005&until=7.000000005";
        assert_eq!(
            first_line(&logs(version, &wanted)),
            format!("GET /v1.51/containers/{digits}/logs?{query} HTTP/1.1")
        );
    }
}
