//! The README says what the program does.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use docklog::web::metrics::METRICS;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let row = |metric: &docklog::web::metrics::Metric| {
        let (name, labels, kind) = (metric.name, metric.labels(), metric.kind.as_str());
        format!("| `{name}{labels}` | {kind} | {} | {} |", metric.unit, metric.help)
    };
    let expected: Vec<String> = METRICS.iter().map(row).collect();
    let found: Vec<&str> = README
        .lines()
        .filter(|line| line.starts_with("| `docklog_") || line.starts_with("| `process_"))
        .collect();
    assert_eq!(found, expected, "the table should be:\n{}\n", expected.join("\n"));
}
