//! Our own words to stderr. A stalled stderr must not stall the loop: messages wait in a bounded buffer; what doesn't fit
//! is dropped and counted, and the count is told as soon as there is room.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits;

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
}

/// The buffer. A handle: its clones share it, so that the logger can write to it too.
#[derive(Clone, Debug, Default)]
pub struct Messages(Arc<Mutex<Waiting>>);

impl Messages {
    /// Adds whole lines, if there is room for them.
    pub fn push(&self, lines: &[u8]) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.len() + lines.len() > limits::MESSAGES {
            waiting.dropped += 1;
        } else {
            waiting.bytes.extend_from_slice(lines);
        }
    }

    /// Hands what waits to `write`, which returns how much of it was taken.
    ///
    /// # Errors
    /// Those of `write`, but `WouldBlock`.
    pub fn drain(&self, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if waiting.bytes.is_empty() {
                waiting.bytes.shrink_to(4096);
                if waiting.dropped == 0 {
                    return Ok(());
                }
                let dropped = std::mem::take(&mut waiting.dropped);
                waiting.bytes =
                    format!("docklog: {dropped} messages were dropped: nobody read stderr\n").into_bytes();
            }
            match write(&waiting.bytes) {
                Ok(taken) => {
                    waiting.bytes.drain(..taken);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    waiting.bytes.clear();
                    return Err(error);
                }
            }
        }
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes.is_empty() && waiting.dropped == 0
    }
}

/// For the logger: one call per record.
impl io::Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_the_count_is_told() {
        let messages = Messages::default();
        let line = vec![b'x'; limits::MESSAGES / 2];
        (0..5).for_each(|_| messages.push(&line));
        let mut written = Vec::new();
        messages
            .drain(|bytes| {
                let taken = bytes.len().min(1000);
                written.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            })
            .expect("nothing fails");
        assert_eq!(&written[limits::MESSAGES..], b"docklog: 3 messages were dropped: nobody read stderr\n");
        assert!(messages.is_empty());
    }

    #[test]
    fn a_stalled_stderr_keeps_what_was_not_taken() {
        let messages = Messages::default();
        messages.push(b"one\ntwo\n");
        let mut room = 4;
        let mut stall = |bytes: &[u8]| {
            let taken = bytes.len().min(std::mem::take(&mut room));
            if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
        };
        messages.drain(&mut stall).expect("a stall is no error");
        let mut rest = Vec::new();
        messages
            .drain(|bytes| {
                rest.extend_from_slice(bytes);
                Ok(bytes.len())
            })
            .expect("nothing fails");
        assert_eq!(rest, b"two\n");
    }
}
