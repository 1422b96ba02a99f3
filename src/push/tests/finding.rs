//! Ways to receivers: names, addresses, connections that don't come about.

use super::*;
use crate::limits;

fn named() -> Town {
    let target = Target::parse_url("http://loki:3100", Format::Loki).expect("a URL").with_gzip(false);
    Town::new(vec![target])
}

impl Town {
    /// Answers what name servers are asked: this name has these addresses, for so many seconds.
    fn resolve(&mut self, addresses: &[[u8; 4]], seconds: u32) {
        self.settle();
        let (server, socket) = self.net.servers.pop_back().expect("somebody is asked");
        assert_eq!(server, address("10.0.0.53:53"));
        let mut question = [0; 512];
        while let Ok(length) = socket.recv(&mut question) {
            let question = &question[..length];
            let of_four = question[12..].windows(4).any(|window| window == [0, 1, 0, 1]);
            let answers = if of_four { addresses } else { &[] };
            // The question's end: the name's, and four bytes.
            let end = 12 + question[12..].iter().position(|byte| *byte == 0).expect("a name") + 5;
            let mut packet = question[..2].to_vec();
            packet.extend([0x81, 0x80, 0, 1, 0, answers.len() as u8, 0, 0, 0, 0]);
            packet.extend(&question[12..end]);
            for answer in answers {
                packet.extend([0xc0, 12, 0, 1, 0, 1]);
                packet.extend(seconds.to_be_bytes());
                packet.extend([0, 4]);
                packet.extend(answer);
            }
            socket.send(&packet).expect("sent");
        }
        self.settle();
    }
}

#[test]
fn a_name_is_asked_for_once_while_it_holds() {
    let mut town = named();
    town.pushes.send(0, b"one");
    town.settle();
    assert_eq!((town.state(), town.net.open), ("looking up loki".to_owned(), 1));
    assert!(town.pushes.deadline().is_some());
    town.resolve(&[[10, 0, 0, 7]], 60);
    let mut call = town.call();
    assert_eq!((call.to, town.net.open), (address("10.0.0.7:3100"), 1));
    assert!(town.request(&mut call).0.contains("host: loki:3100\r\n"));
    town.answer(&mut call, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    // Known as yet.
    assert_eq!(
        town.exchange(b"two", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").1,
        Some(Outcome::Taken)
    );
    assert!(town.net.servers.is_empty());
    // Not any more.
    town.pass(Duration::from_secs(61));
    town.pushes.send(0, b"three");
    town.resolve(&[[10, 0, 0, 8]], 60);
    assert_eq!(town.call().to, address("10.0.0.8:3100"));
}

#[test]
fn a_name_that_nobody_knows_is_asked_for_again() {
    let mut town = named();
    town.pushes.send(0, b"one");
    town.settle();
    town.pass(Duration::from_secs(60));
    let said = town.said();
    assert!(
        said.contains("sink sink0: http://loki:3100/loki/api/v1/push: ") && said.ends_with("lines wait\n"),
        "{said}"
    );
    assert!(town.net.servers.len() > 2 && town.net.dialled.is_empty());
    // Sooner or later somebody answers.
    for _ in 0..200 {
        if town.state() == "looking up loki" || town.state().starts_with("looking up loki,") {
            break;
        }
        town.pass(Duration::from_millis(100));
    }
    town.resolve(&[[10, 0, 0, 7]], 60);
    let mut call = town.call();
    town.request(&mut call);
    town.answer(&mut call, TAKEN);
    assert!(town.said().ends_with("lines are taken again\n"));
    assert_eq!(town.net.open, 1);
}

#[test]
fn of_several_addresses_the_next_is_tried_and_one_that_works_is_kept() {
    let mut town = named();
    let (refused, silent, unreachable) =
        (address("10.0.0.7:3100"), address("10.0.0.8:3100"), address("10.0.0.9:3100"));
    town.net.ways = vec![(refused, Way::Refused), (silent, Way::Silent), (unreachable, Way::Unreachable)];
    let target = Target::parse_url("http://loki:3100", Format::Loki).expect("a URL").with_gzip(false);
    let hosts = "10.0.0.7 loki\n10.0.0.8 loki\n10.0.0.9 loki\n10.0.0.10 loki\n".to_owned();
    let system = move || System { hosts: hosts.clone(), resolv: String::new() };
    town.pushes = Pushes::new(vec![("sink0".to_owned(), target)], 1).with_system(system);
    town.pushes.send(0, b"one");
    town.settle();
    assert_eq!(town.net.dialled, [refused, silent]);
    assert_eq!(town.state(), "connecting to 10.0.0.8:3100");
    town.pass(limits::PUSH_DIAL);
    let mut call = town.call();
    assert_eq!((call.to, town.net.dialled.len()), (address("10.0.0.10:3100"), 4));
    town.request(&mut call);
    town.answer(&mut call, TAKEN);
    assert_eq!((town.done.pop(), town.said(), town.net.open), (Some((0, Outcome::Taken)), String::new(), 1));
}

#[test]
fn a_receiver_that_is_not_there_is_tried_until_it_is() {
    let mut town = Town::with(Format::Ndjson);
    for (way, why) in [
        (Way::Refused, "10.0.0.1:3100: connection refused"),
        (Way::Unreachable, "10.0.0.1:3100: network unreachable"),
        (Way::Silent, "10.0.0.1:3100: no answer"),
    ] {
        town.net.ways = vec![(address("10.0.0.1:3100"), way)];
        town.time += limits::PUSH_TOLD;
        town.pushes.send(0, b"one");
        town.settle();
        town.pass(Duration::from_secs(60));
        assert_eq!(town.said(), format!("docklog: sink sink0: http://10.0.0.1:3100/: {why}; lines wait\n"));
        let state = town.state();
        assert!(state.contains(&format!(" after {why}")), "{state}");
        assert!(town.net.calls.is_empty() && town.net.open <= 1);
        town.net.ways.clear();
        while town.net.calls.is_empty() {
            town.pass(Duration::from_secs(1));
        }
        let mut call = town.call();
        town.request(&mut call);
        town.answer(&mut call, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        assert_eq!(town.done.pop(), Some((0, Outcome::Taken)));
        town.said();
    }
}

#[test]
fn pauses_grow_so_that_nobody_is_stormed() {
    let mut town = Town::with(Format::Ndjson);
    town.net.ways = vec![(address("10.0.0.1:3100"), Way::Refused)];
    town.pushes.send(0, b"one");
    town.settle();
    town.pass(Duration::from_secs(600));
    assert!((40..60).contains(&town.net.dialled.len()), "{}", town.net.dialled.len());
}

#[test]
fn what_is_under_way_is_closed_at_the_end() {
    for way in [None, Some(Way::Silent)] {
        let mut town = if way.is_none() { named() } else { Town::with(Format::Ndjson) };
        town.net.ways = way.map(|way| (address("10.0.0.1:3100"), way)).into_iter().collect();
        town.pushes.send(0, b"one");
        town.settle();
        assert_eq!(town.net.open, 1);
        town.pushes.close(&mut town.net);
        assert_eq!((town.net.open, town.pushes.deadline()), (0, None));
    }
}
