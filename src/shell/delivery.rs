//! Batches to stdout: encoded piece by piece, written as stdout takes them. While it takes nothing, nothing is encoded;
//! the batches keep their memory, and the budget stops the reading.

use std::io;

use crate::core::Core;
use crate::core::batch::Batch;
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
    written: usize,
    /// stdout may take bytes: true until it says otherwise.
    pub(super) open: bool,
}

impl Delivery {
    /// Nothing yet, in this format.
    pub fn new(encoder: Encoder) -> Self {
        Self { encoder, batch: None, piece: Vec::new(), written: 0, open: true }
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
            self.piece.clear();
            self.piece.shrink_to(2 * limits::OUTLET_PIECE);
            self.written = 0;
            let Some((batch, mut next)) =
                self.batch.take().or_else(|| core.take_batch().map(|batch| (batch, 0)))
            else {
                return false;
            };
            while let Some(line) = batch.get(next) {
                if self.piece.len() >= limits::OUTLET_PIECE {
                    break;
                }
                self.encoder.encode(&line, &mut self.piece);
                next += 1;
            }
            if next < batch.len() {
                self.batch = Some((batch, next));
            } else {
                core.settle(batch);
            }
        }
        true
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
