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

/// A chunked response whose body comes so often.
pub(crate) fn repeated(capture: &[u8], times: usize) -> Vec<u8> {
    let head = capture.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, body) = capture.split_at(head);
    let body = body.strip_suffix(LAST_CHUNK).unwrap_or(body);
    [head, &body.repeat(times), LAST_CHUNK].concat()
}
