//! The data plane: records in, lines into the open batch. Everything that runs once per line is here.

use docklog_protocol::{Channel, Format, Line, Record, Timestamp};

use super::Core;
use super::Rules;
use super::batch::{Batch, Source};
use super::count::Counts;
use super::exchange::{Command, Exchange, StreamId};
use super::memory::Memory;
use super::place::{Verdict, Window};
use super::stream::{FormatKnown, Phase};

impl Core {
    /// How many wire bytes of this stream may be read now. Zero: don't read; [`Core::end_turn`] may change that.
    pub fn permit(&self, id: StreamId) -> usize {
        match self.format(id) {
            Some(_) => self.memory.permit(),
            None => 0,
        }
    }

    /// The format of this stream's response; `None` until inspect has told.
    pub fn format(&self, id: StreamId) -> Option<Format> {
        let stream = &self.catalogue.get(id)?.stream;
        match stream.format {
            FormatKnown::As(format) if !stream.discarding => Some(format),
            _ => None,
        }
    }

    /// Takes a record of this stream's session.
    pub fn accept(&mut self, id: StreamId, record: Record<'_>) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let Some(window) = stream.window.as_mut() else { return };
        if stream.discarding {
            return;
        }
        if record.channel == Channel::Engine {
            return self.engine_error(id, record.text);
        }
        if !window.proves(record.channel, record.stamp.map(|stamp| stamp.time)) {
            return self.reopen_larger(id);
        }
        if !stream.fruitful {
            (stream.fruitful, stream.told, stream.trouble) = (true, false, None);
        }
        let mut delivery = Delivery {
            window,
            source: &container.source,
            rules: &self.rules,
            batch: &mut self.batch,
            counts: &mut self.counts,
        };
        stream.joiner.push(record, &mut |line| delivery.take(&line));
    }

    /// After each read of a session: what it holds in memory now. `frame`: bytes of a frame that the read has cut.
    pub fn fed(&mut self, id: StreamId, frame: usize) {
        if let Some(container) = self.catalogue.get_mut(id) {
            let stream = &mut container.stream;
            account(
                &mut self.memory,
                &mut stream.lines_held,
                &mut stream.frame_held,
                stream.joiner.held(),
                frame,
            );
        }
        self.memory.open_is(self.batch.size());
    }

    /// The session is over: its open lines leave as they are.
    pub(super) fn finish_lines(&mut self, id: StreamId) {
        self.with_lines(id, |joiner, deliver| joiner.finish(deliver));
    }

    /// Memory is short, and only open lines hold it: the longest leaves as a segment.
    pub(super) fn press(&mut self) {
        let longest = self.catalogue.iter().max_by_key(|(_, container)| container.stream.joiner.held());
        if let Some((id, _)) = longest {
            self.counts.pressed += 1;
            self.with_lines(id, |joiner, deliver| {
                joiner.flush_largest(deliver);
            });
        }
    }

    fn with_lines(
        &mut self,
        id: StreamId,
        act: impl FnOnce(&mut docklog_protocol::LineJoiner, &mut dyn FnMut(Line<'_>)),
    ) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let Some(window) = stream.window.as_mut() else { return };
        let mut delivery = Delivery {
            window,
            source: &container.source,
            rules: &self.rules,
            batch: &mut self.batch,
            counts: &mut self.counts,
        };
        act(&mut stream.joiner, &mut |line| delivery.take(&line));
        let frame = stream.frame_held;
        self.fed(id, frame);
    }

    /// A session's connection is closed: nothing is held for it any more. A line that the end has cut is not delivered;
    /// it comes again, whole.
    pub(super) fn release(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            let stream = &mut container.stream;
            for (channel, time) in stream.joiner.open_lines() {
                if let Some(window) = stream.window.as_mut() {
                    window.cut(channel, time);
                }
            }
            stream.joiner.clear();
            account(&mut self.memory, &mut stream.lines_held, &mut stream.frame_held, 0, 0);
        }
    }

    /// The window begins after lines that we don't know: close, and open a larger one.
    fn reopen_larger(&mut self, id: StreamId) {
        self.close_session(id);
        self.enqueue(id);
    }

    /// Closes a session of our own accord.
    pub(super) fn close_session(&mut self, id: StreamId) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if container.stream.phase == (Phase::Open { head: false }) {
            self.opening -= 1;
        }
        container.stream.discarding = true;
        container.stream.phase = Phase::Idle;
        self.release(id);
        self.commands.push_back(Command::Close(Exchange::Logs(id)));
    }

    fn engine_error(&mut self, id: StreamId, text: &[u8]) {
        self.counts.engine_errors += 1;
        if let Some(container) = self.catalogue.get_mut(id)
            && !container.stream.fruitful
        {
            container.stream.barred = true;
        }
        self.trouble(id, String::from_utf8_lossy(text).trim_end().to_owned());
    }
}

fn account(memory: &mut Memory, lines: &mut usize, frame: &mut usize, lines_now: usize, frame_now: usize) {
    memory.lines_changed(*lines, lines_now);
    memory.frames_changed(*frame, frame_now);
    (*lines, *frame) = (lines_now, frame_now);
}

/// Decides about whole lines of one stream, and puts those that are new into the batch.
struct Delivery<'a> {
    window: &'a mut Window,
    source: &'a std::rc::Rc<Source>,
    rules: &'a Rules,
    batch: &'a mut Batch,
    counts: &'a mut Counts,
}

impl Delivery<'_> {
    fn take(&mut self, line: &Line<'_>) {
        let time = line.stamp.map(|stamp| stamp.time);
        if self.window.judge(line.channel, time, line.segment) == Verdict::Replay {
            self.counts.replayed += 1;
        } else if self.wanted(line.channel, time) {
            self.batch.push(self.source, line);
            self.counts.lines += 1;
        } else {
            self.counts.filtered += 1;
        }
    }

    /// Channels are chosen here, not by the engine: a place needs both.
    fn wanted(&self, channel: Channel, time: Option<Timestamp>) -> bool {
        let channel = match channel {
            Channel::Stderr => self.rules.stderr,
            _ => self.rules.stdout,
        };
        channel && self.rules.until.is_none_or(|until| time.is_none_or(|time| time <= until))
    }
}
