//! Connections: kept, closed by the receiver, old, and what is sent on them.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;
use crate::limits;
use crate::push::target::Auth;

#[test]
fn a_batch_is_one_request_with_all_that_was_set() {
    let target = Target::parse_url("http://10.0.0.1:3100/in?x=1", Format::Ndjson).expect("a URL");
    let auth = Auth::Basic { user: "me".to_owned(), password: "se:cret".to_owned() };
    let target = target
        .with_content("application/x-ndjson", (b"<", b">"))
        .with_header("X-Scope-OrgID: one")
        .and_then(|target| target.with_auth(&auth))
        .expect("valid");
    let mut town = Town::new(vec![target.clone(), target.with_gzip(false)]);
    let lines = b"{\"line\":\"something that is the same\"}\n".repeat(2000);
    for number in [0, 1] {
        town.pushes.send(number, &lines);
        assert!(!town.pushes.is_free(number));
        let mut call = town.call();
        assert_eq!(call.to, address("10.0.0.1:3100"));
        let (head, body) = town.request(&mut call);
        assert!(head.starts_with("POST /in?x=1 HTTP/1.1\r\n"), "{head}");
        for line in [
            "host: 10.0.0.1:3100",
            "authorization: Basic bWU6c2U6Y3JldA==",
            "content-type: application/x-ndjson",
            "x-scope-orgid: one",
            concat!("user-agent: docklog/", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} isn't in {head}");
        }
        let mut text = Vec::new();
        if number == 0 {
            assert!(head.contains("\r\ncontent-encoding: gzip\r\n") && body.len() < 2000, "{head}");
            GzDecoder::new(body.as_slice()).read_to_end(&mut text).expect("gzip");
        } else {
            assert!(!head.contains("content-encoding"), "{head}");
            text.clone_from(&body);
        }
        assert_eq!(text, [b"<", lines.as_slice(), b">"].concat());
        town.answer(&mut call, TAKEN);
        assert_eq!(town.done.pop(), Some((number, Outcome::Taken)));
        assert!(town.pushes.is_free(number));
        let figures = town.pushes.figures(number);
        assert_eq!((figures.requests, figures.retries, figures.sent), (1, 0, body.len() as u64));
    }
    assert_eq!(town.said(), "", "all went well, and that is no news");
}

#[test]
fn a_connection_is_kept_for_the_next_batch_and_costs_no_wake_up() {
    let mut town = Town::with(Format::Loki);
    let (mut call, outcome) = town.exchange(b"one", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(outcome, Some(Outcome::Taken));
    for _ in 0..3 {
        assert_eq!(
            (town.pushes.deadline(), town.pushes.is_busy(), town.state()),
            (None, false, "idle".to_owned())
        );
        town.pass(limits::PUSH_KEPT);
        town.pushes.send(0, b"more");
        let (head, body) = town.request(&mut call);
        assert!(head.starts_with("POST /loki/api/v1/push ") && body == b"more", "{head}");
        town.answer(&mut call, "HTTP/1.1 204 No Content\r\nContent-Type: x\r\n\r\n");
        assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
    }
    assert_eq!((town.net.dialled.len(), town.net.open), (1, 1));
    town.pushes.close(&mut town.net);
    assert!(call.is_closed() && town.net.open == 0);
}

#[test]
fn a_connection_that_has_been_idle_for_long_is_not_trusted() {
    let mut town = Town::with(Format::Ndjson);
    let (mut call, _) = town.exchange(b"one", TAKEN);
    town.pass(limits::PUSH_KEPT + millis(1));
    assert!(!call.is_closed(), "no timer runs for it");
    let (_, outcome) = town.exchange(b"two", TAKEN);
    assert!(call.is_closed());
    assert_eq!((outcome, town.net.open, town.pushes.figures(0).retries), (Some(Outcome::Taken), 1, 0));
}

#[test]
fn a_connection_that_the_receiver_closes_while_idle_is_closed_here_too() {
    let mut town = Town::with(Format::Ndjson);
    let (call, _) = town.exchange(b"one", TAKEN);
    drop(call);
    town.settle();
    assert_eq!(town.net.open, 0);
    let (_, outcome) = town.exchange(b"two", TAKEN);
    assert_eq!((outcome, town.pushes.figures(0).retries), (Some(Outcome::Taken), 0));
}

#[test]
fn a_request_that_meets_a_closing_connection_is_repeated_at_once() {
    let mut town = Town::with(Format::Ndjson);
    let (mut call, _) = town.exchange(b"one", TAKEN);
    town.pushes.send(0, b"two");
    town.request(&mut call);
    drop(call); // it was closed before the request came
    let mut call = town.call();
    let (_, body) = town.request(&mut call);
    assert_eq!(body, b"two");
    town.answer(&mut call, TAKEN);
    let figures = town.pushes.figures(0);
    assert_eq!((town.done.pop(), figures.requests, figures.retries), (Some((0, Outcome::Taken)), 3, 1));
    assert_eq!((town.said(), town.time), (String::new(), Duration::ZERO));
}

#[test]
fn a_new_connection_that_is_closed_without_an_answer_is_trouble() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, b"one");
    let mut call = town.call();
    town.request(&mut call);
    drop(call);
    town.settle();
    assert_eq!(town.net.calls.len(), 0, "it comes back at once");
    let said = town.said();
    assert!(
        said.contains("sink sink0: http://10.0.0.1:3100/: ") && said.contains("; lines wait\n"),
        "{said}"
    );
    assert!(town.state().starts_with("waiting 0.1 s after "), "{}", town.state());
    town.pass(millis(100));
    let mut call = town.call();
    town.request(&mut call);
    town.answer(&mut call, TAKEN);
    assert_eq!(town.said(), "docklog: sink sink0: http://10.0.0.1:3100/: lines are taken again\n");
}

#[test]
fn connection_close_is_obeyed_in_both_versions_of_http() {
    for close in [
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nup to the end",
    ] {
        let mut town = Town::with(Format::Ndjson);
        let (call, outcome) = town.exchange(b"one", close);
        if close.ends_with("end") {
            assert_eq!(outcome, None);
            drop(call);
            town.settle();
            assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
        } else {
            assert_eq!(outcome, Some(Outcome::Taken));
        }
        assert_eq!(town.net.open, 0);
        assert_eq!(town.exchange(b"two", TAKEN).1, Some(Outcome::Taken));
    }
}

#[test]
fn sinks_dont_wait_for_each_other() {
    let mut town = Town::new(vec![plain(Format::Ndjson), plain(Format::Loki)]);
    town.pushes.send(0, b"one");
    town.pushes.send(1, b"two");
    let (mut slow, mut fast) = (town.call(), town.call());
    town.request(&mut slow);
    town.request(&mut fast);
    town.answer(&mut fast, TAKEN);
    assert_eq!(town.done, [(1, Outcome::Taken)]);
    assert!(!town.pushes.is_free(0) && town.pushes.is_free(1));
}

#[test]
fn a_second_batch_does_not_replace_the_one_in_hand() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, b"one");
    town.pushes.send(0, b"two");
    town.pushes.send(7, b"nobody's");
    let mut call = town.call();
    assert_eq!(town.request(&mut call).1, b"one");
    assert!(!town.pushes.is_free(7));
}

#[test]
fn a_long_body_goes_out_as_the_receiver_takes_it() {
    let mut town = Town::with(Format::Ndjson);
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    town.pushes.send(0, &body);
    let mut call = town.call();
    assert!(call.next().is_none(), "a socket that takes all of it at once");
    assert_eq!(town.request(&mut call).1, body);
    town.answer(&mut call, TAKEN);
    assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
}
