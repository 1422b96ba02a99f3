//! How far each sink has come. Lines leave for several sinks, and each takes them when it can; a stream's place may be told
//! (and by a checkpoint promised) when all sinks have taken the lines before it.
//!
//! Time is cut into *epochs*: one ends with each turn that has brought lines. The streams that moved in an epoch leave
//! their places with it. A batch knows the epoch in which its first line came, so a sink has taken everything up to the
//! epoch with which its oldest batch began.
//!
//! ```text
//!   epoch      1       2       3       4      (5 is open)
//!   places   ├─a───┼─a,b───┼───b───┼───a───┤
//!   stdout                                  ▲ nothing is on its way: all before 5
//!   loki              ▲ its oldest batch began in 3: all before 3
//! ```
//!
//! Places of epochs between which no sink stands are kept together, so there are not many more of these spans than batches.

use std::collections::{HashMap, VecDeque};

use super::exchange::StreamId;
use super::place::Place;

/// A number that rises with each turn that has brought lines.
pub type Epoch = u64;

/// Places of the streams that moved before this epoch, and after the span before.
#[derive(Debug)]
struct Span {
    before: Epoch,
    places: Vec<(StreamId, Place)>,
    /// So many were left when doubles were taken out last.
    distinct: usize,
}

/// The places that not all sinks have reached.
#[derive(Debug, Default)]
pub struct Progress {
    open: Epoch,
    spans: VecDeque<Span>,
    held: usize,
    /// With so many spans it is time to see where sinks stand.
    many: usize,
}

/// Spans that needn't be looked at.
const FEW_SPANS: usize = 16;

impl Progress {
    /// The epoch that lines belong to which are read now.
    pub fn open(&self) -> Epoch {
        self.open
    }

    /// Ends the epoch. `moved`: where streams stand now that stood elsewhere before; `begun`: a batch began in it, whose sink
    /// therefore stands at the epoch's beginning.
    pub fn end_epoch(&mut self, moved: impl Iterator<Item = (StreamId, Place)>, begun: bool) {
        self.open += 1;
        if begun || self.spans.is_empty() {
            self.spans.push_back(Span { before: self.open, places: Vec::new(), distinct: 0 });
        }
        if let Some(span) = self.spans.back_mut() {
            self.held -= span.places.len();
            span.before = self.open;
            span.places.extend(moved);
            span.thin();
            self.held += span.places.len();
        }
    }

    /// Spans that places are kept in.
    #[cfg(test)]
    pub(super) fn spans(&self) -> usize {
        self.spans.len()
    }

    /// True if there may be spans between which no sink stands.
    pub fn has_many_spans(&self) -> bool {
        self.spans.len() > self.many.max(FEW_SPANS)
    }

    /// Keeps the places of spans together between which no sink stands. `stands`: the epochs in which batches began.
    pub fn merge(&mut self, mut stands: Vec<Epoch>) {
        stands.sort_unstable();
        let mut merged: VecDeque<Span> = VecDeque::new();
        for span in self.spans.drain(..) {
            match merged.back_mut() {
                Some(last) if stands.binary_search(&last.before).is_err() => {
                    last.before = span.before;
                    last.places.extend(span.places);
                    last.thin();
                }
                _ => merged.push_back(span),
            }
        }
        self.held = merged.iter().map(|span| span.places.len()).sum();
        self.many = 2 * merged.len();
        self.spans = merged;
    }

    /// Takes the places that all sinks have reached, which have all that came before this epoch.
    pub fn reached(&mut self, epoch: Epoch) -> Vec<(StreamId, Place)> {
        let mut places = Vec::new();
        while self.spans.front().is_some_and(|span| span.before <= epoch) {
            let Some(span) = self.spans.pop_front() else { break };
            self.held -= span.places.len();
            match places.is_empty() {
                true => places = span.places,
                false => places.extend(span.places),
            }
        }
        places
    }

    /// The places that a sink has reached and not all others: it has all that came before this epoch. Later places come later.
    pub fn ahead(&self, epoch: Epoch) -> impl Iterator<Item = (StreamId, &Place)> {
        let reached = self.spans.iter().take_while(move |span| span.before <= epoch);
        reached.flat_map(|span| span.places.iter().map(|(stream, place)| (*stream, place)))
    }

    /// Memory that the places take, in bytes.
    pub fn size(&self) -> usize {
        self.held * size_of::<(StreamId, Place)>()
    }
}

impl Span {
    /// A span that nobody ends for long holds each stream's last place only.
    fn thin(&mut self) {
        const FEW: usize = 64;
        if self.places.len() > 2 * self.distinct + FEW {
            let last: HashMap<StreamId, Place> = self.places.drain(..).collect();
            self.places.extend(last);
            self.distinct = self.places.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::Timestamp;

    use super::super::place::Mark;
    use super::*;

    fn stream(slot: u32) -> StreamId {
        StreamId { slot, generation: 0 }
    }

    fn place(seconds: i64) -> Place {
        Place::beginning(Mark::Origin(Timestamp { seconds, nanos: 0 }))
    }

    #[test]
    fn places_are_reached_when_the_last_sink_has_come_so_far() {
        let mut progress = Progress::default();
        for second in 0..4 {
            progress.end_epoch([(stream(1), place(second))].into_iter(), true);
        }
        assert_eq!(progress.open(), 4);
        assert_eq!(progress.reached(2), [(stream(1), place(0)), (stream(1), place(1))]);
        let ahead = |epoch| progress.ahead(epoch).last().map(|(_, place)| *place);
        assert_eq!((ahead(2), ahead(3), ahead(4)), (None, Some(place(2)), Some(place(3))));
        assert_eq!(progress.reached(4).len(), 2);
        assert_eq!((progress.size(), progress.ahead(9).count()), (0, 0));
    }

    #[test]
    fn spans_are_kept_together_between_which_no_sink_stands_any_more() {
        let mut progress = Progress::default();
        for second in 0..10_000 {
            progress.end_epoch([(stream(1), place(second))].into_iter(), true);
            if progress.has_many_spans() {
                progress.merge([7_000, 2, 2].into_iter().filter(|at| *at <= progress.open()).collect());
            }
        }
        assert!(progress.size() < 300 * size_of::<(StreamId, Place)>(), "{}", progress.size());
        let ahead = |epoch| progress.ahead(epoch).last().map(|(_, place)| *place);
        assert_eq!((ahead(1), ahead(2), ahead(7_000)), (None, Some(place(1)), Some(place(6_999))));
        assert_eq!(progress.reached(2).last(), Some(&(stream(1), place(1))));
        assert_eq!(progress.reached(7_000).last(), Some(&(stream(1), place(6_999))));
        assert_eq!(progress.reached(10_000).last(), Some(&(stream(1), place(9_999))));
        assert_eq!(progress.size(), 0);
    }

    #[test]
    fn where_no_sink_stands_places_are_kept_together() {
        let mut progress = Progress::default();
        progress.end_epoch([(stream(1), place(0))].into_iter(), true);
        for second in 1..10_000 {
            progress.end_epoch([(stream(1), place(second)), (stream(2), place(second))].into_iter(), false);
        }
        assert!(progress.size() < 300 * size_of::<(StreamId, Place)>(), "{}", progress.size());
        assert_eq!(progress.reached(9_999), [], "its end is the end of the last epoch");
        let places: HashMap<StreamId, Place> = progress.reached(10_000).into_iter().collect();
        assert_eq!(places, HashMap::from([(stream(1), place(9_999)), (stream(2), place(9_999))]));
        assert_eq!(progress.size(), 0);
    }
}
