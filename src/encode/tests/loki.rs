//! Entries for Loki, read by serde_json.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::*;

type Texts = BTreeMap<String, String>;

/// An entry as Loki sees it.
#[derive(Debug)]
struct Entry {
    labels: Texts,
    time: i64,
    line: String,
    metadata: Texts,
}

fn texts(value: &Value) -> Texts {
    let texts = value.as_object().expect("an object").iter();
    texts
        .map(|(name, value)| (name.clone(), value.as_str().expect("Loki takes strings only").into()))
        .collect()
}

fn decode(document: &[u8]) -> Vec<Entry> {
    let value: Value = serde_json::from_slice(document).expect("JSON");
    let length = serde_json::to_vec(&value).expect("JSON").len();
    assert_eq!(length, document.len(), "no space, and no key that comes twice");
    assert_eq!(value.as_object().expect("an object").len(), 1);
    let mut entries = Vec::new();
    for element in value["streams"].as_array().expect("streams") {
        assert_eq!(element.as_object().expect("an object").len(), 2);
        let values = element["values"].as_array().expect("values");
        assert!(!values.is_empty());
        for value in values {
            let [time, line, metadata] = &value.as_array().expect("an entry")[..] else { panic!("{value}") };
            entries.push(Entry {
                labels: texts(&element["stream"]),
                time: time.as_str().expect("a time").parse().expect("a number"),
                line: line.as_str().expect("a line").to_owned(),
                metadata: texts(metadata),
            });
        }
    }
    entries
}

fn unescape(line: &str) -> Vec<u8> {
    let mut pieces = line.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).expect("two digits"));
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

fn is_name(name: &str) -> bool {
    let begins = |c: char| c == '_' || c.is_ascii_alphabetic();
    name.starts_with(begins) && name.chars().all(|c| begins(c) || c.is_ascii_digit())
}

/// Takes what says of the container what it should.
fn take_container(entry: &mut Entry, source: &Source) {
    assert_eq!(entry.labels.remove("container").as_deref(), Some(&source.name[..]));
    assert_eq!(entry.metadata.remove("container_id"), Some(source.id.to_string()));
    let mut labels = Vec::new();
    for (field, value) in &source.fields {
        match field {
            Field::Project => assert_eq!(entry.labels.remove("project").as_ref(), Some(value)),
            Field::Service => assert_eq!(entry.labels.remove("service").as_ref(), Some(value)),
            Field::Image => assert_eq!(entry.metadata.remove("image").as_ref(), Some(value)),
            Field::Label(_) => labels.push(value),
        }
    }
    let told: Vec<String> =
        entry.metadata.keys().filter(|name| name.starts_with("label_")).cloned().collect();
    assert!(told.iter().all(|name| is_name(name)), "{told:?}");
    let mut told: Vec<_> = told.iter().map(|name| entry.metadata.remove(name).expect("was there")).collect();
    told.sort();
    labels.sort();
    assert!(told.iter().eq(labels), "{told:?}");
}

/// Takes the entries of one line, and what they say; returns their times.
fn take_line(entries: &mut impl Iterator<Item = Entry>, sent: &Sent) -> Vec<i64> {
    let What::Line { channel, stamp, text, segment } = &sent.what else { unreachable!("a line") };
    let (mut bytes, mut times) = (Vec::new(), Vec::new());
    loop {
        let mut entry = entries.next().expect("the line's entry");
        take_container(&mut entry, &sent.source);
        let stream = if *channel == Channel::Stderr { "stderr" } else { "stdout" };
        assert_eq!(entry.labels, Texts::from([("stream".into(), stream.into())]));
        assert!(entry.line.len() <= limits::LOKI_LINE);
        times.push(entry.time);
        let mut note = |name: &str| entry.metadata.remove(name);
        match note("encoding") {
            None => bytes.extend_from_slice(entry.line.as_bytes()),
            Some(encoding) => {
                assert!(encoding == "percent" && std::str::from_utf8(text).is_err());
                bytes.extend(unescape(&entry.line));
            }
        }
        assert_eq!(note("segment"), segment.map(|segment| segment.number.to_string()));
        assert_eq!(note("time").as_deref(), stamp.is_none().then_some("assumed"));
        let part = note("part");
        assert!(part.is_none_or(|part| part == times.len().to_string()));
        let more = bytes.len() < text.len() || segment.is_some_and(|segment| !segment.last);
        assert_eq!(note("more").as_deref(), more.then_some("true"));
        assert!(entry.metadata.is_empty(), "{entry:?}");
        if bytes.len() >= text.len() {
            assert!(bytes == *text);
            return times;
        }
    }
}

fn take_gap(mut entry: Entry, source: &Source, gap: Gap) {
    take_container(&mut entry, source);
    assert_eq!(entry.labels, Texts::from([("stream".into(), "gap".into())]));
    let expected = [("level", "warn"), ("gap_from", &gap.from.rfc3339()), ("gap_to", &gap.to.rfc3339())];
    assert!(entry.metadata.iter().map(|(name, value)| (&name[..], &value[..])).eq({
        let mut sorted = expected;
        sorted.sort();
        sorted
    }));
    let (from, to) = (gap.from.unix_nanos(), gap.to.unix_nanos());
    assert!(entry.time >= from && (entry.time < to || from == to));
    assert!(entry.line.contains(&gap.from.rfc3339()) && entry.line.contains(&gap.to.rfc3339()));
}

#[test]
fn what_was_encoded_is_decoded() {
    scenes(Encoder::loki, |sent, documents| {
        let mut entries = documents.iter().flat_map(|document| decode(document));
        let (mut told, mut last) = (HashSet::new(), HashMap::new());
        for sent in sent {
            let What::Line { channel, stamp, .. } = &sent.what else {
                let What::Gap(gap) = sent.what else { unreachable!("a gap") };
                take_gap(entries.next().expect("a gap's entry"), &sent.source, gap);
                continue;
            };
            let clock = (*sent.source.id.bytes(), *channel == Channel::Stderr);
            for time in take_line(&mut entries, sent) {
                assert!(told.insert((clock, time)), "{time} is told twice");
                match stamp {
                    Some(stamp) => {
                        let off = time - Timestamp::parse(stamp).expect("a time").unix_nanos();
                        assert!((0..200).contains(&off), "{off} ns off");
                    }
                    None => assert_eq!(time, last.get(&clock).map_or(sent.now.unix_nanos(), |last| last + 1)),
                }
                last.insert(clock, time);
            }
        }
        assert!(entries.next().is_none());
    });
}

fn shown(encoder: &mut Encoder, sent: &[Sent]) -> String {
    String::from_utf8(document(encoder, sent)).expect("UTF-8")
}

#[test]
fn lines_of_one_channel_share_an_element() {
    let (web, db) =
        (source(0x0f, "web", vec![(Field::Image, "i")]), source(0xab, "db", vec![(Field::Project, "p")]));
    let out = |text| line(&web, Channel::Stdout, text);
    let sent = [
        out(b"a"),
        out(b"b\t\"\xc3\xa9"),
        line(&web, Channel::Stderr, b"c"),
        line(&db, Channel::Tty, b"d"),
        out(b"e"),
    ];
    let web = format!("{{\"container_id\":\"{}\",\"image\":\"i\"}}", "0f".repeat(32));
    let db = format!("{{\"container_id\":\"{}\"}}", "ab".repeat(32));
    let second = "1795464967727144";
    let expected = [
        "{\"streams\":[",
        "{\"stream\":{\"container\":\"web\",\"stream\":\"stdout\"},\"values\":[",
        &format!("[\"{second}095\",\"a\",{web}],[\"{second}096\",\"b\\t\\\"é\",{web}]]}},"),
        "{\"stream\":{\"container\":\"web\",\"stream\":\"stderr\"},\"values\":[",
        &format!("[\"{second}095\",\"c\",{web}]]}},"),
        "{\"stream\":{\"container\":\"db\",\"project\":\"p\",\"stream\":\"stdout\"},\"values\":[",
        &format!("[\"{second}095\",\"d\",{db}]]}},"),
        "{\"stream\":{\"container\":\"web\",\"stream\":\"stdout\"},\"values\":[",
        &format!("[\"{second}097\",\"e\",{web}]]}}"),
        "]}",
    ];
    assert_eq!(shown(&mut Encoder::loki(), &sent), expected.concat());
}

#[test]
fn a_batch_knows_nothing_of_the_one_before() {
    let sent = [line(&source(1, "web", Vec::new()), Channel::Stdout, b"a")];
    let mut encoder = Encoder::loki();
    let mut first = shown(&mut encoder, &sent);
    for _ in 0..2 {
        let next = shown(&mut encoder, &sent);
        assert_ne!(first, next, "their times are a nanosecond apart");
        assert_eq!(first.len(), next.len());
        first = next;
    }
    // One that was thrown away as it was.
    encode(&mut encoder, &sent, &mut Vec::new());
    assert_eq!(shown(&mut encoder, &sent).len(), first.len());
    // And one that gets more after it was sealed.
    let mut out = Vec::new();
    for _ in 0..2 {
        encode(&mut encoder, &sent, &mut out);
        encoder.seal(&mut out);
        encoder.seal(&mut out);
    }
    assert_eq!(decode(&[encoder.frame().0, &out, encoder.frame().1].concat()).len(), 2);
}

#[test]
fn a_line_that_is_no_text_is_no_longer_than_loki_takes() {
    let source = source(1, "web", Vec::new());
    let mut long = line(&source, Channel::Stdout, &vec![0xff; limits::LOKI_LINE]);
    let What::Line { segment, .. } = &mut long.what else { unreachable!("a line") };
    *segment = Some(Segment { number: 7, last: true });
    let entries = decode(&document(&mut Encoder::loki(), [&long]));
    let told = |name| entries.iter().map(move |entry| entry.metadata.get(name).map(String::as_str));
    assert!(told("part").eq(["1", "2", "3", "4"].map(Some)));
    assert!(told("more").eq([Some("true"), Some("true"), Some("true"), None]));
    assert!(told("segment").all(|segment| segment == Some("7")));
    assert!(entries.windows(2).all(|pair| pair[0].time < pair[1].time));
    let short = decode(&document(&mut Encoder::loki(), [&line(&source, Channel::Stdout, b"50% \xfe")]));
    assert_eq!((&short[0].line[..], short[0].metadata.len()), ("50%25 %FE", 2), "id and encoding");
}

#[test]
fn what_a_container_says_of_itself_is_not_more_than_loki_takes() {
    let value = "\"".repeat(limits::FIELD);
    let keys: Vec<String> = (0..500).map(|number| format!("key.{number}")).collect();
    let long = keys.iter().map(|key| (label(key), &value[..])).collect();
    let many = keys.iter().map(|key| (label(key), "x")).collect();
    // Behind the id: what fits, with its quotes escaped; and as many as there may be.
    for (fields, expected) in [(long, 1 + 15), (many, 1 + limits::LOKI_FIELDS)] {
        let sent = [line(&source(1, "web", fields), Channel::Stdout, b"a")];
        let metadata = &decode(&document(&mut Encoder::loki(), &sent))[0].metadata;
        assert_eq!(metadata.len(), expected);
        assert!(metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() < 64 * 1024);
    }
}
