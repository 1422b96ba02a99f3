//! When a file is rotated, and what it is called then.
//!
//! `web.log` becomes `web.log.20261128T151100.123Z`: UTC, to the millisecond. So names sort as time went by, also those of
//! two files of one second; and none is used twice, for each stamp is later than the one before, even when the clock was set
//! back. Compressed it is `….gz`, and while it is being compressed, `….gz.part`.

use docklog_protocol::Timestamp;

use super::Policy;

/// Nanoseconds of a millisecond.
const MILLI: u32 = 1_000_000;

/// The last moment that has a name of usual length: 9999-12-31T23:59:59.999Z.
const LAST: i64 = 253_402_300_799_999;

/// When a file was rotated, in milliseconds since the epoch: what tells rotated files of one name apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(i64);

/// What a file of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines, as they were written.
    Plain,
    /// Compressed, all of it.
    Packed,
    /// Being compressed, or left over from that.
    Part,
}

/// The name of a rotated file, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated<'a> {
    /// What it was called when lines went there.
    pub live: &'a str,
    /// When it was rotated.
    pub stamp: Stamp,
    /// What it is.
    pub form: Form,
}

impl Stamp {
    /// A stamp of now, or just after the newest one that there is.
    pub fn after(newest: Option<Self>, now: Timestamp) -> Self {
        let now =
            now.seconds.saturating_mul(1000).saturating_add(i64::from(now.nanos / MILLI)).clamp(0, LAST);
        Self(newest.map_or(now, |Self(newest)| now.max(newest.saturating_add(1))).min(LAST))
    }

    fn parse(text: &str) -> Option<Self> {
        let digits =
            |range| text.get(range).filter(|part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()));
        let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
        let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
        let milli = digits(16..19)?;
        let time = Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{milli}Z"))?;
        let stamp = Self::after(None, time);
        (stamp.to_string() == text).then_some(stamp) // signs stand where they belong, and nothing follows
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Timestamp { seconds: self.0.div_euclid(1000), nanos: 0 };
        let text: String = time.rfc3339().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let (text, _) = text.split_once('.').unwrap_or((&text, ""));
        write!(f, "{text}.{:03}Z", self.0.rem_euclid(1000))
    }
}

impl<'a> Rotated<'a> {
    /// Takes a file's name apart. `None`: it isn't one of a rotated file.
    pub fn parse(name: &'a str) -> Option<Self> {
        let (rest, form) = match (name.strip_suffix(".gz"), name.strip_suffix(".gz.part")) {
            (Some(rest), _) => (rest, Form::Packed),
            (_, Some(rest)) => (rest, Form::Part),
            _ => (name, Form::Plain),
        };
        let (rest, milli) = rest.rsplit_once('.')?;
        let (live, _) = rest.rsplit_once('.').filter(|(live, _)| !live.is_empty())?;
        let stamp = &name.get(live.len() + 1..rest.len() + 1 + milli.len())?;
        Some(Self { live, stamp: Stamp::parse(stamp)?, form })
    }
}

impl std::fmt::Display for Rotated<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ending = match self.form {
            Form::Plain => "",
            Form::Packed => ".gz",
            Form::Part => ".gz.part",
        };
        write!(f, "{}.{}{ending}", self.live, self.stamp)
    }
}

/// Whether a file of this length, begun then, is rotated before so many more bytes come. An empty one never is.
pub fn is_due(policy: &Policy, length: u64, coming: u64, begun: Timestamp, now: Timestamp) -> bool {
    let full = policy.rotate_size.is_some_and(|size| length.saturating_add(coming) > size && coming > 0);
    length > 0 && (full || due_at(policy, begun).is_some_and(|at| at <= now))
}

/// When a file that was begun then is so old that it is rotated.
pub fn due_at(policy: &Policy, begun: Timestamp) -> Option<Timestamp> {
    policy.rotate_age.map(|age| later(begun, age))
}

/// So much later than a point in time.
pub(super) fn later(time: Timestamp, span: std::time::Duration) -> Timestamp {
    let span = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_unix_nanos(time.unix_nanos().saturating_add(span))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn a_name_tells_when_and_sorts_as_time_went_by() {
        let now = time("2026-11-28T15:11:00.1239Z");
        let first = Stamp::after(None, now);
        let second = Stamp::after(Some(first), now);
        let third = Stamp::after(Some(second), time("2026-11-28T15:00:00Z"));
        let names: Vec<_> = [(first, Form::Plain), (second, Form::Packed), (third, Form::Part)]
            .map(|(stamp, form)| Rotated { live: "web.log", stamp, form }.to_string())
            .to_vec();
        let expected = ["20261128T151100.123Z", "20261128T151100.124Z.gz", "20261128T151100.125Z.gz.part"];
        assert_eq!(names, expected.map(|end| format!("web.log.{end}")));
        assert!(names.is_sorted());
    }

    #[test]
    fn what_was_named_is_known_again_and_nothing_else() {
        for live in ["web.log", "x", "a.b.c", ".x", "é"] {
            for form in [Form::Plain, Form::Packed, Form::Part] {
                for now in ["1970-01-01T00:00:00Z", "2028-02-29T23:59:59.999Z", "9999-12-31T23:59:59.999Z"] {
                    let rotated = Rotated { live, stamp: Stamp::after(None, time(now)), form };
                    assert_eq!(Rotated::parse(&rotated.to_string()), Some(rotated));
                }
            }
        }
        for name in [
            "web.log",
            "web.log.1",
            "web.log-20261128",
            "web.log.20261128T151100Z",
            "web.log.20261128T151100.1234Z",
            "web.log.20261128T151100.123",
            "web.log.20261328T151100.123Z",
            "web.log.20261128t151100.123Z",
            "web.log.+0261128T151100.123Z",
            "web.log.20261128T151100.123Z.part",
            "web.log.20261128T151100.123Z.gz.1",
            "web.log.20261128T151100.123Z.xz",
            ".20261128T151100.123Z",
            "20261128T151100.123Z",
            "web.log.é0261128T151100.123Z",
            "",
            "..",
            ".gz",
        ] {
            assert_eq!(Rotated::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_ends_of_time_have_names_too() {
        let end = Timestamp { seconds: i64::MAX, nanos: 0 };
        let last = Stamp::after(None, end);
        assert_eq!(Stamp::after(Some(last), end).to_string(), "99991231T235959.999Z");
        assert_eq!(
            Stamp::after(None, Timestamp { seconds: -5, nanos: 0 }).to_string(),
            "19700101T000000.000Z"
        );
    }

    #[test]
    fn a_file_is_due_before_it_grows_too_large_or_when_it_is_old() {
        let (begun, hour) = (time("2026-11-28T15:00:00Z"), Duration::from_secs(3600));
        let policy = Policy { rotate_size: Some(100), rotate_age: Some(hour), ..Policy::default() };
        let due = |length, coming, now| is_due(&policy, length, coming, begun, time(now));
        assert!(!due(60, 40, "2026-11-28T15:59:59.9Z"));
        assert!(due(60, 41, "2026-11-28T15:00:00Z"));
        assert!(due(1, 0, "2026-11-28T16:00:00Z"));
        assert!(!due(0, 1000, "2026-11-28T17:00:00Z"), "an empty file would be nothing but an empty file");
        assert!(!due(150, 0, "2026-11-28T15:00:00Z"), "it is large already: that can wait for the next line");
        assert!(!is_due(&Policy::default(), u64::MAX, u64::MAX, begun, time("2099-01-01T00:00:00Z")));
    }
}
