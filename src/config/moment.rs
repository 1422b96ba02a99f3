//! Moments as `docker logs` takes them: a span before now (`10m`, `1h30m`, `300ms`), RFC 3339, a date and time without a
//! zone (local time), a date, or Unix seconds with a fraction.

use std::time::Duration;

use docklog_protocol::Timestamp;
use time::{OffsetDateTime, UtcOffset};

/// Reads a moment.
///
/// # Errors
/// What is wrong, for people.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Some(span) = span(text) {
        let nanos = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_unix_nanos(now.unix_nanos().saturating_sub(nanos)));
    }
    Timestamp::parse(text)
        .or_else(|| Timestamp::parse_unix(text))
        .or_else(|| local(text))
        .ok_or_else(|| {
            format!("'{text}' is no time: use a span such as 10m or 1h30m, RFC 3339 such as 2026-11-23T20:16:07Z, or Unix seconds")
        })
}

/// `1h30m`, `300ms`, `1.5s`: numbers with units, all of which add up. A bare `0` is a span, too.
pub fn span(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = rest.get(..digits)?.parse::<f64>().ok()?;
        let units = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let unit = match &rest[digits..digits + units] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &rest[digits + units..];
    }
    (!text.is_empty()).then_some(total)
}

/// `2026-11-23`, `2026-11-23T20:16`, `…:07`, `…:07.5`: in the zone of this machine, by the rules of that day.
fn local(text: &str) -> Option<Timestamp> {
    let full = match text.len() {
        10 => format!("{text}T00:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let as_if_utc = Timestamp::parse(&format!("{full}Z"))?;
    let guess = OffsetDateTime::from_unix_timestamp(as_if_utc.seconds).ok()?;
    let offset = UtcOffset::local_offset_at(guess).unwrap_or(UtcOffset::UTC);
    Some(Timestamp { seconds: as_if_utc.seconds - i64::from(offset.whole_seconds()), ..as_if_utc })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_added_up() {
        let ms = |text| span(text).map(|span| span.as_millis());
        assert_eq!(ms("300ms"), Some(300));
        assert_eq!(ms("10s"), Some(10_000));
        assert_eq!(ms("5m"), Some(300_000));
        assert_eq!(ms("1h30m"), Some(5_400_000));
        assert_eq!(ms("1.5s"), Some(1500));
        for wrong in ["", "5", "m", "5x", "-5m", "1h30", "1..5s", "99999999999999999999h"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_come_in_all_the_ways_of_docker_logs() {
        let now = Timestamp { seconds: 1_000_000, nanos: 5 };
        let at = |seconds, nanos| Ok(Timestamp { seconds, nanos });
        assert_eq!(parse("10s", now), at(999_990, 5));
        assert_eq!(parse("2026-11-23T20:16:07.5Z", now), at(1_795_464_967, 500_000_000));
        assert_eq!(parse("2026-11-23T21:16:07+01:00", now), at(1_795_464_967, 0));
        assert_eq!(parse("1795464967.25", now), at(1_795_464_967, 250_000_000));
        assert!(parse("2026-11-23", now).is_ok() && parse("2026-11-23T20:16", now).is_ok());
        assert!(parse("yesterday", now).expect_err("no time").contains("'yesterday' is no time"));
    }
}
