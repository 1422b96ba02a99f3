//! The chunked transfer coding, RFC 9112 §7.1, by the letter.
//!
//! ```text
//! chunk = 1*HEXDIG [ ext ] CRLF data CRLF      last-chunk = 1*"0" [ ext ] CRLF  trailers  CRLF
//! ```
//!
//! Our own, since a lenient reading loses data: `httparse` takes an empty size line for the last chunk, and integer
//! parsing takes `+5`. Here both are errors (W-21, W-22). A body is whole with the last CRLF (W-25).

use crate::error::{Error, Layer, Reason};
use crate::limits;

/// A decoder that stands somewhere in a chunked body.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// Bytes of the current chunk's data that are still to come.
    left: u64,
    /// Bytes of the size line, or of all trailers, so far.
    line: usize,
}

/// What the next byte must be part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// Blanks before an extension, which a recipient must accept (§7.1.1).
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer field, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// What a call of [`Chunked::next`] found.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Data of one chunk, with the offset of its first byte; `ends` if these are the chunk's last bytes.
    Data { bytes: &'a [u8], at: u64, ends: bool },
    /// The body is complete.
    End,
    /// The input is used up.
    More,
}

impl Chunked {
    /// Takes from `rest` up to the next data, and that; `at` is the offset of its first byte.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8], mut at: u64) -> Result<Step<'a>, Error> {
        loop {
            if self.state == State::Done {
                return Ok(Step::End);
            }
            let Some((&byte, after)) = rest.split_first() else { return Ok(Step::More) };
            if self.state == State::Data {
                return Ok(self.data(rest, at));
            }
            self.state = self.byte(byte).map_err(|reason| Error::new(Layer::Chunk, at, reason))?;
            *rest = after;
            at += 1;
        }
    }

    /// Takes a chunk at once if that comes next, all of it is there, and its size has nothing beside it, as engines write it:
    /// one per message. Returns its data, and how many bytes stood before it. All else is for [`Chunked::next`].
    pub(crate) fn whole<'a>(&self, rest: &mut &'a [u8]) -> Option<(&'a [u8], usize)> {
        if self.state != State::Size || self.line > 0 {
            return None;
        }
        let (size, digits) = plain_size(rest)?;
        let (bytes, after) = rest[digits + 2..].split_at_checked(size)?;
        *rest = after.strip_prefix(b"\r\n")?;
        Some((bytes, digits + 2))
    }

    /// Whether no byte of a chunk is missing: where a cut leaves whole messages behind.
    pub(crate) fn between_chunks(&self) -> bool {
        self.state != State::Data
    }

    fn data<'a>(&mut self, rest: &mut &'a [u8], at: u64) -> Step<'a> {
        let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
        let (bytes, after) = rest.split_at(len);
        *rest = after;
        self.left -= len as u64;
        if self.left == 0 {
            self.state = State::DataCr;
            // With its end at once, if that is there, so that the chunk after it can be taken whole.
            if let Some(after) = after.strip_prefix(b"\r\n") {
                (*rest, self.state) = (after, State::Size);
            }
        }
        Step::Data { bytes, at, ends: self.left == 0 }
    }

    /// Takes one byte outside of data and tells what comes next.
    fn byte(&mut self, byte: u8) -> Result<State, Reason> {
        match self.state {
            State::Size => self.size(byte),
            State::Blank | State::Extension => self.extension(byte),
            State::SizeLf => self.size_end(byte),
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => Ok(State::Size),
            State::DataCr | State::DataLf => Err(Reason::ChunkDataEnd),
            State::TrailerStart | State::Trailer => self.trailer(byte),
            State::TrailerLf if byte == b'\n' => Ok(State::TrailerStart),
            State::EndLf if byte == b'\n' => Ok(State::Done),
            State::TrailerLf | State::EndLf => Err(Reason::ChunkLineEnd),
            // `next` does not come here in these states.
            State::Data | State::Done => Ok(self.state),
        }
    }

    fn size(&mut self, byte: u8) -> Result<State, Reason> {
        let first = self.line == 0;
        self.count(limits::CHUNK_LINE, Reason::SizeLineTooLong)?;
        match byte {
            b'\n' => Err(Reason::ChunkLineEnd),
            b'\r' | b';' if first => Err(Reason::SizeEmpty),
            b'\r' => Ok(State::SizeLf),
            b';' => Ok(State::Extension),
            b' ' | b'\t' if !first => Ok(State::Blank),
            _ => {
                let digit = (byte as char).to_digit(16).ok_or(Reason::SizeByte(byte))?;
                let shifted = self.left.checked_mul(16).ok_or(Reason::SizeOverflow)?;
                self.left = shifted + u64::from(digit);
                Ok(State::Size)
            }
        }
    }

    fn extension(&mut self, byte: u8) -> Result<State, Reason> {
        self.count(limits::CHUNK_LINE, Reason::SizeLineTooLong)?;
        match (self.state, byte) {
            (_, b'\n') => Err(Reason::ChunkLineEnd),
            (State::Blank, b';') => Ok(State::Extension),
            (State::Blank, b' ' | b'\t') => Ok(State::Blank),
            (State::Blank, _) => Err(Reason::SizeByte(byte)),
            (_, b'\r') => Ok(State::SizeLf),
            _ if is_control(byte) => Err(Reason::ExtensionByte(byte)),
            _ => Ok(State::Extension),
        }
    }

    fn size_end(&mut self, byte: u8) -> Result<State, Reason> {
        if byte != b'\n' {
            return Err(Reason::ChunkLineEnd);
        }
        self.line = 0;
        Ok(if self.left == 0 { State::TrailerStart } else { State::Data })
    }

    /// Trailers are read and dropped: engines send none, and nothing in them could change the log.
    fn trailer(&mut self, byte: u8) -> Result<State, Reason> {
        self.count(limits::TRAILERS, Reason::TrailersTooLong)?;
        match (self.state, byte) {
            (_, b'\n') => Err(Reason::ChunkLineEnd),
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (_, b'\r') => Ok(State::TrailerLf),
            _ if is_control(byte) => Err(Reason::TrailerByte(byte)),
            _ => Ok(State::Trailer),
        }
    }

    fn count(&mut self, limit: usize, too_long: Reason) -> Result<(), Reason> {
        self.line += 1;
        if self.line > limit { Err(too_long) } else { Ok(()) }
    }
}

/// A size of up to five digits with its CR LF, and the number of digits; `None` if it isn't that, or is zero.
fn plain_size(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut size = 0;
    for (at, &byte) in bytes.iter().take(6).enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if size > 0 && bytes.get(at + 1) == Some(&b'\n') => return Some((size, at)),
            _ => return None,
        };
        size = size << 4 | usize::from(digit);
    }
    None
}

/// Control characters but the tab: RFC 9110 §5.5 forbids them in field values, and `chunk-ext` has no place for them.
const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::*;

    /// The bytes left over after the end, if it came; or where and why it failed.
    type Ended = Result<Option<usize>, (u64, Reason)>;

    fn decode(bytes: &[u8]) -> (Vec<u8>, Ended) {
        let (mut chunked, mut rest, mut data) = (Chunked::default(), bytes, Vec::new());
        loop {
            let (mut ahead, before) = (rest, rest.len());
            if let Some((whole, skipped)) = chunked.whole(&mut ahead) {
                assert!(
                    skipped + whole.len() + 2 == before - ahead.len() && rest[skipped..].starts_with(whole)
                );
            }
            let at = (bytes.len() - rest.len()) as u64;
            match chunked.next(&mut rest, at) {
                Ok(Step::Data { bytes, .. }) => data.extend_from_slice(bytes),
                Ok(Step::End) => return (data, Ok(Some(rest.len()))),
                Ok(Step::More) => return (data, Ok(None)),
                Err(error) => return (data, Err((error.at, error.reason))),
            }
        }
    }

    #[track_caller]
    fn fails(bytes: &[u8], at: u64, reason: Reason) {
        assert_eq!(decode(bytes).1, Err((at, reason)), "{}", bytes.escape_ascii());
    }

    #[test]
    fn complete_bodies() {
        assert_eq!(decode(b"0\r\n\r\n"), (Vec::new(), Ok(Some(0))));
        assert_eq!(decode(b"5\r\nhello\r\n0000\r\n\r\nnext"), (b"hello".to_vec(), Ok(Some(4))));
        assert_eq!(decode(b"00A;x=\"y;z\"\r\n0123456789\r\n1 \t;e\r\n!\r\n0\r\nA: b\r\n\r\n").1, Ok(Some(0)));
        assert_eq!(decode(b"5\r\nhel"), (b"hel".to_vec(), Ok(None)));
        assert_eq!(decode(b"ffffffffffffffff\r\nhel"), (b"hel".to_vec(), Ok(None)));
    }

    #[test]
    fn what_lenient_decoders_take_is_refused() {
        fails(b"\r\n\r\n", 0, Reason::SizeEmpty);
        fails(b";a\r\n\r\n", 0, Reason::SizeEmpty);
        fails(b"+5\r\nhello\r\n", 0, Reason::SizeByte(b'+'));
        fails(b"0x5\r\nhello\r\n", 1, Reason::SizeByte(b'x'));
        fails(b" 5\r\nhello\r\n", 0, Reason::SizeByte(b' '));
        fails(b"5 \r\nhello\r\n", 2, Reason::SizeByte(b'\r'));
        fails(b"5\nhello\r\n", 1, Reason::ChunkLineEnd);
        fails(b"5\rhello\r\n", 2, Reason::ChunkLineEnd);
        fails(b"5\r\nhello\n", 8, Reason::ChunkDataEnd);
        fails(b"5\r\nhello6\r\n", 8, Reason::ChunkDataEnd);
        fails(b"5\r\nhello\rx", 9, Reason::ChunkDataEnd);
        fails(b"5;\n\r\nhello", 2, Reason::ChunkLineEnd);
        fails(b"5;a\x7f\r\nhello", 3, Reason::ExtensionByte(0x7f));
        fails(b"10000000000000000\r\n", 16, Reason::SizeOverflow);
        fails(b"0\r\n\n", 3, Reason::ChunkLineEnd);
        fails(b"0\r\nA: \0\r\n\r\n", 6, Reason::TrailerByte(0));
    }

    #[test]
    fn lines_have_a_limit() {
        let size = format!("5;{}", "x".repeat(limits::CHUNK_LINE - 2));
        assert_eq!(decode(format!("{size}\r\nhello").as_bytes()).1, Err((4096, Reason::SizeLineTooLong)));
        assert_eq!(decode(format!("{}\r\nhello", &size[..4095]).as_bytes()).1, Ok(None));
        let trailers = format!("0\r\n{}", "A: b\r\n".repeat(limits::TRAILERS));
        assert!(matches!(decode(trailers.as_bytes()).1, Err((_, Reason::TrailersTooLong))));
    }
}
