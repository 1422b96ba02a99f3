//! What the runs showed, rule by rule.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use super::{Cut, Vector};

/// All runs of a decoder.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Each vector with the runs that failed.
    pub(super) outcomes: Vec<(&'a Vector, Vec<Failure>)>,
    pub(super) runs: usize,
    pub(super) took: Duration,
}

/// A run that did not give what was expected.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) cut: Cut,
    pub(super) what: String,
}

/// Stands for the rule of a vector that proves none.
const NO_RULE: &str = "no rule";

impl Report<'_> {
    /// Names of the vectors that failed in at least one cut.
    pub(crate) fn failed(&self) -> BTreeSet<&str> {
        self.outcomes
            .iter()
            .filter(|(_, failures)| !failures.is_empty())
            .map(|(vector, _)| &*vector.name)
            .collect()
    }

    /// Numbers of the rules with a vector that failed.
    pub(crate) fn failed_rules(&self) -> BTreeSet<&str> {
        let failed = self.outcomes.iter().filter(|(_, failures)| !failures.is_empty());
        failed.flat_map(|(vector, _)| vector.rules.iter().map(String::as_str)).collect()
    }

    /// Prints for each rule what failed, then `W-34: 7 of 8` for each, then the totals and the rules that failed. If `verbose`, also what passed,
    /// and of each vector that failed the first difference.
    ///
    /// # Errors
    /// If the output can't be written.
    pub(crate) fn print(
        &self,
        rules: &BTreeMap<String, String>,
        verbose: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let by_rule = self.by_rule();
        for (rule, outcomes) in &by_rule {
            let (failed, passed): (Vec<_>, Vec<_>) =
                outcomes.iter().copied().partition(|(_, failures)| !failures.is_empty());
            if failed.is_empty() && !verbose {
                continue;
            }
            writeln!(out, "{rule} {}", rules.get(*rule).map_or("", String::as_str))?;
            if verbose && !passed.is_empty() {
                let names: Vec<_> = passed.iter().map(|(vector, _)| &*vector.name).collect();
                writeln!(out, "  passed: {}", names.join(" "))?;
            }
            for (vector, failures) in failed {
                let cuts: Vec<_> = failures.iter().map(|failure| failure.cut.name()).collect();
                writeln!(out, "  FAILED: {} ({})", vector.name, cuts.join(", "))?;
                if let (true, Some(first)) = (verbose, failures.first()) {
                    writeln!(out, "    {}", first.what)?;
                }
            }
        }
        for (rule, outcomes) in &by_rule {
            let passed = outcomes.iter().filter(|(_, failures)| failures.is_empty()).count();
            writeln!(out, "{rule}: {passed} of {}", outcomes.len())?;
        }
        let (all, failed) = (self.outcomes.len(), self.failed().len());
        let seconds = self.took.as_secs_f32();
        writeln!(out, "{} of {all} vectors passed, in {} runs, {seconds:.1} s", all - failed, self.runs)?;
        if failed > 0 {
            let rules: Vec<_> = self.failed_rules().into_iter().collect();
            writeln!(out, "rules with vectors that failed: {}", rules.join(" "))?;
        }
        Ok(())
    }

    fn by_rule(&self) -> BTreeMap<&str, Vec<&(&Vector, Vec<Failure>)>> {
        let mut by_rule: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for outcome in &self.outcomes {
            for rule in &outcome.0.rules {
                by_rule.entry(rule).or_default().push(outcome);
            }
            if outcome.0.rules.is_empty() {
                by_rule.entry(NO_RULE).or_default().push(outcome);
            }
        }
        by_rule
    }
}
