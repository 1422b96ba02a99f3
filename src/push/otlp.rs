//! What an OpenTelemetry receiver says of lines that it doesn't take: `ExportLogsServiceResponse` in an answer of 2xx,
//! `google.rpc.Status` in another. Of protobuf so much is known here as they need: fields by number, two of four kinds.
//!
//! ```text
//! ExportLogsServiceResponse { 1: partial_success { 1: int64 rejected_log_records, 2: string error_message } }
//! Status { 1: int32 code, 2: string message, … }
//! ```

use serde_json::Value;

use super::verdict::Answer;

/// How many lines were rejected, and why.
///
/// # Errors
/// That this isn't what such an answer should be, for people.
pub(super) fn rejected(answer: &Answer) -> Result<(u64, String), String> {
    if answer.json { rejected_json(&answer.body) } else { rejected_protobuf(&answer.body) }
}

/// The message of a `Status`, if it is one that has one.
pub(super) fn message(body: &[u8]) -> Option<String> {
    let mut message = None;
    for field in Fields(body) {
        match field? {
            (2, Field::Bytes(bytes)) => message = Some(std::str::from_utf8(bytes).ok()?.to_owned()),
            (1..=3, _) => {}
            _ => return None, // a text, most likely
        }
    }
    message
}

fn rejected_protobuf(body: &[u8]) -> Result<(u64, String), String> {
    let broken = || "an answer that isn't OTLP's".to_owned();
    let (mut rejected, mut why) = (0, String::new());
    for field in Fields(body) {
        let (1, Field::Bytes(partial)) = field.ok_or_else(broken)? else { continue };
        for field in Fields(partial) {
            match field.ok_or_else(broken)? {
                (1, Field::Number(number)) => rejected = number,
                (2, Field::Bytes(text)) => why = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            }
        }
    }
    counted(rejected, why)
}

fn rejected_json(body: &[u8]) -> Result<(u64, String), String> {
    let broken = || "an answer that isn't OTLP's".to_owned();
    if body.is_empty() {
        return Ok((0, String::new()));
    }
    let answer: Value = serde_json::from_slice(body).map_err(|_| broken())?;
    let Some(partial) = answer.as_object().ok_or_else(broken)?.get("partialSuccess") else {
        return Ok((0, String::new()));
    };
    // Protobuf's JSON writes 64 bits as a string.
    let rejected = match partial.get("rejectedLogRecords") {
        Some(Value::String(text)) => text.parse().map_err(|_| broken())?,
        Some(Value::Number(number)) => number.as_u64().ok_or_else(broken)?,
        _ => 0,
    };
    let why = partial.get("errorMessage").and_then(Value::as_str).unwrap_or_default();
    counted(rejected, why.to_owned())
}

/// Without lines that were rejected it is a warning.
fn counted(rejected: u64, why: String) -> Result<(u64, String), String> {
    match rejected {
        0 if !why.is_empty() => Err(super::verdict::words(why.as_bytes())),
        0.. if i64::try_from(rejected).is_err() => {
            Err("an answer that rejects fewer than no lines".to_owned())
        }
        _ => Ok((rejected, why)),
    }
}

/// What a field may be.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of 32 or 64 bits, and of no interest.
    Fixed,
}

/// The fields of a message; `None` where it is broken, which ends it.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let tag = self.number()?;
        let field = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => self.bytes(8).map(|_| Field::Fixed)?,
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Field::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Field::Fixed)?,
            _ => return None, // groups, which nobody has used for years
        };
        Some((tag >> 3, field)).filter(|(number, _)| *number > 0)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.bytes(1)? else { return None };
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protobuf(body: &[u8]) -> Result<(u64, String), String> {
        rejected(&Answer { body: body.to_vec(), ..Answer::default() })
    }

    fn json(body: &str) -> Result<(u64, String), String> {
        rejected(&Answer { body: body.into(), json: true, ..Answer::default() })
    }

    #[test]
    fn a_full_success_is_empty_or_says_so() {
        let none = Ok((0, String::new()));
        assert_eq!(protobuf(b""), none);
        assert_eq!(protobuf(&[0x0a, 0]), none);
        assert_eq!(protobuf(&[0x0a, 2, 0x08, 0]), none);
        for text in ["", "{}", r#"{"partialSuccess":{}}"#, r#"{"partialSuccess":null}"#] {
            assert_eq!(json(text), none, "{text}");
        }
    }

    #[test]
    fn rejected_lines_are_counted_and_the_reason_is_told() {
        let why = b"\x0a\x0b\x08\xac\x02\x12\x06too ol";
        assert_eq!(protobuf(why), Ok((300, "too ol".to_owned())));
        assert!(protobuf(&why[..12]).is_err(), "cut");
        // Fields that are new to us, of every kind, before and behind.
        let mut more = vec![0x10, 5, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4];
        more.extend_from_slice(why);
        more.extend_from_slice(&[0x2a, 1, b'x']);
        assert_eq!(protobuf(&more), Ok((300, "too ol".to_owned())));
        let text = r#"{"partialSuccess":{"rejectedLogRecords":"7","errorMessage":"old"}}"#;
        assert_eq!(json(text), Ok((7, "old".to_owned())));
        assert_eq!(json(&text.replace("\"7\"", "7")), Ok((7, "old".to_owned())));
    }

    #[test]
    fn a_message_without_rejected_lines_is_a_warning() {
        assert_eq!(protobuf(b"\x0a\x06\x12\x04slow"), Err("slow".to_owned()));
        assert_eq!(
            json(r#"{"partialSuccess":{"errorMessage":"slow\u001b"}}"#),
            Err("slow\\u{1b}".to_owned())
        );
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        let (endless, long) = ([0x80; 20], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        let below_zero = [b"\x0a\x0b\x08".as_slice(), &[0xff; 9], &[1]].concat();
        for body in
            [&b"<html>"[..], b"\x0a", b"\x0a\x05\x08", b"\x00\x01", b"\x0b", &endless, &long, &below_zero]
        {
            assert!(protobuf(body).is_err(), "{body:?}");
        }
        for text in ["[]", "<html>", "{", r#"{"partialSuccess":{"rejectedLogRecords":"-1"}}"#] {
            assert!(json(text).is_err(), "{text}");
        }
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let mut bytes = [0; 12];
            for byte in &mut bytes {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
            let _ = (protobuf(&bytes), message(&bytes));
        }
    }

    #[test]
    fn the_message_of_a_status_is_found_and_a_text_is_none() {
        assert_eq!(message(b"\x08\x03\x12\x03bad"), Some("bad".to_owned()));
        assert_eq!(message(b"\x12\x03bad\x1a\x01x"), Some("bad".to_owned()));
        for text in [&b""[..], b"bad request", b"{\"message\":\"bad\"}", b"\x12\x03ba"] {
            assert_eq!(message(text), None, "{text:?}");
        }
    }
}
