//! How long sessions last.

use std::time::Duration;

use docklog_protocol::{EngineKind, Timestamp};

use super::played::Played;
use crate::core::exchange::{Exchange, Input};
use crate::core::selection::Selection;
use crate::core::time::Now;
use crate::limits;

fn wait(played: &mut Played, span: Duration) -> Vec<String> {
    let mono = played.core.now.mono.after(span);
    let wall = Timestamp { seconds: 1_000 + i64::try_from(mono.0 / 1_000_000_000).expect("soon"), nanos: 0 };
    played.core.begin_turn(Now { mono, wall });
    played.commands().into_iter().filter(|command| command.contains("Logs")).collect()
}

/// How long a session lasts for whose first record the engine took so long.
fn lasts(kind: EngineKind, found_after: Option<Duration>) -> Duration {
    let mut played = Played::new(Selection::default(), &["web"]);
    played.core.link.kind = kind;
    played.list();
    played.inspected("web", "json-file");
    played.record("web", "1970-01-01T00:16:41Z");
    played.core.handle(Input::Rotate);
    assert_eq!(played.commands().len(), 2, "the session is closed, and the next opened");
    let stream = played.stream("web");
    played.head(Exchange::Logs(stream));
    if let Some(after) = found_after {
        wait(&mut played, after);
        played.record("web", "1970-01-01T00:16:41Z");
    }
    let begin = played.core.now.mono;
    while wait(&mut played, Duration::from_secs(1)).is_empty() {}
    played.core.now.mono.since(begin)
}

#[test]
fn a_session_that_the_engine_had_to_search_for_lasts_in_proportion() {
    let (short, long) = (Duration::from_millis(10), Duration::from_secs(8));
    let usual = limits::LEASE + Duration::from_secs(1);
    assert!(lasts(EngineKind::Podman, Some(short)) <= usual);
    let lasted = lasts(EngineKind::Podman, Some(long));
    assert!(lasted > long * 95 && lasted <= long * limits::LEASE_PER_SEARCH, "{lasted:?}");
    // It may search still, or have nothing to say.
    assert!(lasts(EngineKind::Podman, None) >= limits::LONGEST_SEARCH);
}
