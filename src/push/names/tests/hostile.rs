//! Datagrams as chance makes them: nothing panics, nothing goes on for ever, and no address comes from nowhere.

use super::super::message::{self, Family};
use super::*;

const NAME: &str = "loki.a.example";

struct Dice(Chance);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.fraction() * limit as f64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn bytes(&mut self, limit: usize) -> Vec<u8> {
        let length = self.below(limit);
        (0..length).map(|_| self.byte()).collect()
    }

    /// Records of all types that there are, with data of chance, and owners that fit more often than not.
    fn records(&mut self) -> Vec<Vec<u8>> {
        let count = self.below(6);
        let records = (0..count).map(|_| {
            let owner = [NAME, NAME, "b.example", "c"][self.below(4)];
            match self.below(4) {
                0 => address(owner, 5, "10.0.0.1"),
                1 => address(owner, 5, "2001:db8::1"),
                2 => alias(owner, 5, ["b.example", "c", NAME][self.below(3)]),
                _ => {
                    let kind = self.below(270) as u16;
                    let data = self.bytes(60);
                    record(owner, kind, 5, &data)
                }
            }
        });
        records.collect()
    }

    fn mutate(&mut self, packet: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(packet.len());
            match self.below(5) {
                0 => packet.truncate(at.max(1)),
                1 => packet[at] = self.byte(),
                2 => packet[at] ^= 1 << self.below(8),
                3 => packet.insert(at, 0xc0 | self.byte() & 1), // a pointer
                _ => packet.extend(self.bytes(20)),
            }
        }
    }
}

#[test]
fn random_and_mutated_datagrams_are_read_or_ignored() {
    let mut dice = Dice(Chance::new(20_261_124));
    let (mut counted, mut ignored) = (0, 0);
    for round in 0..60_000 {
        let family = [Family::V4, Family::V6][round % 2];
        let question = message::question(7, NAME, family, false).expect("a proper name");
        let mut packet = match round % 10 {
            0 => [&[0, 7][..], &dice.bytes(200)].concat(),
            1 => [&question[..2], &[0x83, 0x80], &question[4..], &dice.bytes(300)].concat(),
            _ => reply(&question, NO_ERROR, &dice.records()),
        };
        dice.mutate(&mut packet);
        match message::answer(&packet, 7, NAME, family) {
            Some(message::Answer::Addresses(list, _)) => {
                counted += 1;
                for address in list {
                    let octets = match address {
                        IpAddr::V4(address) => address.octets().to_vec(),
                        IpAddr::V6(address) => address.octets().to_vec(),
                    };
                    assert!(packet.windows(octets.len()).any(|part| part == octets), "{address}: {packet:?}");
                }
            }
            _ => ignored += 1,
        }
    }
    assert!(counted > 3_000 && ignored > 5_000, "{counted} and {ignored}: this tries nothing");
}

#[test]
fn names_made_of_pointers_end() {
    let question = message::question(7, NAME, Family::V4, false).expect("a proper name");
    // Each pointer leads to the one before it: the longest way that a name can have.
    let mut packet = reply(&question, NO_ERROR, &[]);
    let start = packet.len();
    packet.extend([0xc0, 0x0c]);
    while packet.len() + 14 < limits::NAMES_PACKET {
        let before = packet.len() as u16 - 2;
        packet.extend((0xc000 | before).to_be_bytes());
    }
    assert!(packet.len() > start + 1000);
    packet[2] |= 2;
    packet[6..8].copy_from_slice(&[0xff, 0xff]);
    assert!(message::answer(&packet, 7, NAME, Family::V4).is_some());
    // And one that leads to itself.
    let mut packet = reply(&question, NO_ERROR, &[]);
    packet[7] = 1;
    let own = 0xc000 | packet.len() as u16;
    packet.extend(own.to_be_bytes());
    packet.extend([0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]);
    assert_eq!(message::answer(&packet, 7, NAME, Family::V4), None);
}

#[test]
fn a_lookup_ends_whatever_comes() {
    let mut dice = Dice(Chance::new(42));
    for _ in 0..2_000 {
        let resolv =
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.example b.example\noptions attempts:3\n";
        let mut stage = Stage::new("loki", resolv);
        let mut left = 1_000;
        while !matches!(stage.last, Step::Found { .. } | Step::Failed(_)) {
            left -= 1;
            assert!(left > 0, "no end: {:?}", stage.lookup);
            match dice.below(6) {
                0 => _ = stage.due(),
                1 => _ = stage.refused("no route"),
                2 => _ = stage.answer(dice.below(2), [SERVFAIL, NXDOMAIN, NO_ERROR][dice.below(3)], &[]),
                _ => {
                    let question = stage.packets[dice.below(2)].clone();
                    let mut packet = reply(&question, NO_ERROR, &dice.records());
                    dice.mutate(&mut packet);
                    stage.take(&packet);
                }
            }
        }
        assert!(stage.asks <= 3 * 2 * 3, "{}", stage.asks);
        assert_eq!(*stage.due(), Step::Wait);
    }
}
