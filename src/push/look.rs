//! Where a receiver is: the datagrams of one look-up, which `names` decides on.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::names::{Lookup, Step, System};
use super::round::Round;
use crate::core::retry::Chance;
use crate::core::time::Mono;
use crate::limits;
use crate::shell::world::{Token, World};

/// A look-up under way.
#[derive(Debug)]
pub(super) struct Look<S> {
    /// Boxed, for a sink seldom looks.
    lookup: Box<Lookup>,
    /// What it said that was not done yet.
    next: Option<Step>,
    socket: Option<(Token, S)>,
    readable: bool,
    until: Mono,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Sight<S> {
    /// Nothing yet.
    Waits(Look<S>),
    /// There is more to do.
    Again(Look<S>),
    /// Where the receiver is, for so long.
    Found(Vec<IpAddr>, Duration),
    /// That nobody knows it.
    Failed(String),
}

impl<S: Read + Write + 'static> Look<S> {
    /// Begins to look for this name.
    pub(super) fn begin(name: &str, system: &System, now: Mono, chance: &mut Chance) -> Self {
        let (lookup, step) = Lookup::begin(name, system, chance, now);
        Self { lookup: Box::new(lookup), next: Some(step), socket: None, readable: false, until: now }
    }

    /// An event has told this.
    pub(super) fn mark(&mut self, readable: bool) {
        self.readable |= readable;
    }

    /// When it has to go on at the latest.
    pub(super) fn deadline(&self) -> Mono {
        self.until
    }

    /// Goes on by one step.
    pub(super) fn go_on<W: World<Socket = S>>(mut self, round: &mut Round<'_, W>) -> Sight<S> {
        let now = round.now.mono;
        let mut packet = [0; limits::NAMES_PACKET];
        let step = match self.next.take() {
            Some(step) => step,
            None => match self.receive(&mut packet) {
                Ok(Some(length)) => self.lookup.answer(&packet[..length], now, round.chance),
                Ok(None) if self.until <= now => self.lookup.due(now, round.chance),
                Ok(None) => return Sight::Waits(self),
                Err(error) => self.lookup.refused(&error.to_string(), now, round.chance),
            },
        };
        match step {
            Step::Ask { packets, until, .. } if packets.is_empty() => self.until = until,
            Step::Ask { server, packets, until } => {
                self.close(round);
                self.until = until;
                if let Err(error) = self.ask(server, &packets, round) {
                    self.next = Some(self.lookup.refused(&error.to_string(), now, round.chance));
                }
            }
            Step::Wait => {}
            Step::Found { addresses, holds } => {
                self.close(round);
                return Sight::Found(addresses, holds);
            }
            Step::Failed(why) => {
                self.close(round);
                return Sight::Failed(why);
            }
        }
        Sight::Again(self)
    }

    fn ask<W: World<Socket = S>>(
        &mut self,
        server: SocketAddr,
        packets: &[Vec<u8>],
        round: &mut Round<'_, W>,
    ) -> io::Result<()> {
        let socket = round.open(|world, token| world.ask(token, server))?;
        let (_, socket) = self.socket.insert(socket);
        self.readable = true;
        for packet in packets {
            socket.write_all(packet)?; // a datagram goes whole or not at all
        }
        Ok(())
    }

    /// The next datagram, if there is one.
    fn receive(&mut self, packet: &mut [u8]) -> io::Result<Option<usize>> {
        let Some((_, socket)) = self.socket.as_mut() else { return Ok(None) };
        while self.readable {
            match socket.read(packet) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn close<W: World<Socket = S>>(&mut self, round: &mut Round<'_, W>) {
        if let Some((token, socket)) = self.socket.take() {
            round.close(token, socket);
        }
    }

    /// What it has open, to be closed.
    pub(super) fn into_socket(self) -> Option<(Token, S)> {
        self.socket
    }
}
