//! How much a buffer usually holds. What a burst has grown is given back when it is over; but a buffer that is filled again
//! and again keeps its memory, for to give it back and fetch it anew costs page faults, more than the lines in it.

use crate::limits;

/// Remembers how full a buffer gets: its largest use, of which each later use takes off an eighth.
#[derive(Debug, Default)]
pub struct Usual {
    most: usize,
}

impl Usual {
    /// Empties the buffer for its next use, which will need about as much as the last ones did.
    pub fn empty<T>(&mut self, buffer: &mut Vec<T>) {
        self.most = buffer.len().max(self.most - self.most.div_ceil(8));
        buffer.clear();
        if buffer.capacity() / 4 > self.most.max(limits::KEPT) {
            buffer.shrink_to(2 * self.most.max(limits::KEPT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_burst_has_grown_is_given_back_after_it() {
        let (mut usual, mut buffer) = (Usual::default(), Vec::new());
        for _ in 0..3 {
            buffer.resize(1_000_000, 0_u8);
            usual.empty(&mut buffer);
            buffer.resize(60_000, 0);
            usual.empty(&mut buffer);
            assert!(buffer.capacity() >= 1_000_000, "not while it goes on");
        }
        for _ in 0..100 {
            buffer.resize(500, 0);
            usual.empty(&mut buffer);
        }
        assert!(buffer.capacity() <= 4 * limits::KEPT, "{}", buffer.capacity());
    }
}
