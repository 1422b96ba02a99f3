//! Where a response's body ends: RFC 9112 §6.3, the strict reading.

use httparse::Header;

use crate::error::Reason;

/// How the end of a body is found (W-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// It has this many bytes.
    Length(u64),
    /// It comes in chunks, the last of which is empty.
    Chunked,
    /// It ends when the connection closes: an HTTP/1.0 answer. A cut can't be told from an end (W-14).
    UntilClose,
}

/// Decides by the rules of RFC 9112 §6.3 in their order (W-12); engines use them all (W-14, W-15).
///
/// Where the RFC leaves a choice we refuse (W-13): a response with both `Transfer-Encoding` and `Content-Length` was put
/// together by a broken or hostile proxy, and a wrong guess would show as garbage in somebody's log.
pub(crate) fn of(to_head: bool, status: u16, minor: u8, fields: &[Header<'_>]) -> Result<Framing, Reason> {
    // 101 never comes here, see `head` (W-11).
    if to_head || matches!(status, 100..=199 | 204 | 304) {
        return Ok(Framing::None);
    }
    let length = length(fields)?;
    let mut codings = values(fields, "transfer-encoding").peekable();
    if codings.peek().is_none() {
        return Ok(length.map_or(Framing::UntilClose, Framing::Length));
    }
    if length.is_some() {
        return Err(Reason::LengthAndCoding);
    }
    // RFC 9112 §6.1: such a message must be treated as if its framing were faulty.
    if minor == 0 {
        return Err(Reason::CodingInHttp10);
    }
    let only_chunked = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if only_chunked && codings.next().is_none() { Ok(Framing::Chunked) } else { Err(Reason::UnknownCoding) }
}

/// The one `Content-Length`. Equal repetitions count as one, which §6.3 rule 5 allows.
fn length(fields: &[Header<'_>]) -> Result<Option<u64>, Reason> {
    let mut length = None;
    for value in values(fields, "content-length") {
        let number = digits(value).ok_or(Reason::LengthInvalid)?;
        if length.is_some_and(|before| before != number) {
            return Err(Reason::LengthsDiffer);
        }
        length = Some(number);
    }
    Ok(length)
}

/// `1*DIGIT`: not what `str::parse` takes, which allows a sign.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(value).ok()?.parse().ok()
}

/// All values of a list field, whether in one field or in several (RFC 9110 §5.3), its name in any case (W-19).
fn values<'a>(fields: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields
        .iter()
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .flat_map(|field| field.value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'a>(fields: &[(&'a str, &'a str)]) -> std::vec::Vec<Header<'a>> {
        fields.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect()
    }

    fn get(list: &[(&str, &str)]) -> Result<Framing, Reason> {
        of(false, 200, 1, &fields(list))
    }

    #[test]
    fn by_the_rules_in_their_order() {
        let both = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
        for (to_head, status) in [(true, 200), (false, 100), (false, 204), (false, 304)] {
            assert_eq!(of(to_head, status, 1, &fields(&both)), Ok(Framing::None));
        }
        assert_eq!(get(&both), Err(Reason::LengthAndCoding));
        assert_eq!(get(&[("TRANSFER-encoding", " Chunked")]), Ok(Framing::Chunked));
        assert_eq!(get(&[("content-length", "18446744073709551615")]), Ok(Framing::Length(u64::MAX)));
        assert_eq!(get(&[]), Ok(Framing::UntilClose));
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        for coding in
            ["gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "", "chunked;q=1", "chunked,"]
        {
            assert_eq!(get(&[("Transfer-Encoding", coding)]), Err(Reason::UnknownCoding), "{coding}");
        }
        assert_eq!(
            of(false, 200, 0, &fields(&[("Transfer-Encoding", "chunked")])),
            Err(Reason::CodingInHttp10)
        );
        for length in ["", "+5", "-5", "5 5", "0x5", "5,", "18446744073709551616", "٥"] {
            assert_eq!(get(&[("Content-Length", length)]), Err(Reason::LengthInvalid), "{length}");
        }
        assert_eq!(get(&[("Content-Length", "5"), ("Content-Length", "6")]), Err(Reason::LengthsDiffer));
        assert_eq!(get(&[("Content-Length", "5, 5"), ("Content-Length", "05")]), Ok(Framing::Length(5)));
    }
}
