//! Where lines go: the sinks, what each wants, and what each has still to take. A line is encoded once for each sink that wants it,
//! into that sink's open batch. A sink has one batch in hand at a time; others wait in its queue.
//!
//! | a sink | its batch is closed |
//! |---|---|
//! | takes bytes (stdout, files, the journal) | as soon as it has nothing in hand |
//! | takes a batch at a time (HTTP) | when it is large or old enough, when memory is short, and at the end |
//!
//! A sink that takes nothing fills the budget, and everybody waits (`on_full = "park"`); or only its own share of it, and what it
//! can't take is counted (`"drop"`). What comes in one turn is never lost for that: a sink that takes all has no share to exceed.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::{Channel, Line, Timestamp};

use super::ahead::{Ahead, Lacks};
use super::batch::Batch;
use super::progress::Epoch;
use super::selection::{Facts, Selection, Verdict};
use super::source::Source;
use super::time::Mono;
use super::window::Gap;
use crate::encode::{Encoder, Look};
use crate::limits;

/// What decisions depend on of what was said of a sink.
#[derive(Clone, Debug)]
pub struct SinkRules {
    /// What messages and the checkpoint call it.
    pub name: Rc<str>,
    /// Which of the containers that are followed.
    pub selection: Selection,
    /// Their stdout (and terminals).
    pub stdout: bool,
    /// Their stderr.
    pub stderr: bool,
    /// It loses lines rather than that others wait.
    pub drops: bool,
    /// It takes batches of about so many bytes, or so old. `None`: bytes as they come.
    pub batches: Option<(usize, Duration)>,
    /// It puts the lines of each container elsewhere.
    pub sorts: bool,
}

impl SinkRules {
    /// A sink that wants all lines, as they come.
    pub fn of_all(name: &str) -> Self {
        Self {
            name: name.into(),
            selection: Selection::default(),
            stdout: true,
            stderr: true,
            drops: false,
            batches: None,
            sorts: false,
        }
    }

    fn wants_container(&self, facts: &Facts<'_>) -> bool {
        !matches!(self.selection.judge(facts), Verdict::Left(_))
    }
}

/// Some of the sinks: those that want a container's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted(u32);

impl Wanted {
    /// The sinks that want this container's lines.
    pub fn by(sinks: &[SinkRules], facts: &Facts<'_>) -> Self {
        let bits = sinks.iter().enumerate().filter(|(_, sink)| sink.wants_container(facts));
        Self(bits.fold(0, |all, (index, _)| all | 1 << index))
    }

    fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}

/// A sink, and its lines.
#[derive(Debug)]
struct Sink {
    encoder: Encoder,
    open: Batch,
    /// Since when there are lines in it.
    since: Mono,
    queue: VecDeque<Batch>,
    /// The epoch in which the batch in hand began.
    in_hand: Option<Epoch>,
    /// Since when it has been in hand.
    taken_at: Mono,
    /// The epoch from which on it won't get lines any more: docklog ends before it takes them.
    ends: Option<Epoch>,
    /// Bytes in the queue and in hand.
    waiting: usize,
    /// Bytes of the open batch that came in this epoch.
    fresh: usize,
    spare: Option<Batch>,
    figures: Figures,
    /// It has lost lines in this epoch; and that it loses them was told.
    loses: bool,
    told: bool,
}

/// What a sink has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Lines encoded for it (a segment of a long line counts as one).
    pub lines: u64,
    /// Lines that it lost because it was full (`on_full = "drop"`).
    pub dropped: u64,
    /// Lines that it refused for good.
    pub refused: u64,
    /// Lines that it had already when docklog started.
    pub spared: u64,
}

/// All sinks.
#[derive(Debug)]
pub struct Sinks {
    all: Vec<Sink>,
    /// Bytes of open batches that came in this epoch.
    fresh: usize,
}

impl Sinks {
    /// So many sinks, which take JSON until they are told otherwise.
    pub fn new(count: usize) -> Self {
        let new = || Sink {
            encoder: Encoder::json(Look::default()),
            open: Batch::default(),
            since: Mono::default(),
            queue: VecDeque::new(),
            in_hand: None,
            taken_at: Mono::default(),
            ends: None,
            waiting: 0,
            fresh: 0,
            spare: None,
            figures: Figures::default(),
            loses: false,
            told: false,
        };
        Self { all: (0..count).map(|_| new()).collect(), fresh: 0 }
    }

    /// The format of a sink's lines from now on.
    pub fn set_encoder(&mut self, index: usize, encoder: Encoder) {
        self.all[index].encoder = encoder;
    }

    /// The time of this turn.
    pub fn set_now(&mut self, now: Timestamp) {
        self.all.iter_mut().for_each(|sink| sink.encoder.set_now(now));
    }

    /// Lines of a container of this name will come.
    pub fn expect(&mut self, name: &str) {
        self.all.iter_mut().for_each(|sink| sink.encoder.expect(name));
    }

    /// A sink's figures.
    pub fn figures(&self, index: usize) -> Figures {
        self.all[index].figures
    }

    /// For how long a sink has had its batch in hand; zero if it has none.
    pub fn stalled(&self, index: usize, now: Mono) -> Duration {
        let sink = &self.all[index];
        sink.in_hand.map_or(Duration::ZERO, |_| now.since(sink.taken_at))
    }

    /// Bytes that wait for a sink, or are in its hand.
    pub fn held(&self, index: usize) -> usize {
        self.all[index].waiting + self.all[index].open.size()
    }

    /// Bytes in open batches.
    pub fn open_size(&self) -> usize {
        self.all.iter().map(|sink| sink.open.size()).sum()
    }

    /// Bytes in other batches: those in the queues, and in hand.
    pub fn waiting_size(&self) -> usize {
        self.all.iter().map(|sink| sink.waiting).sum()
    }

    /// True if enough has come in this turn.
    pub fn has_enough(&self) -> bool {
        self.fresh >= limits::BATCH
    }

    /// True if nothing waits for any sink, but for what is in hand.
    pub fn is_empty(&self) -> bool {
        self.all.iter().all(|sink| sink.open.is_empty() && sink.queue.is_empty())
    }

    /// The epoch up to which a sink has all lines; `open` is the present one.
    pub fn taken_until(&self, index: usize, open: Epoch) -> Epoch {
        let sink = &self.all[index];
        let first = |batch: &Batch| (!batch.is_empty()).then_some(batch.epoch);
        let oldest =
            sink.ends.or(sink.in_hand).or_else(|| first(sink.queue.front()?)).or_else(|| first(&sink.open));
        oldest.unwrap_or(open)
    }

    /// The epoch up to which all sinks have all lines.
    pub fn all_taken_until(&self, open: Epoch) -> Epoch {
        (0..self.all.len()).map(|index| self.taken_until(index, open)).min().unwrap_or(open)
    }

    /// The epochs in which batches began that aren't settled: where sinks stand, or will.
    pub fn stands(&self) -> Vec<Epoch> {
        let of = |sink: &Sink| -> Vec<Epoch> {
            let batches = sink.queue.iter().chain([&sink.open]).filter(|batch| !batch.is_empty());
            batches.map(|batch| batch.epoch).chain(sink.in_hand).chain(sink.ends).collect()
        };
        self.all.iter().flat_map(of).collect()
    }

    /// The epoch ends. `limit`: the budget. True if a batch began in it.
    pub fn end_epoch(&mut self, rules: &[SinkRules], epoch: Epoch, limit: usize) -> bool {
        let share = share(rules, limit);
        self.fresh = 0;
        let mut begun = false;
        for (sink, rules) in self.all.iter_mut().zip(rules) {
            sink.fresh = 0;
            begun |= !sink.open.is_empty() && sink.open.epoch == epoch;
            let size = rules.batches.map_or(limits::BATCH, |(size, _)| size);
            // Its share is for two at least: one in hand, one that is filled meanwhile.
            if sink.open.size() >= if rules.drops { size.min(share / 2) } else { size } {
                sink.close();
            }
        }
        begun
    }

    /// When the first of the batches that are still open is old enough, which a sink could take.
    pub fn due(&self, rules: &[SinkRules]) -> Option<Mono> {
        let due = self.all.iter().zip(rules).filter_map(|(sink, rules)| {
            let (_, age) = rules.batches?;
            let waits = sink.in_hand.is_none() && sink.queue.is_empty() && !sink.open.is_empty();
            waits.then(|| sink.since.after(age))
        });
        due.min()
    }

    /// The next batch for a sink that has nothing in hand. `hurry`: it needn't be large or old.
    pub fn take(&mut self, index: usize, rules: &SinkRules, now: Mono, hurry: bool) -> Option<Batch> {
        let sink = &mut self.all[index];
        if sink.queue.is_empty() && !sink.open.is_empty() {
            let is_due = |(_, age)| now >= sink.since.after(age);
            if hurry || rules.batches.is_none_or(is_due) {
                sink.close();
            }
        }
        let batch = sink.queue.pop_front()?;
        (sink.in_hand, sink.taken_at) = (Some(batch.epoch), now);
        Some(batch)
    }

    /// A sink is done with its batch.
    pub fn give_back(&mut self, index: usize, mut batch: Batch, refused: u64) {
        let sink = &mut self.all[index];
        sink.in_hand = None;
        sink.waiting = sink.waiting.saturating_sub(batch.size());
        sink.figures.refused += refused;
        batch.clear();
        sink.spare = Some(batch);
    }

    /// A sink won't take its batch any more, nor those after it.
    pub fn abandon(&mut self, index: usize, batch: &Batch) {
        let sink = &mut self.all[index];
        sink.ends = sink.ends.or(Some(batch.epoch));
        sink.waiting = sink.waiting.saturating_sub(batch.size());
    }

    /// Sinks that lose lines, or have ceased to: each is told of once. Its index, and how many it has lost; `None`: it begins now.
    pub fn changes(&mut self, rules: &[SinkRules], limit: usize) -> Vec<(usize, Option<u64>)> {
        let share = share(rules, limit);
        let mut changes = Vec::new();
        for (index, sink) in self.all.iter_mut().enumerate() {
            let loses = std::mem::take(&mut sink.loses);
            // One that is slow goes to and fro at the edge of its share.
            if loses != sink.told && (loses || !sink.is_full(share / 4)) {
                sink.told = loses;
                changes.push((index, (!loses).then_some(sink.figures.dropped)));
            }
        }
        changes
    }
}

/// What one of the sinks that may lose lines can hold: all of them together can't stop the others.
#[inline(never)] // else the sharers would be counted for each line, though few sinks drop any
fn share(rules: &[SinkRules], limit: usize) -> usize {
    let sharers = rules.iter().filter(|rules| rules.drops).count();
    limit / limits::SHARE / sharers.max(1)
}

impl Sink {
    fn close(&mut self) {
        let next = self.spare.take().unwrap_or_default();
        let mut batch = std::mem::replace(&mut self.open, next);
        batch.seal(&mut self.encoder);
        self.waiting += batch.size();
        self.queue.push_back(batch);
    }

    /// True if it held this share when the epoch began.
    fn is_full(&self, share: usize) -> bool {
        self.waiting + self.open.size() >= share + self.fresh
    }
}

/// Hands the lines of one stream to the sinks that want them.
#[derive(Debug)]
pub struct Hand<'a> {
    /// All sinks.
    pub sinks: &'a mut Sinks,
    /// What was said of each.
    pub rules: &'a [SinkRules],
    /// Who wants this container's lines.
    pub wanted: Wanted,
    /// Who has more of them than the others.
    pub ahead: &'a mut Vec<(usize, Ahead)>,
    /// The container.
    pub source: &'a Rc<Source>,
    /// The present epoch, and its time.
    pub epoch: Epoch,
    /// See `epoch`.
    pub now: Mono,
    /// The budget, in bytes.
    pub limit: usize,
}

impl Hand<'_> {
    /// A line, or a segment of one; `chosen`: it is one of those that sinks get. Returns whether some sink wanted it, and how many
    /// lost it.
    pub fn line(&mut self, line: &Line<'_>, chosen: bool) -> (bool, u64) {
        let (mut wanted, mut dropped) = (false, 0);
        for (index, (sink, rules)) in self.sinks.all.iter_mut().zip(self.rules).enumerate() {
            // Its place is one in the log, so a line that it doesn't want brings the stream nearer to it, too.
            let ahead = match self.ahead.is_empty() {
                true => None, // as nearly always
                false => self.ahead.iter_mut().find(|(of, _)| *of == index),
            };
            let lacks = ahead.map_or(Lacks::From(0), |(_, ahead)| ahead.lacks(line, self.epoch));
            let channel = if line.channel == Channel::Stderr { rules.stderr } else { rules.stdout };
            if !chosen || !channel || !self.wanted.has(index) {
                continue;
            }
            wanted = true;
            let Lacks::From(skip) = lacks else {
                sink.figures.spared += 1;
                continue;
            };
            if rules.drops && sink.is_full(share(self.rules, self.limit)) {
                sink.loses = true;
                sink.figures.dropped += 1;
                dropped += 1;
                continue;
            }
            sink.begin(self.epoch, self.now);
            let before = sink.open.size();
            match skip {
                0 => sink.open.push(&mut sink.encoder, self.source, line, rules.sorts),
                _ => {
                    let rest = Line { text: &line.text[skip..], ..*line };
                    sink.open.push(&mut sink.encoder, self.source, &rest, rules.sorts);
                }
            }
            sink.figures.lines += 1;
            sink.fresh += sink.open.size() - before;
            self.sinks.fresh += sink.open.size() - before;
        }
        (wanted, dropped)
    }

    /// Lines that are missing.
    pub fn gap(&mut self, gap: Gap) {
        for (index, (sink, rules)) in self.sinks.all.iter_mut().zip(self.rules).enumerate() {
            let knows = self.ahead.iter().any(|(of, ahead)| *of == index && !ahead.lacks_gap(gap));
            if self.wanted.has(index) && !knows {
                sink.begin(self.epoch, self.now);
                sink.open.push_gap(&mut sink.encoder, self.source, gap, rules.sorts);
            }
        }
    }
}

impl Sink {
    fn begin(&mut self, epoch: Epoch, now: Mono) {
        if self.open.is_empty() {
            self.open.epoch = epoch;
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests;
