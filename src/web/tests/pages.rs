//! Long texts in pieces.

use std::collections::BTreeMap;

use super::*;
use crate::web::page::{Facts, Kind, Page};

fn facts<'a>(core: &'a Core, process: &'a Figures) -> Facts<'a> {
    Facts { core, process, clients: 1, requests: 7, per_container: true }
}

fn whole(page: Page, facts: &Facts<'_>) -> (String, usize) {
    let (mut page, mut text, mut pieces) = (page, Vec::new(), 0);
    while let Some(piece) = page.next(facts) {
        text.extend_from_slice(&piece);
        pieces += 1;
    }
    assert_eq!(page.next(facts), None, "the end stays the end");
    (String::from_utf8(text).expect("text"), pieces)
}

#[test]
fn a_page_is_the_same_in_pieces_of_every_size() {
    let names = ["plain", "quo\"te", "back\\slash", "é", ""].map(str::to_owned);
    let (core, process) = (core_with(&names), Figures::default());
    let facts = facts(&core, &process);
    for kind in [Kind::Metrics, Kind::State] {
        let (expected, pieces) = whole(Page::new(kind, process), &facts);
        assert_eq!(pieces, 1);
        for size in (1..200).chain([1000, 5000]) {
            let (text, pieces) = whole(Page::new(kind, process).in_pieces_of(size), &facts);
            assert_eq!(text, expected, "{kind:?} in pieces of {size}");
            assert!(pieces > 1 || size >= text.len());
        }
    }
}

#[test]
fn pieces_stay_small_however_many_streams_there_are() {
    let (core, process) = (core_with(&named(2_000)), Figures::default());
    let facts = facts(&core, &process);
    for kind in [Kind::Metrics, Kind::State] {
        let mut page = Page::new(kind, process);
        let mut pieces = 0;
        while let Some(piece) = page.next(&facts) {
            assert!(piece.len() < crate::limits::HTTP_PIECE + 4096);
            pieces += 1;
        }
        assert!(pieces > 20, "{pieces}");
    }
}

/// The format's rules that a scraper insists on.
#[test]
fn metrics_are_in_groups_with_their_type_before_them_and_no_series_twice() {
    let names = ["a", "b\"} 1\nx{y=\"", "c\\"].map(str::to_owned);
    let (core, process) = (core_with(&names), Figures::default());
    let (text, _) = whole(Page::new(Kind::Metrics, process), &facts(&core, &process));
    let (mut current, mut done, mut series) = (String::new(), Vec::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            done.push(std::mem::take(&mut current));
            current = rest.split(' ').next().expect("a name").to_owned();
            assert!(!done.contains(&current), "{current} comes twice");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest.split(' ').next(), Some(current.as_str()));
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("name and figure");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert_eq!(name.split('{').next(), Some(current.as_str()), "{line}");
        assert_eq!(series.insert(name.to_owned(), ()), None, "{name} comes twice");
    }
    assert!(text.contains("docklog_container_running{container=\"b\\\"} 1?x{y=\\\"\""), "{text}");
    assert!(text.contains("docklog_streams{state=\"opening\"} 3\n"));
    assert!(text.contains("docklog_dropped_total{reason=\"gap\"} 0\n"));
}

#[test]
fn containers_can_be_left_out_of_the_metrics() {
    let (core, process) = (core_with(&named(3)), Figures::default());
    let facts = Facts { per_container: false, ..facts(&core, &process) };
    let (text, _) = whole(Page::new(Kind::Metrics, process), &facts);
    assert!(!text.contains("docklog_container_") && text.contains("docklog_lines_total 0\n"));
}

#[test]
fn the_state_is_json_with_a_line_per_stream() {
    let names = ["web", "quo\"te\\", "\u{202e}"].map(str::to_owned);
    let (core, process) = (core_with(&names), Figures { threads: Some(1), ..Figures::default() });
    let (text, _) = whole(Page::new(Kind::State, process), &facts(&core, &process));
    let state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(state["engine"]["state"], "up");
    assert_eq!(state["engine"]["api"], "1.51");
    assert_eq!(state["engine"]["events"], "flowing");
    assert_eq!(state["docklog"]["threads"], 1);
    assert_eq!(state["sessions"]["streams"], 3);
    assert_eq!(state["streams"][0]["state"], "opening");
    for (number, name) in names.iter().enumerate() {
        assert_eq!(state["streams"][number]["name"], name.as_str());
    }
    assert_eq!(text.lines().filter(|line| line.contains("\"session_age\"")).count(), 3);
    let empty = core_with(&[]);
    let (text, _) = whole(Page::new(Kind::State, process), &facts(&empty, &process));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["streams"],
        serde_json::json!([])
    );
}
