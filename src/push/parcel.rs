//! A batch as it is sent: framed, and compressed. It is kept until it has arrived, and sending it copies nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::{Compress, CompressError, Compression, FlushCompress, Status};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::HeaderValue;

use crate::limits;

/// A batch, ready to be sent as often as it takes.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    bytes: Bytes,
    gzip: bool,
}

impl Parcel {
    /// Packs a batch; compressed, if there is what does that.
    pub(super) fn new(batch: &[u8], (before, behind): (&[u8], &[u8]), press: Option<&mut Press>) -> Self {
        let pieces = [before, batch, behind];
        match press.map(|press| press.gzip(pieces)) {
            Some(Ok(bytes)) => Self { bytes: bytes.into(), gzip: true },
            _ => Self { bytes: pieces.concat().into(), gzip: false },
        }
    }

    /// Its size.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The body of a request.
    pub(super) fn body(&self) -> Whole {
        Whole(self.bytes.clone())
    }

    /// What a request says of it.
    pub(super) fn encoding(&self) -> Option<HeaderValue> {
        self.gzip.then(|| HeaderValue::from_static("gzip"))
    }
}

/// Compresses batches, for all sinks: each is done with before the next begins. It needs some 400 KiB, from the first batch on.
/// To fetch them anew for each would cost more time, and leave the heap in pieces.
#[derive(Debug, Default)]
pub(super) struct Press(Option<Compress>);

/// Of deflate's window: the largest, 32 KiB.
const WINDOW_BITS: u8 = 15;

impl Press {
    fn gzip(&mut self, pieces: [&[u8]; 3]) -> Result<Vec<u8>, CompressError> {
        let level = Compression::new(limits::PUSH_LEVEL);
        let deflate = self.0.get_or_insert_with(|| Compress::new_gzip(level, WINDOW_BITS));
        deflate.reset(); // an earlier batch may have been broken off
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut out = Vec::with_capacity(length / 8 + 64);
        for piece in pieces {
            let mut rest = piece;
            while !rest.is_empty() {
                let before = deflate.total_in();
                deflate.compress_vec(rest, &mut out, FlushCompress::None)?;
                rest = &rest[(deflate.total_in() - before) as usize..];
                make_room(&mut out);
            }
        }
        while deflate.compress_vec(&[], &mut out, FlushCompress::Finish)? != Status::StreamEnd {
            make_room(&mut out);
        }
        out.shrink_to_fit();
        Ok(out)
    }
}

/// Without any the compressor would not go on.
fn make_room(out: &mut Vec<u8>) {
    if out.len() == out.capacity() {
        out.reserve(out.len() / 2);
    }
}

/// A body that is there; empty once it was taken.
#[derive(Debug)]
pub(super) struct Whole(Bytes);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.0);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_parcel_holds_the_frame_and_the_batch() {
        let plain = Parcel::new(b"lines", (b"{[", b"]}"), None);
        assert_eq!((&*plain.bytes, plain.encoding()), (&b"{[lines]}"[..], None));
        let packed = Parcel::new(b"lines", (b"{[", b"]}"), Some(&mut Press::default()));
        assert_eq!(packed.encoding(), Some(HeaderValue::from_static("gzip")));
        assert_eq!(unpacked(&packed), b"{[lines]}");
    }

    fn unpacked(parcel: &Parcel) -> Vec<u8> {
        let (mut bytes, mut decoder) = (Vec::new(), GzDecoder::new(&*parcel.bytes));
        decoder.read_to_end(&mut bytes).expect("gzip");
        assert!(decoder.into_inner().is_empty(), "there is something behind it");
        bytes
    }

    #[test]
    fn a_press_does_one_batch_after_another_whatever_is_in_it() {
        let mut press = Press::default();
        let mut chance = 1_u32;
        let mut noise = || {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (chance >> 24) as u8
        };
        for length in [0, 1, 100, 70_000, 600_000] {
            for batch in [vec![b'x'; length], (0..length).map(|_| noise()).collect()] {
                let parcel = Parcel::new(&batch, (b"", b""), Some(&mut press));
                assert!(unpacked(&parcel) == batch, "{length} bytes came out differently");
            }
        }
    }

    #[test]
    fn a_body_is_given_once_and_can_be_made_again() {
        let parcel = Parcel::new(b"lines", (b"", b""), None);
        for _ in 0..2 {
            let mut body = parcel.body();
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
            let mut next =
                || Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
            let Poll::Ready(Some(Ok(frame))) = next() else { panic!("no frame") };
            assert_eq!(frame.into_data().expect("data").as_ptr(), parcel.bytes.as_ptr(), "it was copied");
            assert!(matches!(next(), Poll::Ready(None)));
        }
        assert!(Parcel::new(b"", (b"", b""), None).body().is_end_stream());
    }
}
