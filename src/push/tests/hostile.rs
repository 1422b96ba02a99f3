//! Receivers that answer in ways they shouldn't.

use super::*;
use crate::limits;

#[test]
fn nonsense_instead_of_an_answer_is_trouble_and_no_more() {
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(limits::PUSH_HEAD + 1));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(limits::PUSH_HEADERS + 1));
    for answer in [
        "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        "HTTP/1.1 999999 What\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "\0\0\0\0\0\0\0\0\r\n\r\n",
        &long_head,
        &many,
    ] {
        let mut town = Town::with(Format::Loki);
        town.pushes.send(0, b"one");
        let mut call = town.call();
        town.request(&mut call);
        let _ = call.stream.write_all(answer.as_bytes());
        town.settle();
        assert!(call.is_closed() || answer.starts_with('\x16'), "{answer:.40}");
        drop(call);
        town.settle();
        assert_eq!((town.done.len(), town.net.open), (0, 0), "{answer:.40}");
        assert!(town.said().ends_with("lines wait\n"), "{answer:.40}");
        town.pass(millis(100));
        let mut call = town.call();
        assert_eq!(town.request(&mut call).1, b"one");
        town.answer(&mut call, TAKEN);
        assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
    }
}

#[test]
fn who_closes_or_speaks_before_it_is_asked_is_not_stormed() {
    for greeting in ["", "220 mail.example ESMTP\r\n", TAKEN] {
        let mut town = Town::with(Format::Ndjson);
        town.net.greeting = Some(greeting);
        town.pushes.send(0, b"one");
        town.settle();
        town.pass(Duration::from_secs(10));
        let dialled = town.net.dialled.len();
        assert!((5..10).contains(&dialled), "{greeting:?}: {dialled} connections in 10 s");
        assert_eq!((town.done.len(), town.net.open), (0, 0), "{greeting:?}");
    }
}

#[test]
fn a_refusal_before_the_body_was_read_is_heard() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, &vec![b'x'; 3_000_000]);
    let mut call = town.call();
    // It reads the head at the most, says its word and goes: our next write fails.
    let answer = "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";
    call.say(answer);
    drop(call);
    town.settle();
    let why = "413 Payload Too Large: big; make batch_size of this sink smaller".to_owned();
    assert_eq!(town.done.pop(), Some((0, Outcome::Refused { why })));
    assert_eq!((town.net.open, town.pushes.is_free(0)), (0, true));
}

#[test]
fn an_answer_that_comes_while_a_write_fails_is_heard() {
    let mut town = Town::with(Format::Ndjson);
    town.net.ways = vec![(address("10.0.0.1:3100"), Way::Breaks)];
    town.pushes.send(0, b"one");
    town.settle();
    let said = town.said();
    assert!(said.ends_with("503 Service Unavailable: later; lines wait\n"), "{said}");
    assert_eq!(town.net.open, 0);
}

#[test]
fn an_answer_before_the_body_was_read_ends_the_connection() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, &vec![b'x'; 3_000_000]);
    let mut call = town.call();
    town.answer(&mut call, BUSY);
    assert_eq!(town.net.open, 0, "the rest of the body would be taken for the next request");
    assert!(town.said().contains("503 Service Unavailable: later; lines wait"));
}

#[test]
fn an_endless_body_is_not_read_to_its_end() {
    for head in ["Transfer-Encoding: chunked\r\n\r\n", "Content-Length: 99999999999\r\n\r\n", "\r\n"] {
        let mut town = Town::with(Format::Ndjson);
        town.pushes.send(0, b"one");
        let mut call = town.call();
        town.request(&mut call);
        call.say(&format!("HTTP/1.1 400 Bad Request\r\n{head}"));
        let mut sent = 0;
        while town.done.is_empty() && sent < 1 << 20 {
            let piece = format!("3e8\r\n{}\r\n", "x".repeat(1000));
            sent += call.stream.write(piece.as_bytes()).unwrap_or(0);
            town.settle();
        }
        assert!(sent < 2 * limits::PUSH_DRAIN, "{sent} bytes were read");
        let Some((0, Outcome::Refused { why })) = town.done.pop() else { panic!("not refused") };
        assert!(why.chars().count() < limits::PUSH_REASON + 40, "{why}");
        assert_eq!(town.net.open, 0);
    }
}

#[test]
fn a_long_body_that_ends_is_read_and_the_connection_stays() {
    let mut town = Town::with(Format::Ndjson);
    let body = "y".repeat(limits::PUSH_ANSWER * 2);
    let answer = format!("HTTP/1.1 422 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (_call, outcome) = town.exchange(b"one", &answer);
    assert!(matches!(outcome, Some(Outcome::Refused { .. })));
    assert_eq!(town.net.open, 1);
}

#[test]
fn an_answer_that_is_cut_counts_by_its_head() {
    for (head, expected) in [("200 OK", Some(Outcome::Taken)), ("500 Internal Server Error", None)] {
        // The connection breaks, or nothing more comes.
        for breaks in [true, false] {
            let mut town = Town::with(Format::Ndjson);
            town.pushes.send(0, b"one");
            let mut call = town.call();
            town.request(&mut call);
            town.answer(&mut call, &format!("HTTP/1.1 {head}\r\nContent-Length: 100\r\n\r\nhal"));
            assert_eq!(town.done, []);
            if breaks {
                drop(call);
                town.settle();
            } else {
                town.pass(Duration::from_secs(10));
                assert!(call.is_closed());
            }
            assert_eq!(town.done.pop().map(|(_, outcome)| outcome), expected);
            assert_eq!(town.net.open, 0);
        }
    }
}

#[test]
fn an_answer_byte_by_byte_is_one() {
    let mut town = Town::with(Format::Ndjson);
    town.pushes.send(0, b"one");
    let mut call = town.call();
    town.request(&mut call);
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for at in 0..answer.len() {
        assert_eq!(town.done, [], "{}", &answer[..at]);
        town.answer(&mut call, &answer[at..=at]);
    }
    assert_eq!((town.done.pop(), town.net.open), (Some((0, Outcome::Taken)), 1));
}

#[test]
fn continues_are_passed_over_and_without_end_they_dont_hold_the_loop() {
    let mut town = Town::with(Format::Ndjson);
    let (_call, outcome) = town.exchange(b"one", &format!("{}{TAKEN}", GO_ON.repeat(100)));
    assert_eq!(outcome, Some(Outcome::Taken));
    let mut town = Town::with(Format::Ndjson);
    town.net.ways = vec![(address("10.0.0.1:3100"), Way::Endless)];
    town.pushes.send(0, b"one");
    for _ in 0..10 {
        town.turn();
        assert_eq!(town.state(), "sending");
    }
    assert!(town.pushes.is_busy(), "it waits, with more to read");
    town.time = Duration::from_secs(10);
    town.settle();
    assert!(town.said().contains("no answer within 10 s"));
}

#[test]
fn another_protocol_is_none_of_ours() {
    let mut town = Town::with(Format::Ndjson);
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    let (_, outcome) = town.exchange(b"one", answer);
    assert_eq!((outcome, town.net.open), (None, 0));
    assert!(town.said().contains("lines wait"));
}

#[test]
fn bytes_that_nobody_asked_for_end_an_idle_connection() {
    let mut town = Town::with(Format::Ndjson);
    let (mut call, _) = town.exchange(b"one", TAKEN);
    call.say(TAKEN);
    town.settle();
    assert_eq!((town.net.open, town.done.len()), (0, 0));
    // With the answer, too: they must not be taken for the next one's.
    let (mut call, outcome) = town.exchange(b"two", &format!("{TAKEN}{TAKEN}"));
    assert_eq!((outcome, call.is_closed()), (Some(Outcome::Taken), true));
    town.pushes.send(0, b"three");
    let mut call = town.call();
    town.request(&mut call);
    assert_eq!(town.done, []);
}
