//! What a line can hold, and how long it can be: each comes out as it was written.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use crate::engine::lines::{Line, texts};
use crate::engine::pattern;
use crate::engine::proxy::{Conduct, Proxy};
use crate::engine::sequence::{assert_same, long, numbered, numbered_run};
use std::thread::sleep;
use std::time::Duration;

/// The lines that begin with this tag: on a TTY, both streams are one.
fn tagged(lines: &[Line], container: &str, tag: &str) -> Vec<String> {
    texts(lines, container, "tty").into_iter().filter(|text| text.starts_with(tag)).collect()
}

pub(crate) fn tty(bench: &Bench) {
    let (early, late) = (bench.name("early"), bench.name("late"));
    bench.engine().run(&Container::new(&early, "both 500 0 hold").tty());
    let docklog = bench.docklog().start();
    bench.engine().run(&Container::new(&late, "both 500 0 hold").tty());
    docklog.wait_for_count(2_000);
    let lines = docklog.terminate().lines;
    assert_eq!(lines.len(), 2_000);
    for container in [&early, &late] {
        assert_same("OUT", &tagged(&lines, container, "OUT"), &numbered("OUT", 500));
        assert_same("ERR", &tagged(&lines, container, "ERR"), &numbered("ERR", 500));
    }
}

/// On a TTY the engine puts a time stamp into a long line at every 16 KiB: none of them is in the text.
pub(crate) fn tty_long_lines(bench: &Bench) {
    let name = bench.name("tty");
    let docklog = bench.docklog().start();
    bench.engine().run(&Container::new(&name, "longout 10 40000 out 10 0 longout 2 16384 hold").tty());
    docklog.wait_for_count(22);
    let expected = [long("OUT", 10, 40_000), numbered("OUT", 10), long("OUT", 2, 16_384)].concat();
    assert_same("tty", &texts(&docklog.terminate().lines, &name, "tty"), &expected);
}

fn rechunk_logs(path: &str) -> Conduct {
    if path.contains("/logs") { Conduct::Rechunk } else { Conduct::Pass }
}

/// On a TTY only chunks tell messages apart; a proxy that cuts others must not change a line.
pub(crate) fn tty_rechunked_by_a_proxy(bench: &Bench) {
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("tty-proxy.sock"), &engine.socket(), rechunk_logs);
    let (early, late) = (bench.name("early"), bench.name("late"));
    // These end: what the proxy holds back comes with the end.
    engine.ran(&Container::new(&early, "both 500 0 longout 3 40000").tty());
    let docklog = Launch::on(proxy.host()).args(["-a", "--tail", "all", &bench.pattern()]).start_watching();
    engine.run(&Container::new(&late, "both 500 0 longout 3 40000").tty());
    docklog.wait_for_count(2_006);
    let lines = docklog.terminate().lines;
    for container in [&early, &late] {
        let expected = [numbered("OUT", 500), long("OUT", 3, 40_000)].concat();
        assert_same("OUT", &tagged(&lines, container, "OUT"), &expected);
        assert_same("ERR", &tagged(&lines, container, "ERR"), &numbered("ERR", 500));
    }
    assert_eq!(lines.len(), 2_006);
}

pub(crate) fn frames_rechunked_by_a_proxy(bench: &Bench) {
    let engine = bench.engine();
    let proxy = Proxy::start(engine.folder().join("frames-proxy.sock"), &engine.socket(), rechunk_logs);
    let name = bench.name("frames");
    let docklog = Launch::on(proxy.host()).args(["--tail", "all", &bench.pattern()]).start_watching();
    engine.run(&Container::new(&name, "both 500 0 long 5 40000"));
    docklog.wait_for_count(1_010);
    let lines = docklog.terminate().lines;
    for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
        assert_same(
            stream,
            &texts(&lines, &name, stream),
            &[numbered(tag, 500), long(tag, 5, 40_000)].concat(),
        );
    }
}

/// 40,000-byte lines on both streams, written by turns in pieces.
pub(crate) fn long_lines_interleaved(bench: &Bench) {
    let name = bench.name("long");
    let docklog = bench.docklog().start();
    bench.engine().run(&Container::new(&name, "long 50 40000 both 10 0 hold"));
    docklog.wait_for_count(120);
    let lines = docklog.terminate().lines;
    for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
        assert_same(
            stream,
            &texts(&lines, &name, stream),
            &[long(tag, 50, 40_000), numbered(tag, 10)].concat(),
        );
    }
}

/// A line as long as the engine's part, its neighbours, and one of two parts.
pub(crate) fn exactly_16384(bench: &Bench) {
    let docklog = bench.docklog().start();
    for &driver in bench.drivers() {
        let container = Container::new(
            bench.name(driver),
            "longout 2 16384 longout 1 16383 longout 1 16385 longout 2 32768 out 1 0 hold",
        );
        bench.engine().run(&container.driver(driver));
    }
    docklog.wait_for_count(7 * bench.drivers().len());
    let lines = docklog.terminate().lines;
    let sizes = [(2, 16_384), (1, 16_383), (1, 16_385), (2, 32_768)];
    let mut expected: Vec<String> =
        sizes.iter().flat_map(|(count, size)| long("OUT", *count, *size)).collect();
    expected.extend(numbered("OUT", 1));
    for &driver in bench.drivers() {
        assert_same(driver, &texts(&lines, &bench.name(driver), "stdout"), &expected);
    }
}

/// The last line comes without its newline; and the container's next run doesn't go on with it.
pub(crate) fn last_line_without_newline(bench: &Bench) {
    let engine = bench.engine();
    let docklog = bench.docklog().start_watching();
    for &driver in bench.drivers() {
        let id = engine.ran(&Container::new(bench.name(driver), "delay 300 unterminated").driver(driver));
        docklog.wait_for("the lines of the first run", |lines| {
            lines.iter().filter(|line| line.id == id).count() >= 4
        });
        engine.api().post(&format!("/containers/{id}/start"), None);
    }
    docklog.wait_for_count(8 * bench.drivers().len());
    let lines = docklog.terminate().lines;
    for &driver in bench.drivers() {
        for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
            let expected = [numbered_run(tag, 1, 2), numbered_run(tag, 2, 2)].concat();
            assert_same(driver, &texts(&lines, &bench.name(driver), stream), &expected);
        }
    }
}

/// NUL, ESC and invalid UTF-8. `local` keeps every byte, as does Podman; Docker's `json-file` puts U+FFFD for each that isn't UTF-8.
pub(crate) fn binary_bytes(bench: &Bench) {
    let docklog = bench.docklog().start();
    for &driver in bench.drivers() {
        bench.engine().run(&Container::new(bench.name(driver), "binary hold").driver(driver));
    }
    docklog.wait_for_count(5 * bench.drivers().len());
    let lines = docklog.terminate().lines;
    let of = |driver: &str| {
        lines.iter().filter(|line| line.container == bench.name(driver)).cloned().collect::<Vec<_>>()
    };
    let messages = |lines: &[Line]| lines.iter().map(|line| line.message.clone()).collect::<Vec<_>>();
    let exact: Vec<Vec<u8>> =
        pattern::BINARY.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let clean = of(if bench.is_podman() { "json-file" } else { "local" });
    assert_eq!(messages(&clean), exact);
    let encoded: Vec<_> = clean.iter().map(|line| line.encoded).collect();
    assert_eq!(encoded, [true, false, false, true, false]);
    if bench.is_podman() {
        return;
    }
    let replaced = ["a\0b\u{fffd}\u{fffd}c\x1b[31mred\x1b[0m\r", "", "€", "half \u{fffd}\u{fffd}", "end"];
    assert_eq!(messages(&of("json-file")), replaced.map(|text| text.as_bytes().to_vec()));
}

/// The `local` driver, which up to Docker 28 leaves out the newline of a long line's last part.
pub(crate) fn local_driver(bench: &Bench) {
    let name = bench.name("local");
    bench.engine().run(&Container::new(&name, "both 100 0 long 10 40000 both 100 0 hold").driver("local"));
    let docklog = bench.docklog().start();
    docklog.wait_for_count(420);
    let lines = docklog.terminate().lines;
    for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
        let expected = [numbered(tag, 100), long(tag, 10, 40_000), numbered(tag, 100)].concat();
        assert_same(stream, &texts(&lines, &name, stream), &expected);
    }
}

/// Lines that a program writes in three pieces are still lines.
pub(crate) fn lines_in_pieces(bench: &Bench) {
    let name = bench.name("pieces");
    let docklog = bench.docklog().start();
    bench.engine().run(&Container::new(&name, "pieces 1000 0 hold"));
    docklog.wait_for_count(2_000);
    let lines = docklog.terminate().lines;
    for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
        assert_same(stream, &texts(&lines, &name, stream), &numbered(tag, 1_000));
    }
}

/// 100 MB without a newline: it leaves in marked segments, all of it, and memory stays small.
pub(crate) fn endless_line_100mb(bench: &Bench) {
    const SIZE: u64 = 100_000_000;
    let docklog = bench.docklog().start();
    bench.engine().run(&Container::new(bench.name("endless"), &format!("endless {SIZE} delay 1000")));
    docklog.wait_for("the last segment", |lines| {
        lines.last().is_some_and(|line| line.segment.is_none_or(|(_, more)| !more))
    });
    sleep(Duration::from_millis(300));
    let memory = docklog.process().status("VmHWM");
    let lines = docklog.terminate().lines;
    println!("{}: a line of {SIZE} bytes: {} segments, {memory} KiB at most", bench.version.0, lines.len());
    let segments: Vec<_> = lines.iter().map(|line| line.segment.expect("a segment")).collect();
    assert!(
        segments.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1 && pair[0].1),
        "segments count up, and all but the last say that more comes"
    );
    let size: usize = lines.iter().map(|line| line.message.len()).sum();
    assert_eq!(size as u64, SIZE);
    let expected: String = (0..SIZE).step_by(16).map(pattern::endless).collect();
    let mut rest = expected.as_bytes();
    for line in &lines {
        assert!(rest.starts_with(&line.message), "segment {:?} holds other bytes", line.segment);
        rest = &rest[line.message.len()..];
    }
    assert!(memory <= 24 * 1_024, "{memory} KiB");
}
