//! Rotation: closing a session and opening the next without anyone noticing. A session has a lease, for a follow can go deaf
//! (an engine's log was truncated under it, W-98, or rotated away) and only a new one tells. Closing takes microseconds and
//! waits for nobody (W-85); where to go on is the place's business.
//!
//! The same closing serves two other ends: streams take turns when there are more of them than sessions may be open, and
//! all are rotated at once on SIGUSR1.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use docklog_protocol::Timestamp;

use super::Core;
use super::exchange::{Command, End, Exchange, StreamId};
use super::notice::Notice;
use super::reader::Reader;
use super::stream::Stream;
use super::time::Mono;
use super::timers::Timer;
use super::window::After;
use crate::limits;

impl Core {
    /// A session has been answered. It is live when its place is found; until then it is watched.
    pub(super) fn expect_place(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get(id) else { return };
        let stream = &container.stream;
        let Some(window) = stream.reader.as_ref().map(Reader::window) else { return };
        let patience = match (window.is_searching(), window.may_hang()) {
            (false, false) => return self.is_live(id),
            _ if stream.follow => limits::HISTORY_COMES,
            // One that doesn't follow has an end of its own, unless it has nothing to say.
            (_, false) => limits::PLACE,
            (_, true) => limits::ANSWER,
        };
        self.timers.set(Timer::Place(id), self.now.mono.after(patience));
    }

    /// The session has had time to show where it stands. Has it?
    pub(super) fn place_is_due(&mut self, id: StreamId) {
        let (now, may_read) = (self.now, self.permit(id) > 0);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if !stream.follow && stream.spoke {
            return self.end_is_due(id, may_read);
        }
        // What comes later than that is no history: the container writes.
        let may_be_history = now.mono.since(stream.head_at) < limits::PLACE;
        let speaks =
            stream.spoke && may_be_history && now.mono.since(stream.heard_at) < limits::HISTORY_COMES;
        if speaks || !may_read {
            // It is on its way.
            return self.timers.set(Timer::Place(id), now.mono.after(limits::HISTORY_COMES));
        }
        self.tell_gap(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let since = earlier(now.wall, now.mono.since(stream.head_at) + limits::PLACE);
        let Some(reader) = stream.reader.as_mut() else { return self.is_live(id) };
        let knew = reader.window().tail_hangs() || reader.window().has_delivered();
        let after = reader.silent(since);
        stream.short_lease |= reader.window().tail_hangs();
        if reader.window().tail_hangs() && !knew {
            self.tell(id, |name| Notice::NoEnd { name });
        }
        match after {
            After::Again => self.reopen(id),
            After::Fine => self.is_live(id),
        }
    }

    /// A session that doesn't follow has brought something, and hasn't ended: does it go on?
    fn end_is_due(&mut self, id: StreamId, may_read: bool) {
        let now = self.now.mono;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if !may_read {
            container.stream.heard_at = now; // it waits for us
        }
        // More than one span, for memory may have become free just now.
        if now.since(container.stream.heard_at) < limits::ANSWER + limits::HISTORY_COMES {
            return self.timers.set(Timer::Place(id), now.after(limits::ANSWER));
        }
        self.commands.push_back(Command::Close(Exchange::Logs(id)));
        self.session_ended(id, End::Late);
    }

    /// The session has shown where it stands: from now on it brings the present.
    pub(super) fn is_live(&mut self, id: StreamId) {
        self.timers.cancel(Timer::Place(id));
        let now = self.now;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let was_live = std::mem::replace(&mut stream.live, true);
        if !stream.follow {
            return self.timers.set(Timer::Place(id), now.mono.after(limits::ANSWER)); // it is to end
        }
        if was_live {
            return;
        }
        (stream.live_at, stream.cut_short) = (now.mono, false);
        if let Some(closed) = stream.rotated_at.take() {
            let span = u64::try_from(now.mono.since(closed).as_micros()).unwrap_or(u64::MAX);
            self.counts.rotating += span;
            self.counts.rotating_most = self.counts.rotating_most.max(span);
        }
        let Some(lease) = self.lease(id) else { return };
        self.timers.set(Timer::Lease(id), now.mono.after(lease));
    }

    /// How long this session may last. Of the first lease a half is left to chance, of others a tenth, so that streams that
    /// were opened together aren't rotated together.
    fn lease(&mut self, id: StreamId) -> Option<Duration> {
        let full = self.rules.rotate_every?;
        let stream = &mut self.catalogue.get_mut(id)?.stream;
        let full = if stream.short_lease { full.min(limits::SHORT_LEASE) } else { full };
        let part = if std::mem::replace(&mut stream.leased, true) { 0.1 } else { 0.5 };
        Some(full - full.mul_f64(part * self.chance.fraction()))
    }

    /// Its lease is over.
    pub(super) fn lease_is_over(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get(id).filter(|container| container.stream.is_following())
        else {
            return;
        };
        if !container.running || container.stream.is_amid(self.now.mono) || self.permit(id) == 0 {
            // Its container has ended, and it is about to; or what it has to say is on its way, or waits for memory.
            return self.timers.set(Timer::Lease(id), self.now.mono.after(limits::HISTORY_COMES));
        }
        let worth_until = container.stream.worth_until;
        if worth_until > self.now.mono {
            return self.timers.set(Timer::Lease(id), worth_until);
        }
        self.rotate(id);
    }

    /// Leases of another length hold: for sessions that are open, too.
    pub(super) fn renew_leases(&mut self) {
        for id in self.catalogue.streams() {
            self.timers.cancel(Timer::Lease(id));
            let is_live = |container: &super::catalogue::Container| {
                container.stream.live && container.stream.is_following()
            };
            if let Some(lease) = self.catalogue.get(id).is_some_and(is_live).then(|| self.lease(id)).flatten()
            {
                self.timers.set(Timer::Lease(id), self.now.mono.after(lease));
            }
        }
    }

    /// Rotates every stream that follows.
    pub(super) fn rotate_all(&mut self) {
        let now = self.now.mono;
        for id in self.catalogue.streams() {
            if self.catalogue.get(id).is_some_and(|container| container.stream.is_amid(now)) {
                self.timers.set(Timer::Lease(id), now.after(limits::HISTORY_COMES));
            } else {
                self.rotate(id);
            }
        }
    }

    fn rotate(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if !stream.is_following() || !stream.live || !container.running {
            return; // it has just been opened, or is about to end
        }
        stream.rotated_at = Some(self.now.mono);
        stream.overdue_before = Some(earlier(self.now.wall, limits::OVERDUE));
        stream.tally.rotations = stream.tally.rotations.saturating_add(1);
        self.counts.rotations += 1;
        self.reopen(id);
    }

    /// Closes the session, and puts the stream into the queue for the next.
    pub(super) fn reopen(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id)
            && container.stream.live
        {
            // What comes now, and is removed before the next session, is missing.
            (container.stream.caught, container.stream.cut_short) = (true, true);
        }
        self.close_session(id);
        self.enqueue(id);
    }

    /// Streams wait, and no more sessions may be open: those that have had their turn give way, the quietest first.
    pub(super) fn make_room(&mut self) {
        let now = self.now.mono;
        let mut ready: BinaryHeap<_> = self
            .catalogue
            .iter()
            .filter(|(_, container)| {
                let stream = &container.stream;
                let had_its_turn = stream.live && now.since(stream.live_at) >= limits::TURN;
                stream.is_following() && had_its_turn && !stream.is_amid(now)
            })
            .map(|(id, container)| Reverse((container.stream.heard_at, id)))
            .collect();
        for _ in 0..self.queue.len().min(limits::OPENS_PER_TURN) {
            let Some(Reverse((_, id))) = ready.pop() else { break };
            self.counts.yields += 1;
            self.reopen(id);
            self.timers.set(Timer::Opens, now);
        }
        self.timers.set(Timer::Yield, now.after(limits::TURN / 4));
    }

    /// No descriptor is left for another session: those that are open must do, until the next comparison with the list.
    pub(super) fn no_descriptor(&mut self, id: StreamId) {
        self.say_descriptors();
        if self.sessions == 0 {
            return self.fail(id);
        }
        self.room = self.sessions;
        self.enqueue(id);
    }
}

/// Podman searches all of its log for each session (W-28), and finds the last line at its end. So that it isn't busy with searching, a
/// session lasts in proportion to that.
impl Stream {
    /// A session is asked for.
    pub(super) fn begin_search(&mut self, now: Mono, by_time: bool) {
        self.asked_at = now;
        self.worth_until = if by_time { now.after(limits::LONGEST_SEARCH) } else { Mono::default() };
    }

    /// Its first record has come.
    pub(super) fn end_search(&mut self, now: Mono) {
        let worth = now.since(self.asked_at).saturating_mul(limits::LEASE_PER_SEARCH);
        self.worth_until = self.worth_until.min(self.asked_at.after(worth));
    }
}

/// A point in time before another.
pub(super) fn earlier(time: Timestamp, span: Duration) -> Timestamp {
    let span = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_unix_nanos(time.unix_nanos().saturating_sub(span))
}
