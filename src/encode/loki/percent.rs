//! Text for Loki of bytes that aren't UTF-8. JSON can't carry those, and what replaces them by `\u{fffd}` has lost them. So they
//! are written as in a URL (RFC 3986 §2.1), and with them each `%`, and each `+`, which some decoders take for a space. Unlike
//! base64 this leaves the rest of a line to be read and searched; LogQL's `urldecode` and many others undo it.

/// The bytes as text.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(['%', '+']) {
            text.push_str(&rest[..at]);
            escape(rest.as_bytes()[at], &mut text);
            rest = &rest[at + 1..];
        }
        text.push_str(rest);
        chunk.invalid().iter().for_each(|byte| escape(*byte, &mut text));
    }
    text
}

fn escape(byte: u8, text: &mut String) {
    let hex = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit & 15)]);
    text.extend(['%', hex(byte >> 4), hex(byte)]);
}

/// Cuts such text in two, the first of at most so many bytes, and neither a character nor an escape in two. (Some bytes, for
/// the first must not be empty; 4 will do.)
pub(super) fn cut(text: &str, most: usize) -> (&str, &str) {
    if text.len() <= most {
        return (text, "");
    }
    let bytes = text.as_bytes();
    let within_escape = |end: usize| bytes[end.saturating_sub(2)..end].contains(&b'%');
    let ends = |end: &usize| text.is_char_boundary(*end) && !within_escape(*end);
    text.split_at((0..=most).rev().find(ends).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Vec<u8> {
        let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
        while let [first, after @ ..] = rest {
            rest = after;
            if *first == b'%' {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                rest = &rest[2..];
            } else {
                assert_ne!(*first, b'+');
                bytes.push(*first);
            }
        }
        bytes
    }

    #[test]
    fn only_what_is_no_text_looks_different() {
        assert_eq!(encode(b"caf\xe9 100% a+b \xc3\xa9\n"), "caf%E9 100%25 a%2Bb é\n");
        assert_eq!(encode(b""), "");
    }

    #[test]
    fn all_bytes_come_back() {
        for first in 0..=255 {
            for second in 0..=255 {
                let bytes = [b'a', first, second, b'%', 0xe6, 0x97];
                assert_eq!(decode(&encode(&bytes)), bytes);
            }
        }
    }

    #[test]
    fn cuts_fall_between_characters_and_escapes() {
        let bytes = "é\u{1f980}%%a".repeat(9).into_bytes();
        let text = encode(&[&bytes[..], b"\xff\xfe"].concat());
        for most in 4..text.len() + 2 {
            let (mut rest, mut joined) = (&text[..], Vec::new());
            while !rest.is_empty() {
                let (part, after) = cut(rest, most);
                assert!(!part.is_empty() && part.len() <= most);
                joined.extend(decode(part));
                rest = after;
            }
            assert_eq!(encode(&joined), text, "{most}");
        }
    }
}
