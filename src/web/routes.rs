//! Which requests there are. A table and one pure function.

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// What there is.
    Index,
    /// Does the loop turn?
    Health,
    /// Does docklog do what it is for?
    Ready,
    /// All there is to know, for programs.
    State,
    /// The same in figures, for Prometheus.
    Metrics,
    /// Rotate all streams now.
    Rotate,
}

/// One path.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// The path itself.
    pub path: &'static str,
    /// What it is for.
    pub route: Route,
    /// What it tells or does.
    pub about: &'static str,
}

const fn path(path: &'static str, route: Route, about: &'static str) -> Path {
    Path { path, route, about }
}

/// All paths.
pub const PATHS: &[Path] = &[
    path("/", Route::Index, "this list"),
    path("/healthz", Route::Health, "200 as long as docklog's loop turns"),
    path("/readyz", Route::Ready, "200, or 503 with the reasons: is every log read up to the present?"),
    path("/state", Route::State, "the engine, every stream, all counts, as JSON"),
    path("/metrics", Route::Metrics, "the same in figures, for Prometheus"),
    path("/rotate", Route::Rotate, "POST: open every stream anew (on a Unix socket only)"),
];

/// Why a request isn't served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such path.
    Unknown,
    /// Not with this method, but with these.
    Method {
        /// As the header `Allow` has them.
        allow: &'static str,
    },
    /// It changes something, and who asks isn't known by the permissions of a file.
    Remote,
    /// It has a body, which nothing here reads.
    Body,
}

/// What is asked for. `local`: on a Unix socket.
///
/// # Errors
/// Why it isn't served.
pub fn route(method: &str, path: &str, body: bool, local: bool) -> Result<Route, Refused> {
    let found = PATHS.iter().find(|known| known.path == path).ok_or(Refused::Unknown)?;
    let allow = if found.route == Route::Rotate { "POST" } else { "GET, HEAD" };
    match (found.route, method) {
        _ if !allow.split(", ").any(|allowed| allowed == method) => Err(Refused::Method { allow }),
        (Route::Rotate, _) if !local => Err(Refused::Remote),
        _ if body => Err(Refused::Body),
        (route, _) => Ok(route),
    }
}

/// The paths, one per line, for people.
pub fn list() -> String {
    let line = |path: &Path| format!("{:<10} {}\n", path.path, path.about);
    PATHS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_got_by_get_and_head() {
        for known in PATHS.iter().filter(|known| known.route != Route::Rotate) {
            for method in ["GET", "HEAD"] {
                assert_eq!(route(method, known.path, false, false), Ok(known.route));
            }
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "", "GET, HEAD"] {
                let refused = Err(Refused::Method { allow: "GET, HEAD" });
                assert_eq!(route(method, known.path, false, true), refused, "{method}");
            }
        }
    }

    #[test]
    fn only_the_own_machine_rotates_and_only_by_post() {
        assert_eq!(route("POST", "/rotate", false, true), Ok(Route::Rotate));
        assert_eq!(route("POST", "/rotate", false, false), Err(Refused::Remote));
        for method in ["GET", "HEAD", "DELETE"] {
            assert_eq!(route(method, "/rotate", false, true), Err(Refused::Method { allow: "POST" }));
        }
    }

    #[test]
    fn other_paths_and_bodies_are_refused() {
        for path in ["/metrics/", "/Metrics", "//", "", "*", "/state%00", "/../etc/passwd"] {
            assert_eq!(route("GET", path, false, true), Err(Refused::Unknown), "{path}");
        }
        assert_eq!(route("GET", "/state", true, true), Err(Refused::Body));
        assert_eq!(route("POST", "/rotate", true, true), Err(Refused::Body));
    }

    #[test]
    fn the_list_names_every_path() {
        let list = list();
        assert_eq!(list.lines().count(), PATHS.len());
        assert!(PATHS.iter().all(|known| list.contains(known.path) && list.contains(known.about)));
    }
}
