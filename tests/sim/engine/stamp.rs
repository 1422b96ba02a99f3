//! Time as the engine writes and reads it. Its own conversion, so that the product's isn't tested against itself.

/// Nanoseconds since 1970, UTC.
pub type Nanos = u64;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month and day of a number of days since 1970, by years of 365 or 366 days and months in turn: slow and plain.
fn date(mut days: u64) -> (u64, usize, u64) {
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month, days + 1)
}

/// As before a log line: always nine digits (moby) or none (Podman 4).
pub fn rfc3339(at: Nanos, nine_digits: bool) -> String {
    let (seconds, nanos) = (at / SECOND, at % SECOND);
    let (year, month, day) = date(seconds / 86_400);
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month = month + 1;
    match nine_digits {
        true => format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{nanos:09}Z"),
        false => format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z"),
    }
}

/// As in a response's `Date`.
pub fn http_date(at: Nanos) -> String {
    let seconds = at / SECOND;
    let (year, month, day) = date(seconds / 86_400);
    let weekday = DAYS[(seconds / 86_400 % 7) as usize];
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {day:02} {} {year:04} {h:02}:{m:02}:{s:02} GMT", MONTHS[month])
}

/// Reads `sec[.frac]` as of the queries `since` and `until`: short fractions are padded, long ones cut; what lies
/// before 1970 means "from the beginning". `None`: the engine answers with an error.
pub fn parse_query(text: &str) -> Option<Nanos> {
    if let Some(positive) = text.strip_prefix('-') {
        return parse_query(positive).map(|_| 0);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
        return None;
    }
    let nanos = format!("{fraction:0<9}")[..9].parse::<u64>().ok()?;
    seconds.parse::<u64>().ok()?.checked_mul(SECOND)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_time_as_the_engine_does() {
        assert_eq!(rfc3339(1_795_464_967_727_144_095, true), "2026-11-23T20:16:07.727144095Z");
        assert_eq!(rfc3339(1_709_251_199_000_000_001, true), "2024-02-29T23:59:59.000000001Z");
        assert_eq!(rfc3339(1_795_464_967_727_144_095, false), "2026-11-23T20:16:07Z");
        assert_eq!(http_date(1_795_464_967_000_000_000), "Mon, 23 Nov 2026 20:16:07 GMT");
    }

    #[test]
    fn reads_seconds_with_any_fraction() {
        assert_eq!(parse_query("12.5"), Some(12_500_000_000));
        assert_eq!(parse_query("12.0000000019"), Some(12_000_000_001));
        assert_eq!(parse_query("-1"), Some(0));
        assert_eq!(parse_query("10m"), None);
        assert_eq!(parse_query("+5"), None);
    }
}
