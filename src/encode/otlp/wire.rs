//! As much of protobuf's encoding as OTLP's logs need. A message is a row of fields, in any order; a field is a tag (its number
//! and its kind) and a value.

/// The kinds of values: a varint, eight bytes, or bytes behind their length, which texts and messages are, too.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

/// The tag of a field. Numbers above 15 would need a second byte.
const fn tag(field: u8, kind: u8) -> u8 {
    field << 3 | kind
}

/// Bytes of a tag.
pub(super) const TAG: usize = 1;

/// Bytes of a field of eight bytes.
pub(super) const FIXED64_FIELD: usize = TAG + 8;

/// Bytes of a length that is written before it is known. A varint may be longer than it must, its last bytes being zero: five
/// are what every reader takes for the length of a message, and say up to 32 GiB.
const LATER: usize = 5;

/// Appends a varint: seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes that appends.
const fn varint_len(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Bytes of a field that holds so many bytes.
pub(super) const fn bytes_len(len: usize) -> usize {
    TAG + varint_len(len) + len
}

/// Begins a field of bytes, so many of which must follow.
pub(super) fn begin_bytes(field: u8, len: usize, out: &mut Vec<u8>) {
    out.push(tag(field, BYTES));
    varint(len, out);
}

/// Appends a field of bytes, or text.
pub(super) fn bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    begin_bytes(field, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends a field of an unsigned number, or of a bool.
pub(super) fn number(field: u8, value: usize, out: &mut Vec<u8>) {
    out.push(tag(field, VARINT));
    varint(value, out);
}

/// Appends a field of eight bytes.
pub(super) fn fixed64(field: u8, value: u64, out: &mut Vec<u8>) {
    out.push(tag(field, FIXED64));
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a short message, whose length is put in when it is known.
pub(super) fn message(field: u8, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag(field, BYTES));
    let start = out.len();
    fill(out);
    let mut length = Vec::new();
    varint(out.len() - start, &mut length);
    out.splice(start..start, length);
}

/// Begins a message that may become long. [`end`] needs what this returns.
pub(super) fn begin(field: u8, out: &mut Vec<u8>) -> usize {
    out.push(tag(field, BYTES));
    out.extend_from_slice(&[0; LATER]);
    out.len()
}

/// The message that was begun here ends at the end of these bytes.
pub(super) fn end(start: usize, out: &mut [u8]) {
    let length = out.len().saturating_sub(start);
    let Some(place) = out.get_mut(start.saturating_sub(LATER)..start) else { return };
    for (number, byte) in place.iter_mut().enumerate() {
        let more = if number + 1 < LATER { 0x80 } else { 0 };
        *byte = (length >> (7 * number)) as u8 & 0x7f | more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_varints_are_known_beforehand() {
        for bits in 0..usize::BITS {
            for value in [(1 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                let mut out = Vec::new();
                varint(value, &mut out);
                assert_eq!(out.len(), varint_len(value), "{value}");
                let read = out.iter().rev().fold(0, |read, byte| read << 7 | usize::from(byte & 0x7f));
                assert_eq!(read, value);
                assert!(out.iter().rev().skip(1).all(|byte| byte & 0x80 != 0) && out[out.len() - 1] < 0x80);
            }
        }
    }

    #[test]
    fn the_examples_of_the_protobuf_documentation() {
        let mut out = Vec::new();
        number(1, 150, &mut out);
        bytes(2, b"testing", &mut out);
        message(3, &mut out, |out| number(1, 150, out));
        assert_eq!(out, b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01");
        out.clear();
        fixed64(1, 1, &mut out);
        assert_eq!((&out[..], out.len()), (&b"\x09\x01\0\0\0\0\0\0\0"[..], FIXED64_FIELD));
    }

    #[test]
    fn a_long_message_gets_its_length_afterwards() {
        for length in [0, 1, 127, 128, 20_000, 3_000_000] {
            let mut out = b"before".to_vec();
            let start = begin(2, &mut out);
            out.resize(start + length, b'x');
            end(start, &mut out);
            let written = &out[7..12];
            assert!(written[..4].iter().all(|byte| byte & 0x80 != 0) && written[4] < 0x80);
            let read = written.iter().rev().fold(0, |read, byte| read << 7 | usize::from(byte & 0x7f));
            assert_eq!((out[6], read), (0x12, length));
        }
        end(100, &mut []); // a batch that was thrown away: nothing is to be done
    }
}
