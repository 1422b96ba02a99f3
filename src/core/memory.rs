//! Read only what you can keep: the budget of log bytes held between the engine's sockets and the outlet.

use crate::limits;

/// Who holds how many bytes. A permit is what is left.
#[derive(Debug, Default)]
pub struct Memory {
    /// In the open batch.
    open: usize,
    /// In batches that the outlet hasn't settled.
    unsettled: usize,
    /// In lines whose end has not come.
    lines: usize,
    /// In frames that a read has cut in two.
    frames: usize,
}

impl Memory {
    /// How many wire bytes may be read now.
    pub fn permit(&self) -> usize {
        limits::MEMORY.saturating_sub(self.used())
    }

    /// True if only open lines can give memory back: the longest must leave as a segment.
    pub fn only_lines_left(&self) -> bool {
        self.permit() == 0 && self.open + self.unsettled == 0 && self.lines > 0
    }

    /// True if frames that were cut hold it all: reading the rest of one is the only way out.
    pub fn only_frames_left(&self) -> bool {
        self.permit() == 0 && self.open + self.unsettled + self.lines == 0
    }

    /// Bytes on their way out.
    pub fn outgoing(&self) -> usize {
        self.open + self.unsettled
    }

    /// Bytes held in all.
    pub fn used(&self) -> usize {
        self.open + self.unsettled + self.lines + self.frames
    }

    /// The open batch has this size now.
    pub fn open_is(&mut self, bytes: usize) {
        self.open = bytes;
    }

    /// The open batch, of this size, goes to the outlet.
    pub fn sealed(&mut self, bytes: usize) {
        self.open = 0;
        self.unsettled += bytes;
    }

    /// The outlet has settled a batch of this size.
    pub fn settled(&mut self, bytes: usize) {
        self.unsettled = self.unsettled.saturating_sub(bytes);
    }

    /// A stream's open lines changed their size.
    pub fn lines_changed(&mut self, before: usize, after: usize) {
        self.lines = (self.lines + after).saturating_sub(before);
    }

    /// A session's cut frame changed its size.
    pub fn frames_changed(&mut self, before: usize, after: usize) {
        self.frames = (self.frames + after).saturating_sub(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_permitted() {
        let mut memory = Memory::default();
        assert_eq!(memory.permit(), limits::MEMORY);
        memory.open_is(1000);
        memory.lines_changed(0, 24);
        assert_eq!(memory.permit(), limits::MEMORY - 1024);
        memory.sealed(1000);
        memory.settled(1000);
        memory.lines_changed(24, 0);
        assert_eq!(memory.permit(), limits::MEMORY);
    }

    #[test]
    fn a_stalled_outlet_stops_reading() {
        let mut memory = Memory::default();
        memory.sealed(limits::MEMORY + 5);
        assert_eq!(memory.permit(), 0);
        assert!(!memory.only_lines_left());
    }

    #[test]
    fn memory_full_of_open_lines_is_told_apart() {
        let mut memory = Memory::default();
        memory.lines_changed(0, limits::MEMORY);
        assert_eq!(memory.permit(), 0);
        assert!(memory.only_lines_left());
    }

    #[test]
    fn memory_full_of_cut_frames_is_told_apart() {
        let mut memory = Memory::default();
        memory.frames_changed(0, limits::MEMORY * 2);
        assert!(memory.permit() == 0 && memory.only_frames_left() && !memory.only_lines_left());
    }
}
