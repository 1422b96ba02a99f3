//! The inside of a JSON string (RFC 8259 §7). It is copied in runs, for most bytes of most lines need no escape, and looked at
//! in blocks, which a compiler turns into a few wide instructions.

/// Bytes looked at together.
const BLOCK: usize = 32;

/// Appends text between quotes: quotes, backslashes and controls below 0x20 are escaped; all else stands as it is.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text.as_bytes(), out);
    out.push(b'"');
}

/// The same for bytes that may not be text. False, and nothing is appended, unless they are ASCII.
pub(super) fn ascii_string(text: &[u8], out: &mut Vec<u8>) -> bool {
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return true;
    }
    let ascii = text.is_ascii();
    if ascii {
        out.push(b'"');
        escape(text, out);
        out.push(b'"');
    }
    ascii
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut run = 0; // up to here it is written
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        if is_plain(block) {
            continue;
        }
        for (at, &byte) in (number * BLOCK..).zip(block) {
            if needs_escape(byte) {
                out.extend_from_slice(&bytes[run..at]);
                push_escaped(byte, out);
                run = at + 1;
            }
        }
    }
    out.extend_from_slice(&bytes[run..]);
}

/// True if there are only bytes of ASCII that need no escape.
fn is_plain(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut found = [false; BLOCK];
    // What is left over is looked at with some bytes before it, so that it is a block, too.
    for block in blocks.iter().chain(bytes.last_chunk().filter(|_| !rest.is_empty())) {
        for (found, &byte) in found.iter_mut().zip(block) {
            *found |= needs_look(byte);
        }
    }
    found == [false; BLOCK] && (!blocks.is_empty() || !rest.iter().any(|&byte| needs_look(byte)))
}

const fn needs_look(byte: u8) -> bool {
    needs_escape(byte) | !byte.is_ascii()
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
                let mut ascii = Vec::new();
                assert!(ascii_string(text.as_bytes(), &mut ascii) && ascii == out, "{byte:#x} at {at}");
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
            let mut ascii = b"before".to_vec();
            assert_eq!(ascii_string(text.as_bytes(), &mut ascii), text.is_ascii());
            assert_eq!(ascii, if text.is_ascii() { &out[..] } else { b"before" });
        }
    }
}
