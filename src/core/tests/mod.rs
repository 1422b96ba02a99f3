//! What takes more than one file of the core.

mod intake;
mod leases;
pub(super) mod played;
mod podman;

use super::*;

#[test]
fn a_run_that_has_failed_and_is_then_stopped_has_failed() {
    let rules = crate::config::Settings::from_args([]).expect("settings").rules;
    let now = Now { mono: Mono::default(), wall: Timestamp { seconds: 1_000, nanos: 0 } };
    let mut core = Core::new(rules, Saved::default(), now, 1);
    core.finish(1);
    core.handle(Input::Stop);
    assert_eq!(core.exit, Some(1));
    assert!(core.asked_to_stop.is_some(), "what is left to write has so much time only");
}
