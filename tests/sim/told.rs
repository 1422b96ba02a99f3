//! The comparison where lines may be lost: each is given once and in order (or late, where the engine may have skipped it), or lies
//! in a gap that docklog has told of.

use docklog_protocol::Timestamp;
use std::collections::BTreeMap;

use super::engine::{Logged, Nanos, SimEngine, rfc3339};
use super::model::{Given, Model, Output, Wanted, show};

/// A span in which lines of a container may be missing, as docklog tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub container: String,
    pub id: String,
    /// Time of the last line before it.
    pub from: String,
    /// Time of the first record after it.
    pub to: String,
}

/// A line that was logged and not given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The container's first name.
    pub container: String,
    pub id: String,
    pub stream: &'static str,
    pub text: Vec<u8>,
    /// As the engine writes it.
    pub time: String,
    /// When its record was deleted; `None`: the engine has it still.
    pub gone: Option<Nanos>,
}

/// Which lines may come twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    None,
    /// A docklog that was started after another was killed may give out again what that one had.
    AfterKills,
}

impl Gap {
    /// The line's time lies in the gap. A gap over a clock that was set back ends before it begins.
    pub fn covers(&self, line: &Missing) -> bool {
        let nanos = |text: &str| Timestamp::parse(text).unwrap().unix_nanos();
        // The line after the gap may be another channel's, whose stamps are out of order.
        let (from, to, time) = (nanos(&self.from), nanos(&self.to) + OUT_OF_ORDER, nanos(&line.time));
        let inside = if from <= to { from <= time && time <= to } else { from <= time || time <= to };
        self.id == line.id && inside
    }
}

/// Stamps of the two channels differ by less than so many nanoseconds (see `Machine::write`).
const OUT_OF_ORDER: i64 = 100_000_000;

/// Finds the lines that aren't among what one docklog after another gave out.
///
/// # Errors
/// What was never written, comes twice or in a wrong order, or is a gap of a container that never was.
pub fn missing(
    model: &Model,
    engine: &SimEngine,
    parts: &[Output],
    repeats: Repeats,
) -> Result<Vec<Missing>, String> {
    let wanted = model.wanted();
    for gap in parts.iter().flat_map(|part| &part.gaps) {
        let known = |w: &Wanted<'_>| w.id == gap.id && w.names.contains(&gap.container);
        if !wanted.iter().any(known) {
            return Err(format!("a gap of a container that never was: {gap:?}"));
        }
    }
    for given in parts.iter().flat_map(|part| &part.lines) {
        if !wanted.iter().any(|w| w.is_source_of(given)) {
            return Err(format!("a line that nobody wrote: {given:?}"));
        }
    }
    let mut out = Vec::new();
    for wanted in &wanted {
        let channel = Channel::new(wanted, engine);
        let left = channel.missing(parts, repeats);
        out.extend(left.map_err(|what| format!("{} {}: {what}", wanted.names[0], wanted.stream))?);
    }
    Ok(out)
}

/// The lines of one channel, as they were written and as the engine logged them.
struct Channel<'a> {
    wanted: &'a Wanted<'a>,
    logged: Vec<Logged>,
    times: Vec<String>,
    /// The engine begins new files, and may skip lines that an audit finds: these come late, behind younger ones.
    may_be_late: bool,
    /// When docklog asked for the log first: what was deleted before can't be asked of it.
    first_read: Option<Nanos>,
}

impl<'a> Channel<'a> {
    fn new(wanted: &'a Wanted<'a>, engine: &SimEngine) -> Self {
        let container = engine.containers().iter().find(|c| c.id == wanted.id);
        let mut logged = container.map(|c| c.log().lines(wanted.channel)).unwrap_or_default();
        logged.truncate(wanted.lines.len()); // what is open isn't a line yet
        let nine_digits = !engine.dialect().is_podman();
        let times = logged.iter().map(|line| rfc3339(line.stamp, nine_digits)).collect();
        let may_be_late = container.is_some_and(|c| c.log().rotates());
        Channel { wanted, logged, times, may_be_late, first_read: engine.first_read(wanted.id) }
    }

    fn missing(&self, parts: &[Output], repeats: Repeats) -> Result<Vec<Missing>, String> {
        let mut places: BTreeMap<(&str, &[u8]), Vec<usize>> = BTreeMap::new();
        for (n, time) in self.times.iter().enumerate() {
            places.entry((time, &self.wanted.lines[n])).or_default().push(n);
        }
        // Which docklog gave a line.
        let mut given_by: Vec<Option<usize>> = vec![None; self.logged.len()];
        let mut next = 0;
        for (part, output) in parts.iter().enumerate() {
            if repeats == Repeats::AfterKills {
                next = 0;
            }
            for given in output.lines.iter().filter(|given| self.wanted.is_source_of(given)) {
                let Some(same) = places.get(&(given.time.as_str(), given.message.as_slice())) else {
                    self.is_piece(given)?;
                    continue;
                };
                // Without a fraction in the times, equal lines are told apart by their order only.
                let at = same.iter().copied().find(|&n| n >= next).unwrap_or(same[0]);
                let again = given_by[at].is_some_and(|by| by == part || repeats == Repeats::None);
                if again || at < next && !self.may_be_late {
                    let what = if again { "comes twice" } else { "comes too late" };
                    return Err(format!("{} {}: {what}", given.time, show(&given.message)));
                }
                given_by[at] = Some(part);
                next = next.max(at + 1);
            }
        }
        Ok((0..self.logged.len()).filter(|&n| given_by[n].is_none()).filter_map(|n| self.lost(n)).collect())
    }

    /// What was given isn't a whole line: it may be what is left of one that was lost in part, or still open at the end. The
    /// line itself counts as missing.
    fn is_piece(&self, given: &Given) -> Result<(), String> {
        let of = |line: &[u8]| line.starts_with(&given.message) || line.ends_with(&given.message);
        let lines = self.times.iter().zip(&self.wanted.lines);
        let torn = lines.filter(|(time, _)| **time == given.time).any(|(_, line)| of(line));
        if torn || !self.wanted.open.is_empty() && self.wanted.open.starts_with(&given.message) {
            return Ok(());
        }
        Err(format!("{} {} was never written so", given.time, show(&given.message)))
    }

    fn lost(&self, n: usize) -> Option<Missing> {
        let gone = self.logged[n].gone;
        let before_us = gone.is_some_and(|at| self.first_read.is_none_or(|read| at < read));
        (!before_us).then(|| Missing {
            container: self.wanted.names[0].clone(),
            id: self.wanted.id.into(),
            stream: self.wanted.stream,
            text: self.wanted.lines[n].clone(),
            time: self.times[n].clone(),
            gone,
        })
    }
}
