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
    let plain = is_plain(text);
    if !plain && !text.is_ascii() {
        return false;
    }
    out.push(b'"');
    if plain {
        out.extend_from_slice(text);
    } else {
        escape(text, out);
    }
    out.push(b'"');
    true
}

/// Whether a text is ASCII that stands in a string as it is.
pub(super) fn is_plain(text: &[u8]) -> bool {
    // As a signed number a byte beyond ASCII is below 0x20, too: one comparison for both.
    !any(text, |byte| (byte.cast_signed() < 0x20) | (byte == b'"') | (byte == b'\\'))
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut run = 0; // up to here it is written
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        if any(block, needs_escape) {
            let start = number * BLOCK;
            out.extend_from_slice(&bytes[run..start]);
            escape_block(block, out);
            run = start + block.len();
        }
    }
    out.extend_from_slice(&bytes[run..]);
}

/// Byte by byte, in a place of its own, for in a text with quotes they stand close together.
fn escape_block(block: &[u8], out: &mut Vec<u8>) {
    let (mut escaped, mut len) = ([0; BLOCK * LONGEST], 0);
    for &byte in block {
        if needs_escape(byte) {
            let (escape, its_len) = escape_of(byte);
            escaped[len..len + LONGEST].copy_from_slice(&escape);
            len += its_len;
        } else {
            escaped[len] = byte;
            len += 1;
        }
    }
    out.extend_from_slice(&escaped[..len]);
}

/// Whether a byte is such; looked at in blocks.
fn any(bytes: &[u8], such: impl Fn(u8) -> bool) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut found = [false; BLOCK];
    let mut look = |block: &[u8; BLOCK]| {
        for (found, &byte) in found.iter_mut().zip(block) {
            *found |= such(byte);
        }
    };
    blocks.iter().for_each(&mut look);
    match bytes.last_chunk() {
        // What is left over is looked at with some bytes before it, so that it is a block, too.
        Some(last) if !rest.is_empty() => look(last),
        Some(_) => {}
        None => return rest.iter().any(|&byte| such(byte)),
    }
    found != [false; BLOCK]
}

const fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Bytes of the longest escape.
const LONGEST: usize = 6;

/// What stands for a byte, and how many bytes of it count.
fn escape_of(byte: u8) -> ([u8; LONGEST], usize) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
            return ([b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)], LONGEST);
        }
    };
    ([b'\\', letter, 0, 0, 0, 0], 2)
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
                assert_eq!(is_plain(text.as_bytes()), out.len() == text.len() + 2, "{byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn no_byte_beyond_ascii_is_plain_at_any_place() {
        for len in 1..3 * BLOCK {
            for at in 0..len {
                for byte in [0x80, 0x9f, 0xc3, 0xff] {
                    let mut text = vec![b'x'; len];
                    assert!(is_plain(&text));
                    text[at] = byte;
                    assert!(!is_plain(&text) && !ascii_string(&text, &mut Vec::new()), "{byte:#x} at {at}");
                }
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
