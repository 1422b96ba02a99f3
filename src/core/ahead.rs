//! A sink that was ahead of the others when docklog ended has lines that its streams bring again, for the others lack them. It
//! is spared those: what it has is a prefix of the log, and its place says where that ends, per channel.
//!
//! The streams go on from a place that all sinks had reached, so what comes is in the log's order, and the line of the sink's
//! own place is among it; times decide only how far a channel is from it. If that line is gone, a later time ends the
//! search: a line may then come twice to this sink, and none is lost.

use docklog_protocol::{Line, Timestamp};

use super::place::{Half, LastLine, Mark, OpenLine, Place, fingerprint, half};
use super::progress::Epoch;
use super::window::Gap;

/// What a sink has of one stream beyond the place where the stream goes on.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// Where the sink stands.
    place: Place,
    halves: [Search; 2],
    /// The epoch in which the stream came past it.
    over: Option<Epoch>,
}

/// How far one channel is from that.
#[derive(Clone, Copy, Debug)]
struct Search {
    /// The line to be met, and how many of its time have come.
    last: Option<(LastLine, u32)>,
    /// The long line of which the sink has segments, and how many of its bytes have come.
    open: Option<(OpenLine, u64)>,
}

/// What of a line a sink lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// It has it.
    Nothing,
    /// All but so many bytes at its beginning.
    From(usize),
}

impl Ahead {
    /// A sink that stands here, while its stream goes on from there. `None` if that is the same.
    pub fn new(place: Place, stream: &Place) -> Option<Self> {
        let search = |index: usize| Search::new(&place.halves[index], &stream.halves[index]);
        let ahead = Self { place, halves: [search(0), search(1)], over: None };
        (!ahead.has_passed()).then_some(ahead)
    }

    /// Where the sink stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Nothing that the sink has can come any more.
    fn has_passed(&self) -> bool {
        self.halves.iter().all(|search| search.last.is_none() && search.open.is_none())
    }

    /// True if a sink that has all that came before this epoch has more than this place says.
    pub fn is_over_before(&self, epoch: Epoch) -> bool {
        self.over.is_some_and(|over| over < epoch)
    }

    /// The stream brings this line, in this epoch.
    pub fn lacks(&mut self, line: &Line<'_>, epoch: Epoch) -> Lacks {
        let Some(stamp) = line.stamp else { return Lacks::From(0) };
        let search = &mut self.halves[half(line.channel)];
        let ends = line.segment.is_none_or(|segment| segment.last);
        let lacks = search.line(stamp.time, line.text, ends);
        if search.last.is_none() && self.place.last == Some(half(line.channel)) {
            self.halves[1 - half(line.channel)].last = None; // what stands before it in the log has come, or is gone
        }
        if self.over.is_none() && self.has_passed() {
            self.over = Some(epoch);
        }
        lacks
    }

    /// The stream brings this gap: a sink that stands behind it knows of it.
    pub fn lacks_gap(&self, gap: Gap) -> bool {
        let before = |search: &Search| search.last.is_some_and(|(last, _)| gap.to <= last.time);
        !self.halves.iter().any(before)
    }
}

impl Search {
    fn new(sink: &Half, stream: &Half) -> Self {
        let before = match stream.mark {
            Mark::At(line) => Some(line),
            Mark::Beginning | Mark::Origin(_) => None,
        };
        let last = match sink.mark {
            Mark::At(line) if Some(line) != before => {
                let same = before.filter(|before| before.time == line.time);
                Some((line, same.map_or(0, |before| before.lines)))
            }
            _ => None,
        };
        let open = sink.open.filter(|open| open.bytes > 0).map(|open| {
            let same = stream.open.filter(|before| before.time == open.time);
            (open, same.map_or(0, |before| before.bytes))
        });
        Self { last, open: open.filter(|(open, came)| *came < open.bytes) }
    }

    fn line(&mut self, time: Timestamp, text: &[u8], ends: bool) -> Lacks {
        let length = text.len();
        if let Some((last, came)) = &mut self.last {
            if time == last.time {
                *came += u32::from(ends);
                // A place without a number is known by its text.
                let is_last = match last.lines {
                    0 => ends && last.print.is_none_or(|print| print == fingerprint(text)),
                    lines => *came >= lines,
                };
                if is_last {
                    self.last = None;
                }
                return Lacks::Nothing;
            }
            if time < last.time {
                return Lacks::Nothing;
            }
            self.last = None; // it is gone
        }
        let Some((open, came)) = &mut self.open else { return Lacks::From(0) };
        if time != open.time {
            self.open = None;
            return Lacks::From(0);
        }
        let left = open.bytes - *came;
        *came += length as u64;
        match usize::try_from(left) {
            Ok(left) if left < length || ends => {
                self.open = None;
                if left < length { Lacks::From(left) } else { Lacks::Nothing }
            }
            Ok(left) if left == length => {
                self.open = None;
                Lacks::Nothing
            }
            _ => Lacks::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::{Channel, Segment, Stamp};

    use super::*;

    /// Lines of a log, as a second and a text each. Seconds may repeat.
    fn place(lines: &[(Channel, u8)]) -> Place {
        let mut place = Place::default();
        for (channel, second) in lines {
            place.halves[half(*channel)].delivered(time(*second), None, true);
            place.last = Some(half(*channel));
        }
        place
    }

    fn raw(second: u8) -> String {
        format!("2026-11-23T20:16:{second:02}.000000000Z")
    }

    fn time(second: u8) -> Timestamp {
        Timestamp::parse(&raw(second)).expect("a time")
    }

    fn lacks(
        ahead: &mut Ahead,
        channel: Channel,
        second: u8,
        text: &[u8],
        segment: Option<Segment>,
    ) -> Lacks {
        let raw = raw(second);
        ahead.lacks(&Line { channel, stamp: Stamp::parse(&raw), text, segment }, 7)
    }

    /// The stream began in the middle of a second, so that places in it have no number.
    #[test]
    fn a_place_without_a_number_is_known_by_its_text() {
        let at = |text: &[u8]| {
            let mut place = Place::default();
            place.halves[0].delivered(time(1), Some(fingerprint(text)), true);
            place.halves[0].began_amid();
            place.last = Some(0);
            place
        };
        let mut ahead = Ahead::new(at(b"c"), &at(b"a")).expect("it is ahead");
        let lines: [&[u8]; 3] = [b"b", b"c", b"d"];
        let found = lines.map(|text| lacks(&mut ahead, Channel::Stdout, 1, text, None));
        assert_eq!(found, [Lacks::Nothing, Lacks::Nothing, Lacks::From(0)]);
    }

    #[test]
    fn a_sink_is_spared_what_it_has_and_nothing_else_wherever_it_stands() {
        use Channel::{Stderr, Stdout};
        let log = [
            (Stdout, 1),
            (Stdout, 1),
            (Stderr, 1),
            (Stdout, 1),
            (Stderr, 3),
            (Stdout, 2),
            (Stdout, 4),
            (Stderr, 3),
            (Stdout, 5),
        ];
        for stream in 0..log.len() {
            for sink in stream..=log.len() {
                let mut ahead = Ahead::new(place(&log[..sink]), &place(&log[..stream]));
                assert_eq!(ahead.is_none(), sink == stream);
                for (index, (channel, second)) in log.iter().enumerate().skip(stream) {
                    let lacked = match &mut ahead {
                        Some(ahead) => lacks(ahead, *channel, *second, b"text", None),
                        None => Lacks::From(0),
                    };
                    let expected = if index < sink { Lacks::Nothing } else { Lacks::From(0) };
                    assert_eq!(lacked, expected, "stream {stream}, sink {sink}, line {index}");
                }
                assert!(sink == log.len() || ahead.is_none_or(|ahead| ahead.has_passed()));
            }
        }
    }

    #[test]
    fn a_line_that_is_gone_is_not_waited_for() {
        let (sink, stream) =
            (place(&[(Channel::Stdout, 1), (Channel::Stdout, 5)]), place(&[(Channel::Stdout, 1)]));
        let mut ahead = Ahead::new(sink, &stream).expect("it is ahead");
        assert_eq!(lacks(&mut ahead, Channel::Stdout, 4, b"", None), Lacks::Nothing);
        assert_eq!(lacks(&mut ahead, Channel::Stdout, 6, b"", None), Lacks::From(0));
        assert_eq!(
            lacks(&mut ahead, Channel::Stdout, 2, b"", None),
            Lacks::From(0),
            "the clock was set back"
        );
        let sink = place(&[(Channel::Stdout, 1), (Channel::Stderr, 5), (Channel::Stdout, 6)]);
        let mut ahead = Ahead::new(sink, &place(&[(Channel::Stdout, 1)])).expect("it is ahead");
        assert_eq!(lacks(&mut ahead, Channel::Stdout, 6, b"", None), Lacks::Nothing);
        assert!(ahead.is_over_before(8), "what was on stderr can't come any more");
        assert_eq!(lacks(&mut ahead, Channel::Stderr, 2, b"", None), Lacks::From(0));
    }

    #[test]
    fn of_a_long_line_the_sink_gets_the_bytes_that_it_lacks() {
        let (mut sink, stream) = (place(&[(Channel::Stdout, 1)]), place(&[(Channel::Stdout, 1)]));
        sink.halves[0].delivered_segment(time(2), 3, 250);
        let segment = |number, last| Some(Segment { number, last });
        for (pieces, expected) in [
            (vec![100, 100, 100], vec![Lacks::Nothing, Lacks::Nothing, Lacks::From(50)]),
            (vec![250, 10], vec![Lacks::Nothing, Lacks::From(0)]),
            (vec![300], vec![Lacks::From(250)]),
            (vec![200, 50], vec![Lacks::Nothing, Lacks::Nothing]),
        ] {
            let mut ahead = Ahead::new(sink, &stream).expect("it is ahead");
            let count = pieces.len();
            let lacked: Vec<Lacks> = (1..)
                .zip(pieces)
                .map(|(number, length)| {
                    let segment = segment(number, number as usize == count);
                    lacks(&mut ahead, Channel::Stdout, 2, &vec![b'x'; length], segment)
                })
                .collect();
            assert_eq!(lacked, expected);
            assert!(ahead.is_over_before(8) && !ahead.is_over_before(7));
            assert_eq!(lacks(&mut ahead, Channel::Stdout, 2, b"the next of that time", None), Lacks::From(0));
        }
    }
}
