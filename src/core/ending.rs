//! What follows from a session's end, from a container's end, and from both.

use std::time::Duration;

use docklog_protocol::Refusal;

use super::Core;
use super::exchange::{Command, ConnectError, End, Exchange, StreamId};
use super::notice::Notice;
use super::retry;
use super::stream::Phase;
use super::timers::Timer;
use super::window::After;
use crate::limits;

/// The container is removed, or about to be (W-90).
fn is_gone(refusal: &Refusal) -> bool {
    matches!(refusal.status, 404 | 409)
}

impl Core {
    /// A session has ended; its connection is closed.
    pub(super) fn session_ended(&mut self, id: StreamId, end: End) {
        if self.catalogue.get(id).is_none_or(|container| container.stream.discarding) {
            return; // core has closed it before
        }
        self.session_is_over(id);
        self.tell_gap(id);
        self.note_end(id, &end);
        if end == End::Complete && self.has_not_shown_its_place(id) {
            if let Some(container) = self.catalogue.get_mut(id) {
                container.stream.cut_short = true; // until the next one shows it
            }
            self.release(id);
            return self.enqueue(id);
        }
        // Open lines wait: another session may bring their rest. Those of the session before have lost nothing by this one.
        let reader = self.catalogue.get(id).and_then(|container| container.stream.reader.as_ref());
        let old = reader.is_some_and(super::reader::Reader::has_old_lines);
        if end == End::Complete || old {
            self.release_frame(id);
        } else {
            self.release(id);
        }
        match end {
            End::Complete => self.session_complete(id),
            End::Refused(refusal) => self.session_refused(id, &refusal),
            End::Unconnected(ConnectError::Busy) => self.wait_for_backlog(id),
            End::Unconnected(ConnectError::Descriptors) => self.no_descriptor(id),
            End::Unconnected(error) if self.rules.no_follow => {
                self.lose_by(End::Unconnected(error), "a log request")
            }
            End::Unconnected(_) => self.fail(id),
            End::Truncated | End::Late => {
                self.counts.truncated += 1;
                self.count_error(id);
                self.trouble(id, "the connection ended in the middle of its answer".to_owned());
                self.fail(id);
            }
            End::Broken(error) => {
                self.counts.broken += 1;
                self.count_error(id);
                self.trouble(id, format!("its answer can't be understood: {error}"));
                self.fail(id);
            }
        }
    }

    /// A whole session that hasn't brought the line it was searched for asks for another, in which all is searched, or
    /// for the next, if finding that line was all it was for. Not if the engine couldn't read the log.
    fn has_not_shown_its_place(&mut self, id: StreamId) -> bool {
        let Some(container) = self.catalogue.get_mut(id) else { return false };
        let stream = &mut container.stream;
        let Some(reader) = stream.reader.as_mut().filter(|_| !stream.barred) else { return false };
        let lost = reader.window().is_lost();
        let again = reader.complete() == After::Again;
        if !lost && reader.window().is_lost() {
            self.counts.lost_places += 1;
            stream.short_lease = true;
            let name = container.source.name.clone();
            self.say(Notice::PlaceLost { name });
        }
        again
    }

    /// What a session's end says about the stream.
    fn note_end(&mut self, id: StreamId, end: &End) {
        let follow = !self.rules.no_follow;
        let now = self.now.mono;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let headed = stream.phase == (Phase::Open { head: true });
        let complete = *end == End::Complete;
        let long = headed && now.since(stream.head_at) >= limits::HISTORY_COMES;
        stream.phase = Phase::Idle;
        if !matches!(end, End::Refused(refusal) if is_gone(refusal)) {
            stream.complete = complete; // that it is gone takes nothing back
        }
        if stream.progress || long {
            (stream.attempt, stream.told, stream.trouble) = (0, false, None);
        }
        let empty = headed && !stream.spoke;
        let may_be_empty = stream.reader.as_ref().is_some_and(|reader| reader.window().may_be_empty());
        if empty
            && complete
            && !long
            && follow
            && !may_be_empty
            && !std::mem::replace(&mut stream.doubted, true)
        {
            // Nothing, and at once. An engine that is removing a container may make its log anew, empty, only because
            // it is asked for it; that must not pass for the truth, unless it is so again.
            stream.barred = true;
            stream.trouble.get_or_insert_with(|| "its log was empty by then (or always was)".to_owned());
        }
        let refused = matches!(end, End::Refused(_)); // Podman may do so after its 200 (W-26)
        stream.caught |= headed && !stream.barred && !refused;
        match end {
            End::Complete if !stream.barred => stream.cut_short = false,
            End::Truncated | End::Late | End::Broken(_) => stream.cut_short |= headed,
            _ => {}
        }
        if empty
            && (complete || long)
            && !stream.barred
            && let Some(reader) = stream.reader.as_mut()
        {
            reader.window_mut().was_empty();
        }
    }

    fn session_complete(&mut self, id: StreamId) {
        let follow = !self.rules.no_follow;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let present = !stream.follow && !stream.barred && (container.running || stream.ran) && follow;
        stream.behind &= stream.barred;
        if present {
            // It was only to catch up: what comes now is the present.
            self.has_caught_up(id);
            return self.enqueue(id);
        }
        if stream.barred && !container.running && stream.attempt >= limits::TRIES {
            self.give_up(id);
        } else if stream.barred {
            self.fail(id);
        } else if stream.again && follow {
            // A restart ends a session (W-91).
            stream.caught &= !stream.restarted; // another run is another matter
            self.enqueue(id);
        } else if (container.running && follow) || stream.owes_a_look() {
            // The `die` event is still on its way (W-87); or the engine gave up on a log it can't read on (W-89); or the
            // container has ended: then, once more without following (W-99).
            let span = retry::pause(stream.attempt, &mut self.chance).max(limits::DIE_MAY_FOLLOW);
            stream.attempt = stream.attempt.saturating_add(1);
            self.wait(id, span);
        } else {
            self.rest(id);
        }
    }

    fn session_refused(&mut self, id: StreamId, refusal: &Refusal) {
        let message = refusal.message.clone();
        let Some(container) = self.catalogue.get_mut(id) else { return };
        match refusal.status {
            _ if is_gone(refusal)
                && (!container.running || container.stream.caught || refusal.status == 409) =>
            {
                container.gone = true;
                self.rest(id);
            }
            403 => self.never(id, |name| Notice::Forbidden { name, message }),
            501 => self.never(id, |name| Notice::Unreadable { name, message }),
            // What engines of old, and Podman, say with 500 (W-65).
            _ if ["does not support reading", "cannot read logs"]
                .iter()
                .any(|said| message.contains(said)) =>
            {
                self.never(id, |name| Notice::Unreadable { name, message });
            }
            // Also a container that isn't there, as somebody says (a proxy?), but has not died, as far as we were told.
            status => {
                self.trouble(id, format!("HTTP {status}: {message}"));
                self.fail(id);
            }
        }
    }

    /// Its log can't be read, now or later (W-65): say so, once.
    fn never(&mut self, id: StreamId, notice: impl FnOnce(String) -> Notice) {
        self.counts.unreadable += 1;
        self.tell(id, notice);
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.phase = Phase::Never;
            container.stream.caught = true; // it was not missed: we know why there is nothing
        }
        self.rest(id);
    }

    /// Its log can't be read now: leave it until the container starts again.
    fn give_up(&mut self, id: StreamId) {
        self.counts.unreadable += 1;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        container.stream.caught = true;
        let message =
            container.stream.trouble.clone().unwrap_or_else(|| "the engine doesn't answer".to_owned());
        self.tell(id, |name| Notice::Unreadable { name, message });
        self.failed |= self.rules.no_follow;
        self.rest(id);
    }

    /// The session failed, and lines may be left: again, ever more slowly, or when the engine is back.
    pub(super) fn fail(&mut self, id: StreamId) {
        self.has_caught_up(id); // others may; it goes on all the same
        let link_up = self.link.is_up();
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        stream.rotated_at = None; // what is late now is not the fault of the session before
        if self.rules.no_follow && stream.attempt >= limits::TRIES {
            return self.give_up(id);
        }
        let mut span = retry::pause(stream.attempt, &mut self.chance);
        if !container.running || stream.trouble.is_some() {
            // It may be on its way out. Asking meanwhile could make its log anew, which hinders the removal (seen: 20.10).
            span = span.max(limits::DIE_MAY_FOLLOW);
        }
        stream.attempt = stream.attempt.saturating_add(1);
        if link_up {
            self.wait(id, span);
        } else {
            stream.phase = Phase::ForEngine;
        }
    }

    fn wait_for_backlog(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let span = retry::backlog(container.stream.backlog);
        container.stream.backlog = container.stream.backlog.saturating_add(1);
        self.wait(id, span);
    }

    fn wait(&mut self, id: StreamId, span: Duration) {
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.phase = Phase::Waiting;
            self.timers.set(Timer::Open(id), self.now.mono.after(span));
        }
    }

    /// Nothing more to read for now: the container doesn't run. What is open was its last word.
    fn rest(&mut self, id: StreamId) {
        self.timers.cancel(Timer::Open(id));
        self.has_caught_up(id);
        self.finish_lines(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if stream.phase != Phase::Never {
            stream.phase = Phase::Idle;
        }
        if container.gone {
            self.forget(id);
        } else if stream.complete && stream.started {
            (stream.caught, stream.joined, stream.started) = (false, false, false);
            let name = container.source.name.clone();
            self.say(Notice::Left { name, gone: false });
        }
    }

    /// The container doesn't run any more. A session that is open goes on to its end: the last lines are the crash.
    pub(super) fn stopped(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        container.running = false;
        let stream = &mut container.stream;
        if stream.is_following() {
            stream.heard = false;
            self.timers.set(Timer::Deaf(id), self.now.mono.after(limits::END_COMES));
        } else if stream.phase == Phase::Waiting && stream.complete && !stream.barred && !stream.owes_a_look()
        {
            self.rest(id);
        }
    }

    /// The container ended a while ago, its session didn't. If it has been silent since, the engine has forgotten it: close
    /// it, and look without following. If it wasn't, or we don't read at present, wait on.
    pub(super) fn perhaps_deaf(&mut self, id: StreamId) {
        let may_read = self.permit(id) > 0;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if container.running || !stream.is_following() {
            return;
        }
        if std::mem::take(&mut stream.heard) || !may_read {
            self.timers.set(Timer::Deaf(id), self.now.mono.after(limits::END_COMES));
            return;
        }
        self.counts.deaf += 1;
        self.reopen(id);
    }

    /// The container was removed.
    pub(super) fn removed(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        (container.running, container.gone) = (false, true);
        let waits_for_nothing = container.stream.phase == Phase::Waiting && container.stream.complete;
        if container.stream.is_at_rest() || waits_for_nothing {
            self.forget(id);
        } else if container.stream.is_following() {
            self.timers.set(Timer::Deaf(id), self.now.mono.after(limits::END_COMES));
        }
    }

    pub(super) fn forget(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            // Its rest was still to come.
            container.stream.cut_short |=
                container.stream.reader.as_ref().is_some_and(super::reader::Reader::is_open);
        }
        self.finish_lines(id);
        self.release(id);
        self.session_is_over(id);
        self.has_caught_up(id);
        self.cancel_timers(id);
        let Some(container) = self.catalogue.remove(id) else { return };
        if let (false, Some(place)) = (container.destroyed, &container.stream.settled) {
            // Should the list show it again.
            self.saved.put_back(container.source.id, **place, &container.stream.ahead, &self.rules.sinks);
        }
        self.commands.push_back(Command::Close(Exchange::Inspect(id)));
        let stream = container.stream;
        if !stream.started {
            return; // nothing was to be had from it
        }
        let (name, hex) = (container.source.name.clone(), container.source.id.to_string());
        let short = hex[..12].to_owned();
        if !stream.caught {
            self.counts.missed += 1;
            let total = self.counts.missed;
            self.say(Notice::Missed { name, id: short, total, reason: stream.trouble });
        } else if stream.cut_short {
            self.say(Notice::CutShort { name, id: short });
        } else {
            self.say(Notice::Left { name, gone: true });
        }
    }

    fn count_error(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            container.stream.tally.errors = container.stream.tally.errors.saturating_add(1);
        }
    }

    /// Notes what went wrong, and tells it if that is the second time.
    pub(super) fn trouble(&mut self, id: StreamId, detail: String) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if container.stream.trouble.replace(detail.clone()).is_some() {
            self.tell(id, |name| Notice::LogTrouble { name, detail });
        }
    }

    /// Says something about a stream unless it has been told already.
    pub(super) fn tell(&mut self, id: StreamId, notice: impl FnOnce(String) -> Notice) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if !std::mem::replace(&mut container.stream.told, true) {
            let name = container.source.name.clone();
            self.say(notice(name));
        }
    }

    /// Descriptors ran out: said once per run, for it concerns all streams.
    pub(super) fn say_descriptors(&mut self) {
        if !std::mem::replace(&mut self.descriptors_told, true) {
            self.say(Notice::Descriptors);
        }
    }
}
