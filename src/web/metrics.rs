//! Prometheus' text format, version 0.0.4. The table in `table` is all there is; the README has the same one, and a test
//! compares the two.

mod table;

pub use table::METRICS;

use super::page::{Cursor, Facts};
use crate::core::count::Counts;
use crate::core::status::StreamStatus;

/// Whether a figure can go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// The format's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// Takes a label's value, and the figure.
pub type Each<'a> = &'a mut dyn FnMut(&str, f64);

/// Looks a figure up for one container; there may be none at present.
pub type OfStream = fn(&StreamStatus<'_>) -> Option<f64>;

/// Where figures come from.
#[derive(Clone, Copy, Debug)]
pub enum Samples {
    /// There is one, or none at present.
    One(fn(&Facts<'_>) -> Option<f64>),
    /// One of core's counts.
    Count(fn(&Counts) -> u64),
    /// There is one per value of this label.
    By(&'static str, fn(&Facts<'_>, Each<'_>)),
    /// There is one per container.
    PerContainer(OfStream),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Whether it can go down.
    pub kind: Kind,
    /// Of what it is a number.
    pub unit: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Where its figures come from.
    pub samples: Samples,
}

impl Metric {
    /// Its labels, as people write them.
    pub fn labels(&self) -> String {
        match self.samples {
            Samples::One(_) | Samples::Count(_) => String::new(),
            Samples::By(label, _) => format!("{{{label}}}"),
            Samples::PerContainer(_) => "{container,id}".to_owned(),
        }
    }
}

/// The next line or lines of the page. False: it is complete. A metric's samples are one group, whatever is between them.
pub(super) fn row(at: &mut Cursor, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
    let Some(metric) = METRICS.get(at.part) else { return false };
    if matches!(metric.samples, Samples::PerContainer(_)) && !facts.per_container {
        at.next_part();
        return true;
    }
    if !std::mem::replace(&mut at.begun, true) {
        let (name, help, kind) = (metric.name, metric.help, metric.kind.as_str());
        out.extend_from_slice(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n").as_bytes());
    }
    match metric.samples {
        Samples::One(of) => of(facts).iter().for_each(|value| sample(metric.name, "", *value, out)),
        Samples::Count(of) => sample(metric.name, "", of(facts.core.counts()) as f64, out),
        Samples::By(label, of) => of(facts, &mut |value, figure| {
            let label = format!("{{{label}=\"{}\"}}", escaped(value));
            sample(metric.name, &label, figure, out);
        }),
        Samples::PerContainer(of) => {
            if let Some((slot, stream)) = facts.core.streams_from(at.slot).next() {
                at.slot = slot + 1;
                if let Some(figure) = of(&stream) {
                    sample(metric.name, &container(&stream), figure, out);
                }
                return true;
            }
        }
    }
    at.next_part();
    true
}

fn sample(name: &str, labels: &str, figure: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{name}{labels} {figure}\n").as_bytes());
}

fn container(stream: &StreamStatus<'_>) -> String {
    let id = stream.id().to_string();
    format!("{{container=\"{}\",id=\"{}\"}}", escaped(stream.name()), &id[..12])
}

/// A label's value. The format has three escapes.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped_by_the_rules_of_the_format() {
        assert_eq!(escaped("web-1.é"), "web-1.é");
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
        assert_eq!(escaped("a\"} 1\nevil{x=\""), "a\\\"} 1\\nevil{x=\\\"");
    }

    #[test]
    fn figures_are_written_as_plain_numbers() {
        let text = |figure| {
            let mut out = Vec::new();
            sample("m", "{a=\"b\"}", figure, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(text(0.0), "m{a=\"b\"} 0\n");
        assert_eq!(text(0.25), "m{a=\"b\"} 0.25\n");
        assert_eq!(text(1_795_464_967.5), "m{a=\"b\"} 1795464967.5\n");
    }

    #[test]
    fn names_say_what_they_are_in_the_ways_of_prometheus() {
        let mut names = std::collections::BTreeSet::new();
        for metric in METRICS {
            assert!(names.insert(metric.name), "{} stands twice", metric.name);
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            let ours = metric.name.starts_with("docklog_") || metric.name.starts_with("process_");
            let per_container = metric.name.starts_with("docklog_container_");
            assert!(ours, "{}", metric.name);
            assert_eq!(per_container, matches!(metric.samples, Samples::PerContainer(_)), "{}", metric.name);
            assert!(
                metric.help.ends_with('.') && !metric.help.contains(['\n', '\\', '|']),
                "{}",
                metric.name
            );
        }
    }
}
