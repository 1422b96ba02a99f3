//! What entries say of their container. Loki keeps a stream for each set of labels, so that these must be few, and of few
//! values; all else is structured metadata of each entry, which costs Loki next to nothing when it is the same.

use crate::core::metadata::Field;
use crate::core::source::Source;
use crate::encode::escape::string;
use crate::limits;

/// `{"stream":{"container":"web",…,"stream":`: only the stream's name is missing.
pub(super) fn labels(source: &Source, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"stream\":{\"container\":");
    string(&source.name, out);
    for (field, value) in &source.fields {
        let name: &[u8] = match field {
            Field::Project => b",\"project\":",
            Field::Service => b",\"service\":",
            Field::Image | Field::Label(_) => continue,
        };
        out.extend_from_slice(name);
        string(value, out);
    }
    out.extend_from_slice(b",\"stream\":");
}

/// `,{"container_id":"…","image":"…","label_tier":"front"`: more may follow.
pub(super) fn metadata(source: &Source, out: &mut Vec<u8>) {
    out.extend_from_slice(b",{\"container_id\":\"");
    out.extend_from_slice(&source.id.digits());
    out.push(b'"');
    let mut names: Vec<String> = Vec::new();
    for (field, value) in &source.fields {
        let name = match field {
            Field::Image => "image".to_owned(),
            Field::Label(key) => unlike(&names, name_of(key)),
            Field::Project | Field::Service => continue,
        };
        let end = out.len();
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        string(value, out);
        if out.len() > limits::LOKI_METADATA || names.len() == limits::LOKI_FIELDS {
            out.truncate(end);
        } else {
            names.push(name);
        }
    }
}

/// The name that tells a label of this key. Loki allows letters, digits and underscores, and makes one underscore of several
/// that stand together; so its own rules have nothing left to change. `label_` keeps it apart from names of ours.
fn name_of(key: &str) -> String {
    let mut name = "label_".to_owned();
    for c in key.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name
}

/// The name, or one with a number behind it if there are such by now: `a.b` and `a-b` are two labels.
fn unlike(names: &[String], name: String) -> String {
    if !names.contains(&name) {
        return name;
    }
    let numbered = (2..).map(|number| format!("{}_{number}", name.trim_end_matches('_')));
    numbered.take(names.len() + 1).find(|name| !names.contains(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_names_that_loki_leaves_as_they_are() {
        for (key, name) in [
            ("tier", "label_tier"),
            ("com.docker/Compose-é", "label_com_docker_Compose_"),
            ("_a__b", "label_a_b"),
            ("", "label_"),
            ("9\"}", "label_9_"),
        ] {
            assert_eq!(name_of(key), name);
        }
    }

    #[test]
    fn no_two_names_are_the_same() {
        let mut names = Vec::new();
        for key in ["a.b", "a-b", "a_b_2", "a.b", "a..b", "é", ""] {
            names.push(unlike(&names, name_of(key)));
        }
        let expected = ["a_b", "a_b_2", "a_b_2_2", "a_b_3", "a_b_4", "", "2"];
        assert_eq!(names, expected.map(|name| format!("label_{name}")));
    }
}
