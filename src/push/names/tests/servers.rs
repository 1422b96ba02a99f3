//! Nameservers that are silent, refuse or fail; and search domains.

use super::*;

const TWO: &str = "nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions timeout:2\n";

/// The nameservers that were asked before the lookup failed.
fn until_failed(stage: &mut Stage, mut then: impl FnMut(&mut Stage)) -> Vec<String> {
    let mut servers = Vec::new();
    while matches!(stage.last, Step::Ask { .. }) {
        servers.push(stage.server.clone());
        assert!(servers.len() < 100, "no end");
        then(stage);
    }
    servers
}

#[test]
fn one_that_is_silent_refuses_or_fails_gives_way_to_the_next() {
    let all = ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.1:53", "10.0.0.2:53"];
    let mut stage = Stage::new("loki.example", TWO);
    assert_eq!(until_failed(&mut stage, |stage| _ = stage.due()), all);
    assert_eq!(
        stage.failed(),
        "'loki.example' can't be found: loki.example asked of 10.0.0.1: no answer within 2 s; \
         loki.example asked of 10.0.0.2: no answer within 2 s"
    );
    assert_eq!(stage.now, Mono(1_000_000_007).after(Duration::from_secs(8)));
    let mut stage = Stage::new("loki.example", TWO);
    assert_eq!(until_failed(&mut stage, |stage| _ = stage.refused("Connection\nrefused")), all);
    assert!(stage.failed().contains("asked of 10.0.0.2: Connection?refused"), "{}", stage.failed());
    let mut stage = Stage::new("loki.example", TWO);
    assert_eq!(until_failed(&mut stage, |stage| _ = stage.says(SERVFAIL)), all);
    assert!(stage.failed().contains("asked of 10.0.0.1: it failed (SERVFAIL)"), "{}", stage.failed());
}

#[test]
fn the_next_one_may_know() {
    for trouble in 0..3 {
        let mut stage = Stage::new("loki.example", TWO);
        let before = stage.packets.clone();
        match trouble {
            0 => stage.due(),
            1 => stage.refused("Connection refused"),
            _ => stage.says(SERVFAIL),
        };
        assert_eq!(stage.server, "10.0.0.2:53");
        let late = reply(&before[1], NO_ERROR, &[address("loki.example", 9, "10.9.9.9")]);
        assert_eq!(*stage.take(&late), Step::Wait, "an answer to the first one's question");
        stage.answer(1, NO_ERROR, &[address("loki.example", 9, "10.1.1.1")]);
        assert_found(stage.answer(0, NO_ERROR, &[]), &["10.1.1.1"], 9);
    }
}

#[test]
fn a_socket_that_fails_after_an_answer_takes_nothing_away() {
    let mut stage = Stage::new("loki.example", TWO);
    stage.answer(1, NO_ERROR, &[address("loki.example", 9, "10.1.1.1")]);
    assert_found(stage.refused("Connection refused"), &["10.1.1.1"], 9);
}

#[test]
fn it_isnt_due_before_its_time() {
    let mut stage = Stage::new("loki.example", TWO);
    stage.until = Mono(stage.until.0 - 1);
    assert_eq!(*stage.due(), Step::Wait);
}

#[test]
fn an_unknown_name_is_looked_for_in_the_search_domains() {
    let mut stage = Stage::new("loki", "nameserver 10.0.0.1\nsearch a.example b.example\n");
    assert_eq!(stage.name(), "loki.a.example");
    stage.says(NXDOMAIN);
    assert_eq!(stage.name(), "loki.b.example");
    stage.says(NO_ERROR);
    assert_eq!(stage.name(), "loki");
    stage.says(NXDOMAIN);
    assert_eq!(
        stage.failed(),
        "'loki' can't be found: loki.a.example asked of 10.0.0.1: no such name; \
         loki.b.example asked of 10.0.0.1: the name has no address; loki asked of 10.0.0.1: no such name"
    );
    assert_eq!(stage.asks, 3);
}

#[test]
fn the_server_that_answers_is_asked_on() {
    let mut stage = Stage::new("loki", "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a b c\n");
    stage.due();
    for name in ["loki.a", "loki.b", "loki.c", "loki"] {
        assert_eq!((stage.name().as_str(), stage.server.as_str()), (name, "10.0.0.2:53"));
        stage.says(NXDOMAIN);
    }
    assert_eq!(stage.asks, 5);
}

#[test]
fn a_search_domain_that_always_fails_is_left_behind_but_silence_isnt() {
    let mut stage = Stage::new("loki", "nameserver 10.0.0.1\nsearch a\n");
    stage.says(SERVFAIL);
    assert_eq!(stage.name(), "loki.a");
    stage.says(SERVFAIL);
    assert_eq!(stage.name(), "loki");
    stage.due();
    stage.due();
    assert!(stage.failed().contains("loki asked of 10.0.0.1: no answer"), "{}", stage.failed());
    let mut stage = Stage::new("loki", "nameserver 10.0.0.1\nsearch a b\n");
    stage.says(SERVFAIL);
    stage.says(SERVFAIL);
    assert_eq!(stage.name(), "loki.b");
    stage.due();
    stage.due();
    assert!(stage.failed().contains("loki.b asked of 10.0.0.1: no answer"), "{}", stage.failed());
    let mut stage = Stage::new("loki", "nameserver 10.0.0.1\nsearch a\n");
    stage.due();
    assert_eq!(stage.name(), "loki.a");
    stage.due();
    assert!(stage.failed().contains("loki.a asked of 10.0.0.1: no answer within 5 s"), "{}", stage.failed());
}

#[test]
fn without_a_nameserver_that_can_be_asked_it_says_so() {
    let stage = Stage::new("loki", "nameserver fe80::1%eth0\n");
    assert!(stage.failed().contains("/etc/resolv.conf") && stage.failed().contains("fe80::1%eth0"));
    assert_eq!(Stage::new("loki", "").server, "127.0.0.1:53");
}

#[test]
fn with_rotate_any_of_them_comes_first() {
    let system =
        System { resolv: format!("{TWO}nameserver 10.0.0.3\noptions rotate\n"), ..System::default() };
    let mut chance = Chance::new(3);
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..100 {
        match Lookup::begin("loki", &system, &mut chance, Mono(1)).1 {
            Step::Ask { server, .. } => first.insert(server.to_string()),
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(first.len(), 3);
}

#[test]
fn edns_is_for_those_who_can() {
    let mut stage = Stage::new("loki", "nameserver 10.0.0.1\noptions edns0\n");
    let sizes = |stage: &Stage| stage.packets.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&stage), [12 + 6 + 4 + 11; 2]);
    let size = limits::NAMES_PACKET.to_be_bytes();
    assert_eq!(stage.packets[0][22..], [0, 0, 41, size[6], size[7], 0, 0, 0, 0, 0, 0]);
    assert_eq!(stage.packets[0][11], 1);
    stage.due();
    assert_eq!(sizes(&stage), [12 + 6 + 4; 2]);
}

#[test]
fn what_is_told_is_bounded() {
    let domains: String = (0..20).map(|number| format!(" d{number}")).collect();
    let mut stage = Stage::new("loki", &format!("search{domains}\n"));
    while matches!(stage.last, Step::Ask { .. }) {
        stage.says(NXDOMAIN);
    }
    assert!(
        stage.failed().contains("loki.d5 asked of") && stage.failed().ends_with("; and 3 more"),
        "{}",
        stage.failed()
    );
    let mut stage = Stage::new("loki", "options attempts:1\n");
    stage.refused(&"x".repeat(100_000));
    assert!(stage.failed().len() < 500);
}
