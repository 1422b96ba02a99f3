//! Lines of every shape.

use crate::sim::engine::{Channel, Dialect, Driver};
use crate::sim::{Knobs, Rng, Story, plain};

const BOTH: [Channel; 2] = [Channel::Stdout, Channel::Stderr];

#[test]
fn long_lines_on_both_channels_in_turns() {
    for dialect in [Dialect::Docker20, Dialect::Docker28, Dialect::Podman] {
        for driver in [Driver::JsonFile, Driver::Local] {
            let mut story = Story::calm(dialect);
            story.machine.run(plain("web").driver(driver));
            for round in 0..20 {
                story.machine.at(500 + round, "long", |m| {
                    let (out, err) = (vec![b'o'; 40_000], vec![b'e'; 40_000]);
                    for (a, b) in out.chunks(5_000).zip(err.chunks(5_000)) {
                        m.write("web", Channel::Stdout, a);
                        m.write("web", Channel::Stderr, b);
                    }
                    m.write("web", Channel::Stdout, b"\n");
                    m.line("web", Channel::Stdout, 0);
                    m.write("web", Channel::Stderr, b"\nshort\n");
                });
            }
            story.run_for(30_000).assert_all();
        }
    }
}

#[test]
fn lines_around_the_length_of_a_part() {
    for (seed, tty) in [(1, false), (2, true)] {
        let mut rng = Rng::new(seed);
        let mut story =
            Story::new(seed, Dialect::Docker28, Knobs { short_reads: 30, ..Knobs::random(&mut rng) });
        let spec = plain("web").driver(Driver::Local);
        story.machine.run(if tty { spec.tty() } else { spec });
        for length in [0, 1, 16_382, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 49_152] {
            let mut line = vec![b'a' + (length % 26) as u8; length];
            line.push(b'\n');
            story.machine.write("web", Channel::Stdout, &line);
        }
        story.machine.write("web", Channel::Stdout, b"and no newline at the end");
        story.machine.when(3_000, "end", |m| m.is_followed("web"), |m| m.die("web"));
        story.run_through().assert_all();
    }
}

#[test]
fn a_line_beyond_the_limit_comes_in_segments() {
    for tty in [false, true] {
        let mut story = Story::calm(Dialect::Docker28);
        let spec = plain("web");
        story.machine.run(if tty { spec.tty() } else { spec });
        for round in 0..40 {
            story
                .machine
                .at(1_000 + 10 * round, "piece", |m| m.write("web", Channel::Stdout, &[b'x'; 100_000]));
        }
        story.machine.at(2_000, "end of line", |m| m.write("web", Channel::Stdout, b"\nnext\n"));
        let outcome = story.run_for(10_000);
        outcome.assert_all();
        let lines = outcome.machine.machine().stdout.taken.split(|&b| b == b'\n').count();
        assert!(lines > 10, "{lines}");
    }
}

#[test]
fn open_lines_that_fill_the_memory_leave_in_segments() {
    let read = std::rc::Rc::new(std::cell::Cell::new(0));
    let mut story = Story::calm(Dialect::Docker28);
    for n in 0..60 {
        let name = format!("c{n}");
        story.machine.run(plain(&name));
        for channel in BOTH {
            let copy = name.clone();
            story.machine.at(1_000 + n, "no end", move |m| m.write(&copy, channel, &[b'x'; 200_000]));
            let copy = name.clone();
            story.machine.at(10_000 + n, "the end", move |m| m.write(&copy, channel, b"end\nnext\n"));
        }
    }
    let copy = read.clone();
    story.machine.at(9_000, "note", move |m| copy.set(m.tally.bytes_read - m.stdout.taken.len() as u64));
    let outcome = story.run_for(30_000);
    outcome.assert_all();
    assert!(read.get() < 5 << 20, "{} bytes held", read.get());
}

#[test]
fn odd_bytes() {
    let odd: [&[u8]; 7] = [
        b"\0",
        b"\x1b[31mred\x1b[0m",
        b"\xff\xfe",
        b"tab\there",
        b"\r",
        b"",
        "héllo \u{9b}1m \u{1f980}".as_bytes(),
    ];
    for driver in [Driver::JsonFile, Driver::Local] {
        let mut story = Story::calm(Dialect::Docker28);
        story.machine.run(plain("web").driver(driver));
        for channel in BOTH {
            for text in odd {
                story.machine.write("web", channel, &[text, b"\n"].concat());
            }
        }
        story.run_for(5_000).assert_all();
    }
}

#[test]
fn a_terminal_is_one_stream_of_messages() {
    for dialect in [Dialect::Docker20, Dialect::Docker28, Dialect::Podman] {
        let mut story = Story::calm(dialect);
        story.machine.run(plain("shell").tty());
        story.machine.lines("shell", 100, 40);
        story.machine.at(1_000, "long", |m| {
            m.write("shell", Channel::Stdout, &[b'z'; 40_000]);
            m.write("shell", Channel::Stderr, b"\nprompt> ");
        });
        story.machine.at(9_000, "typed", |m| m.write("shell", Channel::Stdout, b"ls\nfile\n"));
        story.run_for(20_000).assert_all();
    }
}

#[test]
fn a_line_written_slowly_waits_for_its_end() {
    let mut story = Story::calm(Dialect::Docker28);
    story.machine.run(plain("slow"));
    story.machine.at(1_000, "beginning", |m| m.write("slow", Channel::Stdout, &[b'a'; 20_000]));
    story
        .machine
        .at(2_000, "others meanwhile", |m| (0..500).for_each(|_| m.line("slow", Channel::Stderr, 0)));
    story.machine.at(600_000, "end", |m| m.write("slow", Channel::Stdout, b"end\n"));
    story.run_for(700_000).assert_all();
}

#[test]
fn the_engines_own_error_is_told_and_not_taken_for_a_line() {
    for tty in [false, true] {
        let mut story = Story::calm(Dialect::Docker28);
        let spec = plain("web");
        story.machine.run(if tty { spec.tty() } else { spec });
        story.machine.engine.unlink_log("web");
        let outcome = story.run_for(600_000);
        if !tty {
            assert_eq!(outcome.given().len(), 0);
            assert!(outcome.said("Error grabbing logs") >= 1, "{}", outcome.stderr);
            assert!(outcome.said("Error grabbing logs") <= 2, "{}", outcome.stderr);
        }
        let asked = outcome.requests("/logs");
        assert!(asked < 60, "{asked} requests in 10 minutes");
    }
}
