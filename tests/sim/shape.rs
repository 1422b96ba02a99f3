//! The six requests that docklog may make, and no other. Shared with the tests on real engines.

/// Which of the six shapes the path of a request has.
pub(crate) fn shape(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let path = match path.strip_prefix("/v1.") {
        Some(rest) => &rest[rest.find('/')?..],
        None => path,
    };
    let is_id = |id: &str| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match path {
        "/_ping" => Some("ping"),
        "/version" => Some("version"),
        "/events" => Some("events"),
        "/containers/json" => Some("list"),
        _ => {
            let (id, what) = path.strip_prefix("/containers/")?.split_once('/')?;
            match what {
                "json" if is_id(id) => Some("inspect"),
                "logs" if is_id(id) => Some("logs"),
                _ => None,
            }
        }
    }
}
