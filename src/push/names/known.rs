//! What needs no asking: addresses, names of this machine, names in /etc/hosts; and what no name can be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::order;

/// Longest name and longest label (RFC 1035), as text without the last dot.
const NAME: usize = 253;
const LABEL: usize = 63;

/// What is known of a name without asking anybody.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// These are its addresses.
    Addresses(Vec<IpAddr>),
    /// It can't be a name, and why not.
    Wrong(&'static str),
    /// A nameserver has to be asked.
    Unknown,
}

/// Looks a name up in what is known.
pub(super) fn find(name: &str, hosts: &str) -> Known {
    if let Some(address) = address(name) {
        return Known::Addresses(vec![address]);
    }
    if let Err(why) = check(name) {
        return Known::Wrong(why);
    }
    let found = in_hosts(hosts, name);
    if !found.is_empty() {
        return Known::Addresses(found);
    }
    if is_of_this_machine(name) {
        return Known::Addresses(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
    }
    Known::Unknown
}

/// An address as it stands in a URL or without its brackets.
fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    }
}

/// Whether this can be the name of a host. An underscore is no letter of such names, but Docker's have it.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    if !bare.is_ascii() {
        return Err("a name has ASCII characters only: write it as DNS has it (xn--...)");
    }
    if bare.starts_with('[') || bare.contains(':') {
        return Err("this is no IPv6 address (one with a zone, as in fe80::1%eth0, can't be used)");
    }
    if bare.len() > NAME || bare.split('.').any(|label| label.is_empty() || label.len() > LABEL) {
        return Err("a name has 253 characters at the most, and 1 to 63 between its dots");
    }
    if !bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("a name is made of letters, digits, hyphens, underscores and dots");
    }
    // 10.0.0.300 or 127.1: a slip of the pen, which a search domain must not turn into a name.
    if bare.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("this is no IPv4 address (and no name, for those don't end with a number)");
    }
    Ok(())
}

/// RFC 6761: they mean this machine, whatever a nameserver says.
fn is_of_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

/// All addresses that /etc/hosts has for a name, as hosts(5) describes it.
fn in_hosts(hosts: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let entries = hosts.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    order::of(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "\
# 10.0.0.9 loki
127.0.0.1\tlocalhost
10.0.0.1  loki.example.com  Loki # not this: grafana
10.0.0.2 loki
::5 loki
fe80::1%lo0 loki
nonsense loki
10.0.0.3";

    fn known(name: &str) -> Vec<String> {
        match find(name, HOSTS) {
            Known::Addresses(list) => list.iter().map(ToString::to_string).collect(),
            Known::Wrong(why) => vec![why.to_owned()],
            Known::Unknown => Vec::new(),
        }
    }

    #[test]
    fn an_address_is_what_it_says() {
        assert_eq!(known("10.1.2.3"), ["10.1.2.3"]);
        assert_eq!(known("::1"), ["::1"]);
        assert_eq!(known("[2001:db8::7]"), ["2001:db8::7"]);
    }

    #[test]
    fn hosts_has_all_addresses_of_a_name_in_any_case() {
        assert_eq!(known("loki"), ["::5", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(known("LOKI."), ["::5", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(known("loki.example.com"), ["10.0.0.1"]);
        assert_eq!(known("grafana"), [""; 0]);
        assert_eq!(known("lok"), [""; 0]);
    }

    #[test]
    fn names_of_this_machine_are_known_unless_hosts_knows_better() {
        assert_eq!(known("localhost"), ["127.0.0.1"]);
        assert_eq!(known("loki.LocalHost."), ["::1", "127.0.0.1"]);
        assert_eq!(known("notlocalhost"), [""; 0]);
        assert_eq!(known("localhost.example.com"), [""; 0]);
    }

    #[test]
    fn what_no_name_can_be_is_told() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long = "a.".repeat(127) + "b";
        for (name, part) in [
            ("", "1 to 63"),
            (".", "1 to 63"),
            ("a..b", "1 to 63"),
            (".a", "1 to 63"),
            (&long_label, "1 to 63"),
            (&long, "253"),
            ("büro.example", "xn--"),
            ("a b", "letters"),
            ("a\nb", "letters"),
            ("a\\.b", "letters"),
            ("10.0.0.300", "IPv4"),
            ("127.1", "IPv4"),
            ("1", "IPv4"),
            ("fe80::1%eth0", "zone"),
            ("[10.0.0.1]", "IPv6"),
            ("[::1", "IPv6"),
        ] {
            let told = known(name);
            assert!(told.len() == 1 && told[0].contains(part), "{name}: {told:?}");
        }
        for name in ["a", "a_b.c-d.e1", "1.a", "xn--bro-hoa.example.", &"a.".repeat(126)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }
}
