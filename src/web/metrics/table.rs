//! All metrics, in the order of the page.

use super::Samples::{By, Count, One, PerContainer};
use super::{Each, Kind, Metric, OfStream, Samples};
use crate::core::count::Counts;
use crate::core::status::{Condition, SinkStatus, StreamStatus};
use crate::web::page::Facts;

const fn gauge(name: &'static str, unit: &'static str, help: &'static str, samples: Samples) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, samples }
}

const fn counter(name: &'static str, unit: &'static str, help: &'static str, samples: Samples) -> Metric {
    Metric { name, kind: Kind::Counter, unit, help, samples }
}

const fn count(name: &'static str, unit: &'static str, help: &'static str, of: fn(&Counts) -> u64) -> Metric {
    counter(name, unit, help, Count(of))
}

const fn each(
    kind: Kind,
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    of: OfStream,
) -> Metric {
    Metric { name, kind, unit, help, samples: PerContainer(of) }
}

fn flag(on: bool) -> Option<f64> {
    Some(f64::from(u8::from(on)))
}

fn whole(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

fn size(number: usize) -> Option<f64> {
    Some(number as f64)
}

/// All metrics.
pub const METRICS: &[Metric] = &[
    gauge("docklog_build_info", "1", "The version that runs.", By("version", version)),
    gauge("docklog_ready", "0 or 1", "Whether /readyz says 200.", One(ready)),
    gauge("docklog_engine_up", "0 or 1", "Whether the engine answers.", One(engine_up)),
    gauge(
        "docklog_engine_events_flowing",
        "0 or 1",
        "Whether the engine's events are subscribed to.",
        One(events_flowing),
    ),
    gauge(
        "docklog_streams",
        "streams",
        "Streams, one per container, by where they stand.",
        By("state", streams),
    ),
    gauge("docklog_sessions", "sessions", "Log responses that are open.", One(sessions)),
    gauge("docklog_sessions_limit", "sessions", "Log responses that may be open at a time.", One(room)),
    gauge("docklog_memory_bytes", "bytes", "Log data held between the engine and the output.", One(memory)),
    gauge(
        "docklog_memory_limit_bytes",
        "bytes",
        "So much of it stops the reading, until some of it is written.",
        One(|facts| size(facts.core.load_status().limit)),
    ),
    count("docklog_lines_total", "lines", "Lines handed to the output (or segments of long ones).", |c| {
        c.lines
    }),
    count("docklog_bytes_total", "bytes", "Bytes of their text.", |c| c.bytes),
    counter(
        "docklog_dropped_total",
        "by reason",
        "Not handed to the output: lines that aren't wanted (filtered) or were handed over before (replayed), \
         spans of a log that the engine deleted or skipped (gap), containers whose log was gone (missed), can't be \
         read (unreadable) or would be one too many (untracked), parts of the engine's answers (item); and, each time, lines that a sink had no room for (full) or refused (refused).",
        By("reason", dropped),
    ),
    count(
        "docklog_healed_lines_total",
        "lines",
        "Lines that one session missed and the next has brought.",
        |c| c.healed,
    ),
    count(
        "docklog_pressed_lines_total",
        "lines",
        "Lines that left in segments because memory was short.",
        |c| c.pressed,
    ),
    count("docklog_sessions_opened_total", "sessions", "Log responses that have begun.", |c| c.sessions),
    counter(
        "docklog_session_errors_total",
        "errors",
        "Log responses that were cut short (truncated), not understood (broken), or silent after their \
         container's end (deaf); and errors that the engine wrote into them (engine).",
        By("kind", errors),
    ),
    count(
        "docklog_rotations_total",
        "sessions",
        "Sessions closed by lease or on demand, to be opened again.",
        |c| c.rotations,
    ),
    counter(
        "docklog_rotation_seconds_total",
        "seconds",
        "Time from closing such a session to when the next one is live.",
        One(|facts| Some(facts.core.counts().rotating as f64 / 1e6)),
    ),
    gauge(
        "docklog_rotation_longest_seconds",
        "seconds",
        "The longest of these times.",
        One(|facts| Some(facts.core.counts().rotating_most as f64 / 1e6)),
    ),
    count("docklog_yields_total", "sessions", "Sessions closed because others waited for their turn.", |c| {
        c.yields
    }),
    count(
        "docklog_parkings_total",
        "sessions",
        "Sessions closed for want of memory, to catch up later.",
        |c| c.parked,
    ),
    count(
        "docklog_lost_places_total",
        "times",
        "Times that a stream's last line was gone from its log.",
        |c| c.lost_places,
    ),
    count(
        "docklog_audits_total",
        "audits",
        "Comparisons of what was delivered with what a log holds.",
        |c| c.audits,
    ),
    counter(
        "docklog_sink_lines_total",
        "lines",
        "Lines handed to a sink (or segments of long ones).",
        By("sink", |facts, each| sinks(facts, each, |sink| sink.figures.lines)),
    ),
    counter(
        "docklog_sink_dropped_lines_total",
        "lines",
        "Lines that a sink lost because it took none for long (on_full = \"drop\").",
        By("sink", |facts, each| sinks(facts, each, |sink| sink.figures.dropped)),
    ),
    counter(
        "docklog_sink_refused_lines_total",
        "lines",
        "Lines that a receiver has refused for good.",
        By("sink", |facts, each| sinks(facts, each, |sink| sink.figures.refused)),
    ),
    counter(
        "docklog_sink_spared_lines_total",
        "lines",
        "Lines read again for other sinks, which this one had.",
        By("sink", |facts, each| sinks(facts, each, |sink| sink.figures.spared)),
    ),
    gauge(
        "docklog_sink_waiting_bytes",
        "bytes",
        "What a sink has yet to take, as it was encoded for it.",
        By("sink", |facts, each| sinks(facts, each, |sink| sink.waiting as u64)),
    ),
    gauge(
        "docklog_sink_stalled_seconds",
        "seconds",
        "For how long a sink has had a batch in hand that it hasn't taken; 0 if it takes all.",
        By("sink", |facts, each| sinks(facts, each, |sink| sink.stalled.as_secs())),
    ),
    gauge(
        "docklog_longest_turn_seconds",
        "seconds",
        "The longest single turn of the loop; nothing else was served meanwhile.",
        One(|facts| facts.process.longest_turn.map(|turn| turn.as_secs_f64())),
    ),
    gauge(
        "docklog_http_connections",
        "connections",
        "Clients of this server.",
        One(|facts| size(facts.clients)),
    ),
    counter(
        "docklog_http_requests_total",
        "requests",
        "Requests that they have made.",
        One(|facts| Some(facts.requests as f64)),
    ),
    each(Kind::Gauge, "docklog_container_running", "0 or 1", "Whether the container runs.", |stream| {
        flag(stream.running())
    }),
    each(
        Kind::Gauge,
        "docklog_container_live",
        "0 or 1",
        "Whether its stream brings the present.",
        |stream| flag(stream.live()),
    ),
    each(
        Kind::Gauge,
        "docklog_container_lag_seconds",
        "seconds",
        "How old its last line was when it was read; if it runs and isn't live, for how long it hasn't been.",
        |stream| Some(stream.lag().as_secs_f64()),
    ),
    each(
        Kind::Gauge,
        "docklog_container_session_age_seconds",
        "seconds",
        "For how long its present session has been open.",
        |stream| stream.session_age().map(|age| age.as_secs_f64()),
    ),
    each(
        Kind::Gauge,
        "docklog_container_last_line_timestamp_seconds",
        "Unix seconds",
        "The engine's time of its last line.",
        last_line,
    ),
    each(
        Kind::Counter,
        "docklog_container_lines_total",
        "lines",
        "Its lines handed to the output.",
        |stream| Some(stream.tally().lines as f64),
    ),
    each(Kind::Counter, "docklog_container_bytes_total", "bytes", "Bytes of their text.", |stream| {
        Some(stream.tally().bytes as f64)
    }),
    each(
        Kind::Counter,
        "docklog_container_replayed_lines_total",
        "lines",
        "Its lines that came again, and were left out.",
        |stream| Some(stream.tally().replayed as f64),
    ),
    each(
        Kind::Counter,
        "docklog_container_healed_lines_total",
        "lines",
        "Its lines that one session missed and the next has brought.",
        |stream| Some(stream.tally().healed as f64),
    ),
    each(
        Kind::Counter,
        "docklog_container_gaps_total",
        "spans",
        "Spans of its log that the engine deleted or skipped.",
        |stream| Some(stream.tally().gaps.into()),
    ),
    each(
        Kind::Counter,
        "docklog_container_rotations_total",
        "sessions",
        "Its sessions closed by lease or on demand.",
        |stream| Some(stream.tally().rotations.into()),
    ),
    each(
        Kind::Counter,
        "docklog_container_errors_total",
        "errors",
        "Its sessions that ended wrongly, and errors inside them.",
        |stream| Some(stream.tally().errors.into()),
    ),
    counter(
        "process_cpu_seconds_total",
        "seconds",
        "Processor time, user and system.",
        One(|facts| facts.process.cpu.map(|cpu| cpu.as_secs_f64())),
    ),
    gauge(
        "process_resident_memory_bytes",
        "bytes",
        "Memory that is resident.",
        One(|facts| whole(facts.process.resident)),
    ),
    gauge(
        "process_virtual_memory_bytes",
        "bytes",
        "Addresses that are in use.",
        One(|facts| whole(facts.process.virtual_memory)),
    ),
    gauge("process_threads", "threads", "Threads.", One(|facts| whole(facts.process.threads))),
    gauge(
        "process_open_fds",
        "descriptors",
        "Descriptors that are open.",
        One(|facts| whole(facts.process.open_fds)),
    ),
    gauge(
        "process_max_fds",
        "descriptors",
        "Descriptors that may be open.",
        One(|facts| whole(facts.process.max_fds)),
    ),
    gauge(
        "process_start_time_seconds",
        "Unix seconds",
        "When it was started.",
        One(|facts| facts.process.started),
    ),
];

fn version(_: &Facts<'_>, each: Each<'_>) {
    each(env!("CARGO_PKG_VERSION"), 1.0);
}

fn ready(facts: &Facts<'_>) -> Option<f64> {
    flag(facts.core.readiness().reasons.is_empty())
}

fn engine_up(facts: &Facts<'_>) -> Option<f64> {
    flag(facts.core.engine_status().state == "up")
}

fn events_flowing(facts: &Facts<'_>) -> Option<f64> {
    flag(facts.core.engine_status().events == "flowing")
}

fn streams(facts: &Facts<'_>, each: Each<'_>) {
    let mut condition = Condition::ALL.map(|condition| (condition, 0_u32));
    for (_, stream) in facts.core.streams_from(0) {
        let here = stream.condition();
        condition.iter_mut().filter(|(known, _)| *known == here).for_each(|(_, count)| *count += 1);
    }
    for (condition, count) in condition {
        each(condition.as_str(), count.into());
    }
}

fn sessions(facts: &Facts<'_>) -> Option<f64> {
    size(facts.core.load_status().sessions)
}

fn room(facts: &Facts<'_>) -> Option<f64> {
    facts.core.load_status().room.and_then(size)
}

fn memory(facts: &Facts<'_>) -> Option<f64> {
    size(facts.core.load_status().memory)
}

/// All that was not delivered, whoever is to blame, and whether it matters or not.
fn dropped(facts: &Facts<'_>, each: Each<'_>) {
    let counts = facts.core.counts();
    for (reason, count) in [
        ("filtered", counts.filtered),
        ("replayed", counts.replayed),
        ("gap", counts.gaps),
        ("missed", counts.missed),
        ("unreadable", counts.unreadable),
        ("untracked", counts.untracked),
        ("item", counts.items_lost),
        ("full", counts.dropped),
        ("refused", counts.refused),
    ] {
        each(reason, count as f64);
    }
}

fn sinks(facts: &Facts<'_>, each: Each<'_>, of: fn(&SinkStatus<'_>) -> u64) {
    facts.core.sinks_status().for_each(|sink| each(sink.name, of(&sink) as f64));
}

fn errors(facts: &Facts<'_>, each: Each<'_>) {
    let counts = facts.core.counts();
    for (kind, count) in [
        ("truncated", counts.truncated),
        ("broken", counts.broken),
        ("engine", counts.engine_errors),
        ("deaf", counts.deaf),
    ] {
        each(kind, count as f64);
    }
}

fn last_line(stream: &StreamStatus<'_>) -> Option<f64> {
    let last = stream.last_lines().into_iter().flatten().max()?;
    Some(last.seconds as f64 + f64::from(last.nanos) / 1e9)
}
