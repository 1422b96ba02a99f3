//! What /etc/resolv.conf says: whom to ask, how often, how long to wait, and which names may be meant. See resolv.conf(5).
//!
//! Of what that page describes, this is left out: the domain of the host's own name where no `search` is given (other
//! resolvers don't use it either), `sortlist`, and all options but `ndots`, `timeout`, `attempts`, `rotate`, `edns0` and `no-aaaa`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::known;
use crate::limits;

/// The port of nameservers; resolv.conf can't name another.
const PORT: u16 = 53;

/// Whom to ask, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolver {
    /// Nameservers, in their order.
    pub(super) servers: Vec<SocketAddr>,
    /// Those that can't be used, as they are written.
    pub(super) unusable: Vec<String>,
    /// Domains in which a name may stand.
    search: Vec<String>,
    /// A name with so many dots is tried as it is before the search domains.
    ndots: usize,
    /// So long each nameserver has for its answer.
    pub(super) timeout: Duration,
    /// So often each is asked.
    pub(super) attempts: u32,
    /// Begin with any of them.
    pub(super) rotate: bool,
    /// Nameservers may send more than 512 bytes.
    pub(super) edns: bool,
    /// IPv6 addresses are of no use here.
    pub(super) no_aaaa: bool,
}

impl Resolver {
    /// Reads the text of resolv.conf. What isn't understood is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut resolver = Self {
            servers: Vec::new(),
            unusable: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: limits::NAMES_TIMEOUT,
            attempts: limits::NAMES_ATTEMPTS,
            rotate: false,
            edns: false,
            no_aaaa: false,
        };
        // "The keyword must start the line."
        for line in text.lines().filter(|line| !line.starts_with(char::is_whitespace)) {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), &mut words) {
                (Some("nameserver"), words) => resolver.nameserver(words.next()),
                (Some("domain"), words) => resolver.search_in(words.take(1)),
                (Some("search"), words) => resolver.search_in(words),
                (Some("options"), words) => words.for_each(|word| resolver.option(word)),
                _ => {}
            }
        }
        if resolver.servers.is_empty() && resolver.unusable.is_empty() {
            resolver.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        resolver
    }

    /// An address of one link is nothing without the number of the interface (`fe80::1%eth0`), which only a system call tells.
    fn nameserver(&mut self, word: Option<&str>) {
        let Some(word) = word else { return };
        if self.servers.len() + self.unusable.len() >= limits::NAMES_SERVERS {
            return;
        }
        match word.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => self.unusable.push(told(word)),
            Ok(address) => self.servers.push((address, PORT).into()),
            Err(_) => self.unusable.push(told(word)),
        }
    }

    /// The last such line counts.
    fn search_in<'a>(&mut self, domains: impl Iterator<Item = &'a str>) {
        self.search = domains
            .map(|domain| domain.trim_matches('.').to_owned())
            .filter(|domain| domain.is_empty() || known::check(domain).is_ok())
            .take(limits::NAMES_SEARCH)
            .collect();
    }

    fn option(&mut self, word: &str) {
        let (key, value) = word.split_once(':').unwrap_or((word, ""));
        let number = value.parse::<u32>();
        match (key, number) {
            ("ndots", Ok(number)) => self.ndots = (number as usize).min(limits::NAMES_DOTS),
            ("timeout", Ok(number)) => {
                self.timeout = Duration::from_secs(number.max(1).into()).min(limits::NAMES_TIMEOUT_MOST);
            }
            ("attempts", Ok(number)) => self.attempts = number.clamp(1, limits::NAMES_ATTEMPTS_MOST),
            ("rotate", _) => self.rotate = true,
            ("edns0", _) => self.edns = true,
            ("no-aaaa", _) => self.no_aaaa = true,
            _ => {}
        }
    }

    /// The names that may be meant, in the order in which to ask for them. One with a dot at its end is whole.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        names.insert(if dots >= self.ndots { 0 } else { names.len() }, name.to_owned());
        let mut candidates: Vec<String> = Vec::new();
        for name in names {
            let name = name.trim_end_matches('.'); // the search domain "." is the root
            let known = candidates.iter().any(|other| other.eq_ignore_ascii_case(name));
            if !known && known::check(name).is_ok() {
                candidates.push(name.to_owned());
            }
        }
        candidates
    }
}

/// A word of the file, for people.
fn told(word: &str) -> String {
    word.escape_debug().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(text: &str) -> Vec<String> {
        Resolver::parse(text).servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nameservers_are_asked_in_their_order() {
        let text = "# nameserver 9.9.9.9\n;nameserver 9.9.9.9\nnameserver 10.0.0.1 # first\n nameserver 9.9.9.9\n\
                    nameserver\t2001:db8::1\nnameserver\nnameservers 9.9.9.9\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        assert_eq!(servers(text), ["10.0.0.1:53", "[2001:db8::1]:53", "10.0.0.3:53"]);
    }

    #[test]
    fn without_any_this_machine_is_asked() {
        assert_eq!(servers(""), ["127.0.0.1:53"]);
        assert_eq!(servers("search example.com\n"), ["127.0.0.1:53"]);
    }

    #[test]
    fn those_that_cant_be_used_are_kept_for_the_message() {
        let resolver =
            Resolver::parse("nameserver fe80::1%eth0\nnameserver fe80::2\nnameserver ns.example.com\n");
        assert_eq!(resolver.servers, []);
        assert_eq!(resolver.unusable, ["fe80::1%eth0", "fe80::2", "ns.example.com"]);
        assert_eq!(servers("nameserver fe80::1%eth0\nnameserver 10.0.0.1\n"), ["10.0.0.1:53"]);
    }

    #[test]
    fn options_are_capped_and_nonsense_is_passed_over() {
        let usual = Resolver::parse("");
        assert_eq!((usual.timeout, usual.attempts, usual.ndots), (Duration::from_secs(5), 2, 1));
        let set =
            Resolver::parse("options timeout:2 attempts:3 ndots:5\noptions edns0 trust-ad rotate no-aaaa\n");
        assert_eq!((set.timeout, set.attempts, set.ndots), (Duration::from_secs(2), 3, 5));
        assert!(set.edns && set.rotate && set.no_aaaa && !usual.edns && !usual.rotate && !usual.no_aaaa);
        let large = Resolver::parse("options timeout:4000000000 attempts:4000000000 ndots:4000000000\n");
        assert_eq!((large.timeout, large.attempts, large.ndots), (Duration::from_secs(30), 5, 15));
        let none = Resolver::parse("options timeout:0 attempts:0 ndots:0\n");
        assert_eq!((none.timeout, none.attempts, none.ndots), (Duration::from_secs(1), 1, 0));
        let odd = Resolver::parse("options timeout:-1 attempts: ndots:x timeout:99999999999999999999 :::\n");
        assert_eq!(odd, usual);
    }

    #[test]
    fn names_are_searched_by_their_dots() {
        let resolver = Resolver::parse("search a.example b.example.\noptions ndots:2\n");
        assert_eq!(resolver.candidates("loki"), ["loki.a.example", "loki.b.example", "loki"]);
        assert_eq!(resolver.candidates("loki.c"), ["loki.c.a.example", "loki.c.b.example", "loki.c"]);
        assert_eq!(resolver.candidates("x.loki.c"), ["x.loki.c", "x.loki.c.a.example", "x.loki.c.b.example"]);
        assert_eq!(resolver.candidates("loki."), ["loki"]);
        assert_eq!(Resolver::parse("").candidates("loki"), ["loki"]);
    }

    #[test]
    fn the_last_search_or_domain_counts_and_the_root_is_a_domain() {
        let candidates = |text: &str| Resolver::parse(text).candidates("loki");
        assert_eq!(candidates("search a b\ndomain c d\n"), ["loki.c", "loki"]);
        assert_eq!(candidates("domain c\nsearch a b\n"), ["loki.a", "loki.b", "loki"]);
        assert_eq!(candidates("search .\n"), ["loki"]);
        assert_eq!(
            candidates("search . a # of the office\n"),
            ["loki", "loki.a", "loki.of", "loki.the", "loki.office"]
        );
        let many: String = (0..100).map(|number| format!(" d{number}")).collect();
        assert_eq!(candidates(&format!("search{many}\n")).len(), limits::NAMES_SEARCH + 1);
    }

    #[test]
    fn what_becomes_too_long_with_its_domain_is_left_out() {
        let long = ["a"; 120].join(".");
        let resolver = Resolver::parse("search a-domain-of-some-length.example\noptions ndots:15\n");
        assert_eq!(resolver.candidates(&long), [long]);
    }
}
