//! What answers lead to: pauses, messages, the end of a batch.

use super::*;
use crate::limits;

/// A batch that isn't taken, this answer, and the time until it comes again.
fn pause_after(town: &mut Town, call: &mut Call, answer: &str) -> Duration {
    town.answer(call, answer);
    assert_eq!(town.done, [], "{answer}");
    let until = town.pushes.deadline().expect("a pause");
    let pause = Duration::from_nanos(until.0) - town.time;
    assert!(call.next().is_none());
    town.pass(pause);
    pause
}

#[test]
fn what_is_not_taken_comes_again_and_less_and_less_soon() {
    let mut town = Town::with(Format::Loki);
    town.pushes.send(0, b"one");
    let mut call = town.call();
    let mut full = limits::RETRY_FIRST;
    for number in 1..=12_u64 {
        assert_eq!(town.request(&mut call).1, b"one");
        let pause = pause_after(&mut town, &mut call, BUSY);
        assert!(pause <= full && pause >= full.mul_f64(0.75), "{pause:?} of {full:?}");
        full = (full * 2).min(limits::RETRY_MOST);
        let figures = town.pushes.figures(0);
        assert_eq!((figures.requests, figures.retries), (number + 1, number));
    }
    town.request(&mut call);
    town.answer(&mut call, TAKEN);
    assert_eq!((town.done.pop(), town.net.dialled.len()), (Some((0, Outcome::Taken)), 1));
    let said = town.said();
    let waits = "docklog: sink sink0: http://10.0.0.1:3100/loki/api/v1/push: 503 Service Unavailable: later; lines wait\n";
    let again = "docklog: sink sink0: http://10.0.0.1:3100/loki/api/v1/push: lines are taken again\n";
    assert_eq!(said, format!("{waits}{again}"));
    // After a success all begins anew.
    town.pushes.send(0, b"two");
    town.request(&mut call);
    assert!(pause_after(&mut town, &mut call, BUSY) <= limits::RETRY_FIRST);
}

#[test]
fn a_receiver_that_takes_turns_is_told_about_once_a_minute() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, b"one");
    let mut call = town.call();
    for _ in 0..20 {
        town.request(&mut call);
        pause_after(&mut town, &mut call, BUSY);
        town.request(&mut call);
        town.answer(&mut call, TAKEN);
        town.done.clear();
        town.pushes.send(0, b"next");
    }
    assert_eq!(town.said().lines().count(), 2);
    town.request(&mut call);
    town.time += limits::PUSH_TOLD;
    town.answer(&mut call, BUSY);
    assert!(town.said().ends_with("lines wait\n"));
}

#[test]
fn a_receiver_says_when_it_wants_to_be_asked_again() {
    let mut town = Town::with(Format::Loki);
    town.pushes.send(0, b"one");
    let mut call = town.call();
    for (said, pause) in [
        ("7", Duration::from_secs(7)),
        // By then the clock shows 14 s.
        ("Mon, 23 Nov 2026 20:16:34 GMT", Duration::from_secs(20)),
        ("100000", limits::PUSH_LATER),
    ] {
        town.request(&mut call);
        let answer =
            format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(pause_after(&mut town, &mut call, &answer), pause, "{said}");
    }
    let mut call = town.call(); // nobody keeps one for so long
    for nonsense in ["soon", "-1", "0", "Mon, 23 Nov 2026 20:00:00 GMT"] {
        town.request(&mut call);
        let answer = format!("HTTP/1.1 503 No\r\nRetry-After: {nonsense}\r\nContent-Length: 0\r\n\r\n");
        assert!(pause_after(&mut town, &mut call, &answer) <= limits::RETRY_MOST, "{nonsense}");
    }
}

#[test]
fn a_batch_that_is_refused_is_out_of_hand_with_its_reason() {
    let mut town = Town::with(Format::Ndjson);
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\nno \x1b[2Jthanks\n";
    let (mut call, outcome) = town.exchange(b"one", answer);
    assert_eq!(outcome, Some(Outcome::Refused { why: "400 Bad Request: no \\u{1b}[2Jthanks".to_owned() }));
    let figures = town.pushes.figures(0);
    assert_eq!((figures.refused, figures.retries, town.said()), (1, 0, String::new()), "core tells of lines");
    town.pushes.send(0, b"two");
    town.request(&mut call);
    town.answer(&mut call, TAKEN);
    assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
}

#[test]
fn loki_takes_the_other_lines() {
    let mut town = Town::with(Format::Loki);
    let text = "entry with timestamp 2026 ignored, reason: 'entry too far behind',\nuser 'fake', total ignored: 3 out of 9 for stream: {}";
    let answer = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    let (_, outcome) = town.exchange(b"one", &answer);
    let Some(Outcome::TakenInPart { refused: 3, why }) = outcome else { panic!("{outcome:?}") };
    assert!(why.starts_with("400 Bad Request: entry with timestamp 2026 ignored"), "{why}");
}

#[test]
fn otlp_says_how_many_lines_it_rejects_and_what_isnt_understood_is_told() {
    let mut town = Town::with(Format::Otlp);
    let partial = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x0a\x07\x08\x02\x12\x03old";
    let (mut call, outcome) = town.exchange(b"one", partial);
    assert_eq!(outcome, Some(Outcome::TakenInPart { refused: 2, why: "old".to_owned() }));
    for _ in 0..3 {
        town.pushes.send(0, b"two");
        town.request(&mut call);
        town.answer(&mut call, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>");
        assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
    }
    assert_eq!(
        town.said(),
        "docklog: sink sink0: http://10.0.0.1:3100/v1/logs: taken, but: 200 OK: an answer that isn't OTLP's\n"
    );
}

#[test]
fn a_redirect_waits_for_a_person_and_loses_nothing() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, b"one");
    let mut call = town.call();
    for _ in 0..3 {
        town.request(&mut call);
        let answer =
            "HTTP/1.1 301 Moved Permanently\r\nLocation: https://new.example/\r\nContent-Length: 0\r\n\r\n";
        assert!(pause_after(&mut town, &mut call, answer) >= limits::RETRY_MOST.mul_f64(0.75));
    }
    let said = town.said();
    assert!(
        said.contains("301 Moved Permanently to https://new.example/; docklog follows no redirect"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn time_for_a_request_is_limited_and_the_next_one_has_a_new_connection() {
    let mut town = Town::new(vec![plain(Format::Ndjson).with_timeout(Duration::from_secs(3))]);
    town.pushes.send(0, b"one");
    let mut silent = town.call();
    town.request(&mut silent);
    assert_eq!(town.state(), "sending");
    town.pass(millis(2999));
    assert!(!silent.is_closed());
    town.pass(millis(1));
    assert!(silent.is_closed());
    assert!(town.said().contains(": no answer within 3 s; lines wait"));
    town.pass(millis(100));
    let mut call = town.call();
    town.request(&mut call);
    town.answer(&mut call, TAKEN);
    assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
}

#[test]
fn a_receiver_that_doesnt_read_is_given_up_in_time() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, &vec![b'x'; 3_000_000]);
    let _call = town.call();
    town.pass(Duration::from_secs(10));
    assert_eq!((town.net.open, town.done.len()), (0, 0));
    assert!(town.said().contains("no answer within 10 s"));
}
