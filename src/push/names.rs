//! A placeholder: what is asked of the real one, and no more.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::core::retry::Chance;
use crate::core::time::Mono;

/// What this machine knows of names.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// `/etc/hosts`.
    pub hosts: String,
    /// `/etc/resolv.conf`.
    pub resolv: String,
}

impl System {
    /// Reads it.
    pub fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self { hosts: read("/etc/hosts"), resolv: read("/etc/resolv.conf") }
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// It is over.
    Found {
        /// Where the name is.
        addresses: Vec<IpAddr>,
        /// For so long.
        holds: Duration,
    },
    /// Ask.
    Ask {
        /// Whom.
        server: SocketAddr,
        /// What.
        packets: Vec<Vec<u8>>,
        /// Until when.
        until: Mono,
    },
    /// Wait on.
    Wait,
    /// It is over, in vain.
    Failed(String),
}

/// A look-up.
#[derive(Debug)]
pub struct Lookup {
    server: SocketAddr,
    tries: u32,
}

impl Lookup {
    /// Begins.
    pub fn begin(name: &str, system: &System, chance: &mut Chance, now: Mono) -> (Self, Step) {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let server = system.resolv.lines().map(words).find_map(|line| line.get(1)?.parse::<IpAddr>().ok());
        let server = SocketAddr::new(server.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), 53);
        let mut lookup = Self { server, tries: 0 };
        let known =
            system.hosts.lines().map(words).filter(|line| line.iter().skip(1).any(|word| word == name));
        let addresses: Vec<IpAddr> = known.filter_map(|line| line.first()?.parse().ok()).collect();
        if addresses.is_empty() {
            let step = lookup.due(now, chance);
            return (lookup, step);
        }
        (lookup, Step::Found { addresses, holds: Duration::from_secs(5) })
    }

    /// A datagram has come.
    pub fn answer(&mut self, packet: &[u8], _: Mono, _: &mut Chance) -> Step {
        match packet.last_chunk::<4>() {
            Some(address) if packet.len() > 12 && packet[7] > 0 => Step::Found {
                addresses: vec![Ipv4Addr::from(*address).into()],
                holds: Duration::from_secs(60),
            },
            _ => Step::Wait,
        }
    }

    /// The server can't be asked.
    pub fn refused(&mut self, error: &str, _: Mono, _: &mut Chance) -> Step {
        Step::Failed(error.to_owned())
    }

    /// Time is up.
    pub fn due(&mut self, now: Mono, _: &mut Chance) -> Step {
        self.tries += 1;
        if self.tries > 2 {
            return Step::Failed("no answer".to_owned());
        }
        Step::Ask {
            server: self.server,
            packets: vec![
                b"\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04loki\x00\x00\x01\x00\x01".to_vec(),
            ],
            until: now.after(Duration::from_secs(2)),
        }
    }
}
