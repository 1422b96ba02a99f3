//! What has arrived, against what should have: per container and stream, the numbers 1, 2, 3 and so on.
//!
//! A number that is skipped counts as lost; one that was passed already counts as doubled. A line that comes late is
//! thus both: order is a part of the promise.

use std::collections::HashMap;

use serde_json::Value;

use super::line;

/// The names of the two streams in docklog's output.
const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// One stream of one container.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    last: u64,
    lines: u64,
    lost: u64,
    doubled: u64,
}

/// All streams together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Lines that arrived.
    pub(super) lines: u64,
    /// Numbers that were skipped.
    pub(super) lost: u64,
    /// Numbers that had been passed already.
    pub(super) doubled: u64,
    /// Output that is no line of ours, or a damaged one.
    pub(super) strange: u64,
}

/// The last numbers that a container wrote: stdout, stderr.
pub(super) type Written = (String, [u64; 2]);

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: HashMap<String, [Account; 2]>,
    strange: u64,
    sample: Option<String>,
}

impl Ledger {
    /// Accounts for the containers of these names.
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let accounts = names.into_iter().map(|name| (name, Default::default())).collect();
        Self { accounts, ..Self::default() }
    }

    /// Enters one line of docklog's JSON output.
    pub(super) fn take(&mut self, output: &[u8]) {
        if self.enter(output).is_none() {
            self.strange += 1;
            self.sample.get_or_insert_with(|| String::from_utf8_lossy(output).chars().take(300).collect());
        }
    }

    fn enter(&mut self, output: &[u8]) -> Option<()> {
        let output: Value = serde_json::from_slice(output).ok()?;
        let (stream, number) = line::read(output.get("message")?.as_str()?)?;
        if output.get("stream")?.as_str()? != STREAMS[stream] || output.get("segment").is_some() {
            return None;
        }
        let account = &mut self.accounts.get_mut(output.get("container")?.as_str()?)?[stream];
        account.lines += 1;
        if number <= account.last {
            account.doubled += 1;
        } else {
            account.lost += number - account.last - 1;
            account.last = number;
        }
        Some(())
    }

    /// How many streams haven't brought a line yet.
    pub(super) fn silent(&self) -> usize {
        self.accounts.values().flatten().filter(|account| account.lines == 0).count()
    }

    /// How many of the lines that were written are still to come.
    pub(super) fn missing(&self, written: &[Written]) -> u64 {
        let missing = |(name, ends): &Written| match self.accounts.get(name) {
            Some(accounts) => accounts.iter().zip(ends).map(|(a, end)| end.saturating_sub(a.last)).sum(),
            None => 0,
        };
        written.iter().map(missing).sum()
    }

    /// Nothing more will come: what is missing is lost.
    pub(super) fn close(&mut self, written: &[Written]) {
        for (name, ends) in written {
            for (account, end) in self.accounts.get_mut(name).into_iter().flatten().zip(ends) {
                account.lost += end.saturating_sub(account.last);
                account.last = account.last.max(*end);
            }
        }
    }

    /// The sums.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals { strange: self.strange, ..Totals::default() };
        for account in self.accounts.values().flatten() {
            totals.lines += account.lines;
            totals.lost += account.lost;
            totals.doubled += account.doubled;
        }
        totals
    }

    /// The streams that aren't as they should be, in words.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, accounts) in &self.accounts {
            for (account, stream) in accounts.iter().zip(STREAMS) {
                let Account { last, lines, lost, doubled } = account;
                if lost + doubled > 0 {
                    faults.push(format!(
                        "{name} {stream}: {lines} lines up to number {last}, {lost} lost, {doubled} doubled"
                    ));
                }
            }
        }
        faults.sort();
        faults.extend(self.sample.iter().map(|sample| format!("the first line that isn't ours: {sample}")));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(container: &str, stream: usize, number: u64) -> Vec<u8> {
        let message = line::write(stream, number);
        format!(r#"{{"container":"{container}","stream":"{}","message":"{message}"}}"#, STREAMS[stream])
            .into()
    }

    fn ledger(arrived: &[(&str, usize, u64)]) -> Ledger {
        let mut ledger = Ledger::new(["a".to_owned(), "b".to_owned()]);
        for (container, stream, number) in arrived {
            ledger.take(&output(container, *stream, *number));
        }
        ledger
    }

    fn totals(arrived: &[(&str, usize, u64)]) -> (u64, u64, u64) {
        let totals = ledger(arrived).totals();
        assert_eq!(totals.strange, 0);
        (totals.lines, totals.lost, totals.doubled)
    }

    #[test]
    fn each_stream_of_each_container_counts_for_itself() {
        assert_eq!(totals(&[("a", 0, 1), ("a", 1, 1), ("b", 0, 1), ("a", 0, 2)]), (4, 0, 0));
    }

    #[test]
    fn the_first_line_is_missed_too() {
        assert_eq!(totals(&[("a", 0, 3)]), (1, 2, 0));
    }

    #[test]
    fn gaps_are_lost_and_repeats_are_doubled() {
        assert_eq!(totals(&[("a", 0, 1), ("a", 0, 4), ("a", 0, 4), ("a", 0, 5)]), (4, 2, 1));
    }

    #[test]
    fn a_late_line_is_a_fault() {
        assert_eq!(totals(&[("a", 0, 1), ("a", 0, 3), ("a", 0, 2)]), (3, 1, 1));
    }

    #[test]
    fn what_never_came_is_lost_at_the_end() {
        let mut ledger = ledger(&[("a", 0, 1), ("a", 1, 1)]);
        assert_eq!(ledger.silent(), 2);
        let written = [("a".to_owned(), [3, 1]), ("b".to_owned(), [0, 2])];
        assert_eq!(ledger.missing(&written), 4);
        ledger.close(&written);
        assert_eq!((ledger.totals().lost, ledger.missing(&written)), (4, 0));
        assert_eq!(ledger.faults().len(), 2);
    }

    #[test]
    fn what_is_not_ours_is_strange() {
        let mut ledger = ledger(&[("c", 0, 1)]);
        ledger.take(b"docklog says hello");
        ledger.take(br#"{"container":"a","stream":"stdout","message":"out 1 cut"}"#);
        let swapped = String::from_utf8_lossy(&output("a", 0, 1)).replace("stdout", "stderr");
        ledger.take(swapped.as_bytes());
        assert_eq!(ledger.totals(), Totals { strange: 4, ..Totals::default() });
        assert!(ledger.faults()[0].contains("isn't ours"));
    }
}
