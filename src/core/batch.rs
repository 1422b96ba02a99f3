//! Lines on their way out: one copy of their bytes, in the order of arrival, not yet in any output format. And where their
//! streams stand after them: when the outlet has taken all lines of a batch, that is settled.

use std::rc::Rc;

use docklog_protocol::{Channel, ContainerId, Line, Segment};

use super::exchange::StreamId;
use super::metadata::Field;
use super::place::Place;
use super::usual::Usual;
use super::window::Gap;

/// Where lines come from: what the outputs say about a container. A rename makes a new one, so that lines keep the name
/// they were written under.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The container's id.
    pub id: ContainerId,
    /// Its name, without the slash, or the one that a label gives it.
    pub name: String,
    /// What else was chosen for the records to say of it.
    pub fields: Vec<(Field, String)>,
}

/// Lines, with their sources. Byte ranges point into one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    sources: Vec<Rc<Source>>,
    /// Before which entries lines are missing.
    gaps: Vec<(u32, Gap)>,
    places: Vec<(StreamId, Place)>,
    /// Of bytes, entries and sources.
    usual: [Usual; 3],
}

#[derive(Debug)]
struct Entry {
    source: u32,
    start: u32,
    text: u32,
    stamp: u8,
    channel: Channel,
    segment: Option<Segment>,
}

/// What is in a batch.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A line.
    Line(BatchLine<'a>),
    /// Lines of this container that the engine deleted, or skipped, before they could be read.
    Gap(&'a Rc<Source>, Gap),
}

/// A line in a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchLine<'a> {
    /// Which container.
    pub source: &'a Rc<Source>,
    /// Which channel.
    pub channel: Channel,
    /// The time stamp exactly as the engine gave it, in ASCII; empty if it gave none.
    pub stamp: &'a [u8],
    /// The text without its line end.
    pub text: &'a [u8],
    /// Set if this is a piece of a line longer than the limit.
    pub segment: Option<Segment>,
}

impl Batch {
    /// Appends a line.
    pub fn push(&mut self, source: &Rc<Source>, line: &Line<'_>) {
        self.note_source(source);
        let stamp = line.stamp.map_or(&b""[..], |stamp| stamp.bytes());
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(stamp);
        self.bytes.extend_from_slice(line.text);
        self.entries.push(Entry {
            source: (self.sources.len() - 1) as u32,
            start,
            text: line.text.len() as u32,
            stamp: stamp.len() as u8, // limits::STAMP is far below 256
            channel: line.channel,
            segment: line.segment,
        });
    }

    /// Appends a gap.
    pub fn push_gap(&mut self, source: &Rc<Source>, gap: Gap) {
        self.note_source(source);
        self.gaps.push((self.entries.len() as u32, gap));
        self.entries.push(Entry {
            source: (self.sources.len() - 1) as u32,
            start: self.bytes.len() as u32,
            text: 0,
            stamp: 0,
            channel: Channel::Engine,
            segment: None,
        });
    }

    fn note_source(&mut self, source: &Rc<Source>) {
        if !self.sources.last().is_some_and(|last| Rc::ptr_eq(last, source)) {
            self.sources.push(Rc::clone(source));
        }
    }

    /// Item number `index`, from 0.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        let entry = self.entries.get(index)?;
        if entry.channel == Channel::Engine {
            let at = self.gaps.binary_search_by_key(&(index as u32), |gap| gap.0).ok()?;
            return Some(Item::Gap(self.sources.get(entry.source as usize)?, self.gaps[at].1));
        }
        let text = entry.start as usize + usize::from(entry.stamp);
        let stamp = self.bytes.get(entry.start as usize..text)?;
        Some(Item::Line(BatchLine {
            source: self.sources.get(entry.source as usize)?,
            channel: entry.channel,
            stamp,
            text: self.bytes.get(text..text + entry.text as usize)?,
            segment: entry.segment,
        }))
    }

    /// Where a stream stands after the lines of this batch.
    pub fn push_place(&mut self, stream: StreamId, place: Place) {
        self.places.push((stream, place));
    }

    /// The places after this batch.
    pub fn take_places(&mut self) -> Vec<(StreamId, Place)> {
        std::mem::take(&mut self.places)
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Memory that it holds, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
            + self.entries.len() * size_of::<Entry>()
            + self.sources.len() * size_of::<Rc<Source>>()
            + self.gaps.len() * size_of::<(u32, Gap)>()
    }

    /// Makes it empty for its next use.
    pub fn clear(&mut self) {
        let [bytes, entries, sources] = &mut self.usual;
        bytes.empty(&mut self.bytes);
        entries.empty(&mut self.entries);
        sources.empty(&mut self.sources);
        self.gaps = Vec::new();
        self.places = Vec::new();
    }
}
