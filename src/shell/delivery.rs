//! A sink's batches, written as it takes them. While it takes nothing, they keep their memory, and the budget stops the reading.

use std::io;

use super::world::World;
use crate::core::Core;
use crate::core::batch::Batch;
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
    /// Its sink knows what is to come of it.
    prepared: bool,
    /// It takes nothing until it says otherwise; or until then, for nothing will tell.
    stalled: bool,
    again: Option<Mono>,
    /// It takes whole entries only, one at a time.
    entries: bool,
}

/// Why a delivery has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Nothing is left, or the sink takes no more.
    Done,
    /// A turn must end.
    ForTheTurn,
    /// The checkpoint must be saved before the next byte is written.
    ForASave,
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

    /// Writes what there is, as far as it is taken and a turn may last.
    ///
    /// # Errors
    /// Those of the sink, but `WouldBlock`.
    pub fn run<W: World>(&mut self, core: &mut Core, world: &mut W) -> io::Result<Stopped> {
        let mut left = limits::OUTLET_PER_TURN;
        while !self.stalled {
            self.settle_written(core, world);
            if self.batch.is_none() {
                let Some(batch) = core.take_batch(self.sink) else { break };
                (self.batch, self.prepared) = (Some((batch, 0)), false);
            }
            let Some((batch, written)) = &mut self.batch else { break };
            if left == 0 {
                return Ok(Stopped::ForTheTurn);
            }
            if !self.prepared {
                let save = world.prepare(self.sink, batch)?;
                self.prepared = true;
                if save {
                    return Ok(Stopped::ForASave);
                }
            }
            let (source, rest) = batch.rest(*written);
            let piece = if self.entries { rest.len() } else { rest.len().min(left) };
            match world.write_lines(self.sink, source, &rest[..piece]) {
                Ok(taken) => {
                    *written += taken;
                    left -= taken.min(left);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stalled = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.prepared = false;
                    return Err(error);
                }
            }
        }
        Ok(Stopped::Done)
    }

    /// A batch that is written is settled: where its streams stand may be told.
    fn settle_written<W: World>(&mut self, core: &mut Core, world: &mut W) {
        if let Some((batch, _)) = self.batch.take_if(|(batch, written)| *written == batch.bytes().len()) {
            world.settle(self.sink);
            core.settle(self.sink, batch, 0);
        }
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
            core.abandon(self.sink, &batch);
        }
        (bytes, lines)
    }
}
