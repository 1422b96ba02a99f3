//! The one list of deadlines. Each has a name, so that every wake-up of the process has a reason.

use std::collections::{BTreeSet, HashMap};

use super::exchange::{Exchange, StreamId};
use super::time::Mono;

/// What is to happen at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Ask the engine again: it was unreachable, or its events ended.
    Engine,
    /// An answer is overdue.
    Answer(Exchange),
    /// Ask this again: the engine's backlog was full.
    Ask(Exchange),
    /// Open this stream's next session.
    Open(StreamId),
    /// This stream's container has ended: has its session, too?
    Deaf(StreamId),
    /// This stream's session has had time to show where it stands.
    Place(StreamId),
    /// This stream's session has lasted long enough: rotate it.
    Lease(StreamId),
    /// Streams wait for a session: somebody's turn may be over.
    Yield,
    /// There was no memory for what streams have to say: there still isn't any?
    Park,
    /// Lines that wait for a sink, for more of them, have waited long enough.
    Batch,
    /// Places have changed: write the checkpoint.
    Save,
    /// Tell the service manager that the loop turns.
    Watchdog,
    /// Compare the catalogue with the engine's list.
    Reconcile,
    /// More streams wait to be opened than one turn may open.
    Opens,
    /// `--until` has come.
    Until,
    /// The time to flush is over.
    Stop,
}

/// A set of deadlines, at most one per [`Timer`].
#[derive(Debug, Default)]
pub struct Timers {
    queue: BTreeSet<(Mono, Timer)>,
    set: HashMap<Timer, Mono>,
}

impl Timers {
    /// Sets or moves a deadline.
    pub fn set(&mut self, timer: Timer, at: Mono) {
        if let Some(before) = self.set.insert(timer, at) {
            self.queue.remove(&(before, timer));
        }
        self.queue.insert((at, timer));
    }

    /// Forgets a deadline, if there is one.
    pub fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.set.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// When this deadline is, if there is one.
    pub fn at(&self, timer: Timer) -> Option<Mono> {
        self.set.get(&timer).copied()
    }

    /// Takes the next deadline that has come.
    pub fn due(&mut self, now: Mono) -> Option<Timer> {
        let &(at, timer) = self.queue.first()?;
        (at <= now).then(|| {
            self.cancel(timer);
            timer
        })
    }

    /// The next deadline and what it is for.
    pub fn next(&self) -> Option<(Mono, Timer)> {
        self.queue.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_has_one_deadline_and_fires_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Engine, Mono(30));
        timers.set(Timer::Reconcile, Mono(20));
        timers.set(Timer::Engine, Mono(10));
        assert_eq!(timers.next(), Some((Mono(10), Timer::Engine)));
        assert_eq!(timers.due(Mono(9)), None);
        assert_eq!(timers.due(Mono(25)), Some(Timer::Engine));
        assert_eq!(timers.due(Mono(25)), Some(Timer::Reconcile));
        assert_eq!(timers.due(Mono(100)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_cancelled_timer_is_gone() {
        let mut timers = Timers::default();
        timers.set(Timer::Until, Mono(5));
        timers.cancel(Timer::Until);
        timers.cancel(Timer::Until);
        assert_eq!(timers.due(Mono(9)), None);
    }
}
