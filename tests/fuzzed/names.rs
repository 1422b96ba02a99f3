//! A lookup of a host name among hostile nameservers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use docklog::core::retry::Chance;
use docklog::core::time::Mono;
use docklog::limits;
use docklog::push::names::{Lookup, Step, System};

/// Names to look up; with an odd number, the bytes say another.
const NAMES: [&str; 6] = ["loki", "loki.example.com", "loki.", "a.localhost", "[::1]", "10.0.0.300"];

/// As in /etc/resolv.conf; or the bytes say what is in there.
const RESOLV: [&str; 4] = [
    "nameserver 10.0.0.1\n",
    "nameserver 10.0.0.1\nnameserver ::5\nsearch a.example b\noptions ndots:2 attempts:3 timeout:1 edns0\n",
    "search a b c d e f g h i j\noptions attempts:9 timeout:99 rotate\n",
    "nameserver fe80::1%eth0\noptions no-aaaa\n",
];

/// What the addresses of generated answers begin with.
const NETS: [&[u8]; 3] = [&[10, 1, 1], &[0, 0, 0], &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]];

/// A lookup ends after a bounded number of questions and of waiting, and says nothing more after that. Its addresses are known, or
/// stood in an answer to a question that was open. What it says of failures is one bounded line.
pub fn property(data: &[u8]) {
    let mut script = Script(data);
    let name = match script.byte() {
        odd if odd % 2 == 1 => script.text(),
        even => NAMES[usize::from(even / 2) % NAMES.len()].to_owned(),
    };
    let resolv = match script.byte() {
        odd if odd % 2 == 1 => script.text(),
        even => RESOLV[usize::from(even / 2) % RESOLV.len()].to_owned(),
    };
    let hosts = script.text();
    let mut chance = Chance::new(data.len() as u64);
    let now = Mono(1_000_000_000);
    let system = System { hosts, resolv };
    let (lookup, step) = Lookup::begin(&name, &system, &mut chance, now);
    if let Step::Found { addresses, .. } = &step {
        known(&name, &system.hosts, addresses);
        return sound(addresses);
    }
    let (packets, came) = (Vec::new(), Vec::new());
    let mut trial =
        Trial { lookup, chance, now, until: now, packets, came, asks: 0, shortened: 0, ended: false };
    trial.look(step);
    while let Some(deed) = script.next().filter(|_| !trial.ended) {
        trial.deed(deed, &mut script);
    }
    while !trial.ended {
        trial.deed(0, &mut script);
    }
    trial.afterwards();
}

/// Bytes that tell what happens.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// As many as the first says.
    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes.to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

struct Trial {
    lookup: Lookup,
    chance: Chance,
    now: Mono,
    until: Mono,
    /// The open questions.
    packets: Vec<Vec<u8>>,
    /// What was sent since they were asked.
    came: Vec<Vec<u8>>,
    asks: usize,
    shortened: usize,
    ended: bool,
}

impl Trial {
    /// One deed of the world: time passes, the socket fails, or a datagram comes.
    fn deed(&mut self, deed: u8, script: &mut Script<'_>) {
        let step = match deed % 8 {
            0 => {
                self.now = self.until;
                self.lookup.due(self.now, &mut self.chance)
            }
            1 => {
                self.now = Mono(self.now.0.midpoint(self.until.0));
                self.lookup.due(self.now, &mut self.chance)
            }
            2 => {
                let error = script.text();
                self.lookup.refused(&error, self.now, &mut self.chance)
            }
            raw_or_not => {
                let question = self.packets[usize::from(deed / 8) % self.packets.len()].clone();
                let mut packet = match raw_or_not {
                    3 => [&question[..2], &script.bytes()].concat(),
                    _ => answer(&question, script),
                };
                if raw_or_not > 5 {
                    spoil(&mut packet, script);
                }
                self.came.push(packet.clone());
                self.lookup.answer(&packet, self.now, &mut self.chance)
            }
        };
        self.look(step);
    }

    fn look(&mut self, step: Step) {
        match step {
            Step::Wait => {}
            Step::Ask { packets, until, .. } => self.asked(packets, until),
            Step::Failed(why) => {
                assert!(why.chars().count() < 6_000 && !why.chars().any(char::is_control), "{why}");
                self.ended = true;
            }
            Step::Found { addresses, holds } => {
                assert!((limits::NAMES_HOLD_LEAST..=limits::NAMES_HOLD_MOST).contains(&holds));
                sound(&addresses);
                addresses.iter().for_each(|address| self.answered(address));
                self.ended = true;
            }
        }
    }

    fn asked(&mut self, packets: Vec<Vec<u8>>, until: Mono) {
        assert!(until <= self.now.after(limits::NAMES_TIMEOUT_MOST));
        if packets.is_empty() {
            self.shortened += 1;
            assert!(until <= self.until && self.shortened <= self.asks);
        } else {
            assert!(until >= self.now.after(Duration::from_secs(1)) && packets.len() <= 2);
            self.asks += 1;
            let most =
                (limits::NAMES_SEARCH + 1) * limits::NAMES_SERVERS * limits::NAMES_ATTEMPTS_MOST as usize;
            assert!(self.asks <= most, "{} of {most}", self.asks);
            for packet in &packets {
                assert!((17..=512).contains(&packet.len()) && packet[2..4] == [1, 0], "{packet:?}");
            }
            (self.packets, self.came) = (packets, Vec::new());
        }
        self.until = until;
    }

    /// This address stood in a response to one of the open questions.
    fn answered(&self, address: &IpAddr) {
        let octets = octets(address);
        let stood = self.came.iter().any(|packet| {
            self.packets.iter().any(|question| packet.starts_with(&question[..2]))
                && packet.get(2).is_some_and(|flags| flags & 0x80 != 0)
                && packet.windows(octets.len()).any(|part| part == octets)
        });
        assert!(stood && !address.is_unspecified(), "{address} came from nowhere");
    }

    /// It is at its end: nothing makes it say more.
    fn afterwards(&mut self) {
        let later = self.now.after(Duration::from_secs(3600));
        let answers = self.came.clone();
        let mut steps = vec![
            self.lookup.due(later, &mut self.chance),
            self.lookup.refused("late", later, &mut self.chance),
        ];
        steps.extend(answers.iter().map(|packet| self.lookup.answer(packet, later, &mut self.chance)));
        assert!(steps.iter().all(|step| *step == Step::Wait), "{steps:?}");
    }
}

/// An answer as nameservers give it: to what was asked, with some records.
fn answer(question: &[u8], script: &mut Script<'_>) -> Vec<u8> {
    let rcode = [0, 0, 0, 0, 2, 3, 5, 1][usize::from(script.byte() % 8)];
    let mut packet = question.to_vec();
    (packet[2], packet[3]) = (0x81, 0x80 | rcode);
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
    packet.truncate(end);
    packet[10..12].copy_from_slice(&[0, 0]);
    let records = script.byte() % 4;
    packet[7] = records;
    // Owners: the name that was asked for, or what the alias before says.
    let mut owner = 12u16;
    for _ in 0..records {
        let choice = script.byte();
        packet.extend((0xc000 | owner).to_be_bytes());
        let (kind, data): (u8, Vec<u8>) = match choice % 4 {
            0 => (28, [NETS[2], &[script.byte()]].concat()),
            1 => (5, b"\x02al\x00".to_vec()),
            2 => (choice, script.bytes()),
            _ => (1, [NETS[usize::from(choice / 4 % 2)], &[script.byte()]].concat()),
        };
        packet.extend([0, kind, 0, 1, 0, 0, 0, script.byte()]);
        packet.extend((data.len() as u16).to_be_bytes());
        if choice % 4 == 1 {
            owner = packet.len() as u16;
        }
        packet.extend(data);
    }
    packet
}

/// Changes some bytes, or cuts some off.
fn spoil(packet: &mut Vec<u8>, script: &mut Script<'_>) {
    for _ in 0..script.byte() % 4 {
        let at = usize::from(script.byte()) % packet.len();
        match script.byte() {
            255 => packet.truncate(at.max(1)),
            value => packet[at] = value,
        }
    }
}

fn octets(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Some, not many, none twice.
fn sound(addresses: &[IpAddr]) {
    assert!((1..=limits::NAMES_ADDRESSES).contains(&addresses.len()), "{addresses:?}");
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), addresses.len(), "{addresses:?}");
}

/// Found without asking: an address itself, in hosts, or this machine.
fn known(name: &str, hosts: &str, addresses: &[IpAddr]) {
    for address in addresses {
        let itself = name.trim_matches(['[', ']']).parse() == Ok(*address);
        let listed = hosts.split_ascii_whitespace().any(|word| word.parse() == Ok(*address));
        let here = name.to_ascii_lowercase().contains("localhost") && address.is_loopback();
        assert!(itself || listed || here, "{name:?} is {address}?");
    }
}
