//! A batch as it is sent: framed, and compressed. It is kept until it has arrived, and sending it copies nothing.

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::Compression;
use flate2::write::GzEncoder;
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
    /// Packs a batch.
    pub(super) fn new(batch: &[u8], (before, behind): (&[u8], &[u8]), gzip: bool) -> Self {
        let pieces = [before, batch, behind];
        match gzip.then(|| compressed(pieces)) {
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

/// The compressor needs some 400 KiB while it works, which is why it is made anew for each batch.
fn compressed(pieces: [&[u8]; 3]) -> io::Result<Vec<u8>> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut encoder =
        GzEncoder::new(Vec::with_capacity(length / 8 + 64), Compression::new(limits::PUSH_LEVEL));
    for piece in pieces {
        encoder.write_all(piece)?;
    }
    let mut bytes = encoder.finish()?;
    bytes.shrink_to_fit();
    Ok(bytes)
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
        let plain = Parcel::new(b"lines", (b"{[", b"]}"), false);
        assert_eq!((&*plain.bytes, plain.encoding()), (&b"{[lines]}"[..], None));
        let packed = Parcel::new(b"lines", (b"{[", b"]}"), true);
        assert_eq!(packed.encoding(), Some(HeaderValue::from_static("gzip")));
        let mut text = String::new();
        GzDecoder::new(&*packed.bytes).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, "{[lines]}");
    }

    #[test]
    fn a_body_is_given_once_and_can_be_made_again() {
        let parcel = Parcel::new(b"lines", (b"", b""), false);
        for _ in 0..2 {
            let mut body = parcel.body();
            assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
            let mut next =
                || Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
            let Poll::Ready(Some(Ok(frame))) = next() else { panic!("no frame") };
            assert_eq!(frame.into_data().expect("data").as_ptr(), parcel.bytes.as_ptr(), "it was copied");
            assert!(matches!(next(), Poll::Ready(None)));
        }
        assert!(Parcel::new(b"", (b"", b""), false).body().is_end_stream());
    }
}
