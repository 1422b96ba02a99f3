//! The multiplexed stream of a container without TTY: frames of 8 bytes header and a payload.
//!
//! ```text
//! [type, 0, 0, 0, length as 32 bits, most significant byte first]  payload = [stamp SP] text [LF]
//! ```

use alloc::vec::Vec;

use crate::error::{Error, Layer, Reason};
use crate::response::Piece;
use crate::timestamp::Stamps;
use crate::{Channel, Record, limits};

const HEADER: usize = 8;

/// A decoder that stands somewhere in a multiplexed body.
#[derive(Debug)]
pub(crate) struct Multiplex {
    /// `None`: payloads bear no stamps.
    stamps: Option<Stamps>,
    /// The front of a frame that was cut, header included. It grows by what comes, not by what is announced, and is
    /// freed with the frame.
    held: Vec<u8>,
    /// Offset of the held frame's first byte.
    at: u64,
}

impl Multiplex {
    pub(crate) const fn new(timestamps: bool) -> Self {
        let stamps = if timestamps { Some(Stamps::new()) } else { None };
        Self { stamps, held: Vec::new(), at: 0 }
    }

    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes a piece of the body. Where it begins and ends means nothing: Podman's frames span chunks (W-23).
    pub(crate) fn feed(&mut self, piece: &Piece<'_>, out: &mut dyn FnMut(Record<'_>)) -> Result<(), Error> {
        let (mut rest, mut at) = (piece.bytes, piece.at);
        while !rest.is_empty() {
            let before = rest.len();
            if !self.held.is_empty() {
                self.resume(&mut rest, out)?;
            } else {
                match frame_len(rest, at)? {
                    Some(len) if len <= rest.len() => {
                        let (frame, after) = rest.split_at(len);
                        out(record(frame, self.stamps.as_mut()));
                        rest = after;
                    }
                    _ => {
                        self.at = at;
                        self.held.extend_from_slice(core::mem::take(&mut rest));
                    }
                }
            }
            at += (before - rest.len()) as u64;
        }
        Ok(())
    }

    /// Judges the end of the body: it must not stand inside a frame (W-36).
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.held.is_empty() { Ok(()) } else { Err(Error::new(Layer::Frame, self.at, Reason::EndInFrame)) }
    }

    /// Goes on with the frame that was cut.
    fn resume(&mut self, rest: &mut &[u8], out: &mut dyn FnMut(Record<'_>)) -> Result<(), Error> {
        if self.held.len() < HEADER {
            self.fill(rest, HEADER);
        }
        let Some(len) = frame_len(&self.held, self.at)? else { return Ok(()) };
        self.fill(rest, len);
        if self.held.len() == len {
            let frame = core::mem::take(&mut self.held);
            out(record(&frame, self.stamps.as_mut()));
        }
        Ok(())
    }

    /// Moves bytes from `rest` until `len` are held.
    fn fill(&mut self, rest: &mut &[u8], len: usize) {
        let (bytes, after) = rest.split_at(rest.len().min(len - self.held.len()));
        self.held.extend_from_slice(bytes);
        *rest = after;
    }
}

/// The length of the frame at the front of `bytes`, header included, once the header is complete (W-31).
fn frame_len(bytes: &[u8], at: u64) -> Result<Option<usize>, Error> {
    let Some(&[kind, a, b, c, l0, l1, l2, l3]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let len = u32::from_be_bytes([l0, l1, l2, l3]);
    let reason = if kind > 3 {
        Reason::FrameType(kind)
    } else if [a, b, c] != [0; 3] {
        Reason::FramePadding
    } else if len as usize > limits::FRAME {
        Reason::FrameTooLong(len)
    } else {
        return Ok(Some(HEADER + len as usize));
    };
    Err(Error::new(Layer::Frame, at, reason))
}

/// A whole frame as a record. A payload without a stamp where one should be is kept whole (W-32).
fn record<'a>(frame: &'a [u8], stamps: Option<&mut Stamps>) -> Record<'a> {
    let payload = &frame[HEADER..];
    let channel = match frame[0] {
        0 => Channel::Stdin,
        1 => Channel::Stdout,
        2 => Channel::Stderr,
        _ => Channel::Engine,
    };
    // The engine's own messages bear no stamp, and are whole (W-33).
    let stamps = stamps.filter(|_| channel != Channel::Engine);
    let (stamp, text) = match stamps.and_then(|stamps| stamps.split(payload)) {
        Some((stamp, text)) => (Some(stamp), text),
        None => (None, payload),
    };
    match text.strip_suffix(b"\n") {
        Some(text) => Record { channel, stamp, text, part: false },
        None => Record { channel, stamp, text, part: channel != Channel::Engine },
    }
}
