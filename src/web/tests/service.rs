//! What well-behaved clients get.

use super::*;
use crate::web::routes::PATHS;

#[test]
fn every_path_answers_on_one_connection() {
    let mut house = House::new(LOCAL, &named(3));
    let mut visitor = house.visit();
    for (path, part) in [
        ("/", "/metrics"),
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/state", "\"container-2\""),
        ("/metrics", "docklog_container_lines_total{container=\"container-2\",id=\"000000000000\"} 0"),
    ] {
        visitor.got.clear();
        visitor.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        house.serve(&mut visitor);
        assert_eq!(visitor.status(), "200", "{path}: {}", visitor.text());
        assert!(visitor.body().contains(part), "{path}: {}", visitor.text());
        assert!(visitor.text().contains("cache-control: no-store"));
    }
    assert!(!visitor.is_closed());
    assert_eq!(house.clients(), 1);
}

#[test]
fn what_is_not_served_says_why_and_what_is() {
    let mut house = House::new(Ways { local: false, ..LOCAL }, &[]);
    for (request, status, part) in [
        ("GET /metric HTTP/1.1\r\nHost: x\r\n\r\n", "404", "/metrics"),
        ("DELETE /state HTTP/1.1\r\nHost: x\r\n\r\n", "405", "allow: GET, HEAD\r\n"),
        ("GET /rotate HTTP/1.1\r\nHost: x\r\n\r\n", "405", "allow: POST\r\n"),
        ("POST /rotate HTTP/1.1\r\nHost: x\r\n\r\n", "403", "--http unix:/PATH"),
        ("GET /state HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "413", "without one"),
        (
            "GET /state HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "413",
            "without one",
        ),
    ] {
        let mut visitor = house.ask(request.as_bytes());
        house.serve(&mut visitor);
        assert_eq!(visitor.status(), status, "{request}");
        assert!(visitor.text().contains(part), "{request}: {}", visitor.text());
    }
}

#[test]
fn an_order_by_the_unix_socket_is_obeyed() {
    let mut house = House::new(LOCAL, &[]);
    let mut visitor = house.ask(b"POST /rotate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    house.serve(&mut visitor);
    assert_eq!(visitor.status(), "200");
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let mut house = House::new(LOCAL, &named(5));
    let mut visitor = house.visit();
    for known in PATHS.iter().filter(|known| known.path != "/rotate") {
        visitor.got.clear();
        visitor.send(format!("HEAD {} HTTP/1.1\r\nHost: x\r\n\r\n", known.path).as_bytes());
        house.serve(&mut visitor);
        assert_eq!(visitor.status(), "200");
        assert!(visitor.text().ends_with("\r\n\r\n") && visitor.text().matches("\r\n\r\n").count() == 1);
    }
}

#[test]
fn an_old_client_gets_the_text_plain_and_the_end_by_closing() {
    let mut house = House::new(LOCAL, &named(100));
    let mut visitor = house.ask(b"GET /metrics HTTP/1.0\r\n\r\n");
    house.serve(&mut visitor);
    assert!(visitor.is_closed() && !visitor.text().contains("chunked"));
    assert!(visitor.body().ends_with('\n') && visitor.body().contains("process_start_time_seconds 1.5\n"));
}

#[test]
fn a_client_that_ends_its_side_with_the_request_gets_its_answer() {
    let mut house = House::new(LOCAL, &named(100));
    let mut visitor = house.ask(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n");
    visitor.end_sending();
    house.serve(&mut visitor);
    let state: serde_json::Value = serde_json::from_str(&visitor.body()).expect("JSON");
    assert_eq!(state["streams"].as_array().map(Vec::len), Some(100));
    assert!(visitor.is_closed());
    assert_eq!((house.clients(), house.door.closed), (0, 1));
}

#[test]
fn requests_sent_together_are_answered_in_order() {
    let mut house = House::new(LOCAL, &[]);
    let mut requests = Vec::new();
    for n in 0..50 {
        let path = if n % 2 == 0 { "/healthz" } else { "/nowhere" };
        requests.extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    }
    let mut visitor = house.ask(&requests);
    house.serve(&mut visitor);
    let text = visitor.text();
    let codes: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    let expected: Vec<&str> = (0..50).map(|n| if n % 2 == 0 { "200" } else { "404" }).collect();
    assert_eq!(codes, expected);
}

#[test]
fn readiness_fails_with_its_reasons() {
    let names = named(13);
    let mut house = House::new(LOCAL, &names);
    let ready = |house: &mut House| {
        let mut visitor = house.ask(b"GET /readyz HTTP/1.0\r\n\r\n");
        house.serve(&mut visitor);
        (visitor.status(), visitor.body())
    };
    assert_eq!(ready(&mut house), ("200".to_owned(), "ready\n".to_owned()));
    house.pass(Duration::from_secs(31));
    let (status, body) = ready(&mut house);
    assert_eq!(status, "503");
    assert!(body.contains("container-0: not live for 31 s (waiting)\n"), "{body}");
    assert!(body.contains("and 3 more\n") && !body.contains("container-12"), "{body}");
    house.core.handle(Input::Ended(Exchange::Events, End::Truncated));
    let (status, body) = ready(&mut house);
    assert_eq!(status, "503");
    assert!(body.contains("docker.sock does not answer (since 2026-11-23T"), "{body}");
}

#[test]
fn a_connection_is_kept_for_the_next_request_but_not_for_ever() {
    let mut house = House::new(LOCAL, &[]);
    let mut visitor = house.visit();
    for _ in 0..5 {
        house.pass(Duration::from_secs(9));
        visitor.got.clear();
        visitor.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        house.serve(&mut visitor);
        assert_eq!(visitor.status(), "200");
    }
    house.pass(Duration::from_secs(11));
    assert!(visitor.is_closed());
    assert_eq!((house.clients(), house.web.deadline()), (0, None));
}
