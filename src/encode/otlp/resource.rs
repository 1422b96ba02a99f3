//! Attributes, and those of a container, by OpenTelemetry's semantic conventions for containers and services.

use super::wire;
use crate::core::metadata::Field;
use crate::core::source::Source;

/// Fields of a resource, a pair of key and value, a value, and a list of values.
const ATTRIBUTES: u8 = 1;
const KEY: u8 = 1;
const VALUE: u8 = 2;
const STRING_VALUE: u8 = 1;
const ARRAY_VALUE: u8 = 5;
const VALUES: u8 = 1;

/// Appends the fields of a resource.
pub(super) fn resource(source: &Source, out: &mut Vec<u8>) {
    text("container.id", &source.id.to_string(), out);
    text("container.name", &source.name, out);
    for (field, value) in &source.fields {
        match field {
            Field::Image => image(value, out),
            Field::Project => text("service.namespace", value, out),
            Field::Service => text("service.name", value, out),
            Field::Label(key) => text(&format!("container.label.{key}"), value, out),
        }
    }
}

/// An image by its name, tag and digest, as far as the engine has told them; or by its id.
fn image(image: &str, out: &mut Vec<u8>) {
    if image.starts_with("sha256:") {
        return text("container.image.id", image, out);
    }
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    // A colon before the last slash is that of a registry's port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !name.is_empty() && !tag.is_empty() && !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    text("container.image.name", name, out);
    if let Some(tag) = tag {
        list_of_one("container.image.tags", tag, out);
    }
    if let Some(digest) = digest {
        list_of_one("container.image.repo_digests", &format!("{name}@{digest}"), out);
    }
}

fn text(key: &str, value: &str, out: &mut Vec<u8>) {
    text_attribute(ATTRIBUTES, key, value, out);
}

fn list_of_one(key: &str, value: &str, out: &mut Vec<u8>) {
    attribute(ATTRIBUTES, key, out, |out| {
        wire::message(ARRAY_VALUE, out, |out| {
            wire::message(VALUES, out, |out| wire::bytes(STRING_VALUE, value.as_bytes(), out));
        });
    });
}

/// Appends an attribute, whose value `fill` writes, as the field of this number.
pub(super) fn attribute(field: u8, key: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    wire::message(field, out, |out| {
        wire::bytes(KEY, key.as_bytes(), out);
        wire::message(VALUE, out, fill);
    });
}

/// The same of a text.
pub(super) fn text_attribute(field: u8, key: &str, value: &str, out: &mut Vec<u8>) {
    attribute(field, key, out, |out| wire::bytes(STRING_VALUE, value.as_bytes(), out));
}
