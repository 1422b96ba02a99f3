//! What counts as an answer, and what it says.

use super::super::message::{self, Answer, Family};
use super::*;

const NAME: &str = "loki.example";

fn question(family: Family) -> Vec<u8> {
    message::question(0x1234, NAME, family, false).expect("a proper name")
}

fn read(datagram: &[u8]) -> Option<Answer> {
    message::answer(datagram, 0x1234, NAME, Family::V4)
}

fn answer_of(records: &[Vec<u8>]) -> Option<Answer> {
    read(&reply(&question(Family::V4), NO_ERROR, records))
}

fn addresses(list: &[&str], ttl: u32) -> Option<Answer> {
    Some(Answer::Addresses(list.iter().map(|text| text.parse().expect("an address")).collect(), ttl))
}

#[test]
fn a_question_is_what_rfc_1035_says() {
    let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04loki\x07example\x00\x00\x1c\x00\x01";
    assert_eq!(question(Family::V6), expected);
}

#[test]
fn aliases_are_followed_whatever_the_order_and_the_shortest_time_counts() {
    let records = [
        address("c.example", 30, "10.0.0.3"),
        alias("B.example", 20, "c.example"),
        address("other.example", 1, "10.0.0.9"),
        alias(NAME, 40, "b.EXAMPLE"),
        record("c.example", AAAA, 1, &[1; 16]),
    ];
    assert_eq!(answer_of(&records), addresses(&["10.0.0.3"], 20));
}

#[test]
fn aliases_that_lead_nowhere_or_around_are_no_addresses() {
    assert_eq!(answer_of(&[alias(NAME, 9, "b.example")]), Some(Answer::NoAddress));
    let round = [alias(NAME, 9, "b.example"), alias("b.example", 9, NAME)];
    assert_eq!(answer_of(&round), Some(Answer::NoAddress));
    assert_eq!(answer_of(&[alias(NAME, 9, NAME)]), Some(Answer::NoAddress));
    let chain = |length: usize| {
        let mut records = vec![alias(NAME, 9, "n1")];
        records.extend((1..length).map(|n| alias(&format!("n{n}"), 9, &format!("n{}", n + 1))));
        records.push(address(&format!("n{length}"), 9, "10.0.0.1"));
        records
    };
    assert_eq!(answer_of(&chain(limits::NAMES_CHAIN - 1)), addresses(&["10.0.0.1"], 9));
    assert_eq!(answer_of(&chain(limits::NAMES_CHAIN)), Some(Answer::NoAddress));
}

#[test]
fn an_address_must_be_of_the_name_the_kind_and_the_class() {
    let mut chaos = address(NAME, 9, "10.0.0.1");
    chaos[wire(NAME).len() + 3] = 3;
    assert_eq!(answer_of(&[chaos]), Some(Answer::NoAddress));
    assert_eq!(answer_of(&[address("evil.example", 9, "10.0.0.1")]), Some(Answer::NoAddress));
    assert_eq!(answer_of(&[address(NAME, 9, "::1")]), Some(Answer::NoAddress));
    assert_eq!(answer_of(&[address(NAME, 9, "0.0.0.0")]), Some(Answer::NoAddress));
    assert_eq!(answer_of(&[]), Some(Answer::NoAddress));
}

#[test]
fn compressed_names_are_read() {
    let mut packet = reply(&question(Family::V4), NO_ERROR, &[]);
    packet[7] = 1;
    packet.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x0a\x00\x00\x01");
    assert_eq!(read(&packet), addresses(&["10.0.0.1"], 7));
}

#[test]
fn what_is_behind_the_answers_cant_spoil_them() {
    let mut packet = reply(&question(Family::V4), NO_ERROR, &[address(NAME, 7, "10.0.0.1")]);
    (packet[9], packet[11]) = (1, 200);
    packet.extend([0xff; 40]);
    assert_eq!(read(&packet), addresses(&["10.0.0.1"], 7));
}

#[test]
fn what_isnt_the_answer_to_this_question_is_none() {
    let good = reply(&question(Family::V4), NO_ERROR, &[address(NAME, 7, "10.0.0.1")]);
    assert_eq!(read(&good), addresses(&["10.0.0.1"], 7));
    let spoilt = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        change(&mut packet);
        read(&packet)
    };
    assert_eq!(spoilt(&|packet| packet[0] ^= 1), None, "another id");
    assert_eq!(spoilt(&|packet| packet[1] ^= 1), None, "another id");
    assert_eq!(spoilt(&|packet| packet[2] &= 0x7f), None, "a question");
    assert_eq!(spoilt(&|packet| packet[2] |= 0x28), None, "another operation");
    assert_eq!(spoilt(&|packet| packet[5] = 0), None, "no question");
    assert_eq!(spoilt(&|packet| packet[5] = 2), None, "two questions");
    assert_eq!(spoilt(&|packet| packet[13] = b'x'), None, "another name");
    assert_eq!(spoilt(&|packet| packet[27] = 28), None, "another kind");
    assert_eq!(spoilt(&|packet| packet[29] = 3), None, "another class");
    assert_eq!(spoilt(&|packet| packet[7] = 2), None, "fewer records than it says");
    assert_eq!(spoilt(&|packet| packet[6] = 255), None, "far fewer");
    assert_eq!(spoilt(&|packet| packet.truncate(packet.len() - 1)), None, "cut off");
    assert_eq!(spoilt(&|packet| packet.resize(limits::NAMES_PACKET + 1, 0)), None, "too long");
    assert!(spoilt(&|packet| packet.resize(limits::NAMES_PACKET, 0)).is_some(), "just not");
    assert!(spoilt(&|packet| packet[13] = b'L').is_some(), "the same name");
}

#[test]
fn errors_are_told() {
    let says = |rcode| read(&reply(&question(Family::V4), rcode, &[]));
    assert_eq!(says(NXDOMAIN), Some(Answer::NoName));
    for (rcode, part) in
        [(1, "FORMERR"), (2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED"), (9, "NOTAUTH"), (15, "error")]
    {
        assert!(matches!(says(rcode), Some(Answer::Useless(what)) if what.contains(part)), "{rcode}");
    }
}

#[test]
fn of_an_answer_that_was_cut_off_what_is_there_counts() {
    let records = [address(NAME, 7, "10.0.0.1"), address(NAME, 7, "10.0.0.2")];
    let mut packet = reply(&question(Family::V4), NO_ERROR, &records);
    packet[2] |= 2;
    assert_eq!(read(&packet), addresses(&["10.0.0.1", "10.0.0.2"], 7));
    packet[7] = 9;
    assert_eq!(read(&packet), addresses(&["10.0.0.1", "10.0.0.2"], 7), "more were announced");
    packet.truncate(packet.len() - 3);
    assert_eq!(read(&packet), addresses(&["10.0.0.1"], 7), "the second isn't whole");
    packet.truncate(packet.len() - 30);
    let told = read(&packet);
    assert!(matches!(&told, Some(Answer::Useless(what)) if what.contains("too long")), "{told:?}");
}
