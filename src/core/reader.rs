//! One stream's records in, its new lines out: repetitions of old engines left out, parts joined, replays told from news.

use docklog_protocol::{
    Channel, EngineKind, Line, LineJoiner, Logs, Parts, Record, Segment, Timestamp, limits as wire,
};

use super::place::{Place, fingerprint, half};
use super::repeats::{Habit, Repeats};
use super::window::{After, Ask, Begin, Ended, Gap, Verdict, Window};

/// What a record has brought.
#[derive(Debug)]
pub enum News<'a> {
    /// A line, or a segment of one, to be delivered.
    Line(&'a Line<'a>),
    /// A line that an earlier session should have brought, and the engine had skipped. Younger ones came before it.
    Late(&'a Line<'a>),
    /// A line that an earlier session had delivered.
    Replay,
    /// What stood here the engine has deleted.
    Gap(Gap),
}

type Out<'o> = &'o mut dyn FnMut(News<'_>);

/// Where a stream stands, and what of it is open.
#[derive(Debug)]
pub struct Reader {
    window: Window,
    joiner: LineJoiner,
    /// For engines that send records again: boxed, for most don't.
    repeats: Option<Box<[Repeats; 2]>>,
    /// The present session follows.
    follows: bool,
    /// The open lines are those of the session before: they come again, if anything comes.
    lines_are_old: bool,
    /// It is Podman's.
    podman: bool,
}

impl Reader {
    /// For a stream that has delivered nothing.
    pub fn new(begin: Begin) -> Self {
        Self::at(Window::new(begin))
    }

    /// For a stream that goes on from a checkpoint.
    pub fn resume(place: Place) -> Self {
        Self::at(Window::resume(place))
    }

    fn at(window: Window) -> Self {
        let joiner = LineJoiner::new(Parts::Docker, wire::LINE);
        Self { window, joiner, repeats: None, follows: false, lines_are_old: false, podman: false }
    }

    /// The request for the next session. `habit`: how this engine may send records again in the middle of a follow.
    pub fn open(&mut self, ask: &Ask, habit: Option<Habit>) -> Logs {
        self.note_cut();
        let logs = self.window.open(ask);
        self.podman = ask.engine == EngineKind::Podman;
        if !self.joiner.is_open() {
            let parts = if self.podman { Parts::Podman } else { Parts::Docker };
            self.joiner = LineJoiner::new(parts, wire::LINE);
        }
        // What doesn't follow is a view of the files as they are.
        self.repeats = habit.filter(|_| logs.follow).map(both);
        self.follows = logs.follow;
        self.lines_are_old = true;
        logs
    }

    /// The engine begins new log files: it may skip lines in the middle of the present session, or send some again.
    pub fn log_is_rotated(&mut self, habit: Option<Habit>) {
        self.repeats = self.repeats.take().or(habit.filter(|_| self.follows).map(both));
        self.window.count();
    }

    /// Takes the session's next record. False: the window is too small; close the session and open the next.
    pub fn take(&mut self, record: Record<'_>, out: Out<'_>) -> bool {
        let time = record.stamp.map(|stamp| stamp.time);
        if let (Some(repeats), Some(time)) = (self.repeats.as_mut(), time) {
            match repeats[half(record.channel)].is_repeat(time, record.text, record.part) {
                Some(true) => {
                    out(News::Replay);
                    return true;
                }
                Some(false) => {}
                None => {
                    self.window.look(); // another follow might bring the same
                    return false;
                }
            }
        }
        let before = Ended::Before(self.window.last_of(record.channel));
        if !self.window.admit(record.channel, time) {
            return false;
        }
        if std::mem::take(&mut self.lines_are_old) {
            self.joiner.clear();
        }
        let mut judge = Judge { window: &mut self.window, out };
        if judge.window.may_join_what_was_ended() {
            let open = self.joiner.open_line(record.channel);
            if open.is_some_and(|(time, text)| judge.window.was_taken_as_ended(record.channel, time, text)) {
                self.joiner.end(record.channel, &mut |line| judge.take_begun(&line, Ended::Unseen));
            }
        }
        let podman = self.podman;
        let ended = |line: &Line<'_>| match line.stamp.map(|stamp| stamp.time) {
            begun if begun == time => (time, Ended::Here),
            // Its parts may bear several times (W-43). It stands where it ended.
            _ if podman && line.segment.is_none() => (time, Ended::Here),
            begun if podman => (begun, Ended::Here),
            // All parts bear one time: a record of another has ended the line before it.
            begun => (begun, before),
        };
        self.joiner.push(record, &mut |line| {
            let (time, end) = ended(&line);
            judge.take(&line, time, end);
        });
        let exhausted = self.window.is_exhausted();
        if exhausted {
            self.window.grow();
        }
        !exhausted
    }

    /// Nothing can bring the rest of open lines any more: they leave as they are.
    pub fn finish(&mut self, out: Out<'_>) {
        self.with_lines(Ended::Unseen, out, |joiner, judge| joiner.finish(judge));
    }

    /// Memory is short: the longer of the open lines leaves as a segment.
    pub fn flush_largest(&mut self, out: Out<'_>) {
        self.with_lines(Ended::Here, out, |joiner, judge| {
            joiner.flush_largest(judge);
        });
    }

    fn with_lines(
        &mut self,
        end: Ended,
        out: Out<'_>,
        act: impl FnOnce(&mut LineJoiner, &mut dyn FnMut(Line<'_>)),
    ) {
        if self.lines_are_old && self.joiner.is_open() {
            self.window.goes_on_with_old_lines();
        }
        let mut judge = Judge { window: &mut self.window, out };
        act(&mut self.joiner, &mut |line| judge.take_begun(&line, end));
    }

    /// The session is cut: lines that were open come again, whole.
    pub fn cut(&mut self) {
        self.note_cut();
        self.joiner.clear();
    }

    fn note_cut(&mut self) {
        if !self.lines_are_old {
            for (channel, time) in self.joiner.open_lines() {
                self.window.cut(channel, time);
            }
        }
    }

    /// What a checkpoint must know; `None` if there is nothing to know yet.
    pub fn place(&self) -> Option<Place> {
        let real = |&(channel, time): &(Channel, Timestamp)| self.window.is_real(half(channel), time);
        let place = self.window.place()?;
        if self.lines_are_old {
            Some(place)
        } else {
            Some(place.with_open(self.joiner.open_lines().filter(real)))
        }
    }

    /// The time of the line furthest on that was delivered.
    pub fn last_time(&self) -> Option<Timestamp> {
        Some(self.window.place()?.last()?.1.time)
    }

    /// A gap that is known, though no line follows it yet.
    pub fn take_gap(&mut self) -> Option<Gap> {
        self.window.take_gap(None)
    }

    /// The session's response is complete.
    pub fn complete(&mut self) -> After {
        self.window.complete()
    }

    /// A session has kept silent for a while, see [`Window::silent`].
    pub fn silent(&mut self, since: Timestamp) -> After {
        self.window.silent(since)
    }

    /// Where the session stands in the log.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The same, to steer it.
    pub fn window_mut(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Whether the open lines are those of a session before.
    pub fn has_old_lines(&self) -> bool {
        self.lines_are_old
    }

    /// Whether a line is open.
    pub fn is_open(&self) -> bool {
        self.joiner.is_open()
    }

    /// Bytes held of open lines.
    pub fn held(&self) -> usize {
        self.joiner.held()
    }
}

/// Of both channels.
fn both(habit: Habit) -> Box<[Repeats; 2]> {
    Box::new([Repeats::new(habit), Repeats::new(habit)])
}

/// Decides about whole lines.
struct Judge<'a> {
    window: &'a mut Window,
    out: Out<'a>,
}

impl Judge<'_> {
    /// Takes a line that nothing has ended: it stands where it began.
    fn take_begun(&mut self, line: &Line<'_>, end: Ended) {
        self.take(line, line.stamp.map(|stamp| stamp.time), end);
    }

    fn take(&mut self, line: &Line<'_>, time: Option<Timestamp>, end: Ended) {
        // Of a line that ended in another second than it began in the next session may bring the end only.
        let whole = line.segment.is_none() && line.stamp.map(|stamp| stamp.time) == time;
        let print = whole.then(|| fingerprint(line.text));
        let verdict = self.window.judge(line.channel, time, line.segment, line.text.len(), print, end);
        match verdict {
            Verdict::Replay => return (self.out)(News::Replay),
            Verdict::Late => return (self.out)(News::Late(line)),
            Verdict::Deliver | Verdict::Rest { .. } => {}
        }
        if let Some(gap) = self.window.take_gap(time) {
            (self.out)(News::Gap(gap));
        }
        if let Verdict::Rest { skip, number } = verdict {
            let last = line.segment.is_none_or(|segment| segment.last);
            let segment = Some(Segment { number, last });
            return (self.out)(News::Line(&Line { text: &line.text[skip..], segment, ..*line }));
        }
        (self.out)(News::Line(line));
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::{ContainerId, Stamp};

    use super::*;

    /// What is delivered of a session that shows these records and is then cut: a channel, seconds, and a text, or none
    /// for a part that goes on.
    fn session(reader: &mut Reader, log: &[(Channel, u8, Option<&str>)]) -> Vec<String> {
        let (id, engine) = (ContainerId::from([1; 32]), EngineKind::Docker);
        reader.open(&Ask { id, follow: true, until: None, engine, size: 64 }, None);
        let part = [b'x'; wire::PART];
        let mut lines = Vec::new();
        for &(channel, second, text) in log {
            let raw = format!("2026-11-23T20:16:{second:02}.000000000Z");
            let record = Record {
                channel,
                stamp: Stamp::parse(&raw),
                text: text.map_or(&part[..], str::as_bytes),
                part: text.is_none(),
            };
            let fits = reader.take(record, &mut |news| {
                if let News::Line(line) = news {
                    lines.push(String::from_utf8_lossy(&line.text[..line.text.len().min(3)]).into_owned());
                }
            });
            assert!(fits);
        }
        reader.cut();
        lines
    }

    /// The engine has skipped the end of a line so long that it leaves in segments, then brings it after all.
    #[test]
    fn a_line_does_not_stand_where_the_next_of_its_channel_shows_that_it_was_over() {
        use Channel::{Stderr, Stdout};
        let long = vec![(Stdout, 1, None); wire::LINE / wire::PART];
        let rest = [(Stderr, 2, Some("e2")), (Stderr, 3, Some("e3")), (Stdout, 4, None)];
        let mut reader = Reader::new(Begin::First);
        assert_eq!(session(&mut reader, &[&long[..], &rest].concat()), ["e2", "e3", "xxx"]);
        let whole = [&long[..], &[(Stdout, 1, Some("end"))], &rest, &[(Stdout, 4, Some(""))]].concat();
        assert_eq!(session(&mut reader, &whole), ["xxx"], "e2 and e3 came before");
    }

    /// Gaps told when the log is compared with what was delivered since its line 2, and begins with line 3 by now.
    fn gaps_without_anchor(innocent: Option<i64>) -> usize {
        let texts: Vec<_> = (0..10).map(|n| format!("o{n}")).collect();
        let log: Vec<_> =
            (1..10u8).map(|n| (Channel::Stdout, n, Some(texts[usize::from(n)].as_str()))).collect();
        let mut reader = Reader::new(Begin::First);
        session(&mut reader, &log[..2]);
        reader.window_mut().count();
        assert_eq!(session(&mut reader, &log[..5]), ["o3", "o4", "o5"]);
        reader.window_mut().audit(innocent);
        let (id, engine) = (ContainerId::from([1; 32]), EngineKind::Docker);
        let mut gaps = 0;
        for _ in 0..20 {
            reader.open(&Ask { id, follow: false, until: None, engine, size: 64 }, None);
            let whole = log[2..6].iter().all(|&(channel, second, text)| {
                let raw = format!("2026-11-23T20:16:{second:02}.000000000Z");
                let text = text.unwrap_or_default().as_bytes();
                let record = Record { channel, stamp: Stamp::parse(&raw), text, part: false };
                reader.take(record, &mut |news| gaps += usize::from(matches!(news, News::Gap(_))))
            });
            if whole {
                return gaps;
            }
            reader.cut();
        }
        panic!("no window is large enough");
    }

    #[test]
    fn an_anchor_that_was_deleted_proves_a_gap_only_where_lines_were_late() {
        assert_eq!(gaps_without_anchor(Some(0)), 1);
        assert_eq!(gaps_without_anchor(None), 0);
    }
}
