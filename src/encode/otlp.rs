//! OpenTelemetry's protocol (OTLP) in its binary form: a batch is an `ExportLogsServiceRequest`, as `/v1/logs` takes it over
//! HTTP. Such messages are rows of `ResourceLogs`, so that a batch may be cut and joined between these.
//!
//! | of a container, once for its lines that follow each other | |
//! |---|---|
//! | `container.id`, `container.name` | the container |
//! | `container.image.name`, `….tags`, `….repo_digests`, `….id` | its image, where records tell it |
//! | `service.namespace`, `service.name` | its Compose project and service, where records tell them |
//! | `container.label.…` | its labels, where records tell them |
//!
//! | of a line | |
//! |---|---|
//! | time, observed time | the engine's stamp, if there is one; when docklog read the line |
//! | body | its text; as bytes, if it isn't UTF-8 |
//! | `log.iostream` | `stdout` or `stderr`; a terminal's output is `stdout`, as the engine's own log files have it |
//! | `docklog.segment`, `docklog.more` | of a line beyond the limit: the segment's number, and whether it goes on |
//!
//! There is no severity: that a line came from stderr doesn't tell it. A gap is an event `docklog.gap` of severity WARN, with
//! `docklog.gap.from` and `docklog.gap.to`.
//!
//! The messages are written where they belong, with no copies: the length of a record is computed before it is
//! written, and those of the messages around it are put in when they end (`wire`).

mod resource;
mod wire;

use std::rc::Rc;

use docklog_protocol::{Channel, Line, Segment, Timestamp};

use super::{gap_text, gap_time};
use crate::core::source::Source;
use crate::core::window::Gap;
use resource::{attribute, text_attribute};

/// Fields of `ExportLogsServiceRequest`, `ResourceLogs`, `ScopeLogs` and `InstrumentationScope`.
const RESOURCE_LOGS: u8 = 1;
const RESOURCE: u8 = 1;
const SCOPE_LOGS: u8 = 2;
const SCOPE: u8 = 1;
const LOG_RECORDS: u8 = 2;
const NAME: u8 = 1;
const VERSION: u8 = 2;

/// Fields of `LogRecord`.
const TIME: u8 = 1;
const SEVERITY_NUMBER: u8 = 2;
const SEVERITY_TEXT: u8 = 3;
const BODY: u8 = 5;
const ATTRIBUTES: u8 = 6;
const OBSERVED_TIME: u8 = 11;
const EVENT_NAME: u8 = 12;

/// Fields of `AnyValue`.
const STRING_VALUE: u8 = 1;
const BOOL_VALUE: u8 = 2;
const INT_VALUE: u8 = 3;
const BYTES_VALUE: u8 = 7;

/// The severity of gaps.
const WARN: usize = 13;

/// Encodes lines as log records of OTLP.
#[derive(Debug)]
pub struct Otlp {
    observed: u64,
    /// Whose lines came last, and the messages `Resource` and `InstrumentationScope` that stand before them.
    source: Option<Rc<Source>>,
    resource: Vec<u8>,
    scope: Vec<u8>,
    /// The attributes of lines of stdout and of stderr.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// Where the messages `ResourceLogs` and `ScopeLogs` begin that are open at the batch's end.
    open: Option<(usize, usize)>,
}

impl Otlp {
    pub(super) fn new() -> Self {
        let iostream = |name: &str| {
            let mut out = Vec::new();
            text_attribute(ATTRIBUTES, "log.iostream", name, &mut out);
            out
        };
        let mut scope = Vec::new();
        wire::message(SCOPE, &mut scope, |out| {
            wire::bytes(NAME, b"docklog", out);
            wire::bytes(VERSION, env!("CARGO_PKG_VERSION").as_bytes(), out);
        });
        let (stdout, stderr) = (iostream("stdout"), iostream("stderr"));
        Self { observed: 0, source: None, resource: Vec::new(), scope, stdout, stderr, open: None }
    }

    pub(super) fn set_now(&mut self, wall: Timestamp) {
        self.observed = unix_time(wall.unix_nanos());
    }

    pub(super) fn encode(&mut self, source: &Rc<Source>, line: &Line<'_>, out: &mut Vec<u8>) {
        self.turn_to(source, out);
        let attributes = if line.channel == Channel::Stderr { &self.stderr } else { &self.stdout };
        let mut more = Vec::new();
        if let Some(Segment { number, last }) = line.segment {
            attribute(ATTRIBUTES, "docklog.segment", &mut more, |out| {
                wire::number(INT_VALUE, number as usize, out);
            });
            attribute(ATTRIBUTES, "docklog.more", &mut more, |out| {
                wire::number(BOOL_VALUE, usize::from(!last), out);
            });
        }
        let time = line.stamp.map_or(0, |stamp| unix_time(stamp.time.unix_nanos()));
        self.record(time, line.text, [attributes, &more], out);
    }

    pub(super) fn encode_gap(&mut self, source: &Rc<Source>, gap: Gap, out: &mut Vec<u8>) {
        self.turn_to(source, out);
        let mut fields = Vec::new();
        wire::number(SEVERITY_NUMBER, WARN, &mut fields);
        wire::bytes(SEVERITY_TEXT, b"WARN", &mut fields);
        wire::bytes(EVENT_NAME, b"docklog.gap", &mut fields);
        text_attribute(ATTRIBUTES, "docklog.gap.from", &gap.from.rfc3339(), &mut fields);
        text_attribute(ATTRIBUTES, "docklog.gap.to", &gap.to.rfc3339(), &mut fields);
        self.record(unix_time(gap_time(gap)), gap_text(gap).as_bytes(), [&fields, &[]], out);
    }

    pub(super) fn seal(&mut self, out: &mut [u8]) {
        if let Some((resource_logs, scope_logs)) = self.open.take() {
            wire::end(scope_logs, out);
            wire::end(resource_logs, out);
        }
    }

    /// Makes the batch end where a record of this source may follow.
    fn turn_to(&mut self, source: &Rc<Source>, out: &mut Vec<u8>) {
        let same = self.source.as_ref().is_some_and(|present| Rc::ptr_eq(present, source));
        if same && self.open.is_some() && !out.is_empty() {
            return;
        }
        self.seal(out);
        if !same {
            self.source = Some(Rc::clone(source));
            self.resource.clear();
            wire::message(RESOURCE, &mut self.resource, |out| resource::resource(source, out));
        }
        let resource_logs = wire::begin(RESOURCE_LOGS, out);
        out.extend_from_slice(&self.resource);
        let scope_logs = wire::begin(SCOPE_LOGS, out);
        out.extend_from_slice(&self.scope);
        self.open = Some((resource_logs, scope_logs));
    }

    /// Appends a record: times, body, and other fields. A time that isn't known is 0.
    fn record(&self, time: u64, text: &[u8], fields: [&[u8]; 2], out: &mut Vec<u8>) {
        let is_text = text.is_ascii() || std::str::from_utf8(text).is_ok();
        let value = wire::bytes_len(text.len());
        let times = if time > 0 { 2 } else { 1 };
        let others = fields[0].len() + fields[1].len();
        let length = times * wire::FIXED64_FIELD + wire::bytes_len(value) + others;
        out.reserve(wire::bytes_len(length));
        wire::begin_bytes(LOG_RECORDS, length, out);
        if time > 0 {
            wire::fixed64(TIME, time, out);
        }
        wire::begin_bytes(BODY, value, out);
        wire::bytes(if is_text { STRING_VALUE } else { BYTES_VALUE }, text, out);
        fields.iter().for_each(|fields| out.extend_from_slice(fields));
        wire::fixed64(OBSERVED_TIME, self.observed, out);
    }
}

/// Nanoseconds since the epoch as OTLP has them. Times before it are those of containers without a clock, and not known.
fn unix_time(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap_or_default()
}
