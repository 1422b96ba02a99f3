//! What clients can't do to us.

use super::*;
use crate::limits;

const GET_STATE: &[u8] = b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    let mut house = House::new(LOCAL, &named(1));
    let mut visitor = house.visit();
    for byte in GET_STATE {
        visitor.send(&[*byte]);
        house.turn();
    }
    house.serve(&mut visitor);
    assert_eq!(visitor.status(), "200");
}

#[test]
fn one_that_comes_too_slowly_is_not_however_often_it_moves() {
    let mut house = House::new(LOCAL, &[]);
    let mut visitor = house.visit();
    for second in 0..=limits::HTTP_PATIENCE.as_secs() {
        assert!(!visitor.is_closed(), "{second}");
        visitor.send(b"G");
        house.pass(Duration::from_secs(1));
    }
    assert!(visitor.is_closed());
    assert_eq!(house.clients(), 0);
}

#[test]
fn garbage_is_refused_and_ends_the_connection() {
    let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for bytes in [&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], b"GET\r\n\r\n", &noise, tls, b"GET / HTTP/9.9\r\n\r\n"] {
        let mut house = House::new(LOCAL, &[]);
        let mut visitor = house.ask(bytes);
        visitor.end_sending();
        house.serve(&mut visitor);
        assert!(visitor.is_closed());
        assert!(!String::from_utf8_lossy(&visitor.got).contains("200 OK"));
        assert_eq!(house.clients(), 0);
    }
}

#[test]
fn a_head_beyond_the_limit_is_refused_by_name() {
    let long = format!("GET /state HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(60_000));
    let many =
        format!("GET /state HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(limits::HTTP_HEADERS + 1));
    for head in [long, many] {
        let mut house = House::new(LOCAL, &[]);
        let mut visitor = house.visit();
        let mut sent = 0;
        while sent < head.len() && !visitor.is_closed() {
            sent += visitor.send(&head.as_bytes()[sent..]);
            house.turn();
        }
        house.serve(&mut visitor);
        assert_eq!(visitor.status(), "431");
        assert!(visitor.is_closed());
    }
}

#[test]
fn a_client_that_does_not_read_is_made_no_text_for_and_let_go_in_time() {
    let mut house = House::new(LOCAL, &named(5_000));
    let mut visitor = house.ask(GET_STATE);
    let mut turns = 0;
    while house.web.is_busy() || turns < 10 {
        house.turn();
        turns += 1;
        assert!(turns < 100, "it is busy with a client that doesn't read");
    }
    house.pass(limits::HTTP_PATIENCE + Duration::from_secs(1));
    assert_eq!((house.clients(), house.web.deadline()), (0, None));
    visitor.take();
    // What the socket's buffer held, and a piece or two.
    assert!(visitor.got.len() < 400_000, "{}", visitor.got.len());
}

#[test]
fn a_client_that_leaves_in_the_middle_is_forgotten() {
    let mut house = House::new(LOCAL, &named(5_000));
    let visitor = house.ask(GET_STATE);
    house.turn();
    assert_eq!(house.clients(), 1);
    drop(visitor);
    house.turn();
    house.turn();
    assert_eq!((house.clients(), house.web.deadline()), (0, None));
    assert!(!house.web.is_busy());
}

#[test]
fn idlers_cannot_lock_out_a_monitor() {
    let mut house = House::new(LOCAL, &named(50));
    let mut idlers: Vec<Visitor> = (0..200).map(|_| house.visit()).collect();
    let mut monitor = house.ask(b"GET /metrics HTTP/1.0\r\n\r\n");
    let mut most = 0;
    while house.time < Duration::from_secs(3) && monitor.got.is_empty() {
        house.pass(Duration::from_millis(10));
        most = most.max(house.clients());
        monitor.take();
    }
    house.serve(&mut monitor);
    assert_eq!(monitor.status(), "200", "after {:?}", house.time);
    assert!(most <= limits::HTTP_CONNECTIONS);
    assert!(idlers[0].is_closed() && !idlers[199].is_closed(), "who stood still longest went first");
}

#[test]
fn a_long_answer_goes_on_while_idlers_come_and_go() {
    let mut house = House::new(LOCAL, &named(2_000));
    let mut monitor = house.ask(b"GET /state HTTP/1.0\r\n\r\n");
    let mut idlers = Vec::new();
    while !monitor.is_closed() {
        idlers.push(house.visit());
        house.pass(limits::HTTP_STILL / 20);
        assert!(idlers.len() < 10_000, "it doesn't end");
    }
    let state: serde_json::Value = serde_json::from_str(&monitor.body()).expect("all of it");
    assert_eq!(state["streams"].as_array().map(Vec::len), Some(2_000));
    assert!(idlers.len() > limits::HTTP_CONNECTIONS, "{} came", idlers.len());
}

#[test]
fn a_failed_accept_is_said_once_and_tried_again() {
    const EMFILE: i32 = 24;
    let mut house = House::new(LOCAL, &[]);
    let mut visitor = house.ask(b"GET /healthz HTTP/1.0\r\n\r\n");
    house.door.broken = Some(EMFILE);
    for _ in 0..20 {
        house.turn();
        assert!(!house.web.is_busy(), "it would spin");
        house.pass(limits::HTTP_ACCEPT_AGAIN);
    }
    assert_eq!(house.said().matches("can't accept connections").count(), 1);
    house.door.broken = None;
    house.pass(limits::HTTP_ACCEPT_AGAIN);
    house.serve(&mut visitor);
    assert_eq!(visitor.status(), "200");
}

#[test]
fn names_in_requests_are_not_echoed() {
    let mut house = House::new(LOCAL, &[]);
    let mut visitor = house.ask(b"GET /<script>%1b[2J HTTP/1.1\r\nHost: <script>\r\nX: <script>\r\n\r\n");
    house.serve(&mut visitor);
    assert!(!visitor.text().contains("script"), "{}", visitor.text());
}
