//! What names, images, drivers and labels are compared with: globs and regular expressions.

use std::collections::BTreeMap;
use std::fmt;

use docklog_protocol::ContainerId;
use regex_lite::Regex;
use wildmatch::WildMatch;

/// Digits of an id that `docker ps` shows: so many name a container.
const SHORT_ID: usize = 12;

/// A glob or a regular expression, and how it was written.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// Over the whole text: `web`, `api-*`, `db?`.
    Glob(WildMatch),
    /// `/regex/`, anywhere in the text.
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty PATTERN matches nothing".to_owned());
        }
        Self::of_any(text)
    }

    /// Reads a pattern for the names of containers, which engines write with a slash before them.
    ///
    /// # Errors
    /// See [`Pattern::parse`].
    pub fn name(text: &str) -> Result<Self, String> {
        match text.strip_prefix('/') {
            Some(bare) if !bare.ends_with('/') => Self::parse(bare),
            _ => Self::parse(text),
        }
    }

    /// Reads a pattern that may be empty: a label's value may be, too.
    fn of_any(text: &str) -> Result<Self, String> {
        let regex = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let matcher = match regex {
            Some("") => return Err(format!("{text}: the regular expression between the slashes is empty")),
            Some(regex) => Matcher::Regex(Regex::new(regex).map_err(|error| format!("{text}: {error}"))?),
            None => Matcher::Glob(WildMatch::new(text)),
        };
        Ok(Self { text: text.to_owned(), matcher })
    }

    /// Covers this text alone, if it has no wildcards.
    pub(super) fn glob(text: &str) -> Self {
        Self { text: text.to_owned(), matcher: Matcher::Glob(WildMatch::new(text)) }
    }

    /// True if the text is such.
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Glob(glob) => glob.matches(text),
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }

    /// True if it is the beginning of this id, as in `docker logs`; twelve digits, as `docker ps` prints them, at least.
    pub fn names_id(&self, id: ContainerId) -> bool {
        self.text.len() >= SHORT_ID
            && self.text.bytes().all(|byte| byte.is_ascii_hexdigit())
            && id.to_string().starts_with(&self.text)
    }

    /// True if it covers this image: as it is told, or by a glob without its tag and digest, and without Docker Hub's name, which
    /// Podman tells and Docker doesn't.
    pub fn covers_image(&self, image: &str) -> bool {
        let glob = matches!(self.matcher, Matcher::Glob(_));
        self.matches(image) || glob && short_images(image).any(|short| self.matches(short))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An image without its digest, and without its tag as well; each also as Docker tells it. An id is no name, and has none of that.
fn short_images(image: &str) -> impl Iterator<Item = &str> {
    let bare = image.split_once('@').map_or(image, |(bare, _)| bare);
    let after_host = bare.rfind('/').map_or(0, |slash| slash + 1);
    let tag = bare.get(after_host..).and_then(|rest| rest.find(':')).map(|colon| after_host + colon);
    let untagged = tag.and_then(|at| bare.get(..at));
    let names = [Some(bare), untagged].into_iter().flatten().filter(|_| !is_image_id(image));
    names.flat_map(|name| [Some(name), on_docker_hub(name)]).flatten()
}

/// The name that Docker has for an image of its own registry.
fn on_docker_hub(image: &str) -> Option<&str> {
    let image = image.strip_prefix("docker.io/")?;
    Some(image.strip_prefix("library/").unwrap_or(image))
}

/// True of `sha256:…`, as the list tells an image whose name stands for another one by now.
pub fn is_image_id(image: &str) -> bool {
    image
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `K` or `K=V`, V being a pattern.
#[derive(Clone, Debug)]
pub struct LabelRule {
    text: String,
    key: String,
    value: Option<Pattern>,
}

impl LabelRule {
    /// Reads `K` or `K=V`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(Pattern::of_any(value)?)),
            None => (text, None),
        };
        if key.is_empty() {
            return Err(format!("expected KEY or KEY=VALUE, not '{text}'"));
        }
        Ok(Self { text: text.to_owned(), key: key.to_owned(), value })
    }

    /// True if one of the labels is such.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value.matches(found)))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    #[test]
    fn a_glob_covers_the_whole_text_and_a_regex_any_part() {
        let chosen = |text: &str| ["web", "web-1", "api-web"].map(|name| pattern(text).matches(name));
        assert_eq!(chosen("web"), [true, false, false]);
        assert_eq!(chosen("web*"), [true, true, false]);
        assert_eq!(chosen("web-?"), [false, true, false]);
        assert_eq!(chosen("/web/"), [true, true, true]);
        assert_eq!(chosen("/^web/"), [true, true, false]);
    }

    #[test]
    fn a_name_may_be_written_as_engines_write_it() {
        assert!(Pattern::name("/web").expect("a pattern").matches("web"));
        assert!(Pattern::name("/we/").expect("a regex").matches("web"));
        assert!(pattern("/srv/shop").matches("/srv/shop"), "what isn't a name keeps its slash");
    }

    #[test]
    fn an_id_names_its_container_from_twelve_digits_on() {
        let id = ContainerId::parse(&"ab".repeat(32)).expect("64 hex digits");
        assert!(pattern("abababababab").names_id(id));
        assert!(!pattern("ababab").names_id(id));
        assert!(!pattern("bababababababa").names_id(id));
        assert!(!pattern("abababababab*").names_id(id));
    }

    #[test]
    fn an_image_is_known_without_its_tag_and_digest_too() {
        let id = format!("sha256:{}", "0f".repeat(32));
        for (text, image, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx:1.25", true),
            ("nginx", "nginx@sha256:0123", true),
            ("nginx:1.25", "nginx:1.25@sha256:0123", true),
            ("nginx:1.2?", "nginx:1.25", true),
            ("nginx:1.24", "nginx:1.25", false),
            ("nginx", "reg:5000/nginx:1", false),
            ("reg:5000/nginx", "reg:5000/nginx:1", true),
            ("reg:5000/nginx", "reg:5000/nginx", true),
            ("reg", "reg:5000/nginx", false),
            ("*/nginx", "reg:5000/nginx:1", true),
            ("nginx", "docker.io/library/nginx:1.25", true),
            ("nginx:1.25", "docker.io/library/nginx:1.25", true),
            ("docker.io/library/nginx", "docker.io/library/nginx:1.25", true),
            ("grafana/loki", "docker.io/grafana/loki:3", true),
            ("loki", "docker.io/grafana/loki:3", false),
            ("nginx", "localhost/nginx:1.25", false),
            ("/^nginx$/", "nginx:1.25", false),
            ("/nginx/", "nginx:1.25", true),
            ("sha256", id.as_str(), false),
            (id.as_str(), id.as_str(), true),
        ] {
            assert_eq!(pattern(text).covers_image(image), expected, "{text} {image}");
        }
    }

    #[test]
    fn a_label_is_there_or_has_a_value_that_is_such() {
        let labels = BTreeMap::from([("tier", "front-1"), ("empty", ""), ("dir", "/srv/shop")])
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        for (text, expected) in [
            ("tier", true),
            ("tier=front-1", true),
            ("tier=front-*", true),
            ("tier=/-[0-9]$/", true),
            ("tier=front", false),
            ("tier=", false),
            ("empty=", true),
            ("dir=/srv/shop", true),
            ("other", false),
            ("other=*", false),
        ] {
            let rule = LabelRule::parse(text).expect("a rule");
            assert_eq!(rule.matches(&labels), expected, "{text}");
        }
    }

    #[test]
    fn what_is_broken_is_refused_with_its_text() {
        for text in ["", "//", "/we(b/"] {
            assert!(Pattern::parse(text).expect_err(text).contains(text));
        }
        for text in ["", "=x", "k=/we(b/"] {
            assert!(LabelRule::parse(text).is_err(), "{text}");
        }
    }
}
