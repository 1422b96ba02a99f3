//! Long texts, in pieces. Nothing of them is kept but a place to go on from; each piece is made of what is true when it is
//! wanted. So a page of 10,000 streams costs what one piece costs, and a client that doesn't read costs one piece.

use super::{metrics, state};
use crate::core::Core;
use crate::limits;
use crate::shell::process::Figures;

/// What pages are made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What core tells of itself.
    pub core: &'a Core,
    /// Figures of this process.
    pub process: &'a Figures,
    /// Clients of our HTTP.
    pub clients: usize,
    /// Requests that they have made.
    pub requests: u64,
    /// Whether each container has figures of its own.
    pub per_container: bool,
}

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For Prometheus.
    Metrics,
    /// JSON.
    State,
}

/// Where a page goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// A metric, or a part of the state.
    pub(super) part: usize,
    /// The next stream of it.
    pub(super) slot: usize,
    /// Something of this part was written.
    pub(super) begun: bool,
}

impl Cursor {
    /// To the next part.
    pub(super) fn next_part(&mut self) {
        *self = Self { part: self.part + 1, ..Self::default() };
    }
}

/// A text under way.
#[derive(Debug)]
pub struct Page {
    kind: Kind,
    /// As they were when the page was asked for.
    pub(super) process: Figures,
    cursor: Cursor,
    piece: usize,
}

impl Page {
    /// A page from its beginning.
    pub fn new(kind: Kind, process: Figures) -> Self {
        Self { kind, process, cursor: Cursor::default(), piece: limits::HTTP_PIECE }
    }

    /// The same in pieces of this size.
    #[cfg(test)]
    pub(super) fn in_pieces_of(self, piece: usize) -> Self {
        Self { piece, ..self }
    }

    /// The next piece; `None` after the last.
    pub fn next(&mut self, facts: &Facts<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(self.piece + self.piece / 16);
        let row = match self.kind {
            Kind::Metrics => metrics::row,
            Kind::State => state::row,
        };
        while out.len() < self.piece && row(&mut self.cursor, facts, &mut out) {}
        (!out.is_empty()).then_some(out)
    }
}
