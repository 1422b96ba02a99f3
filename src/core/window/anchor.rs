//! Lines delivered, counted from an anchor on, and compared with what the log holds: see `core::audit`.

use super::judge::is_same;
use super::{Gap, Window};
use crate::core::place::LastLine;

/// A line from which on delivered lines are counted, to be compared with what the log holds: see [`Window::audit`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) half: usize,
    pub(super) line: LastLine,
    pub(super) delivered: u64,
    pub(super) records: u64,
    /// It has come by in the present session, and so many lines since.
    pub(super) since: Option<u64>,
    /// If it is gone, lines are taken for missing, see [`Window::audit`].
    pub(super) is_proof: bool,
}

impl Window {
    /// Counts what is delivered, from the next line on if nothing is counted yet.
    pub fn count(&mut self) {
        self.audited = true;
        if self.anchor.is_none() {
            self.anchor_here();
        }
    }

    /// Counts what is delivered from here on, unless that is being compared.
    pub fn anchor_here(&mut self) {
        if self.auditing {
            return;
        }
        let new =
            |(half, line)| Anchor { half, line, delivered: 0, records: 0, since: None, is_proof: false };
        self.anchor = self.place.last().map(|last| Box::new(new(last)));
    }

    /// Lets the next session compare the log with what was delivered since [`Window::anchor_here`]: an engine may skip
    /// lines in the middle of a follow, without a word, and no later window would show it. `is_proof`: if the log doesn't
    /// hold the anchor any more, that is told as a gap, too. (A healthy burst may delete it.)
    pub fn audit(&mut self, is_proof: bool) {
        self.auditing = self.anchor.is_some();
        if let Some(anchor) = self.anchor.as_mut() {
            anchor.is_proof |= is_proof;
        }
    }

    /// For the audit: lines between the anchor and the last line.
    pub(super) fn count_since_anchor(&mut self, half: usize, line: &LastLine, replay: bool) {
        let auditing = self.auditing && !self.found && replay;
        let Some(anchor) = self.anchor.as_mut().filter(|_| auditing) else { return };
        match anchor.since.as_mut() {
            Some(lines) => *lines += 1,
            None if half == anchor.half && is_same(line, &anchor.line) => anchor.since = Some(0),
            None => {}
        }
    }

    /// The last line is found: are the lines since the anchor those that were delivered?
    pub(super) fn end_audit(&mut self) {
        let Some(anchor) = self.anchor.as_ref().filter(|_| self.auditing) else { return };
        let Some((_, line)) = self.resumed().last() else { return };
        let gap = match (anchor.since, self.asked) {
            (Some(lines), _) if lines <= anchor.delivered => None,
            (None, Some(_)) => return, // the next record, or silence, asks for a larger window
            (None, None) if !anchor.is_proof => None,
            // Lines are missing; or the anchor was deleted, and nothing can be counted from it.
            (Some(_) | None, _) => Some(Gap { from: anchor.line.time, to: line.time }),
        };
        self.gap = self.gap.take().or(gap.map(Box::new));
        self.auditing = false;
        self.anchor_here();
    }
}
