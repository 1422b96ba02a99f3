//! What people see: a row per checkpoint, what has grown, and the verdict.

use std::fmt::Write;
use std::time::Duration;

use super::child::{Counts, Figures};
use super::ledger::Totals;
use super::options::Options;

/// Memory may still settle before this; what it grows after is judged.
const SETTLED: Duration = Duration::from_secs(5 * 60);

/// So many KiB aren't a leak yet.
const RSS_GROWTH: i64 = 64;

/// One checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    /// Since the baseline.
    pub(super) elapsed: Duration,
    /// What the system says.
    pub(super) figures: Figures,
    /// What docklog says, if it does.
    pub(super) counts: Option<Counts>,
    /// What the ledger says.
    pub(super) totals: Totals,
}

/// The head of the table.
pub(super) const HEAD: &str =
    "elapsed  threads  descriptors  RSS KiB  active streams  rotations  errors       lines  lost  doubled";

impl Row {
    /// The row, as wide as the head.
    pub(super) fn text(&self) -> String {
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        format!(
            "{:>7}  {:>7}  {:>11}  {:>7}  {:>14}  {:>9}  {:>6}  {:>10}  {:>4}  {:>7}",
            clock(self.elapsed),
            self.figures.threads,
            self.figures.descriptors,
            self.figures.rss,
            count(self.counts.map(|counts| counts.open)),
            count(self.counts.map(|counts| counts.rotations)),
            count(self.counts.map(|counts| counts.errors)),
            self.totals.lines,
            self.totals.lost,
            self.totals.doubled,
        )
    }
}

/// `1m05s`.
pub(super) fn clock(span: Duration) -> String {
    let seconds = (span.as_millis() + 500) / 1000;
    format!("{}m{:02}s", seconds / 60, seconds % 60)
}

/// All that the verdict depends on.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    /// What was asked for.
    pub(super) options: &'a Options,
    /// From the baseline to the last checkpoint.
    pub(super) rows: &'a [Row],
    /// When all lines have arrived, or the time for it was over.
    pub(super) totals: Totals,
    /// Why docklog didn't end as it should, if it didn't.
    pub(super) end: Result<(), String>,
}

/// Something that had to be reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    what: &'static str,
    wanted: String,
    found: String,
    holds: Option<bool>,
}

impl Outcome<'_> {
    fn ends(&self) -> (Row, Row) {
        let first = self.rows.first().copied().unwrap_or_default();
        (first, self.rows.last().copied().unwrap_or(first))
    }

    /// The targets, each with what was found.
    pub(super) fn targets(&self) -> Vec<Target> {
        let (first, last) = self.ends();
        let grown = |what, first: u64, last: u64| {
            let growth = last.cast_signed() - first.cast_signed();
            Target::new(what, "+0", format!("{growth:+}"), growth <= 0)
        };
        let none = |what, count: u64| Target::new(what, "0", count.to_string(), count == 0);
        vec![
            grown("threads", first.figures.threads, last.figures.threads),
            grown("descriptors", first.figures.descriptors, last.figures.descriptors),
            self.memory(),
            self.rotations(),
            none("lost", self.totals.lost),
            none("doubled", self.totals.doubled),
            none("lines that aren't ours", self.totals.strange),
            Target::new(
                "end of docklog",
                "with 0",
                self.end.as_ref().map_or_else(Clone::clone, |()| "with 0".to_owned()),
                self.end.is_ok(),
            ),
        ]
    }

    fn memory(&self) -> Target {
        let (_, last) = self.ends();
        let settled = self.rows.iter().find(|row| row.elapsed >= SETTLED);
        let wanted = format!("< {RSS_GROWTH} KiB");
        match settled.filter(|row| row.elapsed < last.elapsed) {
            None => Target { what: MEMORY, wanted, found: "too short a test".to_owned(), holds: None },
            Some(row) => {
                let growth = last.figures.rss.cast_signed() - row.figures.rss.cast_signed();
                Target::new(MEMORY, &wanted, format!("{growth:+} KiB"), growth < RSS_GROWTH)
            }
        }
    }

    /// Each stream rotates once per span, but for the one that may be under way or due at the end.
    fn rotations(&self) -> Target {
        let (first, last) = self.ends();
        let spans = match &self.options.rotate_every {
            Some((every, _)) => last.elapsed.as_millis() / every.as_millis().max(1),
            None => 0,
        };
        let wanted =
            u64::try_from(spans.saturating_sub(1)).unwrap_or(u64::MAX) * self.options.containers as u64;
        let found = match (first.counts, last.counts) {
            (Some(first), Some(last)) => Some(last.rotations.saturating_sub(first.rotations)),
            _ => None,
        };
        let told = found.map_or("docklog doesn't tell".to_owned(), |found| found.to_string());
        match wanted {
            0 => Target { what: ROTATIONS, wanted: "any".to_owned(), found: told, holds: None },
            _ => Target::new(ROTATIONS, &format!(">= {wanted}"), told, found.is_some_and(|n| n >= wanted)),
        }
    }

    /// Baseline, final and growth; the targets; the verdict. And whether it is a good one.
    pub(super) fn text(&self) -> (String, bool) {
        let (first, last) = self.ends();
        let minutes = last.elapsed.as_secs_f64() / 60.0;
        let mut text =
            format!("{:<24}{:>12}{:>12}{:>12}{:>14}\n", "", "baseline", "final", "growth", "per minute");
        let (a, b) = (first.figures, last.figures);
        for (what, first, last) in [
            ("threads", a.threads, b.threads),
            ("descriptors", a.descriptors, b.descriptors),
            ("RSS KiB", a.rss, b.rss),
        ] {
            let growth = last.cast_signed() - first.cast_signed();
            let rate = if minutes > 0.0 { growth as f64 / minutes } else { 0.0 };
            let _ = writeln!(text, "{what:<24}{first:>12}{last:>12}{growth:>+12}{rate:>+14.2}");
        }
        let _ = writeln!(text, "\n{:<24}{:>12}  {:<24}", "target", "wanted", "found");
        let targets = self.targets();
        for Target { what, wanted, found, holds } in &targets {
            let verdict = match holds {
                Some(true) => "holds",
                Some(false) => "MISSED",
                None => "not judged",
            };
            let _ = writeln!(text, "{what:<24}{wanted:>12}  {found:<24}{verdict}");
        }
        let missed = targets.iter().filter(|target| target.holds == Some(false)).count();
        let lines = self.totals.lines;
        let _ = match missed {
            0 => writeln!(text, "\nAll targets hold: {lines} lines, none lost, none doubled."),
            n => writeln!(text, "\n{n} of {} targets missed, {lines} lines read.", targets.len()),
        };
        (text, missed == 0)
    }
}

const MEMORY: &str = "RSS after 5 minutes";
const ROTATIONS: &str = "rotations";

impl Target {
    fn new(what: &'static str, wanted: &str, found: String, holds: bool) -> Self {
        Self { what, wanted: wanted.to_owned(), found, holds: Some(holds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(minutes: u64, descriptors: u64, rss: u64, rotations: u64) -> Row {
        Row {
            elapsed: Duration::from_secs(minutes * 60),
            figures: Figures { threads: 1, descriptors, rss },
            counts: Some(Counts { open: 50, rotations, errors: 0 }),
            totals: Totals::default(),
        }
    }

    fn missed(rows: &[Row], totals: Totals) -> Vec<&'static str> {
        let outcome = Outcome { options: &Options::default(), rows, totals, end: Ok(()) };
        let targets = outcome.targets().into_iter();
        let missed: Vec<_> = targets.filter(|target| target.holds == Some(false)).map(|t| t.what).collect();
        assert_eq!(outcome.text().1, missed.is_empty());
        missed
    }

    #[test]
    fn a_row_is_as_wide_as_the_head() {
        assert_eq!(row(29, 60, 3000, 450).text().len(), HEAD.len());
        assert_eq!(Row { counts: None, ..row(0, 1, 1, 0) }.text().matches(" - ").count(), 3);
        assert!(row(29, 60, 3000, 450).text().starts_with(" 29m00s"));
    }

    #[test]
    fn what_stays_as_it_is_holds() {
        let rows = [row(0, 60, 3000, 0), row(5, 60, 3200, 50), row(30, 60, 3263, 450)];
        assert_eq!(missed(&rows, Totals::default()), Vec::<&str>::new());
    }

    #[test]
    fn each_target_can_be_missed() {
        let none = Totals::default();
        let after = |descriptors, rss, rotations| {
            [row(0, 60, 3000, 0), row(5, 60, 3000, 50), row(30, descriptors, rss, rotations)]
        };
        assert_eq!(missed(&after(61, 3000, 450), none), ["descriptors"]);
        assert_eq!(missed(&after(60, 3064, 450), none), [MEMORY]);
        assert_eq!(missed(&after(60, 3000, 449), none), [ROTATIONS]);
        assert_eq!(missed(&after(60, 3000, 450), Totals { lost: 1, ..none }), ["lost"]);
        assert_eq!(missed(&after(60, 3000, 450), Totals { doubled: 1, ..none }), ["doubled"]);
        assert_eq!(missed(&after(60, 3000, 450), Totals { strange: 1, ..none }), ["lines that aren't ours"]);
    }

    #[test]
    fn a_short_test_judges_what_it_can() {
        assert_eq!(
            missed(&[row(0, 60, 3000, 0), row(5, 60, 9000, 0)], Totals::default()),
            Vec::<&str>::new()
        );
    }
}
