//! Which containers are followed, as the command line says.

use std::collections::BTreeMap;

use docklog_protocol::ContainerId;
use regex_lite::Regex;
use wildmatch::WildMatch;

/// Compose's labels, which every Compose implementation sets.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// One way to name containers.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// A glob over the whole name: `web`, `api-*`, `db?`.
    Glob(WildMatch),
    /// `/regex/`, anywhere in the name.
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern of the command line.
    ///
    /// # Errors
    /// What is wrong with a regular expression, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some("") => Err(format!("{text}: the regular expression between the slashes is empty")),
            Some(regex) => Regex::new(regex).map(Self::Regex).map_err(|error| format!("{text}: {error}")),
            None if text.is_empty() => Err("an empty PATTERN matches no container".to_owned()),
            None => Ok(Self::Glob(WildMatch::new(text.strip_prefix('/').unwrap_or(text)))),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(name),
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

/// `K` or `K=V`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRule {
    key: String,
    value: Option<String>,
}

impl LabelRule {
    /// Reads `K` or `K=V`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((key, value)) => Self { key: key.to_owned(), value: Some(value.to_owned()) },
            None => Self { key: text.to_owned(), value: None },
        }
    }

    /// The rule for a Compose project.
    pub fn project(name: &str) -> Self {
        Self { key: PROJECT.to_owned(), value: Some(name.to_owned()) }
    }

    /// The rule for a Compose service.
    pub fn service(name: &str) -> Self {
        Self { key: SERVICE.to_owned(), value: Some(name.to_owned()) }
    }

    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        match (labels.get(&self.key), &self.value) {
            (Some(found), Some(wanted)) => found == wanted,
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        }
    }
}

/// The rules of a run.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Any of these names, or all if there is none.
    pub patterns: Vec<Pattern>,
    /// None of these names.
    pub excluded: Vec<Pattern>,
    /// All of these labels.
    pub labels: Vec<LabelRule>,
    /// Any of these projects, or all if there is none.
    pub projects: Vec<LabelRule>,
    /// Any of these services, or all if there is none.
    pub services: Vec<LabelRule>,
    /// The container that we run in ourselves, if it is to be left out: its log would be our own output again.
    pub own: Option<ContainerId>,
}

impl Selection {
    /// True if the labels are as asked. They never change during a container's life.
    pub fn by_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let any = |rules: &[LabelRule]| rules.is_empty() || rules.iter().any(|rule| rule.matches(labels));
        self.labels.iter().all(|rule| rule.matches(labels)) && any(&self.projects) && any(&self.services)
    }

    /// True if the name, or the id as `docker ps` shows it, is as asked.
    pub fn by_name(&self, id: ContainerId, name: &str) -> bool {
        if self.own == Some(id) {
            return false;
        }
        let hex = id.to_string();
        let any = |patterns: &[Pattern]| {
            patterns.iter().any(|pattern| pattern.matches(name) || names_id(pattern, &hex))
        };
        (self.patterns.is_empty() || any(&self.patterns)) && !any(&self.excluded)
    }

    /// True if containers are named, so that asking for a stopped one makes sense.
    pub fn is_explicit(&self) -> bool {
        !self.patterns.is_empty()
    }
}

/// As in `docker logs`, the beginning of an id names a container too; twelve digits, as `docker ps` prints them, at least.
fn names_id(pattern: &Pattern, hex: &str) -> bool {
    matches!(pattern, Pattern::Glob(glob) if {
        let text = glob.to_string();
        text.len() >= 12 && hex.starts_with(&text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ContainerId {
        ContainerId::parse(&"ab".repeat(32)).expect("64 hex digits")
    }

    fn select(patterns: &[&str], excluded: &[&str]) -> Selection {
        let parse =
            |list: &[&str]| list.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect();
        Selection { patterns: parse(patterns), excluded: parse(excluded), ..Selection::default() }
    }

    #[test]
    fn a_glob_covers_the_whole_name_and_a_regex_any_part() {
        let names = ["web", "web-1", "api-web"];
        let chosen = |rules: &Selection| names.map(|name| rules.by_name(id(), name));
        assert_eq!(chosen(&select(&["web"], &[])), [true, false, false]);
        assert_eq!(chosen(&select(&["web*"], &[])), [true, true, false]);
        assert_eq!(chosen(&select(&["/web/"], &[])), [true, true, true]);
        assert_eq!(chosen(&select(&["/web/"], &["*-1", "/^api/"])), [true, false, false]);
        assert_eq!(chosen(&select(&[], &["web"])), [false, true, true]);
        assert_eq!(chosen(&select(&["nothing", "web-?"], &[])), [false, true, false]);
    }

    #[test]
    fn an_id_names_its_container_from_twelve_digits_on() {
        assert!(select(&["abababababab"], &[]).by_name(id(), "web"));
        assert!(!select(&["ababab"], &[]).by_name(id(), "web"));
        assert!(!select(&[], &["abababababababab"]).by_name(id(), "web"));
    }

    #[test]
    fn a_broken_regex_is_refused_with_its_text() {
        let error = Pattern::parse("/we(b/").expect_err("unclosed group");
        assert!(error.starts_with("/we(b/: "), "{error}");
        assert!(Pattern::parse("").is_err() && Pattern::parse("//").is_err());
    }

    #[test]
    fn labels_all_hold_and_of_the_services_any() {
        let labels =
            BTreeMap::from([(SERVICE.to_owned(), "db".to_owned()), ("tier".to_owned(), "1".to_owned())]);
        let mut rules = Selection { labels: vec![LabelRule::parse("tier")], ..Selection::default() };
        assert!(rules.by_labels(&labels));
        rules.services = vec![LabelRule::service("web"), LabelRule::service("db")];
        assert!(rules.by_labels(&labels));
        rules.labels.push(LabelRule::parse("tier=2"));
        assert!(!rules.by_labels(&labels));
        assert!(
            !Selection { projects: vec![LabelRule::project("shop")], ..Selection::default() }
                .by_labels(&labels)
        );
    }

    #[test]
    fn the_own_container_is_left_out() {
        let rules = Selection { own: Some(id()), ..Selection::default() };
        assert!(!rules.by_name(id(), "docklog"));
    }
}
