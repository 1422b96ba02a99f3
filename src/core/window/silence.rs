//! What it means that a session keeps silent: there is nothing, or its follow is deaf (W-98), or the engine doesn't answer a request for
//! the end of a log that was truncated (W-54). A session that doesn't follow tells which: it ends, or it hangs.

use docklog_protocol::Timestamp;

use super::{After, Begin, Search, Window};
use crate::core::place::{Mark, Place};

impl Window {
    /// A session has kept silent for a while, or brought nothing that we know. `since`: before it, and the one before it, began.
    pub fn silent(&mut self, since: Timestamp) -> After {
        if self.may_hang() {
            return self.silent_without_place(since);
        }
        if self.search == Search::Line && self.found && self.auditing {
            self.grow();
            return After::Again;
        }
        if self.search != Search::Line || !self.is_searching() || self.checked {
            return After::Fine;
        }
        if self.tail_hangs && !self.follows {
            return After::Fine; // asked by `since`, the engine reads the whole log first
        }
        if self.checking && self.records == 0 {
            self.hangs();
        } else {
            self.look();
        }
        After::Again
    }

    /// Docker from 23 on never answers `tail` once the log was truncated, and burns a core as long as it is asked. Asked by `since` it
    /// shows too little for an audit.
    fn hangs(&mut self) {
        (self.tail_hangs, self.check, self.larger) = (true, false, None);
        self.auditing = false;
    }

    /// Lets the next session not follow: that tells what there is.
    pub fn look(&mut self) {
        (self.check, self.larger) = (true, Some(self.asked));
    }

    /// True if nothing was ever delivered, and this session, which asks for the log's end, hasn't brought anything.
    pub fn may_hang(&self) -> bool {
        let asks = self.asked.is_some_and(|records| records > 0) && self.search != Search::Line;
        asks && self.records == 0 && !self.has_delivered() && !(self.looked && self.follows)
    }

    /// The engine doesn't answer requests for the log's end.
    pub fn tail_hangs(&self) -> bool {
        self.tail_hangs
    }

    fn silent_without_place(&mut self, since: Timestamp) -> After {
        if self.follows {
            (self.looked, self.check) = (true, true);
            return After::Again;
        }
        self.hangs();
        if matches!(self.begin, Begin::First | Begin::History { .. }) {
            self.place = Place::beginning(Mark::Origin(since)); // how many of the older ones are the last few can't be told
        }
        if let Mark::Origin(origin) = self.place.halves[0].mark {
            self.begin = Begin::Restart(origin);
        }
        After::Again
    }

    /// The container has started anew, and with it the engine's view of its log.
    pub fn begin_run(&mut self) {
        (self.tail_hangs, self.looked) = (false, false);
    }
}
