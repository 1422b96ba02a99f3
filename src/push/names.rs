//! The addresses of a host name, found without ever waiting: the C library's getaddrinfo(3) blocks for as long as a
//! nameserver is silent, and would stall the loop. This asks the nameservers itself, as a state machine: it says what to send, is
//! told what came, and when. Sockets are somebody else's.
//!
//! | file | does |
//! |---|---|
//! | `system` | reads /etc/hosts and /etc/resolv.conf |
//! | `known` | addresses, localhost, names in /etc/hosts; and what no name can be |
//! | `resolver` | what /etc/resolv.conf says |
//! | `message` | questions and answers as datagrams |
//! | `order` | in which order addresses are tried |
//!
//! A and AAAA are asked at once, of one nameserver. One that is silent, says so by ICMP, or fails has its next try when all
//! others have had theirs. "No such name" leads to the next search domain; silence of all doesn't, for the name may well be there.
//! Other sources of names (nsswitch.conf: mDNS, LDAP, the machine's own name) aren't asked, and answers aren't asked for again over
//! TCP when they are too long: a name with so many addresses is reached by the first few.
//!
//! **Forged answers.** An answer counts only if it has come to the very socket, which is connected (so the kernel compares the
//! sender) and has a port that the kernel chose at random; bears the random id of a question that is open; and repeats the
//! question. [`Chance`] isn't secret, so ids are mixed from it, the clock's nanoseconds, and the question by a hash. Who can
//! read along isn't stopped by any of this: what must reach the right server goes over TLS.

mod known;
mod message;
mod order;
mod resolver;
mod system;

#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::core::retry::Chance;
use crate::core::time::Mono;
use crate::limits;
use known::Known;
use message::{Answer, Family};
use resolver::Resolver;
pub use system::System;

/// One name being looked up. After [`Step::Found`] or [`Step::Failed`] it is at its end, and says [`Step::Wait`] to whatever comes.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// As it was asked for.
    name: String,
    resolver: Resolver,
    /// The names that may be meant, and which of them is asked for.
    candidates: Vec<String>,
    candidate: usize,
    /// Which nameserver is asked, and how many times this name was asked for in vain.
    server: usize,
    tries: usize,
    /// A nameserver has answered about this name, though nothing of use.
    answered: bool,
    questions: [Question; 2],
    until: Mono,
    /// What went wrong.
    troubles: Vec<String>,
    untold: usize,
    ended: bool,
}

/// One of the two questions to the present nameserver.
#[derive(Clone, Debug)]
struct Question {
    family: Family,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Open, with its id.
    Asked(u16),
    Answered(Answer),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The name was found.
    Found {
        /// Its addresses, in the order in which to try them: IPv6 and IPv4 by turns. At least one.
        addresses: Vec<IpAddr>,
        /// So long they needn't be looked up again, if they work: from [`limits::NAMES_HOLD_LEAST`] to
        /// [`limits::NAMES_HOLD_MOST`].
        holds: Duration,
    },
    /// Send these datagrams to this server, over a UDP socket that is connected to it; then wait for an answer.
    /// **If `packets` is empty**, the server is the present one: keep its socket, for an answer may be on its way to it, and
    /// only the time is new. Otherwise use a new socket, for its port is part of what forgers would have to guess.
    Ask {
        /// The nameserver.
        server: SocketAddr,
        /// A datagram each.
        packets: Vec<Vec<u8>>,
        /// Call [`Lookup::due`] then.
        until: Mono,
    },
    /// Nothing new: go on waiting, until the time told before.
    Wait,
    /// It can't be found. For people: which name, what was asked of whom, what went wrong.
    Failed(String),
}

impl Lookup {
    /// Begins to look up a name, or an address (also in brackets, as in URLs).
    pub fn begin(name: &str, system: &System, chance: &mut Chance, now: Mono) -> (Self, Step) {
        let resolver = Resolver::parse(&system.resolv);
        let server = match resolver.rotate {
            true => (chance.fraction() * resolver.servers.len() as f64) as usize,
            false => 0,
        };
        let mut lookup = Self {
            name: name.to_owned(),
            candidates: Vec::new(),
            candidate: 0,
            server,
            tries: 0,
            answered: false,
            questions: [Family::V6, Family::V4]
                .map(|family| Question { family, state: State::Answered(Answer::NoAddress) }),
            until: now,
            troubles: Vec::new(),
            untold: 0,
            ended: false,
            resolver,
        };
        let step = match known::find(name, &system.hosts) {
            Known::Addresses(addresses) => lookup.found(addresses, limits::NAMES_HOLD_MOST),
            Known::Wrong(why) => lookup.failed(why),
            Known::Unknown if lookup.resolver.servers.is_empty() => {
                let unusable = lookup.resolver.unusable.join(", ");
                lookup.failed(&format!(
                    "/etc/resolv.conf has no nameserver that can be asked (only addresses without a zone can): {unusable}"
                ))
            }
            Known::Unknown => {
                lookup.candidates = lookup.resolver.candidates(name);
                lookup.ask(now, chance)
            }
        };
        (lookup, step)
    }

    /// A datagram has come from the present nameserver. What isn't a proper answer to what was asked is ignored.
    pub fn answer(&mut self, packet: &[u8], now: Mono, chance: &mut Chance) -> Step {
        let Some(name) = self.candidates.get(self.candidate).filter(|_| !self.ended) else {
            return Step::Wait;
        };
        for question in &mut self.questions {
            let State::Asked(id) = question.state else { continue };
            if let Some(answer) = message::answer(packet, id, name, question.family) {
                question.state = State::Answered(answer);
                return self.judge(now, chance);
            }
        }
        Step::Wait
    }

    /// The socket has told an error: nobody listens there (ECONNREFUSED), there is no way to it, and the like.
    pub fn refused(&mut self, error: &str, now: Mono, chance: &mut Chance) -> Step {
        if self.ended {
            return Step::Wait;
        }
        self.give_up(&one_line(error), now, chance)
    }

    /// The time has come that the last [`Step::Ask`] told.
    pub fn due(&mut self, now: Mono, chance: &mut Chance) -> Step {
        if self.ended || now < self.until {
            return Step::Wait;
        }
        let silence = format!("no answer within {} s", self.resolver.timeout.as_secs());
        self.give_up(&silence, now, chance)
    }

    /// Asks the present nameserver for the present name.
    fn ask(&mut self, now: Mono, chance: &mut Chance) -> Step {
        let (Some(name), Some(server)) =
            (self.candidates.get(self.candidate), self.resolver.servers.get(self.server))
        else {
            return self.failed("");
        };
        let mut packets = Vec::new();
        for question in &mut self.questions {
            if question.family == Family::V6 && self.resolver.no_aaaa {
                continue;
            }
            let id = id(name, question.family, now, chance);
            match message::question(id, name, question.family, self.resolver.edns) {
                Ok(packet) => packets.push(packet),
                Err(error) => return self.failed(&error.to_string()),
            }
            question.state = State::Asked(id);
        }
        self.until = now.after(self.resolver.timeout);
        Step::Ask { server: *server, packets, until: self.until }
    }

    /// An answer has come: what now?
    fn judge(&mut self, now: Mono, chance: &mut Chance) -> Step {
        let open = self.questions.iter().any(|question| matches!(question.state, State::Asked(_)));
        match self.in_hand() {
            Some((addresses, holds)) if !open => self.found(addresses, holds),
            Some(_) => {
                self.until = self.until.min(now.after(limits::NAMES_OTHER_FAMILY));
                match self.resolver.servers.get(self.server) {
                    Some(server) => Step::Ask { server: *server, packets: Vec::new(), until: self.until },
                    None => Step::Wait,
                }
            }
            // Even "no such name": some say so of AAAA though there is an A.
            None if open => Step::Wait,
            None => self.without_addresses(now, chance),
        }
    }

    /// Both questions are answered, and there is no address.
    fn without_addresses(&mut self, now: Mono, chance: &mut Chance) -> Step {
        let says = |wanted: fn(&Answer) -> bool| {
            self.questions.iter().find_map(|question| match &question.state {
                State::Answered(answer) if wanted(answer) => Some(answer.clone()),
                _ => None,
            })
        };
        if let Some(Answer::Useless(what)) = says(|answer| matches!(answer, Answer::Useless(_))) {
            self.answered = true;
            return self.next_server(&what, now, chance);
        }
        let no_name = says(|answer| matches!(answer, Answer::NoName)).is_some();
        self.trouble(if no_name { "no such name" } else { "the name has no address" });
        self.next_name(now, chance)
    }

    /// Nothing more is expected of the present nameserver: what it has said must do, or the next one is asked.
    fn give_up(&mut self, why: &str, now: Mono, chance: &mut Chance) -> Step {
        match self.in_hand() {
            Some((addresses, holds)) => self.found(addresses, holds),
            None => self.next_server(why, now, chance),
        }
    }

    fn next_server(&mut self, why: &str, now: Mono, chance: &mut Chance) -> Step {
        self.trouble(why);
        let servers = self.resolver.servers.len();
        self.tries += 1;
        self.resolver.edns = false; // it may be what this one stumbled over (RFC 6891, 6.2.2)
        self.server = (self.server + 1) % servers.max(1);
        if self.tries < servers * self.resolver.attempts as usize {
            return self.ask(now, chance);
        }
        // One that answers, but can't say anything about this search domain, may know the next.
        match self.answered {
            true => self.next_name(now, chance),
            false => self.failed(""),
        }
    }

    /// Asks for the next name, of the nameserver that has answered.
    fn next_name(&mut self, now: Mono, chance: &mut Chance) -> Step {
        (self.tries, self.answered) = (0, false);
        self.candidate += 1;
        self.ask(now, chance) // fails if there is none
    }

    /// The addresses that were answered so far, and how long they hold.
    fn in_hand(&self) -> Option<(Vec<IpAddr>, Duration)> {
        let answers = self.questions.iter().filter_map(|question| match &question.state {
            State::Answered(Answer::Addresses(addresses, ttl)) => Some((addresses, *ttl)),
            _ => None,
        });
        let seconds = answers.clone().map(|(_, ttl)| ttl).min()?;
        let addresses = order::of(answers.flat_map(|(addresses, _)| addresses.iter().copied()));
        Some((addresses, Duration::from_secs(seconds.into())))
    }

    fn found(&mut self, addresses: Vec<IpAddr>, holds: Duration) -> Step {
        self.ended = true;
        Step::Found { addresses, holds: holds.clamp(limits::NAMES_HOLD_LEAST, limits::NAMES_HOLD_MOST) }
    }

    /// Ends with what is said here, and all that went wrong before.
    fn failed(&mut self, why: &str) -> Step {
        self.ended = true;
        let mut told = std::mem::take(&mut self.troubles);
        if !why.is_empty() {
            told.push(why.to_owned());
        }
        if self.untold > 0 {
            told.push(format!("and {} more", self.untold));
        }
        Step::Failed(format!("'{}' can't be found: {}", one_line(&self.name), told.join("; ")))
    }

    /// Notes what went wrong between the present name and the present nameserver.
    fn trouble(&mut self, what: &str) {
        let (Some(name), Some(server)) =
            (self.candidates.get(self.candidate), self.resolver.servers.get(self.server))
        else {
            return;
        };
        let trouble = format!("{name} asked of {}: {what}", server.ip());
        if self.troubles.contains(&trouble) {
            return;
        }
        match self.troubles.len() < limits::NAMES_TOLD {
            true => self.troubles.push(trouble),
            false => self.untold += 1,
        }
    }
}

/// An id for a question; see above, "Forged answers".
fn id(name: &str, family: Family, now: Mono, chance: &mut Chance) -> u16 {
    let mut hasher = DefaultHasher::new();
    (chance.fraction().to_bits(), now.0, name, family == Family::V6).hash(&mut hasher);
    let [one, two, ..] = hasher.finish().to_be_bytes();
    u16::from_be_bytes([one, two])
}

/// Of what others say, for a message.
fn one_line(text: &str) -> String {
    text.chars().take(limits::NAMES_TEXT).map(|c| if c.is_control() { '?' } else { c }).collect()
}
