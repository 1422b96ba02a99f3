//! The inside of a JSON string (RFC 8259 §7). It is copied in runs, for most bytes of most lines need no escape, and looked at
//! in blocks, which a compiler turns into a few wide instructions.

/// Bytes looked at together.
const BLOCK: usize = 16;

/// Appends text between quotes: quotes, backslashes and controls below 0x20 are escaped; all else stands as it is.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Appends text as it stands between the quotes.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut run = 0; // up to here it is written
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        if is_plain(block) {
            continue;
        }
        let start = number * BLOCK;
        for (at, &byte) in (start..).zip(block) {
            if needs_escape(byte) {
                out.extend_from_slice(&bytes[run..at]);
                push_escaped(byte, out);
                run = at + 1;
            }
        }
    }
    out.extend_from_slice(&bytes[run..]);
}

fn is_plain(block: &[u8]) -> bool {
    match <&[u8; BLOCK]>::try_from(block) {
        Ok(block) => !block.iter().fold(false, |found, &byte| found | needs_escape(byte)),
        Err(_) => !block.iter().any(|&byte| needs_escape(byte)),
    }
}

const fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_written_as_serde_json_writes_it() {
        for byte in 0..128_u8 {
            for at in 0..3 * BLOCK {
                let mut text = vec![b'x'; 3 * BLOCK - 1];
                text.insert(at, byte);
                let text = String::from_utf8(text).expect("ASCII");
                let mut out = Vec::new();
                string(&text, &mut out);
                assert_eq!(out, serde_json::to_vec(&text).expect("a string"), "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn escapes_beside_each_other_and_text_beyond_ascii() {
        for text in ["", "\"", "\"\"\\\\\n\n\u{1f}\u{7f}", "é\"日本\\語\u{9b}🦀", &"\u{0}\"é".repeat(50)]
        {
            let mut out = b"before".to_vec();
            string(text, &mut out);
            assert_eq!(out, [b"before", &serde_json::to_vec(text).expect("a string")[..]].concat());
        }
    }
}
