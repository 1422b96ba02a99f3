//! Questions to a nameserver and its answers, as datagrams (RFC 1035). The format itself is simple-dns's; what an answer must be
//! to count, and what it means, is decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QTYPE, Question, RCODE, SimpleDnsError, TYPE};

use crate::limits;

/// What precedes the sections of a message.
const HEAD: usize = 12;

/// The shortest record: the root's name, type, class, TTL and length.
const RECORD: usize = 11;

/// The two kinds of addresses, and of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// AAAA
    V6,
    /// A
    V4,
}

impl Family {
    fn kind(self) -> TYPE {
        match self {
            Self::V6 => TYPE::AAAA,
            Self::V4 => TYPE::A,
        }
    }
}

/// What a nameserver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// At least one address, and for how many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// There is such a name, but it has no such address.
    NoAddress,
    /// There is no such name.
    NoName,
    /// Nothing of use, and why not.
    Useless(String),
}

/// A question as a datagram; `edns`: the answer may have up to [`limits::NAMES_PACKET`] bytes.
///
/// # Errors
/// The name can't be asked for.
pub(super) fn question(id: u16, name: &str, family: Family, edns: bool) -> Result<Vec<u8>, SimpleDnsError> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(Name::new(name)?, family.kind().into(), CLASS::IN.into(), false));
    if edns {
        let udp_packet_size = u16::try_from(limits::NAMES_PACKET).unwrap_or(512);
        *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size, version: 0 });
    }
    packet.build_bytes_vec()
}

/// Reads a datagram as the answer to this question; `None` if it isn't that.
pub(super) fn answer(datagram: &[u8], id: u16, name: &str, family: Family) -> Option<Answer> {
    let (head, sections) = datagram.split_first_chunk::<HEAD>()?;
    let [id1, id2, flags1, flags2, _, _, count1, count2, ..] = *head;
    let flags = PacketFlag::from_bits_truncate(u16::from_be_bytes([flags1, flags2]));
    if datagram.len() > limits::NAMES_PACKET || id1 != id.to_be_bytes()[0] || id2 != id.to_be_bytes()[1] {
        return None;
    }
    // The parser makes room for as many records as the head claims.
    let claimed = usize::from(u16::from_be_bytes([count1, count2]));
    let possible = claimed.min(sections.len() / RECORD);
    // An answer that was cut off to fit may end inside a record: then those before it count.
    let least = if flags.contains(PacketFlag::TRUNCATION) { 0 } else { claimed };
    let counts: Vec<usize> = (least..=possible).collect();
    let readable = counts.partition_point(|count| Packet::parse(&front(head, sections, *count)).is_ok());
    let front = front(head, sections, *counts.get(readable.checked_sub(1)?)?);
    understood(&Packet::parse(&front).ok()?, name, family)
}

/// The same with so many answers and nothing behind them: that is of no use, and must not spoil what is.
fn front(head: &[u8; HEAD], sections: &[u8], answers: usize) -> Vec<u8> {
    let answers = u16::try_from(answers).unwrap_or(u16::MAX).to_be_bytes();
    [&head[..6], &answers, &[0; 4], sections].concat()
}

fn understood(packet: &Packet<'_>, name: &str, family: Family) -> Option<Answer> {
    let asked = Name::new(name).ok()?;
    let [question] = &packet.questions[..] else { return None };
    let ours = packet.has_flags(PacketFlag::RESPONSE)
        && packet.opcode() == OPCODE::StandardQuery
        && question.qname == asked
        && question.qtype == QTYPE::TYPE(family.kind())
        && question.qclass == CLASS::IN.into();
    if !ours {
        return None;
    }
    Some(match packet.rcode() {
        RCODE::NoError => addresses(packet, &asked, family),
        RCODE::NameError => Answer::NoName,
        RCODE::ServerFailure => Answer::Useless("it failed (SERVFAIL)".to_owned()),
        RCODE::Refused => Answer::Useless("it refused to answer (REFUSED)".to_owned()),
        RCODE::FormatError => Answer::Useless("it didn't understand the question (FORMERR)".to_owned()),
        RCODE::NotImplemented => Answer::Useless("it can't answer such a question (NOTIMP)".to_owned()),
        other => Answer::Useless(format!("it answered with an error ({other:?})")),
    })
}

/// The addresses of the name, or of the name that it is an alias of, and so on. Records may come in any order.
fn addresses(packet: &Packet<'_>, asked: &Name<'_>, family: Family) -> Answer {
    let (mut owner, mut ttl) = (asked, u32::MAX);
    for _ in 0..limits::NAMES_CHAIN {
        let records =
            packet.answers.iter().filter(|record| record.class == CLASS::IN && record.name == *owner);
        let (mut found, mut alias) = (Vec::new(), None);
        for record in records {
            let address = address(&record.rdata, family);
            if let RData::CNAME(target) = &record.rdata {
                alias = Some((&target.0, record.ttl));
            } else if address.is_some() {
                ttl = ttl.min(record.ttl);
            }
            found.extend(address);
        }
        match alias {
            _ if !found.is_empty() => return Answer::Addresses(found, ttl),
            Some((target, holds)) => (owner, ttl) = (target, ttl.min(holds)),
            None => break,
        }
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Answer::Useless(
            "its answer is too long for a datagram, and no address was in its front".to_owned(),
        );
    }
    Answer::NoAddress
}

/// 0.0.0.0 and :: are what blocking nameservers say for "no"; connecting to them would reach this machine.
fn address(data: &RData<'_>, family: Family) -> Option<IpAddr> {
    let address: IpAddr = match (data, family) {
        (RData::A(a), Family::V4) => Ipv4Addr::from_bits(a.address).into(),
        (RData::AAAA(aaaa), Family::V6) => Ipv6Addr::from_bits(aaaa.address).into(),
        _ => return None,
    };
    Some(address).filter(|address| !address.is_unspecified())
}
