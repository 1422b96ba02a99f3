//! Formats whose batches are documents: what is encoded is decoded again, by readers that share nothing with the encoders,
//! in lines and batches of all kinds, with the containers by turns.

mod loki;
mod otlp;

use std::rc::Rc;

use docklog_protocol::{Channel, ContainerId, Line, Segment, Stamp, Timestamp};

use super::Encoder;
use crate::core::metadata::Field;
use crate::core::source::Source;
use crate::core::window::Gap;
use crate::limits;

/// A small generator of numbers (SplitMix64): the same in each run.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// What is encoded.
#[derive(Clone, Debug)]
struct Sent {
    source: Rc<Source>,
    /// When it was read.
    now: Timestamp,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Line { channel: Channel, stamp: Option<String>, text: Vec<u8>, segment: Option<Segment> },
    Gap(Gap),
}

fn source(id: u8, name: &str, fields: Vec<(Field, &str)>) -> Rc<Source> {
    let fields = fields.into_iter().map(|(field, value)| (field, value.to_owned())).collect();
    Rc::new(Source { id: ContainerId::from([id; 32]), name: name.to_owned(), fields })
}

fn label(key: &str) -> Field {
    Field::Label(key.into())
}

/// The moment at which all begins.
const NOW: Timestamp = Timestamp { seconds: 1_795_464_967, nanos: 727_144_095 };

fn line(source: &Rc<Source>, channel: Channel, text: &[u8]) -> Sent {
    let what = What::Line { channel, stamp: Some(NOW.rfc3339()), text: text.to_vec(), segment: None };
    Sent { source: Rc::clone(source), now: NOW, what }
}

/// Appends these to a batch.
fn encode<'a>(encoder: &mut Encoder, sent: impl IntoIterator<Item = &'a Sent>, out: &mut Vec<u8>) {
    for Sent { source, now, what } in sent {
        encoder.set_now(*now);
        match what {
            What::Line { channel, stamp, text, segment } => {
                let stamp = stamp.as_deref().map(|stamp| Stamp::parse(stamp).expect("a stamp"));
                let line = Line { channel: *channel, stamp, text, segment: *segment };
                encoder.encode(source, &line, out);
            }
            What::Gap(gap) => encoder.encode_gap(source, *gap, out),
        }
    }
}

/// A whole batch as a document.
fn document<'a>(encoder: &mut Encoder, sent: impl IntoIterator<Item = &'a Sent>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(encoder, sent, &mut out);
    encoder.seal(&mut out);
    let (before, behind) = encoder.frame();
    [before, &out, behind].concat()
}

const HOSTILE: [&str; 9] = [
    "web",
    "",
    "we\"b\\",
    "\"}],\"x\":[{\"",
    "日本\u{9b}\u{1f980}",
    "a\nb\t\u{0}\u{1f}",
    "100%+\u{fffd}",
    "x{y=\"z\"}",
    "9_.-/:@",
];

fn sources(rng: &mut Rng) -> Vec<Rc<Source>> {
    let images = ["nginx", "nginx:1.25", "host:5000/a/b", "a/b:1@sha256:00", "sha256:0f", ":", "@"];
    let count = 1 + rng.below(4);
    let source = |_| {
        let mut fields = Vec::new();
        if rng.percent(50) {
            fields.push((Field::Image, rng.pick(&images)));
        }
        for field in [Field::Project, Field::Service] {
            if rng.percent(50) {
                fields.push((field, rng.pick(&HOSTILE)));
            }
        }
        for key in HOSTILE {
            if rng.percent(20) {
                fields.push((label(key), rng.pick(&HOSTILE)));
            }
        }
        // A container may have had another name before.
        source(rng.below(3) as u8, rng.pick(&HOSTILE), fields)
    };
    (0..count).map(source).collect()
}

fn text(rng: &mut Rng) -> Vec<u8> {
    let pieces: [&[u8]; 10] = [
        b"GET /orders/17 200 3ms ",
        b"x",
        b"\"",
        b"\\\\",
        b"\x1b[31m\x07\0",
        "żółć".as_bytes(),
        "\u{1f980}\u{fffd}".as_bytes(),
        b"%41+%",
        b"\xff",
        b"\xe6\x97",
    ];
    // Most lines are text.
    let kinds = if rng.percent(70) { pieces.len() - 2 } else { pieces.len() };
    let mut text = Vec::new();
    for _ in 0..rng.below(12) {
        text.extend_from_slice(pieces[rng.below(kinds)]);
    }
    if rng.percent(1) && !text.is_empty() {
        let long = limits::LOKI_LINE - rng.below(3);
        text = text.iter().copied().cycle().take(long).collect();
    }
    text
}

/// Some lines of some containers. Times of each container never go back, and often stand still.
fn scene(rng: &mut Rng) -> Vec<Sent> {
    let sources = sources(rng);
    let (mut at, mut source) = (NOW, 0);
    let sent = |_| {
        if rng.percent(30) {
            source = rng.below(sources.len());
        }
        let step = rng.pick(&[0, 0, 1, 2, 1_000_000_007]);
        at = Timestamp::from_unix_nanos(at.unix_nanos() + step);
        if rng.percent(20) {
            at.nanos = 0; // as Podman writes it
            at.seconds += 1;
        }
        let what = if rng.percent(3) {
            What::Gap(Gap { from: NOW, to: at })
        } else {
            let channel = rng.pick(&[Channel::Stdout, Channel::Stdout, Channel::Stderr, Channel::Tty]);
            let segment = Segment { number: 1 + rng.below(300) as u32, last: rng.percent(50) };
            let (segment, text) = (rng.percent(10).then_some(segment), text(rng));
            What::Line { channel, stamp: rng.percent(95).then(|| at.rfc3339()), text, segment }
        };
        Sent { source: Rc::clone(&sources[source]), now: at, what }
    };
    (0..60).map(sent).collect()
}

/// Encodes many scenes, each in batches; hands each scene and its documents to `check`.
fn scenes(new: fn() -> Encoder, check: fn(&[Sent], &[Vec<u8>])) {
    for seed in 0..300 {
        let mut rng = Rng(seed);
        let (sent, mut encoder, mut documents) = (scene(&mut rng), new(), Vec::new());
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(1 + rng.below(rest.len()));
            rest = after;
            documents.push(document(&mut encoder, batch));
            if rng.percent(10) {
                encoder.seal(&mut Vec::new()); // nothing is open
            }
        }
        check(&sent, &documents);
    }
}

#[test]
fn each_format_says_what_its_batches_are() {
    let source = source(1, "web", Vec::new());
    for (mut encoder, content) in [
        (Encoder::json(Default::default()), "application/x-ndjson"),
        (Encoder::raw(Default::default()), "text/plain"),
        (Encoder::journal(), "application/octet-stream"),
        (Encoder::loki(), "application/json"),
        (Encoder::otlp(), "application/x-protobuf"),
    ] {
        assert_eq!(encoder.content_type(), content);
        let mut out = Vec::new();
        encoder.seal(&mut out);
        assert!(out.is_empty(), "nothing was open");
        encode(&mut encoder, [&line(&source, Channel::Stdout, b"x")], &mut out);
        let length = out.len();
        encoder.seal(&mut out);
        assert_eq!(out.len() > length, matches!(encoder, Encoder::Loki(_)), "{content}");
        assert_eq!(encoder.frame().0.is_empty(), !matches!(encoder, Encoder::Loki(_)));
    }
}
