//! What is on its way to one sink: lines as that sink shows them. Each byte is copied once between the read buffer and a sink:
//! an encoder writes it here.

use std::rc::Rc;

use docklog_protocol::Line;

use super::progress::Epoch;
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
    /// The epoch in which its first line came.
    pub(super) epoch: Epoch,
    /// Where the sink sorts lines by container: whose they are, up to which byte.
    runs: Vec<(Rc<Source>, usize)>,
}

impl Batch {
    /// Appends a line, or a segment of one. `sorted`: the sink must know whose it is.
    pub fn push(&mut self, encoder: &mut Encoder, source: &Rc<Source>, line: &Line<'_>, sorted: bool) {
        encoder.encode(source, line, &mut self.bytes);
        self.lines += 1;
        self.note_run(source, sorted);
    }

    /// Appends a gap.
    pub fn push_gap(&mut self, encoder: &mut Encoder, source: &Rc<Source>, gap: Gap, sorted: bool) {
        encoder.encode_gap(source, gap, &mut self.bytes);
        self.note_run(source, sorted);
    }

    fn note_run(&mut self, source: &Rc<Source>, sorted: bool) {
        if sorted {
            match self.runs.last_mut() {
                Some((last, end)) if Rc::ptr_eq(last, source) => *end = self.bytes.len(),
                _ => self.runs.push((Rc::clone(source), self.bytes.len())),
            }
        }
    }

    /// No line comes to it any more.
    pub fn seal(&mut self, encoder: &mut Encoder) {
        encoder.seal(&mut self.bytes);
    }

    /// What is to be written, beginning with this byte, and ending with the last that goes to the same place as it.
    pub fn rest(&self, from: usize) -> (Option<&Rc<Source>>, &[u8]) {
        let run = self.runs.partition_point(|(_, end)| *end <= from);
        match self.runs.get(run) {
            Some((source, end)) => (Some(source), &self.bytes[from..*end]),
            None => (None, &self.bytes[from..]),
        }
    }

    /// Whose lines are in it, where that matters, and how many bytes of each.
    pub fn runs(&self) -> impl Iterator<Item = (&Rc<Source>, usize)> {
        let begins = std::iter::once(0).chain(self.runs.iter().map(|(_, end)| *end));
        self.runs.iter().zip(begins).map(|((source, end), begin)| (source, end - begin))
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
        self.runs.clear();
    }
}
