//! A sink's batches, written as it takes them. While it takes nothing, they keep their memory, and the budget stops the reading.

use std::io;
use std::rc::Rc;

use crate::core::Core;
use crate::core::batch::Batch;
use crate::core::source::Source;
use crate::core::time::Mono;
use crate::encode::journal::Entries;
use crate::limits;

/// What is on its way out.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Whose: its number.
    sink: usize,
    /// The batch being written, and how many of its bytes are.
    batch: Option<(Batch, usize)>,
    /// Bytes written so far; and up to the end of the last batch.
    total: u64,
    settled: u64,
    /// It takes nothing until it says otherwise; or until then, for nothing will tell.
    stalled: bool,
    again: Option<Mono>,
    /// It takes whole entries only, one at a time.
    entries: bool,
}

impl Delivery {
    /// To this sink; which may take whole entries only, one at a time.
    pub fn new(sink: usize, entries: bool) -> Self {
        Self { sink, entries, ..Self::default() }
    }

    /// It may take bytes again.
    pub fn reopen(&mut self) {
        (self.stalled, self.again) = (false, None);
    }

    /// It is gone: try again then.
    pub fn wait_until(&mut self, at: Mono) {
        (self.stalled, self.again) = (true, Some(at));
    }

    /// When to try again.
    pub fn deadline(&self) -> Option<Mono> {
        self.again
    }

    /// That time may have come.
    pub fn begin_turn(&mut self, now: Mono) {
        if self.again.is_some_and(|at| at <= now) {
            self.reopen();
        }
    }

    /// True if it may take bytes.
    pub fn is_open(&self) -> bool {
        !self.stalled
    }

    /// Writes what there is, as far as it is taken and a turn may last. True if it stopped for the turn's sake.
    ///
    /// # Errors
    /// Those of write(2), but `WouldBlock`.
    pub fn run(
        &mut self,
        core: &mut Core,
        mut write: impl FnMut(Option<&Rc<Source>>, &[u8]) -> io::Result<usize>,
    ) -> io::Result<bool> {
        let (mut left, entries) = (limits::OUTLET_PER_TURN, self.entries);
        while !self.stalled {
            let Some((batch, written)) = self.next(core) else { return Ok(false) };
            if left == 0 {
                return Ok(true);
            }
            let (source, rest) = batch.rest(*written);
            let piece = if entries { rest.len() } else { rest.len().min(left) };
            match write(source, &rest[..piece]) {
                Ok(taken) => {
                    *written += taken;
                    self.total += taken as u64;
                    left -= taken.min(left);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stalled = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// The batch to be written next, or on.
    fn next(&mut self, core: &mut Core) -> Option<&mut (Batch, usize)> {
        loop {
            self.settle_written(core);
            if self.batch.is_some() {
                return self.batch.as_mut();
            }
            self.batch = Some((core.take_batch(self.sink)?, 0));
        }
    }

    /// A batch that is written is settled: where its streams stand may be told.
    fn settle_written(&mut self, core: &mut Core) {
        if let Some((batch, _)) = self.batch.take_if(|(batch, written)| *written == batch.bytes().len()) {
            self.settled = self.total;
            core.settle(self.sink, batch, 0);
        }
    }

    /// True between two batches: nothing is written in part.
    pub fn is_between(&mut self, core: &mut Core) -> bool {
        self.settle_written(core);
        self.batch.is_none()
    }

    /// Between two batches: bytes go elsewhere from now on, and are counted anew.
    pub fn begin_anew(&mut self) {
        (self.total, self.settled) = (0, 0);
        self.reopen();
    }

    /// Bytes written that hold nothing but lines of settled places.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// True if what it had in hand is written.
    pub fn is_idle(&self) -> bool {
        self.batch.is_none()
    }

    /// Bytes and lines that can't be written any more.
    pub fn undelivered(&mut self, core: &mut Core) -> (usize, usize) {
        let (mut bytes, mut lines) = (0, 0);
        while let Some((batch, written)) =
            self.batch.take().or_else(|| Some((core.take_batch(self.sink)?, 0)))
        {
            let rest = &batch.bytes()[written..];
            bytes += rest.len();
            lines += match written {
                0 => batch.lines(),
                _ if self.entries => Entries(rest).count(),
                _ => rest.iter().filter(|&&byte| byte == b'\n').count(),
            };
            core.settle(self.sink, batch, 0);
        }
        (bytes, lines)
    }
}
