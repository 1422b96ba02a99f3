//! Lookups from begin to end, on a clock of their own. Answers are made here byte by byte, not by the library that reads them.

mod hostile;
mod messages;
mod servers;

use std::net::IpAddr;
use std::time::Duration;

use super::{Lookup, Step, System};
use crate::core::retry::Chance;
use crate::core::time::Mono;
use crate::limits;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

const NO_ERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// A name as it goes over the wire.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

/// A record of class IN.
fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = wire(owner);
    bytes.extend([kind.to_be_bytes(), [0, 1]].concat());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn address(owner: &str, ttl: u32, address: &str) -> Vec<u8> {
    match address.parse().expect("an address") {
        IpAddr::V4(address) => record(owner, A, ttl, &address.octets()),
        IpAddr::V6(address) => record(owner, AAAA, ttl, &address.octets()),
    }
}

fn alias(owner: &str, ttl: u32, target: &str) -> Vec<u8> {
    record(owner, CNAME, ttl, &wire(target))
}

/// The answer to a question of one of our own packets (without EDNS).
fn reply(question: &[u8], rcode: u8, records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = question.to_vec();
    (bytes[2], bytes[3]) = (0x81, 0x80 | rcode);
    bytes[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    bytes.extend(records.concat());
    bytes
}

/// The name and the type that a packet of ours asks for.
fn asked(packet: &[u8]) -> (String, u16) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while packet[at] != 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8(packet[at + 1..end].to_vec()).expect("text"));
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([packet[at + 1], packet[at + 2]]))
}

/// A lookup, what it said last, and a nameserver's view of it.
struct Stage {
    lookup: Lookup,
    chance: Chance,
    now: Mono,
    last: Step,
    /// The open questions: AAAA, then A.
    packets: Vec<Vec<u8>>,
    server: String,
    until: Mono,
    asks: usize,
}

impl Stage {
    fn new(name: &str, resolv: &str) -> Self {
        let (mut chance, now) = (Chance::new(7), Mono(1_000_000_007));
        let system = System { hosts: String::new(), resolv: resolv.to_owned() };
        let (lookup, last) = Lookup::begin(name, &system, &mut chance, now);
        let mut stage = Self {
            lookup,
            chance,
            now,
            last,
            packets: Vec::new(),
            server: String::new(),
            until: now,
            asks: 0,
        };
        stage.look();
        stage
    }

    fn look(&mut self) {
        if let Step::Ask { server, packets, until } = &self.last {
            self.until = *until;
            assert!(*until <= self.now.after(limits::NAMES_TIMEOUT_MOST));
            if packets.is_empty() {
                assert_eq!(self.server, server.to_string());
            } else {
                (self.server, self.packets) = (server.to_string(), packets.clone());
                self.asks += 1;
            }
        }
    }

    fn take(&mut self, packet: &[u8]) -> &Step {
        self.last = self.lookup.answer(packet, self.now, &mut self.chance);
        self.look();
        &self.last
    }

    /// The nameserver answers a question: 0 is AAAA, 1 is A.
    fn answer(&mut self, question: usize, rcode: u8, records: &[Vec<u8>]) -> &Step {
        let packet = reply(&self.packets[question], rcode, records);
        self.take(&packet)
    }

    /// It answers both.
    fn says(&mut self, rcode: u8) -> &Step {
        self.answer(0, rcode, &[]);
        self.answer(1, rcode, &[])
    }

    /// Time passes until the lookup is due.
    fn due(&mut self) -> &Step {
        self.now = self.until;
        self.last = self.lookup.due(self.now, &mut self.chance);
        self.look();
        &self.last
    }

    fn refused(&mut self, error: &str) -> &Step {
        self.last = self.lookup.refused(error, self.now, &mut self.chance);
        self.look();
        &self.last
    }

    /// The name that is asked for now.
    fn name(&self) -> String {
        asked(&self.packets[0]).0
    }

    fn failed(&self) -> &str {
        match &self.last {
            Step::Failed(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

#[track_caller]
fn assert_found(step: &Step, addresses: &[&str], seconds: u64) {
    let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    assert_eq!(*step, Step::Found { addresses, holds: Duration::from_secs(seconds) });
}

#[test]
fn what_is_known_is_found_at_once() {
    let system = System { hosts: "10.0.0.7 loki\n".to_owned(), resolv: String::new() };
    let begin = |name| Lookup::begin(name, &system, &mut Chance::new(1), Mono(5)).1;
    assert_found(&begin("loki"), &["10.0.0.7"], 60);
    assert_found(&begin("[::1]"), &["::1"], 60);
    assert_found(&begin("a.localhost"), &["::1", "127.0.0.1"], 60);
    assert!(matches!(begin("grafana"), Step::Ask { .. }));
    let Step::Failed(why) = begin("a b\n") else { panic!() };
    assert!(why.starts_with("'a b?' can't be found: a name is made of"), "{why}");
}

#[test]
fn both_families_are_asked_for_at_once_and_found() {
    let mut stage = Stage::new("Loki.example.com", "nameserver 10.0.0.53\n");
    assert_eq!(stage.packets.len(), 2);
    assert_eq!(asked(&stage.packets[0]), ("Loki.example.com".to_owned(), AAAA));
    assert_eq!(asked(&stage.packets[1]), ("Loki.example.com".to_owned(), A));
    assert_eq!(
        (stage.server.as_str(), stage.until),
        ("10.0.0.53:53", stage.now.after(limits::NAMES_TIMEOUT))
    );
    stage.answer(
        1,
        NO_ERROR,
        &[address("loki.EXAMPLE.com", 40, "10.1.1.1"), address("loki.example.com", 30, "10.1.1.2")],
    );
    let (until, packets) = match &stage.last {
        Step::Ask { until, packets, .. } => (*until, packets.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!((until, packets), (stage.now.after(limits::NAMES_OTHER_FAMILY), 0));
    let found = stage.answer(0, NO_ERROR, &[address("loki.example.com", 50, "2001:db8::1")]);
    assert_found(found, &["2001:db8::1", "10.1.1.1", "10.1.1.2"], 30);
}

#[test]
fn a_family_that_is_late_is_awaited_for_a_moment_only() {
    for (first, text) in [(0, "2001:db8::1"), (1, "10.1.1.1")] {
        let mut stage = Stage::new("loki.example", "nameserver 10.0.0.53\n");
        stage.answer(first, NO_ERROR, &[address("loki.example", 20, text)]);
        assert_eq!(stage.until, stage.now.after(limits::NAMES_OTHER_FAMILY));
        assert_found(stage.due(), &[text], 20);
        assert_eq!(*stage.due(), Step::Wait, "it is at its end");
    }
}

#[test]
fn the_moment_doesnt_reach_beyond_the_servers_time() {
    let mut stage = Stage::new("loki.example", "nameserver 10.0.0.53\n");
    let until = stage.until;
    stage.now = Mono(until.0 - 5);
    stage.answer(0, NO_ERROR, &[address("loki.example", 20, "2001:db8::1")]);
    assert_eq!(stage.until, until);
}

#[test]
fn a_family_without_addresses_or_with_an_error_does_no_harm() {
    for rcode in [NO_ERROR, SERVFAIL, NXDOMAIN] {
        let mut stage = Stage::new("loki.example", "nameserver 10.0.0.53\n");
        assert_eq!(*stage.answer(0, rcode, &[]), Step::Wait);
        assert_found(stage.answer(1, NO_ERROR, &[address("loki.example", 9, "10.1.1.1")]), &["10.1.1.1"], 9);
    }
}

#[test]
fn what_was_found_holds_neither_too_short_nor_too_long() {
    for (ttl, seconds) in [(0, 1), (1, 1), (59, 59), (600, 60), (u32::MAX, 60)] {
        let mut stage = Stage::new("loki.example", "options no-aaaa\n");
        assert_eq!(stage.packets.len(), 1, "{:?}", stage.packets);
        let found = stage.answer(0, NO_ERROR, &[address("loki.example", ttl, "10.1.1.1")]);
        assert_found(found, &["10.1.1.1"], seconds);
    }
}

#[test]
fn ids_differ_from_question_to_question_and_from_lookup_to_lookup() {
    let mut ids = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let mut chance = Chance::new(seed * 2 + 1);
        for nanosecond in 0..10 {
            let (_, step) = Lookup::begin("loki.example", &System::default(), &mut chance, Mono(nanosecond));
            let Step::Ask { packets, .. } = step else { panic!("{step:?}") };
            ids.extend(packets.iter().map(|packet| [packet[0], packet[1]]));
        }
    }
    // Of 2,000 random numbers of 16 bits some 30 are there already.
    assert!(ids.len() > 1930, "{}", ids.len());
}
