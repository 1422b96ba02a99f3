//! The data plane: records in, lines into the open batch. What runs once per line is [`Intake`], what runs once per read around it.

use std::time::Duration;

use docklog_protocol::{Channel, Format, Line, Record, Timestamp};

use super::Core;
use super::Rules;
use super::audit::{self, Live, Watch};
use super::count::Counts;
use super::exchange::{Command, Exchange, StreamId};
use super::memory::Memory;
use super::notice::Notice;
use super::reader::{News, Reader};
use super::sinks::Hand;
use super::stream::{FormatKnown, Phase};
use super::tally::Tally;
use super::time::{Now, latest};
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

    /// Takes what `read` passes on: the records of one read of this stream's session. Returns how many were of use, too.
    pub fn take<T>(&mut self, id: StreamId, read: impl FnOnce(&mut dyn FnMut(Record<'_>)) -> T) -> (T, u32) {
        let wanted = self.catalogue.get(id).is_some_and(|container| !container.stream.discarding);
        let Some(mut intake) = self.intake(id).filter(|_| wanted) else {
            return (read(&mut |_| {}), 0);
        };
        let result = read(&mut |record| intake.take(record));
        let came = intake.came;
        let records = came.records;
        self.after_read(id, came);
        (result, records)
    }

    fn intake(&mut self, id: StreamId) -> Option<Intake<'_>> {
        let container = self.catalogue.get_mut(id)?;
        let stream = &mut container.stream;
        // A head is told after the records that came with it.
        let headed = stream.phase == Phase::Open { head: true };
        let since = if headed { stream.head_at } else { self.now.mono };
        Some(Intake {
            reader: stream.reader.as_mut()?,
            watch: stream.watch.as_deref_mut(),
            follow: stream.follow.then_some(Live { since, held: self.held }),
            now: self.now,
            came: Came { live: stream.live, gaps_before: self.counts.gaps, ..Came::default() },
            delivery: Delivery {
                hand: Hand {
                    sinks: &mut self.sinks,
                    rules: &self.rules.sinks,
                    wanted: container.wanted,
                    ahead: &mut stream.ahead,
                    source: &container.source,
                    epoch: self.progress.open(),
                    now: self.now.mono,
                    limit: self.memory.limit(),
                },
                rules: &self.rules,
                counts: &mut self.counts,
                tally: &mut stream.tally,
                progress: &mut stream.progress,
                overdue_before: stream.overdue_before,
            },
        })
    }

    /// Sees to what the records of a read have brought beside lines.
    fn after_read(&mut self, id: StreamId, came: Came) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        let spoke = stream.spoke;
        if came.records > 0 {
            if !spoke {
                stream.end_search(self.now.mono);
            }
            (stream.spoke, stream.heard) = (true, true);
            self.heard = came.last;
        }
        let turned_live = came.live && !stream.live;
        if let Some(errors) = came.errors {
            self.engine_errors(id, errors, spoke);
        }
        self.say_gap(id, came.gaps_before);
        if turned_live {
            self.is_live(id);
        }
        match came.ends {
            Some(Ends::Reopen) => self.reopen(id),
            Some(Ends::Audit) => self.audit(id),
            None => {}
        }
    }

    /// How old the record was that was accepted last, at the least; counted once.
    pub fn age(&mut self) -> Duration {
        self.heard.take().map_or(Duration::ZERO, |time| least_age(time, self.now.wall))
    }

    /// After each read of a session: what it holds in memory now. `frame`: bytes of a frame that the read has cut.
    pub fn fed(&mut self, id: StreamId, frame: usize) {
        if let Some(container) = self.catalogue.get_mut(id) {
            let stream = &mut container.stream;
            let frame = if stream.discarding { 0 } else { frame };
            let held = stream.reader.as_ref().map_or(0, Reader::held);
            account(&mut self.memory, &mut stream.lines_held, &mut stream.frame_held, held, frame);
            (stream.starved, stream.heard_at) = (false, self.now.mono);
            if stream.tally.has_news() {
                let last = stream.reader.as_ref().and_then(Reader::last_time);
                let live_for = match stream.is_current() {
                    true => self.now.mono.since(stream.live_at),
                    false => Duration::ZERO,
                };
                stream.tally.heard(last, live_for, self.now);
            }
        }
        self.moved(id);
        self.account_sinks();
    }

    /// The session is over: its open lines leave as they are.
    pub(super) fn finish_lines(&mut self, id: StreamId) {
        self.with_lines(id, |reader, deliver| reader.finish(deliver));
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
        let longest = self.catalogue.iter().max_by_key(|(_, container)| container.stream.lines_held);
        if let Some((id, _)) = longest {
            self.counts.pressed += 1;
            self.with_lines(id, |reader, deliver| reader.flush_largest(deliver));
        }
    }

    fn with_lines(&mut self, id: StreamId, act: impl FnOnce(&mut Reader, &mut dyn FnMut(News<'_>))) {
        let Some(Intake { reader, mut delivery, came, .. }) = self.intake(id) else { return };
        delivery.overdue_before = None;
        act(reader, &mut |news| delivery.take(news));
        self.say_gap(id, came.gaps_before);
        let frame = self.catalogue.get(id).map_or(0, |container| container.stream.frame_held);
        self.fed(id, frame);
    }

    /// Says that lines are missing, if that has turned out since there were so many gaps.
    fn say_gap(&mut self, id: StreamId, before: u64) {
        if self.counts.gaps > before
            && let Some(container) = self.catalogue.get(id)
        {
            let name = container.source.name.clone();
            self.say(Notice::Gap { name });
        }
    }

    /// Tells of lines that are known to be missing, though no line follows them yet.
    pub(super) fn tell_gap(&mut self, id: StreamId) {
        self.with_lines(id, |reader, deliver| {
            if let Some(gap) = reader.take_gap() {
                deliver(News::Gap(gap));
            }
        });
    }

    /// A session's connection is closed before its end: nothing is held for it any more. A line that was cut by that is not
    /// delivered; it comes again, whole.
    pub(super) fn release(&mut self, id: StreamId) {
        if let Some(container) = self.catalogue.get_mut(id)
            && let Some(reader) = container.stream.reader.as_mut()
        {
            reader.cut();
        }
        self.release_frame(id);
    }

    /// A session is over: no frame is cut any more.
    pub(super) fn release_frame(&mut self, id: StreamId) {
        self.fed(id, 0);
    }

    /// Closes a session of our own accord.
    pub(super) fn close_session(&mut self, id: StreamId) {
        self.session_is_over(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        (container.stream.discarding, container.stream.phase) = (true, Phase::Idle);
        self.release(id);
        self.commands.push_back(Command::Close(Exchange::Logs(id)));
    }

    /// The engine has told of errors in place of lines. `spoke`: the session had brought records before this read.
    fn engine_errors(&mut self, id: StreamId, errors: Errors, spoke: bool) {
        self.counts.engine_errors += u64::from(errors.number);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        stream.tally.errors = stream.tally.errors.saturating_add(errors.number);
        if spoke || errors.after_records {
            return self.tell(id, |name| Notice::LogTrouble { name, detail: errors.first });
        }
        stream.barred = true;
        self.trouble(id, errors.first);
    }
}

/// Takes the records of one read. What concerns more than this stream's lines waits until the read is over.
struct Intake<'a> {
    reader: &'a mut Reader,
    watch: Option<&'a mut Watch>,
    /// Of a session that follows: what audits must know of it.
    follow: Option<Live>,
    now: Now,
    delivery: Delivery<'a>,
    came: Came,
}

/// What the records of a read have brought beside lines.
#[derive(Debug, Default)]
struct Came {
    records: u32,
    /// The time of the last record.
    last: Option<Timestamp>,
    /// The session brings the present by now.
    live: bool,
    /// Gaps that had been told before the read.
    gaps_before: u64,
    errors: Option<Errors>,
    /// Nothing that follows is taken.
    ends: Option<Ends>,
}

/// What the engine has said in place of lines.
#[derive(Debug)]
struct Errors {
    number: u32,
    first: String,
    /// Records had come before the first.
    after_records: bool,
}

/// Why no more of a session is taken.
#[derive(Debug)]
enum Ends {
    /// It can't show where the stream stands.
    Reopen,
    /// The log is to be compared with what was delivered.
    Audit,
}

impl Intake<'_> {
    /// Takes the session's next record.
    fn take(&mut self, record: Record<'_>) {
        if self.came.ends.is_some() {
            return;
        }
        if record.channel == Channel::Engine {
            return self.error(record.text);
        }
        self.came.records += 1;
        self.came.last = record.stamp.map(|stamp| stamp.time);
        let live = self.follow.filter(|_| self.came.live);
        let window = self.reader.window_mut();
        let due =
            self.watch.as_mut().is_some_and(|watch| audit::note(watch, window, &record, self.now, live));
        let delivery = &mut self.delivery;
        if !self.reader.take(record, &mut |news| delivery.take(news)) {
            self.came.ends = Some(Ends::Reopen);
        } else if !self.came.live {
            self.came.live = !self.reader.window().is_searching();
        } else if due
            && let Some(watch) = self.watch.as_mut()
            && !audit::count_anew(watch, self.reader.window_mut(), self.now.mono)
        {
            self.came.ends = Some(Ends::Audit);
        }
    }

    fn error(&mut self, text: &[u8]) {
        let after_records = self.came.records > 0;
        let errors = self.came.errors.get_or_insert_with(|| Errors {
            number: 0,
            first: String::from_utf8_lossy(text).trim_end().to_owned(),
            after_records,
        });
        errors.number += 1;
    }
}

/// How long ago this was, at the least.
fn least_age(time: Timestamp, now: Timestamp) -> Duration {
    let age = now.unix_nanos().saturating_sub(latest(time).unix_nanos());
    Duration::from_nanos(u64::try_from(age).unwrap_or_default())
}

fn account(memory: &mut Memory, lines: &mut usize, frame: &mut usize, lines_now: usize, frame_now: usize) {
    memory.lines_changed(*lines, lines_now);
    memory.frames_changed(*frame, frame_now);
    (*lines, *frame) = (lines_now, frame_now);
}

/// Hands the new lines of one stream to the sinks.
struct Delivery<'a> {
    hand: Hand<'a>,
    rules: &'a Rules,
    counts: &'a mut Counts,
    tally: &'a mut Tally,
    progress: &'a mut bool,
    overdue_before: Option<Timestamp>,
}

impl Delivery<'_> {
    fn take(&mut self, news: News<'_>) {
        match news {
            News::Replay => {
                self.counts.replayed += 1;
                self.tally.replayed += 1;
            }
            News::Gap(gap) => {
                self.counts.gaps += 1;
                self.tally.gaps = self.tally.gaps.saturating_add(1);
                self.hand.gap(gap);
            }
            News::Late(line) => self.line(line, true),
            News::Line(line) => self.line(line, false),
        }
    }

    /// `late`: its session should have brought it, and didn't.
    fn line(&mut self, line: &Line<'_>, late: bool) {
        let time = line.stamp.map(|stamp| stamp.time);
        *self.progress = true;
        if late || self.overdue_before.is_some_and(|before| time < Some(before)) {
            self.counts.healed += 1;
            self.tally.healed += 1;
        }
        let (wanted, dropped) = self.hand.line(line, self.wanted(line.channel, time));
        if wanted {
            self.counts.lines += 1;
            self.counts.dropped += dropped;
            self.counts.bytes += line.text.len() as u64;
            self.tally.lines += 1;
            self.tally.bytes += line.text.len() as u64;
        } else {
            self.counts.filtered += 1;
            self.tally.filtered += 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_make_nobody_late() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        assert_eq!(least_age(at(5, 1), at(6, 1)), Duration::from_secs(1));
        assert_eq!(least_age(at(5, 0), at(5, 900_000_000)), Duration::ZERO);
        assert_eq!(least_age(at(5, 0), at(8, 999_999_999)), Duration::from_secs(3));
        assert_eq!(least_age(at(9, 0), at(5, 0)), Duration::ZERO);
    }
}
