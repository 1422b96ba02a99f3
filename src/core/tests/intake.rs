//! What a read has brought, and what follows from it.

use docklog_protocol::{Action, Channel, Record, Refusal, Stamp, Timestamp};

use super::played::Played;
use crate::core::exchange::{Command, End, Exchange, Input};
use crate::core::notice::Notice;
use crate::core::selection::Selection;
use crate::core::time::{Mono, Now};
use crate::limits;

/// A container whose log is being read.
fn reading() -> Played {
    let mut played = Played::new(Selection::default(), &["web"]);
    played.list();
    played.inspected("web", "json-file");
    let stream = played.stream("web");
    played.head(Exchange::Logs(stream));
    played
}

/// One read brings these: a time and a text, or an engine's error.
fn read(played: &mut Played, records: &[(Option<&str>, &str)]) -> u32 {
    let stream = played.stream("web");
    let passed = played.core.take(stream, |out| {
        for (raw, text) in records {
            let channel = if raw.is_some() { Channel::Stdout } else { Channel::Engine };
            out(Record { channel, stamp: raw.and_then(Stamp::parse), text: text.as_bytes(), part: false });
        }
    });
    passed.1
}

fn told(played: &mut Played) -> Vec<String> {
    let commands = std::iter::from_fn(|| played.core.next_command());
    let told = commands.filter_map(|command| match command {
        Command::Say(Notice::LogTrouble { detail, .. }) => Some(detail),
        _ => None,
    });
    told.collect()
}

/// Podman says 200, and then why there is no log (W-26).
#[test]
fn a_container_whose_log_was_refused_after_its_head_was_missed() {
    let mut played = reading();
    let stream = played.stream("web");
    let refused = |status| End::Refused(Refusal { status, message: "no such container".to_owned() });
    played.core.handle(Input::Ended(Exchange::Logs(stream), refused(500)));
    played.event("web", Action::Destroy);
    let wall = Timestamp { seconds: 1_060, nanos: 0 };
    played.core.begin_turn(Now { mono: Mono(60_000_000_000), wall });
    assert!(
        played.commands().iter().any(|command| command.starts_with("open Logs")),
        "it is asked for again"
    );
    played.core.handle(Input::Ended(Exchange::Logs(stream), refused(404)));
    assert_eq!((played.core.catalogue.count(), played.core.counts.missed), (0, 1));
}

#[test]
fn an_error_behind_lines_is_told_and_one_before_them_bars_the_log() {
    let line = (Some("1970-01-01T00:16:41Z"), "a");
    for (records, barred, expected) in [
        (&[line, (None, "gone\n"), (None, "again")][..], false, &["gone"][..]),
        (&[(None, "gone"), line], true, &[]),
    ] {
        let mut played = reading();
        let lines = records.iter().filter(|(raw, _)| raw.is_some()).count();
        assert_eq!(read(&mut played, records) as usize, lines);
        assert_eq!(told(&mut played), expected);
        let stream = played.stream("web");
        let stream = &played.core.catalogue.get(stream).expect("it is known").stream;
        assert_eq!((stream.barred, stream.spoke), (barred, true));
        assert_eq!(played.core.counts.engine_errors as usize, records.len() - lines);
    }
}

#[test]
fn what_follows_a_window_that_is_too_small_is_not_taken() {
    let mut played = reading();
    read(&mut played, &[(Some("1970-01-01T00:16:41Z"), "last")]); // the newest there was: it marks the place
    let stream = played.stream("web");
    played.end(Exchange::Logs(stream));
    // The container has begun anew: its log is opened again, and the window doesn't show the line.
    played.event("web", Action::Start);
    let opened = played.commands();
    assert!(opened.iter().any(|open| open.starts_with("open Logs(web) tail=")), "{opened:?}");
    played.head(Exchange::Logs(stream));
    let size: u32 = opened.iter().find_map(|open| open.split("tail=").nth(1)?.parse().ok()).expect("a size");
    let other = (Some("1970-01-01T00:16:42Z"), "other");
    let records = vec![other; size as usize + 10];
    assert_eq!(read(&mut played, &records), size, "all that the window has, and no more");
    assert_eq!(read(&mut played, &[other]), 0, "it is being closed");
    let larger = u64::from(size) * limits::WINDOW_GROWTH;
    assert_eq!(played.commands()[..2], ["close Logs(web)".into(), format!("open Logs(web) tail={larger}")]);
    let counts = played.core.counts();
    assert_eq!((counts.lines, counts.replayed), (0, 1 + u64::from(size)), "none of them is known to be new");
}
