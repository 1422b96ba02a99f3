//! What Loki says of lines that it doesn't take. Such an answer is a 400, but the other lines of the batch were taken: its
//! distributor and its ingesters go on behind a line that is wrong.
//!
//! | who | says | of |
//! |---|---|---|
//! | ingester | `entry with timestamp … ignored, reason: '…',` ten times at most, then `…, total ignored: 3 out of 100 for stream: …` | a stream; of several, one |
//! | distributor | `entry for stream '…' has timestamp too old: …`, and the like | a line |
//! | a newer one | `2 errors like: entry for stream …; 1 errors like: …` | all lines |
//!
//! So the number is at least what is told. What concerns whole streams (their labels) has no number.

/// What an ingester counts.
const TOTAL: &str = "total ignored: ";

/// What a newer distributor counts.
const LIKE: &str = " errors like: ";

/// What a distributor says of single lines.
const LINES: [&str; 6] = [
    "has timestamp too old",
    "has timestamp too new",
    "Max entry size",
    "has structured metadata too large",
    "has too many structured metadata labels",
    "includes structured metadata, but this feature is disallowed",
];

/// How many lines were ignored, if it is about lines.
pub(super) fn ignored(body: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(body);
    let totals = text.split(TOTAL).skip(1).filter_map(leading_number);
    if let Some(total) = totals.reduce(u64::saturating_add) {
        return Some(total);
    }
    if !text.contains(LIKE) {
        return LINES.iter().any(|words| text.contains(words)).then_some(1);
    }
    let mut total: u64 = 0;
    let mut parts = text.split(LIKE);
    let mut count = parts.next().and_then(trailing_number)?;
    for part in parts {
        if !LINES.iter().any(|words| part.contains(words)) {
            return None; // whole streams
        }
        total = total.saturating_add(count);
        count = trailing_number(part).unwrap_or(0); // of the next part, if there is one
    }
    Some(total)
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn trailing_number(text: &str) -> Option<u64> {
    let start = text.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    text[start..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ingesters_count_is_found() {
        let one = "entry with timestamp 2021-11-08 03:30:43.947325032 +0000 UTC ignored, reason: 'entry too far behind' for stream: \
                   {job=\"a\"},\ntotal ignored: 1 out of 1";
        let newer = "entry with timestamp 2026-01-01 00:00:00 +0000 UTC ignored, reason: 'entry out of order',\n\
                     user 'fake', total ignored: 27 out of 100 for stream: {job=\"a\"}\n";
        assert_eq!((ignored(one.as_bytes()), ignored(newer.as_bytes())), (Some(1), Some(27)));
        assert_eq!(ignored(format!("{one}; {newer}").as_bytes()), Some(28));
    }

    #[test]
    fn a_distributors_words_count_as_they_are_grouped() {
        let old = "entry for stream '{a=\"b\"}' has timestamp too old: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: x";
        let new = "entry for stream '{a=\"b\"}' has timestamp too new: 2030-01-01T00:00:00Z";
        assert_eq!(ignored(old.as_bytes()), Some(1));
        assert_eq!(ignored(format!("12 errors like: {old}; 3 errors like: {new}\n").as_bytes()), Some(15));
        assert_eq!(ignored(format!("12 errors like: {old}").as_bytes()), Some(12));
    }

    #[test]
    fn what_is_not_about_lines_has_no_number() {
        let label = "stream '{}' has label value too long: 'x'";
        for text in ["", "couldn't parse push request: EOF", label, "total ignored: many", "5 errors like: "]
        {
            assert_eq!(ignored(text.as_bytes()), None, "{text}");
        }
        assert_eq!(
            ignored(format!("2 errors like: {label}; 1 errors like: has timestamp too old").as_bytes()),
            None
        );
        assert_eq!(ignored(b"\xff\xfe"), None);
    }

    #[test]
    fn numbers_beyond_all_bounds_do_no_harm() {
        let text = format!("total ignored: {0} out of 1; total ignored: {0} out of 1", u64::MAX);
        assert_eq!(ignored(text.as_bytes()), Some(u64::MAX));
        assert_eq!(ignored(b"total ignored: 99999999999999999999999 out of 1"), None);
    }
}
