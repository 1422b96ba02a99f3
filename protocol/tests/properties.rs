//! What holds for every input, tried with random ones. A failure prints the smallest it found.

mod harness;

use docklog_protocol::{Channel, Format, Parts, Timestamp, limits};
use harness::Part;
use proptest::collection::vec;
use proptest::prelude::*;

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Multiplexed), Just(Format::Tty), Just(Format::Detect)]
}

fn channel() -> impl Strategy<Value = Channel> {
    use Channel::{Engine, Stderr, Stdin, Stdout, Tty};
    prop_oneof![Just(Stdin), Just(Stdout), Just(Stderr), Just(Tty), Just(Engine)]
}

/// Lengths around what matters: nothing, one, and multiples of a part.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..40_usize,
        1 => (1..4_usize, 0..5_usize).prop_map(|(parts, less)| parts * limits::TTY_PART + 2 - less),
        1 => 0..50_000_usize,
    ]
}

/// Text of a terminal: what stands in stamps, CR, and the rest.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        prop_oneof![4 => Just(b'x'), 2 => Just(b'2'), 1 => Just(b'\r'), 1 => Just(b'-'), 1 => any::<u8>()];
    (length(), vec(byte, 1..40)).prop_map(|(len, bytes)| bytes.into_iter().cycle().take(len).collect())
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..4_usize, 1..64_usize, 1..40_000_usize], 1..8)
}

/// Bytes of an answer: heads, sizes, frame headers and stamps, in any order.
fn response() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b"\x01\0\0\0\0\0\0\x21".to_vec()),
        Just(b"2026-11-23T20:21:33.870332324Z ".to_vec()),
        Just(b"2026-11-23T".to_vec()),
        Just(b"20".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        Just(b"1f\r\n".to_vec()),
        Just(b"3\r\n".to_vec()),
        Just(b"Error grabbing logs: ".to_vec()),
        vec(any::<u8>(), 0..4),
        vec(Just(b'x'), 0..40),
    ];
    vec(word, 0..60).prop_map(|words| words.concat())
}

/// What lists and events are made of, in any order.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => Just(b"{\"a\":1}".to_vec()),
        1 => Just(b"{\"b\":{\"}\\\"\":[]}}".to_vec()),
        1 => Just(b"{".to_vec()),
        1 => Just(b"}".to_vec()),
        3 => Just(b",".to_vec()),
        2 => Just(b"[".to_vec()),
        1 => Just(b"]".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => vec(any::<u8>().prop_filter("makes megabytes of what follows", |byte| *byte != 0xfe), 0..4),
    ];
    vec(word, 0..30).prop_map(|words| words.concat())
}

fn part() -> impl Strategy<Value = Part> {
    (channel(), 0..3_u8, length(), any::<bool>(), any::<bool>())
        .prop_map(|(channel, seconds, len, part, flush)| Part { channel, seconds, len, part, flush })
}

fn config() -> ProptestConfig {
    let usual = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    // Miri takes a thousand times longer.
    if cfg!(miri) { ProptestConfig { cases: 3, max_shrink_iters: 0, ..usual } } else { usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_cut_of_a_body_does_not_matter(
        body in response(), cuts in lengths(), format in format(), timestamps in any::<bool>(), chunked in any::<bool>(),
    ) {
        let coding: &[u8] = if chunked { b"Transfer-Encoding: chunked\r\n" } else { b"" };
        let response = [b"HTTP/1.1 200 OK\r\n", coding, b"\r\n", &body].concat();
        harness::session(&response, &cuts, format, timestamps);
    }

    #[test]
    fn the_cut_of_chunks_does_not_matter(data in response(), head in any::<[u8; 5]>()) {
        harness::session_from(&[&head[..], &data].concat());
    }

    #[test]
    fn the_cut_of_a_json_stream_does_not_matter(json in json(), head in any::<[u8; 4]>()) {
        harness::bodies_from(&[&head[..], &json].concat());
    }

    #[test]
    fn any_bytes_are_decoded(data in vec(any::<u8>(), 0..300)) {
        harness::session_from(&data);
        harness::lines_from(&data);
        harness::bodies_from(&data);
    }

    #[test]
    fn lines_of_a_terminal_survive_any_proxy(
        texts in vec(text(), 0..8), unfinished in any::<bool>(), chunks in proptest::option::of(lengths()), feeds in lengths(),
    ) {
        harness::rechunked(&texts, unfinished, chunks.as_deref(), &feeds);
    }

    #[test]
    fn joined_lines_have_the_bytes_of_their_records(
        records in vec(part(), 0..40), limit in prop_oneof![1..20_usize, 1..100_000_usize], docker in any::<bool>(), flush in any::<bool>(),
    ) {
        let records: Vec<_> = records.into_iter().map(|part| Part { flush: part.flush && flush, ..part }).collect();
        harness::joined(if docker { Parts::Docker } else { Parts::Podman }, limit, &records);
    }

    #[test]
    fn times_print_as_they_are_read(seconds in any::<i64>(), nanos in 0..1_000_000_000_u32) {
        let time = Timestamp { seconds, nanos };
        prop_assert_eq!(Timestamp::parse_unix(&time.to_string()), Some(time));
    }

    #[test]
    fn days_follow_one_another(day in 0..28_u32, month in 1..13_u32, year in 0..10_000_u32) {
        let at = |day: u32| Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T12:00:00.5Z"));
        let first = at(1).expect("every month has a first");
        let other = at(day + 1).expect("and 28 days");
        prop_assert_eq!(other.seconds - first.seconds, i64::from(day) * 86_400);
    }
}
