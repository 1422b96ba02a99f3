//! Which file a container's lines go to: a path with placeholders.
//!
//! `/var/log/docklog/{project}/{container}.log`: `/var/log/docklog` is the base, beneath which all files are, whatever
//! containers are called (see `name`). Without a placeholder it is one file for all, and its directory is the base.

use std::path::{Path, PathBuf};

use super::name;
use super::rotation::Rotated;
use crate::core::metadata::{Field, Fields};
use crate::core::source::Source;
use crate::limits;

/// Digits of an id that people are used to.
const ID_DIGITS: usize = 12;

/// A path that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    base: PathBuf,
    /// Below the base; the last one is the file's name. Never empty.
    components: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Container,
    Id,
    IdFull,
    Project,
    Service,
    Image,
}

const PLACEHOLDERS: [(&str, Placeholder); 6] = [
    ("container", Placeholder::Container),
    ("id", Placeholder::Id),
    ("id_full", Placeholder::IdFull),
    ("project", Placeholder::Project),
    ("service", Placeholder::Service),
    ("image", Placeholder::Image),
];

impl Template {
    /// Reads a path with placeholders.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let relative =
            text.strip_prefix('/').ok_or("expected a path from the root on, such as /var/log/docklog.log")?;
        if text.len() > limits::TEMPLATE {
            return Err(format!("expected at most {} bytes", limits::TEMPLATE));
        }
        if text.contains(char::is_control) {
            return Err("expected no control characters in a path".to_owned());
        }
        if relative.is_empty() || relative.ends_with('/') {
            return Err("expected the path of a file, not of a directory".to_owned());
        }
        let mut components = Vec::new();
        for component in relative.split('/').filter(|component| !component.is_empty()) {
            components.push(parse_component(component)?);
        }
        let last = components.last().map(Vec::as_slice);
        if let Some([Part::Text(name)]) = last
            && Rotated::parse(name).is_some()
        {
            return Err(format!("expected another name than {name}: it is that of a file that was rotated"));
        }
        let fixed =
            components.iter().take_while(|component| matches!(component[..], [Part::Text(_)])).count();
        if fixed == 0 {
            return Err(
                "expected a directory without a placeholder at the beginning, such as /var/log".to_owned()
            );
        }
        if components.len() - fixed > limits::TEMPLATE_PARTS {
            return Err(format!("expected at most {} directories with placeholders", limits::TEMPLATE_PARTS));
        }
        let below = components.split_off(fixed.min(components.len() - 1));
        let mut base = PathBuf::from("/");
        for part in components.iter().flatten() {
            if let Part::Text(name) = part {
                base.push(name);
            }
        }
        Ok(Self { base, components: below })
    }

    /// The directory beneath which all files are.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// If all lines go to one file: its path.
    pub fn single(&self) -> Option<PathBuf> {
        match self.components.as_slice() {
            [name] => match name.as_slice() {
                [Part::Text(name)] => Some(self.base.join(name)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it must know of a container beside id and name.
    pub fn needs(&self) -> Fields {
        let needs =
            |placeholder| self.components.iter().flatten().any(|part| *part == Part::Value(placeholder));
        Fields {
            image: needs(Placeholder::Image),
            project: needs(Placeholder::Project),
            service: needs(Placeholder::Service),
            labels: Vec::new(),
        }
    }

    /// The file that lines of this container go to.
    pub fn path(&self, source: &Source) -> PathBuf {
        let mut path = self.base.clone();
        for (index, parts) in self.components.iter().enumerate() {
            let mut component = String::new();
            for part in parts {
                match part {
                    Part::Text(text) => component.push_str(text),
                    Part::Value(placeholder) => push_value(&mut component, *placeholder, source),
                }
            }
            if let [.., Part::Value(_)] | [.., Part::Value(_), Part::Text(_)] = parts.as_slice() {
                let kept =
                    parts.last().map_or(0, |part| if let Part::Text(text) = part { text.len() } else { 0 });
                name::shorten(&mut component, kept);
            }
            if index + 1 == self.components.len() && Rotated::parse(&component).is_some() {
                let rotated = component.clone(); // of some other container, by its name
                name::push_mark(&mut component, &rotated);
            }
            path.push(component);
        }
        path
    }

    /// True if some file may be both this one's and the other's.
    pub fn may_meet(&self, other: &Self) -> bool {
        let (one, two) = (self.all(), other.all());
        one.len() == two.len() && one.iter().zip(&two).all(|(one, two)| components_meet(one, two))
    }

    /// All components from the root on.
    fn all(&self) -> Vec<Vec<Part>> {
        let base = self.base.iter().skip(1); // the root
        let base = base.map(|name| vec![Part::Text(name.to_string_lossy().into_owned())]);
        base.chain(self.components.iter().cloned()).collect()
    }

    /// How many components there are below the base.
    pub(super) fn depth(&self) -> usize {
        self.components.len()
    }

    /// If this component below the base is the same for all: its name.
    pub(super) fn fixed(&self, index: usize) -> Option<&str> {
        match self.components.get(index)?.as_slice() {
            [Part::Text(name)] => Some(name),
            _ => None,
        }
    }

    /// Whether this component below the base may have this name.
    pub(super) fn matches(&self, index: usize, name: &str) -> bool {
        self.components.get(index).is_some_and(|parts| component_matches(parts, name))
    }

    /// Whether this may be the path of a file of ours.
    pub(super) fn matches_path(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.base) else { return false };
        let mut names = below.components().enumerate();
        below.components().count() == self.depth()
            && names
                .all(|(index, name)| name.as_os_str().to_str().is_some_and(|name| self.matches(index, name)))
    }
}

fn parse_component(text: &str) -> Result<Vec<Part>, String> {
    if text == "." || text == ".." {
        return Err(format!("expected a path without {text}"));
    }
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        let (name, behind) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
            .ok_or_else(|| format!("expected {{ and }} around a placeholder, not '{text}'"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Value(placeholder(name)?));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    let fixed: usize =
        parts.iter().map(|part| if let Part::Text(text) = part { text.len() } else { 0 }).sum();
    let most = if matches!(parts[..], [Part::Text(_)]) { limits::FILE_NAME } else { limits::TEMPLATE_TEXT };
    if fixed > most {
        return Err(format!("expected at most {most} bytes beside placeholders in '{text}'"));
    }
    Ok(parts)
}

fn placeholder(name: &str) -> Result<Placeholder, String> {
    let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name).map(|(_, placeholder)| *placeholder);
    known.ok_or_else(|| {
        let names: Vec<_> = PLACEHOLDERS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        format!("expected one of {}, not '{{{name}}}'", names.join(", "))
    })
}

fn push_value(component: &mut String, placeholder: Placeholder, source: &Source) {
    let field = |wanted| {
        let found = source.fields.iter().find(|(field, _)| *field == wanted);
        found.map_or("", |(_, value)| value.as_str())
    };
    let digits = |count| source.id.digits().into_iter().take(count).map(char::from);
    match placeholder {
        Placeholder::Container => name::push_safe(component, &source.name),
        Placeholder::Id => component.extend(digits(ID_DIGITS)),
        Placeholder::IdFull => component.extend(digits(usize::MAX)),
        Placeholder::Project => name::push_safe(component, field(Field::Project)),
        Placeholder::Service => name::push_safe(component, field(Field::Service)),
        Placeholder::Image => name::push_safe(component, field(Field::Image)),
    }
}

/// True if some name may be both of these; where both have placeholders, it is enough that their ends go together.
fn components_meet(one: &[Part], two: &[Part]) -> bool {
    let text = |part: Option<&Part>| match part {
        Some(Part::Text(text)) => text.clone(),
        _ => String::new(),
    };
    match (one, two) {
        ([Part::Text(name)], other) | (other, [Part::Text(name)]) => component_matches(other, name),
        _ => {
            let begins = [text(one.first()), text(two.first())];
            let ends = [text(one.last()), text(two.last())];
            (begins[0].starts_with(&begins[1]) || begins[1].starts_with(&begins[0]))
                && (ends[0].ends_with(&ends[1]) || ends[1].ends_with(&ends[0]))
        }
    }
}

/// Texts stand in their order, the first at the beginning and the last at the end, if they do so in the template.
fn component_matches(parts: &[Part], name: &str) -> bool {
    let (mut rest, mut anchored) = (name, true);
    for (index, part) in parts.iter().enumerate() {
        let Part::Text(text) = part else {
            anchored = false;
            continue;
        };
        let behind = if index + 1 == parts.len() {
            rest.strip_suffix(text.as_str()).filter(|before| before.is_empty() || !anchored).map(|_| "")
        } else if anchored {
            rest.strip_prefix(text.as_str())
        } else {
            rest.split_once(text.as_str()).map(|(_, behind)| behind)
        };
        let Some(behind) = behind else { return false };
        (rest, anchored) = (behind, true);
    }
    rest.is_empty() || !anchored
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use docklog_protocol::ContainerId;

    use super::*;

    fn source(name: &str, fields: &[(Field, &str)]) -> Source {
        let fields = fields.iter().map(|(field, value)| (field.clone(), (*value).to_owned())).collect();
        Source { id: ContainerId::from([0xab; 32]), name: name.to_owned(), fields }
    }

    fn path(template: &str, source: &Source) -> String {
        let path = Template::parse(template).expect("a template").path(source);
        path.to_str().expect("text").to_owned()
    }

    #[test]
    fn each_placeholder_stands_for_its_value() {
        let shop =
            source("web-1", &[(Field::Image, "nginx:1"), (Field::Project, "shop"), (Field::Service, "web")]);
        assert_eq!(path("/l/{project}/{service}-{container}.log", &shop), "/l/shop/web-web-1.log");
        assert_eq!(path("/l//{id}/x{image}", &shop), "/l/abababababab/xnginx:1");
        assert_eq!(path("/l/{id_full}", &shop), format!("/l/{}", "ab".repeat(32)));
        assert_eq!(path("/l/{project}/{container}.log", &source("a", &[])), "/l/none/a.log");
        assert_eq!(path("/var/log/all.log", &shop), "/var/log/all.log");
    }

    #[test]
    fn it_tells_what_it_needs_and_where_all_is() {
        let template = Template::parse("/var/log/x/{project}/all/{image}.log").expect("a template");
        let needs = template.needs();
        assert_eq!((needs.image, needs.project, needs.service), (true, true, false));
        assert_eq!((template.base(), template.single()), (Path::new("/var/log/x"), None));
        let single = Template::parse("/all.log").expect("one file");
        assert_eq!((single.base(), single.single()), (Path::new("/"), Some(PathBuf::from("/all.log"))));
    }

    #[test]
    fn templates_that_may_lead_to_one_file_are_told_from_those_that_cannot() {
        for (one, two, meet) in [
            ("/l/x.log", "/l//x.log", true),
            ("/l/x.log", "/l/y.log", false),
            ("/l/x.log", "/l/{container}.log", true),
            ("/l/x.log", "/l/{container}.txt", false),
            ("/l/x.log", "/l/x-{container}.log", false),
            ("/l/shop/web.log", "/l/{project}/{container}.log", true),
            ("/m/shop/web.log", "/l/{project}/{container}.log", false),
            ("/l/{container}.log", "/l/{project}.log", true),
            ("/l/a-{container}.log", "/l/b-{container}.log", false),
            ("/l/{container}.log", "/l/{project}/{container}.log", false),
            ("/l/{project}/x", "/l/{service}/y", false),
        ] {
            let (first, second) =
                (Template::parse(one).expect("one"), Template::parse(two).expect("another"));
            assert_eq!((first.may_meet(&second), second.may_meet(&first)), (meet, meet), "{one} {two}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("/l/{}", "x".repeat(300));
        let deep = format!("/l{}/x", "/{id}".repeat(9));
        for (text, part) in [
            ("", "from the root"),
            ("x/{container}", "from the root"),
            ("{container}", "from the root"),
            ("/", "not of a directory"),
            ("/var/log/", "not of a directory"),
            ("/var/../{id}", "without .."),
            ("/var/./x", "without ."),
            ("/{container}.log", "without a placeholder at the beginning"),
            ("/{project}/x.log", "without a placeholder at the beginning"),
            ("/l/{name}", "not '{name}'"),
            ("/l/{}", "not '{}'"),
            ("/l/{container", "around a placeholder"),
            ("/l/container}", "around a placeholder"),
            ("/l/{{container}}", "not '{{container}'"),
            ("/l/a\0", "control"),
            ("/l/x.log.20261128T151100.123Z.gz", "that was rotated"),
            (&long, "at most 220 bytes"),
            (&format!("/l/{}{{id}}", "x".repeat(101)), "at most 100 bytes"),
            (&deep, "at most 8"),
        ] {
            let error = Template::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn hostile_names_stay_beneath_the_base_each_in_a_file_of_its_own() {
        let names = [
            "../../../etc/cron.d/x",
            "..",
            ".",
            "",
            "/etc/passwd",
            "a/b",
            "a_b",
            "a\0b",
            "-rf",
            "x\n\u{1b}]0;y\u{7}",
            "web.20261128T151100.123Z",
            "web.20261128T151100.123Z.gz",
            &"/".repeat(1024),
            &"é".repeat(512),
            &format!("{}x", "é".repeat(511)),
        ];
        for text in
            ["/base/{container}", "/base/{container}.log", "/base/{container}/x", "/base/{project}/{service}"]
        {
            let template = Template::parse(text).expect("a template");
            let paths: BTreeSet<_> = names
                .iter()
                .map(|name| template.path(&source(name, &[(Field::Project, name), (Field::Service, name)])))
                .collect();
            assert_eq!(paths.len(), names.len(), "{paths:?}");
            for path in &paths {
                let below = path.strip_prefix("/base").expect("beneath the base");
                assert_eq!(below.components().count(), template.depth(), "{}", path.display());
                for component in below {
                    let component = component.to_str().expect("text");
                    assert!(
                        component.len() <= limits::FILE_NAME && !component.starts_with(['.', '-']),
                        "{component}"
                    );
                    assert!(!component.contains(char::is_control), "{component:?}");
                }
                assert_eq!(
                    Rotated::parse(path.file_name().and_then(|name| name.to_str()).expect("text")),
                    None
                );
                assert!(template.matches_path(path), "{}", path.display());
            }
        }
    }

    #[test]
    fn files_of_ours_are_known_by_their_paths() {
        let template = Template::parse("/l/{project}/a-{container}-b.log").expect("a template");
        let matches = |path: &str| template.matches_path(Path::new(path));
        assert!(matches("/l/shop/a-web-b.log") && matches("/l/shop/a-a-b.log-b.log"));
        assert!(
            !matches("/l/shop/a-b.log")
                && !matches("/l/shop/web-b.log")
                && !matches("/l/shop/a-web-b.log.gz")
        );
        assert!(
            !matches("/l/a-web-b.log") && !matches("/m/shop/a-web-b.log") && !matches("/l/x/y/a-web-b.log")
        );
        let single = Template::parse("/l/x.log").expect("one file");
        assert!(single.matches_path(Path::new("/l/x.log")) && !single.matches_path(Path::new("/l/xx.log")));
        assert!(!single.matches_path(Path::new("/l/x.log.")));
    }
}
