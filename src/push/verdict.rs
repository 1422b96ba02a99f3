//! What an answer means for the batch it answers. Nothing else decides that; see the table at [`judge`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use docklog_protocol::Timestamp;
use hyper::StatusCode;

use super::target::Format;
use super::{loki, otlp};
use crate::limits;

/// An answer, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its Retry-After.
    pub retry_after: Option<String>,
    /// Its Location.
    pub location: Option<String>,
    /// Its body is said to be JSON.
    pub json: bool,
    /// How its body begins.
    pub body: Vec<u8>,
}

/// What it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All lines were taken. The receiver may have said something that isn't understood.
    Taken {
        /// What of it.
        doubt: Option<String>,
    },
    /// Some were refused for good.
    TakenInPart {
        /// How many, as far as it is told.
        refused: u64,
        /// Why.
        why: String,
    },
    /// All were refused for good.
    Refused {
        /// Why.
        why: String,
    },
    /// To be sent again.
    Again {
        /// Why.
        why: String,
        /// How soon.
        when: When,
    },
}

/// How soon something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Soon, and less and less soon.
    Soon,
    /// Not before this time has passed.
    After(Duration),
    /// Seldom, for a person must mend it.
    Seldom,
}

/// Judges an answer that came at this time.
///
/// | status | the batch |
/// |---|---|
/// | 2xx | is taken; but for the lines of which OTLP says that they were rejected |
/// | 400 from Loki, which names lines that it ignores | is taken, but for those |
/// | 408, 429, 5xx | comes again, not before the answer says |
/// | other 4xx | is refused for good |
/// | anything else: redirects, other protocols | comes again, seldom: the configuration is wrong |
pub fn judge(format: Format, answer: &Answer, wall: Timestamp) -> Verdict {
    match (answer.status, format) {
        (200..300, Format::Otlp) => match otlp::rejected(answer) {
            Ok((0, _)) => Verdict::Taken { doubt: None },
            Ok((refused, why)) => Verdict::TakenInPart { refused, why: words(why.as_bytes()) },
            Err(doubt) => Verdict::Taken { doubt: Some(format!("{}: {doubt}", name(answer.status))) },
        },
        (200..300, _) => Verdict::Taken { doubt: None },
        (408 | 429 | 500..600, _) => {
            let after = answer.retry_after.as_deref().and_then(|text| retry_after(text, wall));
            Verdict::Again { why: reason(format, answer), when: after.map_or(When::Soon, When::After) }
        }
        (400, Format::Loki) => {
            let why = reason(format, answer);
            match loki::ignored(&answer.body) {
                Some(refused) => Verdict::TakenInPart { refused, why },
                None => Verdict::Refused { why },
            }
        }
        (413, _) => Verdict::Refused {
            why: format!("{}; make batch_size of this sink smaller", reason(format, answer)),
        },
        (400..500, _) => Verdict::Refused { why: reason(format, answer) },
        (300..400, _) => {
            let to = answer.location.as_deref().map(|to| format!(" to {}", words(to.as_bytes())));
            let why = format!(
                "{}{}; docklog follows no redirect: set url to where receivers really are",
                name(answer.status),
                to.unwrap_or_default()
            );
            Verdict::Again { why, when: When::Seldom }
        }
        _ => {
            let why = format!("{}, which is no answer to a batch: is url right?", name(answer.status));
            Verdict::Again { why, when: When::Seldom }
        }
    }
}

/// The status, and what the receiver says about it.
fn reason(format: Format, answer: &Answer) -> String {
    let told = match format {
        Format::Otlp if !answer.json => otlp::message(&answer.body),
        _ => None,
    };
    let said = words(told.as_deref().map_or(answer.body.as_slice(), str::as_bytes));
    let name = name(answer.status);
    if said.is_empty() { name } else { format!("{name}: {said}") }
}

/// A status, with its usual name.
fn name(status: u16) -> String {
    let usual = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    usual.map_or_else(|| status.to_string(), |usual| format!("{status} {usual}"))
}

/// A stranger's words, fit to stand in a message: one line, not too long, nothing that a terminal would obey.
pub(super) fn words(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::new();
    for (at, c) in spaced.chars().enumerate() {
        if at == limits::PUSH_REASON {
            shown.push('…');
            break;
        }
        if c.is_control() || !is_harmless(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// False for what changes the direction of text.
fn is_harmless(c: char) -> bool {
    !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Retry-After: seconds, or a date. What can't be understood is as if it weren't there.
fn retry_after(text: &str, wall: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let after = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let then = httpdate::parse_http_date(text).ok()?;
        let now =
            u64::try_from(wall.seconds).map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)).ok()?;
        SystemTime::duration_since(&then, now).unwrap_or_default()
    };
    Some(after.min(limits::PUSH_LATER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Timestamp = Timestamp { seconds: 1_795_464_967, nanos: 0 }; // 2026-11-23 20:16:07

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into(), ..Answer::default() }
    }

    fn judged(format: Format, status: u16, body: &str) -> Verdict {
        judge(format, &answer(status, body), WALL)
    }

    #[test]
    fn every_status_has_one_meaning() {
        for format in [Format::Ndjson, Format::Loki, Format::Otlp] {
            for status in 100..1000 {
                let verdict = judged(format, status, "");
                let fits = match status {
                    200..300 => matches!(verdict, Verdict::Taken { doubt: None }),
                    408 | 429 | 500..600 => matches!(verdict, Verdict::Again { when: When::Soon, .. }),
                    400..500 => matches!(verdict, Verdict::Refused { .. }),
                    _ => matches!(verdict, Verdict::Again { when: When::Seldom, .. }),
                };
                assert!(fits, "{format:?} {status}: {verdict:?}");
            }
        }
    }

    #[test]
    fn reasons_are_the_receivers_words() {
        let why = |verdict| match verdict {
            Verdict::Refused { why } | Verdict::TakenInPart { why, .. } | Verdict::Again { why, .. } => why,
            Verdict::Taken { .. } => panic!("taken"),
        };
        assert_eq!(why(judged(Format::Loki, 401, "no org id\n")), "401 Unauthorized: no org id");
        assert_eq!(why(judged(Format::Ndjson, 404, "")), "404 Not Found");
        assert_eq!(why(judged(Format::Ndjson, 499, " \n ")), "499");
        assert_eq!(why(judged(Format::Otlp, 400, "\x08\x03\x12\x03bad")), "400 Bad Request: bad");
        assert_eq!(why(judged(Format::Otlp, 503, "overloaded")), "503 Service Unavailable: overloaded");
        let large = why(judged(Format::Ndjson, 413, "<h1>Too\nLarge</h1>"));
        assert_eq!(large, "413 Payload Too Large: <h1>Too Large</h1>; make batch_size of this sink smaller");
        let moved = Answer { location: Some("https://x/\r\n".to_owned()), ..answer(308, "") };
        assert!(
            why(judge(Format::Ndjson, &moved, WALL))
                .starts_with("308 Permanent Redirect to https://x/; docklog")
        );
    }

    #[test]
    fn only_loki_is_asked_about_ignored_lines() {
        let body = "total ignored: 2 out of 5";
        assert!(matches!(judged(Format::Loki, 400, body), Verdict::TakenInPart { refused: 2, .. }));
        assert!(matches!(judged(Format::Ndjson, 400, body), Verdict::Refused { .. }));
        assert!(matches!(judged(Format::Loki, 422, body), Verdict::Refused { .. }));
        assert!(matches!(judged(Format::Loki, 429, body), Verdict::Again { .. }));
    }

    #[test]
    fn a_strangers_words_are_made_harmless() {
        assert_eq!(words(b"  a \r\n\tb\x1b[31m\x07 \xff"), "a b\\u{1b}[31m\\u{7} \u{fffd}");
        assert_eq!(words("x\u{202e}y\u{85}z".as_bytes()), "x\\u{202e}y z");
        let long = words("ü".repeat(1000).as_bytes());
        assert_eq!((long.chars().count(), long.ends_with('…')), (limits::PUSH_REASON + 1, true));
        assert_eq!(words(b""), "");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_has_a_limit() {
        let seconds = |text| retry_after(text, WALL).map(|span| span.as_secs());
        assert_eq!((seconds("0"), seconds(" 120 ")), (Some(0), Some(120)));
        assert_eq!(seconds("Mon, 23 Nov 2026 20:16:37 GMT"), Some(30));
        assert_eq!(seconds("Monday, 23-Nov-26 20:16:37 GMT"), Some(30));
        assert_eq!(seconds("Mon, 23 Nov 2026 20:16:00 GMT"), Some(0), "it has passed");
        let most = Some(limits::PUSH_LATER.as_secs());
        assert_eq!((seconds("301"), seconds("99999999999999999999999")), (most, most));
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT"), most);
        for nonsense in ["", "-5", "+5", "1.5", "soon", "Mon, 99 Nov 2026 20:16:37 GMT"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after("Mon, 23 Nov 2026 20:16:37 GMT", Timestamp { seconds: -1, nanos: 0 }), None);
    }
}
