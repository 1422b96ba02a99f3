//! What an output has that the expectation has not, or the other way round.

use serde_json::Value;

/// The longest value that is shown, in characters.
const SHOWN: usize = 120;

/// The first difference, with the path to it: `records[3].text: expected "a", got "b"`. `None` if there is none. The order
/// of keys, blanks and escapes mean nothing.
pub(crate) fn difference(expected: &Value, got: &Value, path: &str) -> Option<String> {
    match (expected, got) {
        (Value::Object(left), Value::Object(right)) => {
            let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            for (key, expected) in left {
                let Some(got) = right.get(key) else {
                    return Some(format!("{}: expected {}, got none", inner(key), shown(expected)));
                };
                if let Some(found) = difference(expected, got, &inner(key)) {
                    return Some(found);
                }
            }
            let other = right.iter().find(|(key, _)| !left.contains_key(*key))?;
            Some(format!("{}: expected none, got {}", inner(other.0), shown(other.1)))
        }
        (Value::Array(left), Value::Array(right)) => {
            let pairs = left.iter().zip(right).enumerate();
            let found = pairs
                .filter_map(|(at, (expected, got))| difference(expected, got, &format!("{path}[{at}]")))
                .next();
            let lengths = || format!("{path}: expected {} of them, got {}", left.len(), right.len());
            found.or_else(|| (left.len() != right.len()).then(lengths))
        }
        _ if expected == got => None,
        _ => Some(format!("{path}: expected {}, got {}", shown(expected), shown(got))),
    }
}

/// Removes a key, such as `lines` or `end.at`.
pub(crate) fn without(value: &mut Value, key: &str) {
    let Some(object) = value.as_object_mut() else { return };
    match key.split_once('.') {
        None => drop(object.remove(key)),
        Some((outer, inner)) => {
            if let Some(value) = object.get_mut(outer) {
                without(value, inner);
            }
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
