//! Log records of OTLP, read by a small reader of protobuf's encoding.

use std::collections::BTreeMap;

use super::*;

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn bytes(self) -> &'a [u8] {
        let Self::Bytes(bytes) = self else { panic!("{self:?} are no bytes") };
        bytes
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("a text")
    }

    fn fixed64(self) -> u64 {
        let Self::Fixed64(value) = self else { panic!("{self:?} is no fixed64") };
        value
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a varint goes on");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return value;
        }
    }
    panic!("a varint is too long");
}

/// The fields of a message.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Wire<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Wire::Varint(varint(&mut bytes)),
            1 => {
                let (value, rest) = bytes.split_first_chunk().expect("eight bytes");
                bytes = rest;
                Wire::Fixed64(u64::from_le_bytes(*value))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at_checked(length).expect("as many bytes as were announced");
                bytes = rest;
                Wire::Bytes(value)
            }
            kind => panic!("no field of ours is of kind {kind}"),
        };
        fields.push((tag >> 3, value));
    }
    fields
}

/// The only field of this number; `None` if there is none.
fn only<'a>(fields: &[(u64, Wire<'a>)], number: u64) -> Option<Wire<'a>> {
    let mut found = fields.iter().filter(|(other, _)| *other == number).map(|(_, value)| *value);
    let value = found.next();
    assert!(found.next().is_none(), "field {number} comes twice");
    value
}

#[derive(Clone, Debug, PartialEq)]
enum Any {
    Text(String),
    Bytes(Vec<u8>),
    Bool(bool),
    Int(u64),
    List(Vec<Any>),
}

fn any(bytes: &[u8]) -> Any {
    match fields(bytes)[..] {
        [(1, value)] => Any::Text(value.text()),
        [(2, Wire::Varint(value @ 0..=1))] => Any::Bool(value == 1),
        [(3, Wire::Varint(value))] => Any::Int(value),
        [(5, list)] => Any::List(fields(list.bytes()).iter().map(|(_, value)| any(value.bytes())).collect()),
        [(7, value)] => Any::Bytes(value.bytes().to_vec()),
        ref other => panic!("{other:?} is no value of ours"),
    }
}

type Attributes = BTreeMap<String, Any>;

/// The attributes that a message has in this field.
fn attributes(message: &[(u64, Wire<'_>)], number: u64) -> Attributes {
    let mut attributes = Attributes::new();
    for (_, pair) in message.iter().filter(|(other, _)| *other == number) {
        let pair = fields(pair.bytes());
        let key = only(&pair, 1).expect("a key").text();
        let value = any(only(&pair, 2).expect("a value").bytes());
        assert!(attributes.insert(key, value).is_none(), "keys are unique");
    }
    attributes
}

#[derive(Clone, Debug, PartialEq)]
struct Record {
    resource: Attributes,
    time: Option<u64>,
    observed: u64,
    severity: Option<(u64, String)>,
    event: Option<String>,
    body: Any,
    attributes: Attributes,
}

/// The records of an `ExportLogsServiceRequest`, and how many `ResourceLogs` they were in.
fn decode(document: &[u8]) -> (Vec<Record>, usize) {
    let (mut records, request) = (Vec::new(), fields(document));
    for (number, resource_logs) in &request {
        let resource_logs = fields(resource_logs.bytes());
        assert_eq!((*number, resource_logs.len()), (1, 2));
        let resource = fields(only(&resource_logs, 1).expect("a resource").bytes());
        let scope_logs = fields(only(&resource_logs, 2).expect("a scope's records").bytes());
        let scope = fields(only(&scope_logs, 1).expect("a scope").bytes());
        assert_eq!(only(&scope, 1).map(Wire::text).as_deref(), Some("docklog"));
        assert_eq!(only(&scope, 2).map(Wire::text).as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(scope_logs.len() > 1, "a scope without records");
        for (_, record) in scope_logs.iter().filter(|(number, _)| *number == 2) {
            let record = fields(record.bytes());
            assert!(record.iter().all(|(number, _)| [1, 2, 3, 5, 6, 11, 12].contains(number)));
            let severity = only(&record, 2).map(|number| {
                let Wire::Varint(number) = number else { panic!("{number:?} is no number") };
                (number, only(&record, 3).expect("its text").text())
            });
            records.push(Record {
                resource: attributes(&resource, 1),
                time: only(&record, 1).map(Wire::fixed64),
                observed: only(&record, 11).expect("a time").fixed64(),
                severity,
                event: only(&record, 12).map(Wire::text),
                body: any(only(&record, 5).expect("a body").bytes()),
                attributes: attributes(&record, 6),
            });
        }
    }
    (records, request.len())
}

fn text(key: &str, value: &str) -> (String, Any) {
    (key.to_owned(), Any::Text(value.to_owned()))
}

fn list(key: &str, value: &str) -> (String, Any) {
    (key.to_owned(), Any::List(vec![Any::Text(value.to_owned())]))
}

/// What is said of these images.
fn image(image: &str) -> Vec<(String, Any)> {
    let name = |name| text("container.image.name", name);
    match image {
        "nginx" | "host:5000/a/b" | ":" => vec![name(image)],
        "nginx:1.25" => vec![name("nginx"), list("container.image.tags", "1.25")],
        "a/b:1@sha256:00" => vec![
            name("a/b"),
            list("container.image.tags", "1"),
            list("container.image.repo_digests", "a/b@sha256:00"),
        ],
        "sha256:0f" => vec![text("container.image.id", image)],
        "@" => vec![name(""), list("container.image.repo_digests", "@")],
        _ => panic!("{image} isn't known"),
    }
}

fn expected(sent: &Sent) -> Record {
    let Sent { source, now, what } = sent;
    let mut resource = Attributes::from([
        text("container.id", &source.id.to_string()),
        text("container.name", &source.name),
    ]);
    for (field, value) in &source.fields {
        match field {
            Field::Image => resource.extend(image(value)),
            Field::Project => resource.extend([text("service.namespace", value)]),
            Field::Service => resource.extend([text("service.name", value)]),
            Field::Label(key) => resource.extend([text(&format!("container.label.{key}"), value)]),
        }
    }
    let nanos = |time: Timestamp| u64::try_from(time.unix_nanos()).expect("after 1970");
    let observed = nanos(*now);
    match what {
        What::Line { channel, stamp, text: line, segment } => {
            let stream = if *channel == Channel::Stderr { "stderr" } else { "stdout" };
            let mut attributes = Attributes::from([text("log.iostream", stream)]);
            if let Some(Segment { number, last }) = segment {
                attributes.insert("docklog.segment".into(), Any::Int(u64::from(*number)));
                attributes.insert("docklog.more".into(), Any::Bool(!last));
            }
            let time = stamp.as_deref().map(|stamp| nanos(Timestamp::parse(stamp).expect("a time")));
            let body = String::from_utf8(line.clone()).map_or_else(|_| Any::Bytes(line.clone()), Any::Text);
            Record { resource, time, observed, severity: None, event: None, body, attributes }
        }
        What::Gap(Gap { from, to }) => {
            let (from, to, time) = (from.rfc3339(), to.rfc3339(), (nanos(*to) - 1).max(nanos(*from)));
            let attributes = [text("docklog.gap.from", &from), text("docklog.gap.to", &to)];
            let words = format!("lines between {from} and {to} were deleted before docklog could read them");
            Record {
                resource,
                time: Some(time),
                observed,
                severity: Some((13, "WARN".into())),
                event: Some("docklog.gap".into()),
                body: Any::Text(words),
                attributes: attributes.into(),
            }
        }
    }
}

#[test]
fn what_was_encoded_is_decoded() {
    scenes(Encoder::otlp, |sent, documents| {
        let decoded = documents.iter().flat_map(|document| decode(document).0);
        for (record, sent) in decoded.zip(sent) {
            assert!(record == expected(sent), "{record:?}\n{sent:?}");
        }
        // Batches are joined by writing one after the other.
        let joined = decode(&documents.concat());
        assert!(joined.0.len() == sent.len() && joined.1 >= documents.len());
    });
}

#[test]
fn a_resource_is_told_once_for_lines_that_follow_each_other() {
    let (web, db) = (source(1, "web", Vec::new()), source(2, "db", Vec::new()));
    let sent = |source, count| vec![line(source, Channel::Stderr, b"x"); count];
    let batch = [sent(&web, 300), sent(&db, 1), sent(&web, 2)].concat();
    let mut encoder = Encoder::otlp();
    for _ in 0..2 {
        let (records, resources) = decode(&document(&mut encoder, &batch));
        assert_eq!((records.len(), resources), (303, 3));
        assert!(records.iter().eq(&batch.iter().map(expected).collect::<Vec<_>>()));
    }
    // A batch that was thrown away as it was, a shorter one after it, and one that gets more after it was sealed.
    encode(&mut encoder, &batch, &mut Vec::new());
    let mut out = Vec::new();
    for _ in 0..2 {
        encode(&mut encoder, &batch[..1], &mut out);
        encoder.seal(&mut out);
        encoder.seal(&mut out);
    }
    assert_eq!((decode(&out).0.len(), decode(&out).1), (2, 2));
}

#[test]
fn times_that_cannot_be_told_are_not() {
    let mut sent = line(&source(1, "web", Vec::new()), Channel::Stdout, b"");
    for (when, time) in [
        (None, None),
        (Some("0001-01-01T00:00:00Z"), None),
        (Some("1970-01-01T00:00:01Z"), Some(1_000_000_000)),
    ] {
        let What::Line { stamp, .. } = &mut sent.what else { unreachable!("a line") };
        *stamp = when.map(str::to_owned);
        let record = decode(&document(&mut Encoder::otlp(), [&sent])).0.remove(0);
        assert_eq!((record.time, record.observed), (time, NOW.unix_nanos() as u64));
        assert_eq!(record.body, Any::Text(String::new()));
    }
}

#[test]
fn a_line_costs_a_few_bytes_more_than_its_text() {
    let sent = vec![line(&source(1, "web", Vec::new()), Channel::Stdout, &[b'x'; 100]); 2];
    let lengths: Vec<usize> = [1, 2].map(|count| document(&mut Encoder::otlp(), &sent[..count]).len()).into();
    assert_eq!(lengths[1] - lengths[0], 100 + 51);
}
