//! What happens to streams for which there is no memory. A follow that isn't read lags inside the engine, and an engine whose
//! log files are rotated meanwhile skips what the follow hasn't got, without a word (W-96). So a stream that has waited a
//! moment for memory is closed: the engine's own files keep its lines. When there is memory again it catches up by sessions
//! that don't follow, a few streams at a time (such a session is a consistent view of the files, without holes), and
//! follows again when one has ended.

use super::Core;
use super::exchange::StreamId;
use super::stream::Phase;
use super::timers::Timer;
use crate::limits;

impl Core {
    /// This stream has bytes to be read, but no permit. If that is not for want of memory, it only waits for its format.
    pub fn starved(&mut self, id: StreamId) {
        if self.rules.no_follow || self.exit.is_some() || self.memory.permit() > 0 {
            return;
        }
        let Some(container) = self.catalogue.get_mut(id) else { return };
        container.stream.starved = true;
        let at = self.now.mono.after(limits::PARK);
        if self.timers.at(Timer::Park).is_none_or(|before| before > at) {
            self.timers.set(Timer::Park, at);
        }
    }

    /// Whoever still waits for memory is closed: follows at once, other sessions when they grow old, for as long as one is
    /// open the engine can't delete its files.
    pub(super) fn park(&mut self) {
        let now = self.now.mono;
        let starving = self.memory.permit() == 0;
        let mut waiting = false;
        for id in self.catalogue.streams() {
            let Some(container) = self.catalogue.get_mut(id) else { continue };
            let stream = &mut container.stream;
            if !std::mem::take(&mut stream.starved) || !starving {
                continue;
            }
            if stream.is_following() || now.since(stream.head_at) >= limits::SNAPSHOT {
                self.counts.parked += 1;
                self.park_one(id);
            } else {
                (stream.starved, waiting) = (true, true);
            }
        }
        if waiting {
            self.timers.set(Timer::Park, now.after(limits::SNAPSHOT));
        }
    }

    fn park_one(&mut self, id: StreamId) {
        self.close_session(id);
        self.has_caught_up(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        (stream.phase, stream.behind, stream.cut_short) = (Phase::Parked, true, true);
        self.parked.push_back(id);
    }

    /// There may be memory again: some go on.
    pub(super) fn unpark(&mut self) {
        while !self.parked.is_empty()
            && self.catching_up < limits::CATCHING_UP
            && self.memory.permit() > 0
            && self.memory.outgoing() <= self.memory.limit() / 2
        {
            let Some(id) = self.parked.pop_front() else { return };
            let Some(container) = self.catalogue.get_mut(id) else { continue };
            if container.stream.phase == Phase::Parked {
                container.stream.catching_up = true;
                self.catching_up += 1;
                self.enqueue(id);
            }
        }
    }

    /// It has caught up, or is being closed.
    pub(super) fn has_caught_up(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id)
            && std::mem::take(&mut container.stream.catching_up)
        {
            self.catching_up -= 1;
        }
    }
}
