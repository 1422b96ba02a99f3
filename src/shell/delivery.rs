//! Batches to stdout: encoded piece by piece, written as stdout takes them. While it takes nothing, nothing is encoded;
//! the batches keep their memory, and the budget stops the reading.

use std::io;

use crate::core::Core;
use crate::core::batch::{Batch, Item};
use crate::core::exchange::StreamId;
use crate::core::place::Place;
use crate::core::usual::Usual;
use crate::encode::Encoder;
use crate::limits;

/// What is on its way to stdout.
#[derive(Debug)]
pub struct Delivery {
    encoder: Encoder,
    /// The batch being written, and its next line.
    batch: Option<(Batch, usize)>,
    /// Encoded bytes, and how many of them are written.
    piece: Vec<u8>,
    usual: Usual,
    written: usize,
    /// Where the streams stand once this piece is written: the end of a batch is in it.
    places: Vec<(StreamId, Place)>,
    settled_next: bool,
    /// Bytes written so far; and up to the end of the last batch.
    total: u64,
    settled: u64,
    /// stdout may take bytes: true until it says otherwise.
    pub(super) open: bool,
}

impl Delivery {
    /// Nothing yet, in this format.
    pub fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            batch: None,
            piece: Vec::new(),
            usual: Usual::default(),
            written: 0,
            places: Vec::new(),
            settled_next: false,
            total: 0,
            settled: 0,
            open: true,
        }
    }

    /// What comes from now on looks so.
    pub fn set_encoder(&mut self, encoder: Encoder) {
        self.encoder = encoder;
    }

    /// Lines of a container of this name will come.
    pub fn expect(&mut self, name: &str) {
        self.encoder.expect(name);
    }

    /// Writes what there is, as far as stdout takes it and a turn may last. True if it stopped for the turn's sake.
    ///
    /// # Errors
    /// Those of write(2), but `WouldBlock`.
    pub fn run(
        &mut self,
        core: &mut Core,
        mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        let mut left = limits::OUTLET_PER_TURN;
        while self.open && self.refill(core) {
            if left == 0 {
                return Ok(true);
            }
            let pending = &self.piece[self.written..];
            match write(&pending[..pending.len().min(left)]) {
                Ok(taken) => {
                    self.written += taken;
                    self.total += taken as u64;
                    left -= taken.min(left);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.open = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Encodes the next piece if the last one is written. False if there is nothing to write.
    fn refill(&mut self, core: &mut Core) -> bool {
        while self.written == self.piece.len() {
            self.settle(core);
            self.usual.empty(&mut self.piece);
            self.written = 0;
            let Some((mut batch, mut next)) =
                self.batch.take().or_else(|| core.take_batch().map(|batch| (batch, 0)))
            else {
                return false;
            };
            while let Some(item) = batch.get(next) {
                if self.piece.len() >= limits::OUTLET_PIECE {
                    break;
                }
                match item {
                    Item::Line(line) => self.encoder.encode(&line, &mut self.piece),
                    Item::Gap(source, gap) => self.encoder.encode_gap(source, gap, &mut self.piece),
                }
                next += 1;
            }
            if next < batch.len() {
                self.batch = Some((batch, next));
            } else {
                self.places = batch.take_places();
                self.settled_next = true;
                core.settle(batch);
            }
        }
        true
    }

    /// The piece is written. If a batch ended with it, so is all of that.
    fn settle(&mut self, core: &mut Core) {
        if std::mem::take(&mut self.settled_next) {
            self.settled = self.total;
            core.settle_places(std::mem::take(&mut self.places));
        }
    }

    /// Bytes written that hold nothing but lines of settled places.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// True if everything that was read is written.
    pub fn is_done(&self, core: &Core) -> bool {
        self.written == self.piece.len() && self.batch.is_none() && core.has_no_lines()
    }

    /// Bytes and lines that can't be written any more.
    pub fn undelivered(&mut self, core: &mut Core) -> (usize, usize) {
        let mut lines = self.batch.take().map_or(0, |(batch, next)| batch.len() - next);
        while let Some(batch) = core.take_batch() {
            lines += batch.len();
            core.settle(batch);
        }
        (self.piece.len() - self.written, lines)
    }
}
