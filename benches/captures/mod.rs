//! Recorded responses, as long as one needs them.

#![allow(dead_code, reason = "not all who read captures need each")]

/// 500 lines of 100 bytes in frames, a chunk each.
pub(crate) const FRAMES: &[u8] = include_bytes!("frames.resp");

/// The same from a container with a TTY.
pub(crate) const TTY: &[u8] = include_bytes!("tty.resp");

/// Fifty containers.
pub(crate) const LIST: &[u8] = include_bytes!("list.resp");

/// Lines in [`FRAMES`] and [`TTY`].
pub(crate) const LINES: usize = 500;

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A chunked response whose body comes so often. Nothing is copied for it: whoever counts instructions would count that, too.
#[derive(Clone, Copy)]
pub(crate) struct Repeated {
    head: &'static [u8],
    body: &'static [u8],
    times: usize,
}

impl Repeated {
    /// This recorded response, longer.
    pub(crate) fn new(capture: &'static [u8], times: usize) -> Self {
        let head = capture.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
        let (head, body) = capture.split_at(head);
        Self { head, body: body.strip_suffix(LAST_CHUNK).unwrap_or(body), times }
    }

    /// What stands at this offset, up to the next seam; empty at the end.
    pub(crate) fn at(&self, offset: usize) -> &'static [u8] {
        let Some(in_bodies) = offset.checked_sub(self.head.len()) else { return &self.head[offset..] };
        if in_bodies < self.body.len() * self.times {
            return &self.body[in_bodies % self.body.len()..];
        }
        LAST_CHUNK.get(in_bodies - self.body.len() * self.times..).unwrap_or_default()
    }
}
