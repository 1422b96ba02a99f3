//! Points in time as the engines write them: RFC 3339 before each record, `seconds.nanoseconds` in queries.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::limits;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A point in time since the Unix epoch, UTC, to the nanosecond.
///
/// It prints as `seconds.nnnnnnnnn`, the form `since=` and `until=` take (W-52).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down; negative before.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below 1,000,000,000.
    pub nanos: u32,
}

impl Timestamp {
    /// Reads RFC 3339: any number of fraction digits (those after the ninth are dropped), `Z` or `±hh:mm`.
    ///
    /// `None` for anything else, for dates that don't exist, and for leap seconds, which Go's clock never prints (W-30).
    /// ```
    /// use docklog_protocol::Timestamp;
    ///
    /// let time = Timestamp::parse("2026-11-23T12:16:07.5-08:00").ok_or("a time")?;
    /// assert_eq!(Some(time), Timestamp::parse("2026-11-23T20:16:07.500000000Z"));
    /// assert_eq!(time.to_string(), "1795464967.500000000"); // as `since=` takes it (W-52)
    /// assert_eq!(Timestamp::parse("2023-02-29T00:00:00Z"), None);
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date_time, rest) = bytes.split_at_checked(19)?;
        let (fraction, zone) = split_fraction(rest)?;
        let local = local_seconds(date_time)?;
        Some(Self { seconds: local - zone_offset(zone)?, nanos: nanos(fraction) })
    }

    /// From nanoseconds since the epoch, as an event's `timeNano` gives them.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self { seconds: nanos.div_euclid(NANOS_PER_SECOND), nanos: nanos.rem_euclid(NANOS_PER_SECOND) as u32 }
    }

    /// Nanoseconds since the epoch; the ends of `i64` (years 1677 and 2262) for times beyond them.
    #[must_use]
    pub const fn unix_nanos(&self) -> i64 {
        self.seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(self.nanos as i64)
    }

    /// Reads `seconds[.fraction]`, the form of `since=`. Fraction digits after the ninth are dropped, as engines do.
    #[must_use]
    pub fn parse_unix(text: &str) -> Option<Self> {
        let (seconds, fraction) = match text.split_once('.') {
            Some((seconds, fraction)) => (seconds, fraction.as_bytes()),
            None => (text, &b"0"[..]),
        };
        // `str::parse` takes a leading '+', the engines don't.
        if seconds.starts_with('+') || fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(Self { seconds: seconds.parse().ok()?, nanos: nanos(fraction) })
    }
}

impl Timestamp {
    /// As Docker writes it on the wire: `2026-11-23T20:16:07.727144095Z` (RFC 3339 §5.6), with nine digits.
    #[must_use]
    pub fn rfc3339(&self) -> String {
        let (year, month, day) = civil(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", self.nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

/// Year, month and day of so many days after 1970-01-01: [`days_since_epoch`] backwards.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * march_month + 2) / 5 + 1)
}

/// Splits what follows the seconds into fraction digits and zone; a dot needs at least one digit.
fn split_fraction(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else { return Some((&[], rest)) };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (len > 0).then(|| digits.split_at(len))
}

/// The first nine digits as nanoseconds, filled up with zeros at the right.
fn nanos(fraction: &[u8]) -> u32 {
    let digits = fraction.iter().copied().chain(core::iter::repeat(b'0'));
    digits.take(9).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
}

/// `Z` or `±hh:mm` in seconds east of UTC.
fn zone_offset(zone: &[u8]) -> Option<i64> {
    let (sign, time) = match zone {
        [b'Z' | b'z'] => return Some(0),
        [b'+', time @ ..] => (1, time),
        [b'-', time @ ..] => (-1, time),
        _ => return None,
    };
    if time.len() != 5 || time[2] != b':' {
        return None;
    }
    let (hours, minutes) = (number(&time[..2], 23)?, number(&time[3..], 59)?);
    Some(sign * (hours * 3600 + minutes * 60))
}

/// `YYYY-MM-DDThh:mm:ss` as seconds since the epoch, taken as UTC.
fn local_seconds(text: &[u8]) -> Option<i64> {
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if !marks.iter().all(|&(at, mark)| text[at] == mark) || !matches!(text[10], b'T' | b't') {
        return None;
    }
    let (year, month, day) = (number(&text[..4], 9999)?, number(&text[5..7], 12)?, number(&text[8..10], 31)?);
    if month == 0 || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let (hour, minute, second) =
        (number(&text[11..13], 23)?, number(&text[14..16], 59)?, number(&text[17..], 59)?);
    Some(days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Decimal digits only, at most `max`.
fn number(digits: &[u8], max: i64) -> Option<i64> {
    let value = digits
        .iter()
        .try_fold(0, |sum: i64, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))?;
    (value <= max).then_some(value)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March, so that the leap day is their last.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The time before a record: as the engine wrote it, and as a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    pub(crate) raw: &'a [u8],
    /// What it means.
    pub time: Timestamp,
}

impl<'a> Stamp<'a> {
    /// Reads RFC 3339, see [`Timestamp::parse`].
    #[must_use]
    pub fn parse(raw: &'a str) -> Option<Self> {
        Some(Self { raw: raw.as_bytes(), time: Timestamp::parse(raw)? })
    }

    /// Exactly what is on the wire, such as `2026-11-23T20:21:33.870332324Z`.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        core::str::from_utf8(self.raw).unwrap_or_default() // it was read as digits and signs
    }

    /// The same as bytes, all of them ASCII.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.raw
    }
}

/// Bytes of the stamp that moby writes, with its space: nine digits after the dot, and `Z`.
const FULL: usize = 31;

/// Bytes of it up to the minute.
const MINUTE: usize = 16;

/// Reads the stamps of one stream (W-30). One comes with each record, and most are of the same minute as the one before.
#[derive(Debug)]
pub(crate) struct Stamps {
    /// The minute of the last stamp that was of moby's form; and its seconds since the epoch.
    minute: [u8; MINUTE],
    seconds: i64,
}

impl Stamps {
    pub(crate) const fn new() -> Self {
        Self { minute: [0; MINUTE], seconds: 0 }
    }

    /// Takes a stamp and the space after it from the front of a payload.
    pub(crate) fn split<'a>(&mut self, payload: &'a [u8]) -> Option<(Stamp<'a>, &'a [u8])> {
        let full = payload.split_first_chunk::<FULL>();
        let within = full.and_then(|(text, after)| Some((text, within_minute(text)?, after)));
        if let Some((text, (second, nanos), after)) = within
            && text[..MINUTE] == self.minute
        {
            let time = Timestamp { seconds: self.seconds + second, nanos };
            return Some((Stamp { raw: &text[..FULL - 1], time }, after));
        }
        let Look::Stamp(len, time) = look(payload) else { return None };
        if let Some((text, (second, _), _)) = within {
            self.minute.copy_from_slice(&text[..MINUTE]);
            self.seconds = time.seconds - second;
        }
        Some((Stamp { raw: &payload[..len], time }, &payload[len + 1..]))
    }
}

/// Reads what follows the minute in a stamp of moby's form, `:07.727144095Z `, as seconds and nanoseconds: eight bytes at a
/// time. `None` if it isn't that.
fn within_minute(stamp: &[u8; FULL]) -> Option<(i64, u32)> {
    // Both words have the tenth thousandth of the second.
    let first = digits(stamp, MINUTE, b":00.0000")?;
    let last = digits(stamp, FULL - 8, b"000000Z ")?;
    let second = first[1] * 10 + first[2];
    let nanos = first[4..].iter().chain(&last[1..6]).fold(0, |sum, digit| sum * 10 + u32::from(*digit));
    (second < 60).then_some((i64::from(second), nanos))
}

/// Eight bytes of a stamp as digits, if they are of this form, in which `0` stands for any digit.
fn digits(stamp: &[u8; FULL], at: usize, form: &[u8; 8]) -> Option<[u8; 8]> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut word = [0; 8];
    word.copy_from_slice(&stamp[at..at + 8]);
    // Digits become their values, and what must be as it is becomes 0.
    let values = u64::from_le_bytes(word) ^ u64::from_le_bytes(*form);
    let limits = form.map(|byte| if byte == b'0' { 0x76 } else { 0x7f }); // added to a byte above 9, or above 0: 128 or more
    let above = (values & !HIGH) + u64::from_le_bytes(limits);
    ((values | above) & HIGH == 0).then(|| values.to_le_bytes())
}

/// A stamp that outlives the bytes it came in.
#[derive(Clone, Debug)]
pub(crate) struct OwnedStamp {
    raw: Box<[u8]>,
    pub(crate) time: Timestamp,
}

impl OwnedStamp {
    pub(crate) fn lend(&self) -> Stamp<'_> {
        Stamp { raw: &self.raw, time: self.time }
    }
}

impl From<Stamp<'_>> for OwnedStamp {
    fn from(stamp: Stamp<'_>) -> Self {
        Self { raw: Box::from(stamp.raw), time: stamp.time }
    }
}

/// Whether bytes begin with a stamp and a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Yes: a stamp of this many bytes, the space not counted.
    Stamp(usize, Timestamp),
    /// They can't, whatever follows.
    No,
    /// They may, if more bytes come. Never said of more than [`limits::STAMP`] bytes.
    More,
}

/// Looks for a stamp and its space at the front of `bytes`. A longer input never turns `No` or `Stamp` into another.
pub(crate) fn look(bytes: &[u8]) -> Look {
    let len = match stamp_len(bytes) {
        Ok(Some(len)) if len <= limits::STAMP => len,
        Err(Ended) if bytes.len() <= limits::STAMP => return Look::More,
        _ => return Look::No,
    };
    match bytes.get(len) {
        None => Look::More,
        Some(b' ') => match core::str::from_utf8(&bytes[..len]).ok().and_then(Timestamp::parse) {
            Some(time) => Look::Stamp(len, time),
            None => Look::No,
        },
        Some(_) => Look::No,
    }
}

/// The input ended while it still looked like a stamp.
struct Ended;

/// The length of what has a stamp's shape at the front of `bytes`; the values are not judged here.
fn stamp_len(bytes: &[u8]) -> Result<Option<usize>, Ended> {
    let Some(mut at) = shape(bytes, 0, b"0000-00-00T00:00:00")? else { return Ok(None) };
    if *bytes.get(at).ok_or(Ended)? == b'.' {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        at += 1 + digits;
        if at > limits::STAMP || (digits == 0 && at < bytes.len()) {
            return Ok(None);
        }
    }
    match bytes.get(at).ok_or(Ended)? {
        b'Z' => Ok(Some(at + 1)),
        b'+' | b'-' => shape(bytes, at + 1, b"00:00"),
        _ => Ok(None),
    }
}

/// Where `bytes[at..]` stops having the shape of `pattern`, in which `0` stands for any digit.
fn shape(bytes: &[u8], at: usize, pattern: &[u8]) -> Result<Option<usize>, Ended> {
    for (offset, &want) in pattern.iter().enumerate() {
        let byte = *bytes.get(at + offset).ok_or(Ended)?;
        let fits = if want == b'0' { byte.is_ascii_digit() } else { byte == want };
        if !fits {
            return Ok(None);
        }
    }
    Ok(Some(at + pattern.len()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_written_as_rfc3339_is_read_again() {
        for seconds in [0, 951_782_399, 951_782_400, 1_795_464_967, -1, 4_102_444_799, 68_169_600] {
            let time = Timestamp { seconds, nanos: 120_000_003 };
            assert_eq!(Timestamp::parse(&time.rfc3339()), Some(time), "{}", time.rfc3339());
        }
        let time = Timestamp { seconds: 1_795_464_967, nanos: 727_144_095 };
        assert_eq!(time.rfc3339(), "2026-11-23T20:16:07.727144095Z");
    }

    use std::string::ToString as _;

    use super::*;

    fn unix(text: &str) -> Option<(i64, u32)> {
        Timestamp::parse(text).map(|time| (time.seconds, time.nanos))
    }

    #[test]
    fn reads_what_engines_write() {
        assert_eq!(unix("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(unix("2026-11-23T20:21:33.870332324Z"), Some((1_795_465_293, 870_332_324)));
        assert_eq!(unix("2026-11-23T20:22:38Z"), Some((1_795_465_358, 0)));
        assert_eq!(unix("2026-11-23T12:22:38.5-08:00"), Some((1_795_465_358, 500_000_000)));
        assert_eq!(unix("2026-05-07T21:09:36.000000000+00:00"), Some((1_778_188_176, 0)));
        assert_eq!(unix("1969-12-31T23:59:59.999999999Z"), Some((-1, 999_999_999)));
        assert_eq!(unix("0001-01-01T00:00:00Z"), Some((-62_135_596_800, 0)));
        assert_eq!(unix("9999-12-31T23:59:59Z"), Some((253_402_300_799, 0)));
    }

    #[test]
    fn digits_after_the_ninth_are_dropped() {
        assert_eq!(unix("1970-01-01T00:00:00.0000000019Z"), Some((0, 1)));
        assert_eq!(unix("1970-01-01T00:00:00.1Z"), Some((0, 100_000_000)));
    }

    #[test]
    fn a_stamp_means_the_same_after_another_one() {
        let text = b"2026-02-28T23:59:59.870332324Z x";
        for at in 0..FULL {
            for byte in 0..=255 {
                let mut stamps = Stamps::new();
                assert!(stamps.split(text).is_some_and(|(_, rest)| rest == b"x"));
                let mut other = *text;
                other[at] = byte;
                let after = stamps.split(&other);
                assert_eq!(after, Stamps::new().split(&other), "{}", other.escape_ascii());
                let slow = match look(&other) {
                    Look::Stamp(len, time) => Some((Stamp { raw: &other[..len], time }, &other[len + 1..])),
                    _ => None,
                };
                assert_eq!(after, slow, "{}", other.escape_ascii());
            }
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "Z",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00.Z",
            "1970-01-01 00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-04-31T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+00:60",
            "1970-01-01T00:00:00+0000",
            "1970-01-01T00:00:00ZZ",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.1xZ",
            "1970-01-01T00:00:0éZ",
        ] {
            assert_eq!(unix(text), None, "{text}");
        }
        assert!(unix("2000-02-29T00:00:00Z").is_some());
    }

    #[test]
    fn unix_forms_agree() {
        for (text, nanos) in
            [("0", 0), ("1.5", 1_500_000_000), ("1.0000000019", 1_000_000_001), ("-1", -NANOS_PER_SECOND)]
        {
            let time = Timestamp::parse_unix(text).expect(text);
            assert_eq!(time.unix_nanos(), nanos, "{text}");
            assert_eq!(Timestamp::from_unix_nanos(nanos), time, "{text}");
            assert_eq!(Timestamp::parse_unix(&time.to_string()), Some(time), "{text}");
        }
        for text in
            ["", "+1", "1.", ".5", "1.x", "1.-5", "10m", "2026-11-23T20:21:33Z", "99999999999999999999"]
        {
            assert_eq!(Timestamp::parse_unix(text), None, "{text}");
        }
        assert_eq!(Timestamp { seconds: 7, nanos: 42 }.to_string(), "7.000000042");
        assert_eq!(Timestamp { seconds: i64::MAX, nanos: 1 }.unix_nanos(), i64::MAX);
        assert_eq!(Timestamp { seconds: i64::MIN, nanos: 1 }.unix_nanos(), i64::MIN + 1);
    }

    #[test]
    fn a_verdict_needs_no_more_than_a_stamp_and_a_byte() {
        let long = [b"2026-11-23T20:21:33.".as_slice(), &[b'1'; 80]].concat();
        for stamp in
            ["2026-11-23T20:21:33.870332324Z x", "2026-11-23T20:21:33+01:00 ", "2026-11-23T20:21:33Zx"]
        {
            let whole = look(stamp.as_bytes());
            assert_ne!(whole, Look::More, "{stamp}");
            let first =
                (0..=stamp.len()).find(|&len| look(&stamp.as_bytes()[..len]) != Look::More).expect("decided");
            assert!((first..=stamp.len()).all(|len| look(&stamp.as_bytes()[..len]) == whole), "{stamp}");
        }
        assert_eq!(look(&long[..limits::STAMP]), Look::More);
        assert_eq!(look(&long[..=limits::STAMP]), Look::No);
    }
}
