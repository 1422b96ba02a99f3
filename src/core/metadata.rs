//! What records say of their container beside its id: its name, and what else was chosen.

use std::rc::Rc;

use super::selection::{Facts, PROJECT, SERVICE, Selection};
use super::source::Source;
use crate::limits;

/// What records are to say of their container beside id and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Its image.
    pub image: bool,
    /// Its Compose project.
    pub project: bool,
    /// Its Compose service.
    pub service: bool,
    /// These of its labels, each named once.
    pub labels: Vec<Rc<str>>,
}

impl Fields {
    /// What somebody needed that these don't hold; but for labels, which only formats ask for.
    pub fn keep(&mut self, needed: &Self) {
        self.image |= needed.image;
        self.project |= needed.project;
        self.service |= needed.service;
    }
}

/// What a field of a record tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The image.
    Image,
    /// The Compose project.
    Project,
    /// The Compose service.
    Service,
    /// The label of this key.
    Label(Rc<str>),
}

/// What the records of a container say of it: as much as was chosen, and as it has. Labels come last.
pub(super) fn describe(facts: &Facts<'_>, selection: &Selection, fields: &Fields) -> Source {
    let shown = selection.label(facts.labels, "name").filter(|name| !name.is_empty());
    let mut name = shown.map_or(facts.name, cut).to_owned();
    clean(&mut name);
    let label = |key: &str| facts.labels.get(key).map(String::as_str);
    let fixed = [
        (fields.image, Field::Image, Some(facts.image).filter(|image| !image.is_empty())),
        (fields.project, Field::Project, label(PROJECT)),
        (fields.service, Field::Service, label(SERVICE)),
    ];
    let fixed = fixed.into_iter().filter(|(chosen, ..)| *chosen).map(|(_, field, value)| (field, value));
    let labels = fields.labels.iter().map(|key| (Field::Label(Rc::clone(key)), label(key)));
    let present = fixed.chain(labels).filter_map(|(field, value)| Some((field, cut(value?).to_owned())));
    Source { id: facts.id, name, fields: present.collect() }
}

/// Engines allow letters, digits, `_`, `.` and `-` in a name; but it is the engine that says so, and a label may say
/// anything.
pub(super) fn clean(name: &mut String) {
    if name.contains(|c: char| c.is_control()) {
        *name = name.replace(|c: char| c.is_control(), "?");
    }
}

/// As much of a value as records carry, with each of its characters whole.
fn cut(value: &str) -> &str {
    let end = (0..=limits::FIELD.min(value.len())).rev().find(|end| value.is_char_boundary(*end));
    end.and_then(|end| value.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use docklog_protocol::ContainerId;

    use super::*;

    fn described(labels: &[(&str, &str)], fields: &Fields) -> Source {
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let id = ContainerId::from([1; 32]);
        let facts = Facts { id, name: "web-1", image: "nginx:1.25", labels: &labels, driver: None };
        describe(&facts, &Selection::default(), fields)
    }

    #[test]
    fn records_tell_what_was_chosen_as_far_as_the_container_has_it() {
        let labels = [(SERVICE, "web"), ("tier", "front"), ("secret", "1")];
        assert_eq!(described(&labels, &Fields::default()).fields, []);
        let key: Rc<str> = "tier".into();
        let chosen = vec![Rc::clone(&key), "absent".into()];
        let fields = Fields { image: true, project: true, service: true, labels: chosen };
        let expected = [(Field::Image, "nginx:1.25"), (Field::Service, "web"), (Field::Label(key), "front")];
        assert_eq!(
            described(&labels, &fields).fields,
            expected.map(|(field, value)| (field, value.to_owned()))
        );
    }

    #[test]
    fn a_label_gives_another_name_without_control_characters() {
        let name = |label| described(&[("docklog.name", label)], &Fields::default()).name;
        assert_eq!(name("shop"), "shop");
        assert_eq!(name("a\u{1b}[2J\u{9b}b\n"), "a?[2J?b?");
        assert_eq!(name(""), "web-1");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = format!("x{}", "é".repeat(limits::FIELD));
        let fields = Fields { labels: vec!["long".into()], ..Fields::default() };
        let source = described(&[("long", &long), ("docklog.name", &long)], &fields);
        let value = source.fields.first().map(|(_, value)| value.as_str()).unwrap_or_default();
        assert!(long.starts_with(value) && value.len() == limits::FIELD - 1, "{}", value.len());
        assert_eq!(source.name.len(), limits::FIELD - 1);
    }
}
