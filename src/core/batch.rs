//! What is on its way out: lines as the output shows them, and where the streams stand after them. Each byte is copied once
//! between the read buffer and the outlet: an encoder writes it here.

use std::rc::Rc;

use docklog_protocol::Line;

use super::exchange::StreamId;
use super::place::Place;
use super::source::Source;
use super::usual::Usual;
use super::window::Gap;
use crate::encode::Encoder;

/// Encoded lines.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    usual: Usual,
    lines: usize,
    places: Vec<(StreamId, Place)>,
}

impl Batch {
    /// Appends a line, or a segment of one.
    pub fn push(&mut self, encoder: &mut Encoder, source: &Rc<Source>, line: &Line<'_>) {
        encoder.encode(source, line, &mut self.bytes);
        self.lines += 1;
    }

    /// Appends a gap.
    pub fn push_gap(&mut self, encoder: &mut Encoder, source: &Rc<Source>, gap: Gap) {
        encoder.encode_gap(source, gap, &mut self.bytes);
    }

    /// Where a stream stands after the lines of this batch.
    pub fn push_place(&mut self, stream: StreamId, place: Place) {
        self.places.push((stream, place));
    }

    /// The places after this batch.
    pub fn take_places(&mut self) -> Vec<(StreamId, Place)> {
        std::mem::take(&mut self.places)
    }

    /// What is to be written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Number of lines.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Memory that its lines need, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Makes it empty for its next use.
    pub fn clear(&mut self) {
        self.usual.empty(&mut self.bytes);
        self.lines = 0;
        self.places = Vec::new();
    }
}
