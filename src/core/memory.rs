//! Read only what you can keep: the budget of log bytes held between the engine's sockets and the sinks.

/// Who holds how many bytes. A permit is what is left.
#[derive(Debug)]
pub struct Memory {
    limit: usize,
    /// In open batches.
    open: usize,
    /// In batches that their sink hasn't settled.
    unsettled: usize,
    /// In places that not all sinks have reached.
    places: usize,
    /// In lines whose end has not come.
    lines: usize,
    /// In frames that a read has cut in two.
    frames: usize,
}

impl Memory {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, open: 0, unsettled: 0, places: 0, lines: 0, frames: 0 }
    }

    /// The budget.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Another budget from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// How many wire bytes may be read now.
    pub fn permit(&self) -> usize {
        self.limit.saturating_sub(self.used())
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
        self.open + self.unsettled + self.places + self.lines + self.frames
    }

    /// The sinks hold so much now: in open batches, in others, and in places.
    pub fn sinks_hold(&mut self, open: usize, unsettled: usize, places: usize) {
        (self.open, self.unsettled, self.places) = (open, unsettled, places);
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

    const LIMIT: usize = 1 << 20;

    #[test]
    fn what_is_held_is_not_permitted() {
        let mut memory = Memory::new(LIMIT);
        assert_eq!(memory.permit(), LIMIT);
        memory.sinks_hold(500, 400, 100);
        memory.lines_changed(0, 24);
        assert_eq!(memory.permit(), LIMIT - 1024);
        memory.sinks_hold(0, 0, 0);
        memory.lines_changed(24, 0);
        assert_eq!(memory.permit(), LIMIT);
    }

    #[test]
    fn a_stalled_sink_stops_reading() {
        let mut memory = Memory::new(LIMIT);
        memory.sinks_hold(0, LIMIT + 5, 0);
        assert_eq!(memory.permit(), 0);
        assert!(!memory.only_lines_left());
    }

    #[test]
    fn memory_full_of_open_lines_is_told_apart() {
        let mut memory = Memory::new(LIMIT);
        memory.lines_changed(0, LIMIT);
        assert_eq!(memory.permit(), 0);
        assert!(memory.only_lines_left());
    }

    #[test]
    fn memory_full_of_cut_frames_is_told_apart() {
        let mut memory = Memory::new(LIMIT);
        memory.frames_changed(0, LIMIT * 2);
        assert!(memory.permit() == 0 && memory.only_frames_left() && !memory.only_lines_left());
    }
}
