//! Where a response is cut: at the places where decoders go wrong.

/// A way to cut a response into the pieces that a decoder's reads give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    /// All at once.
    Whole,
    /// Inside of whatever has several bytes: line ends, size lines, frame headers, stamps, characters, escapes.
    Hostile,
    /// Byte by byte; a long response in pieces of odd sizes, since each piece costs both sides a turn.
    Bytes,
}

impl Cut {
    pub(crate) const ALL: [Self; 3] = [Self::Whole, Self::Hostile, Self::Bytes];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Hostile => "hostile",
            Self::Bytes => "bytes",
        }
    }
}

/// The longest response that comes byte by byte.
const BYTEWISE: usize = 4096;

/// Primes, so that together they meet every alignment.
const ODD_SIZES: [usize; 8] = [1, 2, 3, 7, 31, 127, 509, 2039];

/// The most cuts of one response.
const MOST: usize = 2048;

/// Cuts a response.
pub(crate) fn pieces(response: &[u8], cut: Cut) -> Vec<&[u8]> {
    match cut {
        Cut::Whole => vec![response],
        Cut::Hostile => at_points(response, &hostile(response)),
        Cut::Bytes if response.len() <= BYTEWISE => response.chunks(1).collect(),
        Cut::Bytes => by_sizes(response),
    }
}

fn by_sizes(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    for size in ODD_SIZES.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(*size));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

/// Cuts before the byte at each of the points, which are sorted; at every second one and so on if they are too many.
fn at_points<'a>(response: &'a [u8], points: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for &point in points.iter().step_by(points.len() / MOST + 1).chain([&response.len()]) {
        pieces.push(&response[from..point]);
        from = point;
    }
    pieces
}

fn hostile(response: &[u8]) -> Vec<usize> {
    let (data, mut points) = body(response);
    points.extend(inside_stamps(response));
    points.extend(inside_frame_headers(response, &data));
    // Between CR and LF, inside of an escape, inside of a character.
    let splits_next = |byte: u8| matches!(byte, b'\r' | b'\\' | 0xc0..);
    points.extend((1..response.len()).filter(|&at| splits_next(response[at - 1])));
    points.retain(|&point| point > 0 && point < response.len());
    points.sort_unstable();
    points.dedup();
    points
}

/// The offsets of the body's data, and points inside and around size lines. Of a response that is broken, the part
/// before that.
fn body(response: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let end = find(response, b"\r\n\r\n").map_or(response.len(), |at| at + 4);
    let chunked = find(&response[..end].to_ascii_lowercase(), b"chunked").is_some();
    if !chunked {
        return ((end..response.len()).collect(), vec![end]);
    }
    let (mut data, mut points, mut at) = (Vec::new(), vec![end], end);
    while let Some(len) = find(&response[at..], b"\r\n") {
        let digits = response[at..at + len].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&response[at..at + digits]).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        let start = at + len + 2;
        let stop = start.saturating_add(size).min(response.len());
        points.extend([at, at + 1, at + len, start, stop]);
        data.extend(start..stop);
        at = (stop + 2).min(response.len());
        if size == 0 {
            break;
        }
    }
    (data, points)
}

/// After the type, inside of the length, and after a header. A body without frames has none that fit.
fn inside_frame_headers(response: &[u8], data: &[usize]) -> Vec<usize> {
    let (mut points, mut at) = (Vec::new(), 0);
    while let Some(header) = data.get(at..at + 8) {
        let header_bytes: [u8; 8] = std::array::from_fn(|index| response[header[index]]);
        let [0..=3, 0, 0, 0, length @ ..] = header_bytes else { break };
        points.extend([header[0], header[1], header[5], header[7], header[7] + 1]);
        at = at.saturating_add(8 + u32::from_be_bytes(length) as usize);
    }
    points
}

/// After the year, before the blank, and after it.
fn inside_stamps(response: &[u8]) -> Vec<usize> {
    let mut points = Vec::new();
    for at in 0..response.len().saturating_sub(20) {
        let stamp = &response[at..];
        let fits = stamp[..4].iter().all(u8::is_ascii_digit) && stamp[4] == b'-' && stamp[10] == b'T';
        if let (true, Some(len)) = (fits, stamp.iter().take(66).position(|&byte| byte == b' ')) {
            points.extend([at + 4, at + len, at + len + 1]);
        }
    }
    points
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
