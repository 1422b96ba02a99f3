//! The report: Markdown on stdout as it grows, and at the end in a file.

use crate::curve::{self, Point};
use crate::machine;
use crate::options::Options;
use std::fmt::Write;
use std::fs;

/// What is told of all workloads.
pub(crate) struct Report {
    text: String,
    /// For the plot.
    pub(crate) points: Vec<Point>,
}

/// A table of figures, one row for each reader.
pub(crate) struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let mut report = Self { text: String::new(), points: Vec::new() };
        let small =
            if options.quick { " **Small and short: these figures only show that it works.**" } else { "" };
        report.say(&format!(
            "# Benchmarks\n\nMeasured {} with {} by `docklog-bench`, all readers of a table interleaved, {} rounds; medians \
             [least–most]. CPU is user and system.{small}",
            machine::description(),
            options.version.0,
            options.rounds,
        ));
        report
    }

    /// Adds a paragraph.
    pub(crate) fn say(&mut self, text: &str) {
        println!("{text}\n");
        self.text.push_str(text);
        self.text.push_str("\n\n");
    }

    /// Adds a table.
    pub(crate) fn add(&mut self, table: &Table) {
        self.say(&table.markdown());
    }

    /// Says why there is no such table.
    pub(crate) fn left_out(&mut self, title: &str, reason: &str) {
        self.say(&format!("## {title}\n\nLeft out: {reason}."));
    }

    /// Writes what was asked for into files.
    pub(crate) fn finish(mut self, options: &Options) {
        let Some(out) = &options.out else { return };
        if let Some(svg) = curve::plot(&self.points) {
            let plot = out.with_extension("svg");
            fs::write(&plot, svg).unwrap();
            let name = plot.file_name().unwrap().to_string_lossy();
            let _ = writeln!(self.text, "![CPU time per line and memory against streams]({name})");
        }
        fs::write(out, self.text.trim_end().to_owned() + "\n").unwrap();
    }
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: [&["reader"], columns].concat(), rows: Vec::new() }
    }

    /// Says what the rows are, if they aren't readers.
    pub(crate) fn name_rows(&mut self, name: &'static str) {
        self.columns[0] = name;
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, name: &str, cells: Vec<String>) {
        assert_eq!(cells.len() + 1, self.columns.len(), "a cell for each column");
        self.rows.push([vec![name.to_owned()], cells].concat());
    }

    fn markdown(&self) -> String {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("## {}\n\n", self.title);
        text += &line(self.columns.clone());
        text += &line(self.columns.iter().map(|_| "---").collect());
        for row in &self.rows {
            text += &line(row.iter().map(String::as_str).collect());
        }
        text.trim_end().to_owned()
    }
}

/// The median, and the least and the most if there are several: `0.63 [0.59–0.66]`.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>, digits: usize) -> String {
    let values = sorted(values);
    match values[..] {
        [] => "–".into(),
        [one] => format!("{one:.digits$}"),
        [least, .., most] => format!("{:.digits$} [{least:.digits$}–{most:.digits$}]", middle(&values)),
    }
}

/// The median.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let values = sorted(values);
    (!values.is_empty()).then(|| middle(&values))
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

/// A number that may not be known.
pub(crate) fn maybe(value: Option<f64>, digits: usize) -> String {
    spread(value, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_spreads() {
        assert_eq!(spread([3.0, 1.0, 2.0], 1), "2.0 [1.0–3.0]");
        assert_eq!(spread([1.0, 2.0], 1), "1.5 [1.0–2.0]");
        assert_eq!(spread([4.25], 2), "4.25");
        assert_eq!(maybe(None, 2), "–");
    }
}
