//! The simulation tested against itself, by the smallest client that can use it: is what it shows a kernel and an
//! engine as they are known to be?

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use docklog::shell::world::{Ask, Outlet, Ready, Token, Urgency, World};

use super::engine::{Channel, Dialect, Driver, Endpoint, Spec};
use super::{Knobs, MS, Machine, Rng, SimWorld};

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

/// Sends a request and reads until `enough`, the end, or a minute without anything.
pub(super) fn get(world: &mut SimWorld, target: &str, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut socket = world.connect(Token(7), Urgency::Bulk).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");
    let mut unsent = request.as_bytes();
    let (mut out, mut ready) = (Vec::new(), Vec::new());
    'turns: loop {
        match world.wait(Duration::ZERO, MINUTE, &mut ready) {
            Ok(()) if ready.is_empty() && world.machine().knobs.spurious == 0 => break,
            _ => ready.clear(),
        }
        while !unsent.is_empty() {
            match socket.write(unsent) {
                Ok(n) => unsent = &unsent[n..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let mut buffer = [0; 1000];
        loop {
            match socket.read(&mut buffer) {
                Ok(0) => break 'turns,
                Ok(n) => out.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(_) => break 'turns,
            }
            if enough(&out) {
                break 'turns;
            }
        }
    }
    world.close(socket);
    out
}

pub(super) fn ends(out: &[u8]) -> bool {
    out.ends_with(b"0\r\n\r\n")
}

pub(super) fn calm(dialect: Dialect) -> Machine {
    Machine::new(1, dialect, Knobs::calm())
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_message_is_a_frame_is_a_chunk() {
    let mut machine = calm(Dialect::Docker20);
    machine.run(Spec::named("web"));
    machine.write("web", Channel::Stdout, b"out1\nno newline");
    machine.write("web", Channel::Stderr, b"err1\n");
    machine.die("web");
    let mut world = SimWorld::new(machine);
    let out = get(&mut world, "/v1.41/containers/web/logs?stdout=1&stderr=1", ends);
    let body = &out[out.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4..];
    let expected = "d\r\n\x01\0\0\0\0\0\0\x05out1\n\r\nd\r\n\x02\0\0\0\0\0\0\x05err1\n\r\n12\r\n\x01\0\0\0\0\0\0\x0ano newline\r\n0\r\n\r\n";
    assert_eq!(text(body), expected);
}

#[test]
fn long_lines_are_parts_of_one_time() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(Spec::named("tty").tty());
    machine.write("tty", Channel::Stdout, &[&[b'a'; 16384][..], b"\nshort\n"].concat());
    machine.die("tty");
    let mut world = SimWorld::new(machine);
    let out = text(&get(&mut world, "/containers/tty/logs?stdout=1&timestamps=1", ends));
    let time = "2026-11-23T20:16:07.000000000Z";
    assert!(out.contains(&format!("401f\r\n{time} aaaa")), "{}", &out[..400]);
    // The line discipline's carriage return is alone in the line's second part.
    assert!(out.contains(&format!(
        "a\r\n21\r\n{time} \r\n\r\n26\r\n2026-11-23T20:16:07.000000001Z short\r\n\r\n0\r\n"
    )));
    assert!(out.contains("Content-Type: application/vnd.docker.raw-stream"));
}

#[test]
fn the_local_driver_forgets_a_newline_and_json_file_some_bytes() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(Spec::named("local").driver(Driver::Local));
    machine.run(Spec::named("json"));
    for name in ["local", "json"] {
        machine.write(name, Channel::Stdout, &[&[b'a'; 16384][..], b"tail\n\xff\n"].concat());
    }
    let mut world = SimWorld::new(machine);
    let local = get(&mut world, "/containers/local/logs?stdout=1", ends);
    assert!(local.windows(14).any(|w| w == b"\x01\0\0\0\0\0\0\x04tail\r\n"));
    assert!(local.windows(10).any(|w| w == b"\x01\0\0\0\0\0\0\x02\xff\n"));
    let json = get(&mut world, "/containers/json/logs?stdout=1", ends);
    assert!(json.windows(12).any(|w| w == b"\x01\0\0\0\0\0\0\x04\xef\xbf\xbd\n"));
}

#[test]
fn a_follow_gets_what_is_written_and_ends_with_the_container() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(Spec::named("web"));
    machine.lines("web", 3, 0);
    machine.at(5_000, "more", |m| m.lines("web", 2, 0));
    machine.at(9_000, "end", |m| m.die("web"));
    machine.at(9_001, "again", |m| m.start("web"));
    machine.at(9_002, "second run", |m| m.lines("web", 50, 0));
    let mut world = SimWorld::new(machine);
    let out = text(&get(&mut world, "/containers/web/logs?stdout=1&stderr=1&follow=1&tail=1", ends));
    assert_eq!(out.matches("web ").count(), 3, "{out}");
    assert!(world.machine().now >= 9_000 * MS && world.machine().now < 9_002 * MS);
}

#[test]
fn a_restart_of_the_log_file_deafens_new_engines_only() {
    for (dialect, expected) in [(Dialect::Docker20, 7), (Dialect::Docker28, 2)] {
        let mut machine = calm(dialect);
        machine.run(Spec::named("web"));
        machine.lines("web", 2, 0);
        machine.at(1_000, "truncate", |m| m.truncate("web"));
        machine.at(2_000, "more", |m| m.lines("web", 5, 0));
        let mut world = SimWorld::new(machine);
        let out = text(&get(&mut world, "/containers/web/logs?stdout=1&stderr=1&follow=1", ends));
        assert_eq!(out.matches("web ").count(), expected, "{dialect:?}");
        let out = text(&get(&mut world, "/containers/web/logs?stdout=1&stderr=1", ends));
        assert_eq!(out.matches("web ").count(), 5, "{dialect:?}");
    }
}

#[test]
fn since_finds_the_first_or_compares_each() {
    for (dialect, expected) in [(Dialect::Docker20, 2), (Dialect::Docker28, 3)] {
        let mut machine = calm(dialect);
        machine.run(Spec::named("web"));
        for (at, channel) in
            [(1, Channel::Stdout), (3, Channel::Stdout), (2, Channel::Stderr), (4, Channel::Stdout)]
        {
            machine.engine.write(super::machine::EPOCH + at, "web", channel, b"line\n");
        }
        let mut world = SimWorld::new(machine);
        let since = "since=1795464967.000000003";
        let out = get(&mut world, &format!("/containers/web/logs?stdout=1&stderr=1&{since}"), ends);
        assert_eq!(text(&out).matches("line").count(), expected, "{dialect:?}");
    }
}

#[test]
fn events_come_as_they_happen_and_since_tells_the_past() {
    let mut machine = calm(Dialect::Docker20);
    machine.run(Spec::named("a"));
    machine.engine.faults.drop_events = true;
    machine.at(10, "unheard", |m| m.run(Spec::named("b")));
    machine.at(20, "heard again", |m| m.engine.faults.drop_events = false);
    machine.at(30, "heard", |m| m.remove("a"));
    let filter = "filters=%7B%22event%22%3A%5B%22start%22%2C%22destroy%22%5D%7D";
    let mut world = SimWorld::new(machine);
    let out = text(&get(&mut world, &format!("/events?{filter}"), |_| false));
    assert_eq!((out.matches("\"Action\":").count(), out.matches("\"destroy\"").count()), (1, 2), "{out}");
    let out = text(&get(&mut world, &format!("/events?{filter}&since=1795464967"), |_| false));
    assert_eq!(out.matches("\"Action\":\"start\"").count(), 2, "{out}");
}

#[test]
fn errors_are_those_of_the_engine() {
    let mut machine = calm(Dialect::Docker28);
    machine.run(Spec::named("none").driver(Driver::None));
    machine.run(Spec::named("dying"));
    machine.engine.mark_removing("dying");
    machine.engine.faults.forbidden = vec![Endpoint::Events];
    let mut world = SimWorld::new(machine);
    let mut status = |target: &str| {
        let out = text(&get(&mut world, target, |out| out.windows(4).any(|w| w == b"\r\n\r\n")));
        out.split(' ').nth(1).map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(status("/_ping"), "200");
    assert_eq!(status("/v1.99/version"), "400");
    assert_eq!(status("/events"), "403");
    assert_eq!(status("/containers/nobody/json"), "404");
    assert_eq!(status("/containers/none/logs?stdout=1"), "501");
    assert_eq!(status("/containers/dying/logs?stdout=1"), "409");
    assert_eq!(status("/containers/dying/logs"), "409");
    assert_eq!(status("/nowhere"), "404");
}

#[test]
fn podman_holds_its_head_back_until_the_first_line() {
    let mut machine = calm(Dialect::Podman);
    machine.run(Spec::named("web"));
    machine.at(5_000, "first", |m| m.line("web", Channel::Stdout, 5_000));
    let mut world = SimWorld::new(machine);
    let out = get(&mut world, "/containers/web/logs?stdout=1&follow=1&timestamps=1", |out| out.len() > 5_000);
    assert!(world.machine().now >= 5_000 * MS);
    assert!(text(&out).contains("\r\n\r\n800\r\n\x01\0\0\0"));
    assert!(text(&out).contains("2026-11-23T20:16:12Z web out 1 xxx"));
}

#[test]
fn a_socket_holds_278_small_chunks_44_of_4_kib_and_13_of_16_kib() {
    // The response's head is one small write more.
    for (filler, held) in [(0, 278 - 1), (4096 - 60, 44), (16_300, 13)] {
        let mut machine = calm(Dialect::Docker28);
        machine.run(Spec::named("web"));
        for _ in 0..400 {
            machine.line("web", Channel::Stdout, filler);
        }
        let mut world = SimWorld::new(machine);
        let mut socket = world.connect(Token(1), Urgency::Bulk).unwrap();
        let request = b"GET /containers/web/logs?stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n";
        assert_eq!(socket.write(request).unwrap(), request.len());
        let mut ready = Vec::new();
        while world.wait(Duration::ZERO, Some(Duration::from_millis(50)), &mut ready).is_ok()
            && !ready.is_empty()
        {
            ready.clear();
        }
        let mut all = vec![0; 1 << 20];
        let n = socket.read(&mut all).unwrap();
        assert_eq!(text(&all[..n]).matches("web out").count(), held, "filler {filler}");
        world.close(socket);
    }
}

#[test]
fn edges_are_told_once() {
    let mut machine = Machine::new(3, Dialect::Docker28, Knobs { strict_edges: true, ..Knobs::calm() });
    machine.run(Spec::named("web"));
    for ms in 1..5 {
        machine.at(ms * 1_000, "line", |m| m.line("web", Channel::Stdout, 0));
    }
    let mut world = SimWorld::new(machine);
    let mut socket = world.connect(Token(1), Urgency::Bulk).unwrap();
    assert!(socket.write(b"GET /containers/web/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n").is_ok());
    let mut ready = Vec::new();
    let mut readable = |world: &mut SimWorld, span: u64| {
        ready.clear();
        world.wait(Duration::ZERO, Some(Duration::from_millis(span)), &mut ready).unwrap();
        ready.iter().filter(|r| matches!(r, Ready::Socket { readable: true, .. })).count()
    };
    assert_eq!(readable(&mut world, 100), 0); // writable only
    assert_eq!(readable(&mut world, 100), 1); // the head
    assert_eq!(readable(&mut world, 2_500), 0, "not again before an operation would have blocked");
    let mut buffer = [0; 4096];
    assert!(socket.read(&mut buffer).unwrap() > 0);
    assert_eq!(socket.read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(readable(&mut world, 2_000), 1);
    world.close(socket);
}

#[test]
fn a_hold_keeps_bulk_waiting_but_neither_signals_nor_urgent_connections() {
    let mut machine = calm(Dialect::Docker28);
    machine.at(1, "stop", Machine::stop_signal);
    let mut world = SimWorld::new(machine);
    let bulk = world.connect(Token(1), Urgency::Bulk).unwrap();
    let mut ready = Vec::new();
    let hold = Duration::from_millis(50);
    world.wait(hold, MINUTE, &mut ready).unwrap();
    assert_eq!(ready, [Ready::Ask(Ask::Stop)]);
    let urgent = world.connect(Token(2), Urgency::Urgent).unwrap();
    ready.clear();
    world.wait(hold, MINUTE, &mut ready).unwrap();
    assert_eq!(ready, [Ready::Socket { token: Token(2), readable: false, closed: false, writable: true }]);
    ready.clear();
    world.wait(hold, MINUTE, &mut ready).unwrap();
    assert_eq!(ready, [Ready::Socket { token: Token(1), readable: false, closed: false, writable: true }]);
    assert!(world.machine().now > 50 * MS);
    world.close(bulk);
    world.close(urgent);
}

#[test]
fn a_stalled_outlet_takes_a_pipe_full_and_tells_when_it_takes_more() {
    let mut machine = calm(Dialect::Docker28);
    machine.stdout.set_rate(0, Some(0));
    machine.at(3_000, "goes on", |m| m.stdout.set_rate(m.now, None));
    let mut world = SimWorld::new(machine);
    let big = vec![b'x'; 100_000];
    assert_eq!(world.write_lines(0, None, &big).unwrap(), 65_536);
    assert_eq!(world.write_lines(0, None, &big).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut ready = Vec::new();
    world.wait(Duration::ZERO, MINUTE, &mut ready).unwrap();
    assert_eq!(ready, [Ready::Outlet(Outlet::Sink(0))]);
    assert!(world.machine().now >= 3_000 * MS);
    assert_eq!(world.write_lines(0, None, &big).unwrap(), 100_000);
}

#[test]
#[should_panic(expected = "spins")]
fn a_loop_that_turns_for_nothing_is_caught() {
    let mut world = SimWorld::new(calm(Dialect::Docker28));
    let mut ready = Vec::new();
    loop {
        world.wait(Duration::ZERO, Some(Duration::ZERO), &mut ready).unwrap();
    }
}

#[test]
fn refusals_are_those_of_connect() {
    let mut world = SimWorld::new(calm(Dialect::Docker28));
    let mut kind = |act: fn(&mut Machine)| {
        act(&mut world.machine_mut());
        world.connect(Token(1), Urgency::Bulk).map(|socket| world.close(socket)).map_err(|e| e.kind())
    };
    assert_eq!(kind(|_| ()), Ok(()));
    assert_eq!(kind(|m| m.knobs.busy = 100), Err(ErrorKind::WouldBlock));
    assert_eq!(kind(|m| m.engine.faults.denied = true), Err(ErrorKind::WouldBlock));
    assert_eq!(kind(|m| m.knobs.busy = 0), Err(ErrorKind::PermissionDenied));
    assert_eq!(kind(|m| m.engine_down(true)), Err(ErrorKind::NotFound));
    assert_eq!(kind(|m| m.engine.faults.denied = false), Err(ErrorKind::NotFound));
    assert_eq!(kind(|m| m.engine_down(false)), Err(ErrorKind::ConnectionRefused));
    assert_eq!(kind(|m| m.engine_up(true)), Ok(()));
}

#[test]
fn an_unkind_machine_still_delivers_every_byte() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let knobs = Knobs { busy: 0, ..Knobs::random(&mut rng) };
        let mut machine = Machine::new(seed, Dialect::Docker28, knobs);
        machine.run(Spec::named("web"));
        machine.lines("web", 500, 20);
        machine.at(1_000, "more", |m| m.lines("web", 500, 20));
        machine.at(2_000, "end", |m| m.die("web"));
        let mut world = SimWorld::new(machine);
        let out = text(&get(&mut world, "/containers/web/logs?stdout=1&stderr=1&follow=1", |_| false));
        assert_eq!(out.matches(" xxxxxxxxxxxxxxxxxxxx\n").count(), 1_000, "seed {seed}");
        assert!(world.machine().tally.violations.is_empty());
    }
}
