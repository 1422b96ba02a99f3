//! In which order addresses are tried.

use std::net::IpAddr;

use crate::limits;

/// IPv6 and IPv4 by turns, IPv6 first, so that a family that leads nowhere costs one vain try (RFC 8305, 4); within a family as
/// they came. None twice, and not too many.
pub(super) fn of(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut families: [Vec<IpAddr>; 2] = Default::default();
    for address in addresses {
        let family = &mut families[usize::from(address.is_ipv4())];
        if family.len() < limits::NAMES_ADDRESSES && !family.contains(&address) {
            family.push(address);
        }
    }
    let longest = families.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (0..longest).flat_map(|turn| families.iter().filter_map(move |family| family.get(turn)));
    turns.copied().take(limits::NAMES_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(addresses: &[&str]) -> Vec<String> {
        of(addresses.iter().map(|text| text.parse().expect("an address")))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_families_take_turns() {
        assert_eq!(
            ordered(&["1.1.1.1", "2.2.2.2", "3.3.3.3", "::1"]),
            ["::1", "1.1.1.1", "2.2.2.2", "3.3.3.3"]
        );
        assert_eq!(ordered(&["::1", "::2", "1.1.1.1"]), ["::1", "1.1.1.1", "::2"]);
        assert_eq!(ordered(&[]), [""; 0]);
    }

    #[test]
    fn none_comes_twice_and_they_are_not_many() {
        assert_eq!(ordered(&["1.1.1.1", "1.1.1.1", "::1", "::1"]), ["::1", "1.1.1.1"]);
        let many: Vec<String> = (0..100).map(|last| format!("10.0.0.{last}")).collect();
        let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
        many.push("::1");
        let kept = ordered(&many);
        assert_eq!(
            (kept.len(), kept[0].as_str(), kept[1].as_str()),
            (limits::NAMES_ADDRESSES, "::1", "10.0.0.0")
        );
    }
}
