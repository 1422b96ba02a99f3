//! One HTTP response as a stream of events: its head, pieces of its body, its end.

use alloc::boxed::Box;
use core::fmt;

use crate::chunked::{Chunked, Step};
use crate::error::Error;
use crate::framing::Framing;
use crate::head::{Head, HeadReader};

/// What a `feed` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes are taken; the response goes on.
    More,
    /// The response is complete.
    Complete {
        /// So many bytes at the end of this feed are no part of it but of what follows on the connection (W-01).
        unused: usize,
    },
}

/// How a response ended that ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// All of it is here.
    Complete,
    /// The engine, or a proxy before it, said no.
    Refused(crate::Refusal),
}

/// The connection ended before the response did: the engine or the connection died, not the container (W-88).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// Bytes of the response that came.
    pub at: u64,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the response was cut off after {} bytes", self.at)
    }
}

impl core::error::Error for Truncated {}

/// A piece of a body.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    /// Offset of its first byte in the response.
    pub(crate) at: u64,
    /// A chunk ends with it.
    pub(crate) ends_chunk: bool,
}

/// What comes next in a response.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    Head(Head),
    Data(Piece<'a>),
    /// The body is complete. Said again on every further call.
    End,
    /// The input is used up.
    More,
}

/// A response that is being read.
#[derive(Debug)]
pub(crate) struct Response {
    stage: Stage,
    head: Option<Head>,
    at: u64,
    failed: Option<Box<Error>>,
    to_head: bool,
}

#[derive(Debug)]
enum Stage {
    Head(HeadReader),
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

impl Response {
    pub(crate) fn to_get() -> Self {
        Self { stage: Stage::Head(HeadReader::default()), head: None, at: 0, failed: None, to_head: false }
    }

    pub(crate) fn to_head() -> Self {
        Self { to_head: true, ..Self::to_get() }
    }

    /// The final head, once it has come.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    /// Bytes of the response taken so far.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn held(&self) -> usize {
        if let Stage::Head(reader) = &self.stage { reader.held() } else { 0 }
    }

    /// Takes a chunk off the front of `rest`, if that is what comes next, and all of it is there: the common case, in short.
    pub(crate) fn whole_chunk<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Piece<'a>> {
        let Stage::Chunked(chunked) = &self.stage else { return None };
        let before = rest.len();
        let (bytes, skipped) = chunked.whole(rest)?;
        let at = self.at + skipped as u64;
        self.at += (before - rest.len()) as u64;
        Some(Piece { bytes, at, ends_chunk: true })
    }

    /// Takes the next event off the front of `rest`.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Next<'a>, Error> {
        loop {
            if let Some(next) = self.step(rest)? {
                return Ok(next);
            }
        }
    }

    /// As `next`, but `None` after an interim head, which is no event.
    fn step<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Next<'a>>, Error> {
        let (before, at) = (rest.len(), self.at);
        let next = match &mut self.stage {
            Stage::Head(reader) => match reader.take(rest, at, self.to_head)? {
                Some(head) => self.begin(head),
                None => Some(Next::More),
            },
            Stage::Length(0) | Stage::Done => Some(self.end()),
            Stage::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                let bytes = rest.split_off(..len).unwrap_or_default();
                *left -= len as u64;
                Some(data(bytes, at))
            }
            Stage::Chunked(chunked) => match chunked.next(rest, at)? {
                Step::Data { bytes, at, ends } => Some(Next::Data(Piece { bytes, at, ends_chunk: ends })),
                Step::End => Some(self.end()),
                Step::More => Some(Next::More),
            },
            Stage::UntilClose => Some(data(core::mem::take(rest), at)),
        };
        self.at += (before - rest.len()) as u64;
        Ok(next)
    }

    /// Remembers an error, so that every later feed gives it again.
    pub(crate) fn guard<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.failed = Some(Box::new(error.clone()));
        }
        result
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(Error::clone(error)))
    }

    /// Judges the end of the connection here: whether the body is whole, as far as its framing can tell.
    pub(crate) fn eof(&self) -> Result<(), Truncated> {
        match self.stage {
            Stage::Done | Stage::Length(0) | Stage::UntilClose if self.failed.is_none() => Ok(()),
            _ => Err(self.truncated()),
        }
    }

    /// Whether the body stands between two chunks, so that all messages that came are whole (W-20).
    pub(crate) fn between_chunks(&self) -> bool {
        self.failed.is_none() && matches!(&self.stage, Stage::Chunked(chunked) if chunked.between_chunks())
    }

    pub(crate) fn truncated(&self) -> Truncated {
        Truncated { at: self.at }
    }

    /// A head is complete. Interim ones (1xx) are skipped (W-11); its framing says which way the body comes (W-15).
    fn begin<'a>(&mut self, head: Head) -> Option<Next<'a>> {
        if (100..200).contains(&head.status) {
            self.stage = Stage::Head(HeadReader::default());
            return None;
        }
        self.head = Some(head);
        self.stage = match head.framing {
            Framing::None => Stage::Done,
            Framing::Length(length) => Stage::Length(length),
            Framing::Chunked => Stage::Chunked(Chunked::default()),
            Framing::UntilClose => Stage::UntilClose,
        };
        Some(Next::Head(head))
    }

    fn end<'a>(&mut self) -> Next<'a> {
        self.stage = Stage::Done;
        Next::End
    }
}

fn data(bytes: &[u8], at: u64) -> Next<'_> {
    if bytes.is_empty() { Next::More } else { Next::Data(Piece { bytes, at, ends_chunk: false }) }
}
