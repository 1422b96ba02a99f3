//! The data plane: records in, lines into the open batch. Everything that runs once per line is here.

use docklog_protocol::{Channel, Format, Line, Record, Segment, Timestamp};

use super::Core;
use super::Rules;
use super::batch::{Batch, Source};
use super::count::Counts;
use super::exchange::{Command, Exchange, StreamId};
use super::memory::Memory;
use super::notice::Notice;
use super::place::{Verdict, Window};
use super::stream::{FormatKnown, Phase};
use super::timers::Timer;
use crate::limits;

impl Core {
    /// How many wire bytes of this stream may be read now. Zero: don't read; the end of a turn may change that.
    pub fn permit(&self, id: StreamId) -> usize {
        match self.memory.permit() {
            _ if self.exit.is_some() || self.format(id).is_none() => 0,
            0 if self.favoured == Some(id) => limits::LAST_PERMIT,
            bytes => bytes,
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
        if std::mem::take(&mut stream.lines_are_old) {
            stream.joiner.clear();
        }
        (stream.spoke, stream.heard) = (true, true);
        let mut delivery = Delivery {
            window,
            source: &container.source,
            rules: &self.rules,
            batch: &mut self.batch,
            counts: &mut self.counts,
            progress: &mut stream.progress,
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

    /// Sees to it that memory comes back when nothing is on its way out.
    pub(super) fn unstick(&mut self) {
        self.favoured = None;
        if self.memory.only_lines_left() {
            self.press();
        } else if self.memory.only_frames_left() {
            let longest = self.catalogue.iter().max_by_key(|(_, container)| container.stream.frame_held);
            self.favoured = longest.map(|(id, _)| id);
        }
    }

    /// Memory is short, and only open lines hold it: the longest leaves as a segment.
    fn press(&mut self) {
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
        if stream.lines_are_old {
            window.goes_on_with_old_lines();
        }
        let mut delivery = Delivery {
            window,
            source: &container.source,
            rules: &self.rules,
            batch: &mut self.batch,
            counts: &mut self.counts,
            progress: &mut stream.progress,
        };
        act(&mut stream.joiner, &mut |line| delivery.take(&line));
        let frame = stream.frame_held;
        self.fed(id, frame);
    }

    /// A session's connection is closed before its end: nothing is held for it any more. A line that was cut by that is not
    /// delivered; it comes again, whole.
    pub(super) fn release(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id) {
            let stream = &mut container.stream;
            for (channel, time) in stream.joiner.open_lines() {
                if let Some(window) = stream.window.as_mut() {
                    window.cut(channel, time);
                }
            }
            stream.joiner.clear();
        }
        self.release_frame(id);
    }

    /// A session is over: no frame is cut any more.
    pub(super) fn release_frame(&mut self, id: StreamId) {
        self.fed(id, 0);
    }

    /// The window begins after lines that we don't know: close, and open a larger one.
    fn reopen_larger(&mut self, id: StreamId) {
        self.close_session(id);
        self.enqueue(id);
    }

    /// Closes a session of our own accord.
    pub(super) fn close_session(&mut self, id: StreamId) {
        self.leave_place(id);
        self.timers.cancel(Timer::Answer(Exchange::Logs(id)));
        let Some(container) = self.catalogue.get_mut(id) else { return };
        (container.stream.discarding, container.stream.phase) = (true, Phase::Idle);
        self.release(id);
        self.commands.push_back(Command::Close(Exchange::Logs(id)));
    }

    fn engine_error(&mut self, id: StreamId, text: &[u8]) {
        self.counts.engine_errors += 1;
        let text = String::from_utf8_lossy(text).trim_end().to_owned();
        let Some(container) = self.catalogue.get_mut(id) else { return };
        if container.stream.spoke {
            return self.tell(id, |name| Notice::LogTrouble { name, detail: text });
        }
        container.stream.barred = true;
        self.trouble(id, text);
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
    progress: &'a mut bool,
}

impl Delivery<'_> {
    fn take(&mut self, line: &Line<'_>) {
        let time = line.stamp.map(|stamp| stamp.time);
        let line = match self.window.judge(line.channel, time, line.segment, line.text.len()) {
            Verdict::Deliver => *line,
            Verdict::Rest { skip, number } => {
                let last = line.segment.is_none_or(|segment| segment.last);
                Line { text: &line.text[skip..], segment: Some(Segment { number, last }), ..*line }
            }
            Verdict::Replay => {
                self.counts.replayed += 1;
                return;
            }
        };
        *self.progress = true;
        if self.wanted(line.channel, time) {
            self.batch.push(self.source, &line);
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
