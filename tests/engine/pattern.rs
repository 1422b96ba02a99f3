//! What a generated line holds. Shared by the generator, which writes it, and the tests, which expect it.

/// A line without its end: `TAG RUN NUMBER`, filled up to `size` bytes with a text that differs at every place.
///
/// `run` counts the starts of the container, so that lines of two runs are never equal.
pub(crate) fn line(tag: &str, run: u64, number: u64, size: usize) -> String {
    let mut line = format!("{tag} {run} {number:06}");
    if size > line.len() {
        line.push(' ');
    }
    while line.len() < size {
        // A cell names its own offset: a part that is lost, doubled or exchanged shows.
        line.push_str(&format!("{:08}", line.len()));
    }
    line.truncate(size.max(tag.len() + 9));
    line
}

/// Bytes that are no text, in lines: NUL, invalid UTF-8, colours, CR LF, an empty line, a euro sign, half a euro sign.
pub(crate) const BINARY: &[u8] = b"a\0b\xff\xfec\x1b[31mred\x1b[0m\r\n\n\xe2\x82\xac\nhalf \xe2\x82\nend\n";

/// One piece of the line that never ends, at this offset; pieces are 16 bytes.
pub(crate) fn endless(offset: u64) -> String {
    format!("{offset:015}.")
}
