//! `/state`: JSON, one stream per line.

use serde_json::{Value, json};

use super::page::{Cursor, Facts};
use crate::core::status::StreamStatus;

const HEAD: usize = 0;
const STREAMS: usize = 1;
const END: usize = 2;

/// The next line of the page. False: it is complete.
pub(super) fn row(at: &mut Cursor, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
    match at.part {
        HEAD => head(facts, out),
        STREAMS => {
            if let Some((slot, status)) = facts.core.streams_from(at.slot).next() {
                at.slot = slot + 1;
                let comma = if std::mem::replace(&mut at.begun, true) { ",\n" } else { "\n" };
                out.extend_from_slice(format!("{comma}{}", stream(&status)).as_bytes());
                return true;
            }
        }
        END => out.extend_from_slice(b"\n]}\n"),
        _ => return false,
    }
    at.next_part();
    true
}

fn head(facts: &Facts<'_>, out: &mut Vec<u8>) {
    let parts = [
        ("docklog", docklog(facts)),
        ("engine", engine(facts)),
        ("memory", memory(facts)),
        ("sessions", sessions(facts)),
        ("sinks", sinks(facts)),
    ];
    out.push(b'{');
    for (name, value) in parts {
        out.extend_from_slice(format!("\"{name}\":{value},\n").as_bytes());
    }
    out.extend_from_slice(format!("\"counts\":{},\n\"streams\":[", facts.core.figures()).as_bytes());
}

fn docklog(facts: &Facts<'_>) -> Value {
    let (process, ready) = (facts.process, facts.core.readiness());
    json!({
        "version": env!("CARGO_PKG_VERSION"), "now": facts.core.now().wall.rfc3339(),
        "ready": ready.reasons.is_empty(), "reasons": ready.reasons, "notes": ready.notes,
        "started": process.started, "cpu_seconds": process.cpu.map(|cpu| cpu.as_secs_f64()),
        "resident_bytes": process.resident, "threads": process.threads,
        "open_fds": process.open_fds, "max_fds": process.max_fds,
        "longest_turn_seconds": process.longest_turn.map(|turn| turn.as_secs_f64()),
        "http": { "connections": facts.clients, "requests": facts.requests },
    })
}

fn engine(facts: &Facts<'_>) -> Value {
    let engine = facts.core.engine_status();
    json!({
        "host": engine.host, "state": engine.state, "since": engine.since.rfc3339(), "kind": engine.kind,
        "version": engine.version, "api": engine.api.map(|api| api.to_string()),
        "events": engine.events, "listed": engine.listed,
    })
}

fn memory(facts: &Facts<'_>) -> Value {
    let load = facts.core.load_status();
    json!({ "used": load.memory, "limit": load.limit, "permit": load.permit })
}

fn sinks(facts: &Facts<'_>) -> Value {
    let sinks = facts.core.sinks_status().map(|sink| {
        json!({
            "name": sink.name, "waiting_bytes": sink.waiting, "stalled_seconds": sink.stalled.as_secs(), "lines": sink.figures.lines,
            "dropped": sink.figures.dropped, "refused": sink.figures.refused, "spared": sink.figures.spared,
        })
    });
    sinks.collect()
}

fn sessions(facts: &Facts<'_>) -> Value {
    let load = facts.core.load_status();
    json!({
        "open": load.sessions, "limit": load.room, "opening": load.opening, "queued": load.queued,
        "parked": load.parked, "catching_up": load.catching_up, "streams": load.containers,
    })
}

fn stream(stream: &StreamStatus<'_>) -> Value {
    let (tally, [stdout, stderr]) = (stream.tally(), stream.last_lines());
    json!({
        "id": stream.id().to_string(), "name": stream.name(), "running": stream.running(),
        "state": stream.condition().as_str(),
        "place": { "stdout": stdout.map(|time| time.rfc3339()), "stderr": stderr.map(|time| time.rfc3339()) },
        "lines": tally.lines, "bytes": tally.bytes, "filtered": tally.filtered,
        "rate": thousandths(stream.rate()), "lag": thousandths(stream.lag().as_secs_f64()),
        "rotations": tally.rotations, "replayed": tally.replayed, "healed": tally.healed,
        "gaps": tally.gaps, "errors": tally.errors,
        "session_age": stream.session_age().map(|age| thousandths(age.as_secs_f64())),
    })
}

/// Seconds and rates need no more digits.
fn thousandths(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
