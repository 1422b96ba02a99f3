//! The HTTP sinks: batches to receivers over the network. HTTP/1 is hyper's and TLS is rustls'; connections, time and what an
//! answer means are ours. As in [`crate::web`] there is no other runtime: hyper's futures are polled by the loop's turn.
//!
//! | file | does |
//! |---|---|
//! | `target` | who receives lines, and how a request is made |
//! | `parcel` | a batch as it is sent |
//! | `courier` | one sink: connects, sends, waits, tries again |
//! | `round` | what it may use for that |
//! | `names` | what to ask name servers, and what they mean |
//! | `look` | asks them |
//! | `link` | a connection, plain or encrypted |
//! | `secure` | encryption |
//! | `talk` | HTTP over it |
//! | `verdict` | what an answer means |
//! | `loki`, `otlp` | what such receivers say of lines that they don't take |
//!
//! Each sink has one batch in hand, one connection and one request under way at the most. A batch that isn't known to have
//! arrived is sent again, so lines arrive at least once: a receiver that has taken a batch, and whose answer was lost,
//! gets it a second time.

mod courier;
mod link;
mod loki;
mod look;
pub mod names;
mod otlp;
mod parcel;
mod round;
#[cfg(feature = "tls")]
pub mod secure;
mod talk;
pub mod target;
pub mod verdict;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use crate::core::retry::Chance;
use crate::core::time::{Mono, Now};
use crate::limits;
use crate::shell::messages::Messages;
use crate::shell::table::{Kind, Table};
use crate::shell::world::{Token, World};
use courier::{After, Courier};
use names::System;
use parcel::Press;
use round::Round;
use target::Target;

/// What became of a batch. In each case it is out of hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Taken,
    /// But for some lines, which it refuses for good.
    TakenInPart {
        /// How many, as far as it tells.
        refused: u64,
        /// Why, for people.
        why: String,
    },
    /// It refuses all of it for good.
    Refused {
        /// Why, for people.
        why: String,
    },
}

/// How a sink fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests made.
    pub requests: u64,
    /// Times that a batch was not taken, and was or will be tried again.
    pub retries: u64,
    /// Batches refused for good.
    pub refused: u64,
    /// Bytes of bodies in those requests, as sent.
    pub sent: u64,
    /// What it does, for people.
    pub state: String,
}

/// All HTTP sinks.
pub struct Pushes<S: io::Read + io::Write + 'static> {
    couriers: Vec<Courier<S>>,
    /// Whose socket a token is for.
    tokens: Table<usize>,
    /// Those that have something to do.
    run: VecDeque<usize>,
    chance: Chance,
    press: Press,
    system: Box<dyn Fn() -> System>,
}

impl<S: io::Read + io::Write + 'static> Pushes<S> {
    /// These sinks: their names, and where they send to. They are known by their place in this list.
    pub fn new(targets: Vec<(String, Target)>, seed: u64) -> Self {
        Self {
            couriers: targets.into_iter().map(|(name, target)| Courier::new(name, target)).collect(),
            tokens: Table::of(Kind::Receivers),
            run: VecDeque::new(),
            chance: Chance::new(seed),
            press: Press::default(),
            system: Box::new(System::read),
        }
    }

    /// The same, where names are looked up by what this gives, and not by the files of this machine.
    pub fn with_system(self, system: impl Fn() -> System + 'static) -> Self {
        Self { system: Box::new(system), ..self }
    }

    /// Notes what is ready. False: the token isn't one of ours.
    pub fn mark(&mut self, token: Token, readable: bool, writable: bool) -> bool {
        if let Some(&mut number) = self.tokens.get_mut(token) {
            self.couriers[number].mark(readable, writable);
            self.queue(number);
        }
        self.tokens.is_for(token)
    }

    /// True if there is something to do now.
    pub fn is_busy(&self) -> bool {
        !self.run.is_empty()
    }

    /// When there will be something to do at the latest. A sink without a batch has no such time.
    pub fn deadline(&self) -> Option<Mono> {
        self.couriers.iter().filter_map(Courier::deadline).min()
    }

    /// True if this sink has no batch in hand.
    pub fn is_free(&self, number: usize) -> bool {
        self.couriers.get(number).is_some_and(Courier::is_free)
    }

    /// Gives a batch to a sink that has none. What becomes of it a [`Pushes::turn`] tells.
    pub fn send(&mut self, number: usize, bytes: &[u8]) {
        if self.is_free(number) {
            self.couriers[number].take(bytes, &mut self.press);
            self.queue(number);
        }
    }

    /// A few steps of each sink that has something to do. `done` is what has become of batches.
    pub fn turn<W: World<Socket = S>>(
        &mut self,
        world: &mut W,
        now: Now,
        messages: &Messages,
        done: &mut Vec<(usize, Outcome)>,
    ) {
        for number in 0..self.couriers.len() {
            if self.couriers[number].deadline().is_some_and(|at| at <= now.mono) {
                self.queue(number);
            }
        }
        for _ in 0..self.run.len() {
            let Some(number) = self.run.pop_front() else { return };
            let (courier, mut round) = self.round(number, world, now, messages);
            courier.queued = false;
            let again = (0..limits::PUSH_STEPS).all(|_| match courier.step(&mut round) {
                After::Again => true,
                After::Waits => false,
                After::Settled(outcome) => {
                    done.push((number, outcome));
                    true
                }
            });
            if again {
                self.queue(number);
            }
        }
    }

    /// Closes all connections. Batches in hand stay there.
    pub fn close<W: World<Socket = S>>(&mut self, world: &mut W) {
        for (token, socket) in self.couriers.iter_mut().filter_map(Courier::take_socket) {
            self.tokens.remove(token);
            world.close(socket);
        }
    }

    /// How a sink fares.
    pub fn figures(&self, number: usize) -> Figures {
        self.couriers.get(number).map(Courier::figures).unwrap_or_default()
    }

    fn queue(&mut self, number: usize) {
        if !std::mem::replace(&mut self.couriers[number].queued, true) {
            self.run.push_back(number);
        }
    }

    fn round<'a, W: World<Socket = S>>(
        &'a mut self,
        number: usize,
        world: &'a mut W,
        now: Now,
        messages: &'a Messages,
    ) -> (&'a mut Courier<S>, Round<'a, W>) {
        let Self { couriers, tokens, chance, system, .. } = self;
        let round = Round { world, tokens, number, now, chance, messages, system };
        (&mut couriers[number], round)
    }
}
