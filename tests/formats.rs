//! What is encoded for receivers is read by the strict receivers of `tests/receivers`: for OTLP these read with OpenTelemetry's
//! own definitions and Google's protobuf.
//!
//! Ignored unless asked for, since they need what `.ci/receivers` installs; `.ci/run` does so.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use docklog::core::metadata::Field;
use docklog::core::source::Source;
use docklog::core::window::Gap;
use docklog::encode::{Encoder, Look};
use docklog_protocol::{Channel, ContainerId, Line, Segment, Stamp, Timestamp};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

#[path = "engine/random.rs"]
mod random;
use random::Random;

const BATCHES: usize = 300;
/// The time of the first line: it must lie in the past.
const START: i64 = 1_760_000_000;

/// Texts that formats have trouble with.
const TEXTS: [&[u8]; 9] = [
    b"",
    b"hello",
    b"a\tb\\c\"d\r\x00\x1b[1m",
    "é \u{2028} \u{1f600} \u{9b}".as_bytes(),
    b"\xff\xfe",
    b"half \xe2\x82",
    b"%41+ 100% \xff",
    b"{\"level\":\"info\"}",
    b"</script>&amp;",
];

const NAMES: [&str; 5] = ["web", "a \"b\" \\c", "é\u{1f600}", "../..", "x"];

/// Containers with all that records can tell of them.
fn sources() -> Vec<Rc<Source>> {
    let label = |key: &str| Field::Label(key.into());
    let image =
        "registry:5000/team/app:1.2@sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
    let long = "v".repeat(1024);
    let all: [(Field, &str); 8] = [
        (Field::Image, image),
        (Field::Project, "shop"),
        (Field::Service, ""),
        (label("tier"), "front\n\"x\""),
        (label("com.docker/A-b.é"), "1"),
        (label("com_docker_A_b_"), "2"),
        (label("9"), &long),
        (label("empty"), ""),
    ];
    let numbered = NAMES.iter().enumerate();
    let made = numbered.map(|(n, name)| {
        let fields =
            all.iter().skip(n).step_by(1 + n % 2).map(|(field, value)| (field.clone(), (*value).into()));
        let fields = if n == 4 { Vec::new() } else { fields.collect() };
        Rc::new(Source { id: ContainerId::from([n as u8; 32]), name: (*name).into(), fields })
    });
    made.collect()
}

/// Words of the ledger's form.
fn word(text: &[u8]) -> String {
    let mut out = String::new();
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| write!(out, "\\x{byte:02x}").unwrap());
    }
    out
}

/// What Loki gets of bytes that aren't UTF-8: they, `%` and `+` as in a URL.
fn percent(text: &[u8]) -> Vec<u8> {
    if std::str::from_utf8(text).is_ok() {
        return text.to_vec();
    }
    let mut out = String::new();
    for chunk in text.utf8_chunks() {
        out.push_str(&chunk.valid().replace('%', "%25").replace('+', "%2B"));
        chunk.invalid().iter().for_each(|byte| write!(out, "%{byte:02X}").unwrap());
    }
    out.into_bytes()
}

/// Encodes batches by chance into files, and has them judged: all lines must be there, in their order.
fn judged(format: &str, mut encoder: Encoder) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("formats-{format}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (sources, mut random, mut expected) = (sources(), Random(0x5eed), String::new());
    let mut nanos = START * 1_000_000_000;
    let mut paths = Vec::new();
    for batch in 0..BATCHES {
        let mut out = Vec::new();
        for _ in 0..=random.below(40) {
            nanos += 1 + random.below(1_000_000_000) as i64;
            let time = Timestamp { seconds: nanos / 1_000_000_000, nanos: (nanos % 1_000_000_000) as u32 };
            let source = &sources[random.below(sources.len())];
            encoder.set_now(time);
            if random.below(20) == 0 {
                let from = Timestamp { seconds: time.seconds - 5, nanos: 0 };
                encoder.encode_gap(source, Gap { from, to: time }, &mut out);
                continue;
            }
            let channel = [Channel::Stdout, Channel::Stderr, Channel::Tty][random.below(3)];
            let text = TEXTS[random.below(TEXTS.len())];
            let segment = (random.below(10) == 0).then(|| Segment { number: 1, last: random.below(2) == 0 });
            let stamp = time.rfc3339();
            let line = Line { channel, stamp: Stamp::parse(&stamp), text, segment };
            encoder.encode(source, &line, &mut out);
            let stream = match channel {
                Channel::Stderr => "stderr",
                Channel::Tty if format == "ndjson" => "tty",
                _ => "stdout",
            };
            let text = if format == "loki" { percent(text) } else { text.to_vec() };
            writeln!(
                expected,
                "{batch}\t{}\t{stream}\t{nanos}\t{}",
                word(source.name.as_bytes()),
                word(&text)
            )
            .unwrap();
        }
        encoder.seal(&mut out);
        let (before, behind) = encoder.frame();
        let path = folder.join(format!("{batch}.body"));
        fs::write(&path, [before, &out, behind].concat()).unwrap();
        paths.push(path);
    }
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/receivers/judge.py");
    let output = Command::new("python3").arg(judge).arg(format).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = String::from_utf8(output.stdout).unwrap();
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {number}");
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
#[ignore = "needs .ci/receivers"]
fn loki_is_what_its_interface_says() {
    judged("loki", Encoder::loki());
}

#[test]
#[ignore = "needs .ci/receivers"]
fn otlp_is_what_its_publishers_read() {
    judged("otlp", Encoder::otlp());
}

#[test]
#[ignore = "needs .ci/receivers"]
fn json_lines_are_what_we_say() {
    judged("ndjson", Encoder::json(Look::default()));
}
