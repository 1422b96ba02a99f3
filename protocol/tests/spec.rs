//! SPEC.md, the code and the vectors name one another; no name may lead nowhere, and no vector may prove nothing. The shape
//! of a rule stands in a comment at the top of SPEC.md.
//!
//! `cargo test -p docklog-protocol --test spec -- --nocapture` prints how many rules there are, and how many of them
//! vectors prove.

#![cfg(not(miri))] // It reads the whole folder, and runs no code of the crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FIELDS: [&str; 5] = ["Example", "Source", "Engines", "Vectors", "Code"];

/// One rule as SPEC.md has it.
struct Rule {
    number: String,
    statement: String,
    /// The title of the part that it stands in.
    part: String,
    fields: Vec<(String, String)>,
}

impl Rule {
    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, text)| text)
    }

    fn is_proven(&self) -> bool {
        !self.field("Vectors").starts_with("none")
    }

    /// Fields that lack, are empty, twice, unknown or out of order.
    fn faults(&self) -> Vec<String> {
        let names: Vec<_> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        let mut faults = Vec::new();
        if names != FIELDS {
            faults.push(format!("{} has the fields {names:?}", self.number));
        }
        let empty = self.fields.iter().filter(|(_, text)| text.trim().is_empty());
        faults.extend(empty.map(|(name, _)| format!("{}: {name} is empty", self.number)));
        if self.statement.is_empty() {
            faults.push(format!("{} says nothing", self.number));
        }
        let vectors = self.field("Vectors");
        let explained =
            vectors.strip_prefix("none; ").is_some_and(|how| how.len() > 20 && !how.contains('`'));
        if !self.is_proven() && !explained || self.is_proven() && !only_quoted(vectors) {
            faults.push(format!("{}: Vectors are neither names nor none with a reason", self.number));
        }
        if quoted(self.field("Code")).is_empty() {
            faults.push(format!("{}: no code obeys it", self.number));
        }
        faults
    }
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Nothing but words in backticks.
fn only_quoted(text: &str) -> bool {
    !quoted(text).is_empty() && text.split('`').step_by(2).all(|between| between.trim().is_empty())
}

/// All rules named in a text, such as `W-34`.
fn numbers(text: &str) -> BTreeSet<String> {
    let named = text.split("W-").skip(1).filter_map(|rest| rest.get(..2));
    named
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|n| format!("W-{n}"))
        .collect()
}

fn rules(spec: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let (mut part, mut inside) = (String::new(), false);
    for line in spec.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            (part, inside) = (title.to_owned(), false);
        } else if let Some(heading) = line.strip_prefix("### ") {
            let (number, statement) = heading.split_once(' ').unwrap_or((heading, ""));
            let (number, statement, part) = (number.to_owned(), statement.trim().to_owned(), part.clone());
            rules.push(Rule { number, statement, part, fields: Vec::new() });
            inside = true;
        } else if let Some(rule) = rules.last_mut().filter(|_| inside) {
            if let Some((name, text)) = line.strip_prefix("- ").and_then(|field| field.split_once(':')) {
                rule.fields.push((name.to_owned(), text.trim().to_owned()));
            } else if let (true, Some((_, text))) = (line.starts_with("  "), rule.fields.last_mut()) {
                text.push(' ');
                text.push_str(line.trim());
            }
        }
    }
    rules
}

/// SPEC.md and everything that it is linked with.
#[derive(Clone)]
struct Links {
    spec: String,
    /// Files that may name rules, by their path from SPEC.md.
    files: BTreeMap<String, String>,
    vectors: BTreeSet<String>,
}

impl Links {
    fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = BTreeMap::new();
        for folder in ["src", "tests", "examples", "vectors", "../src", "../tests", "../examples"] {
            for path in files_in(&root.join(folder), &["rs", "py"]) {
                let name = path.strip_prefix(root).expect("below it").to_string_lossy().into_owned();
                files.insert(name, fs::read_to_string(&path).expect("readable"));
            }
        }
        let vectors = files_in(&root.join("vectors"), &["resp"]);
        let stem = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        let spec = fs::read_to_string(root.join("SPEC.md")).expect("SPEC.md");
        Self { spec, files, vectors: vectors.into_iter().map(stem).collect() }
    }

    fn faults(&self) -> Vec<String> {
        let rules = rules(&self.spec);
        let mut faults: Vec<_> = rules.iter().flat_map(Rule::faults).collect();
        faults.extend(self.faults_of_numbers(&rules));
        faults.extend(self.faults_of_code(&rules));
        faults.extend(self.faults_of_vectors(&rules));
        faults.extend(self.faults_of_contents(&rules));
        faults
    }

    /// Numbers that are twice or no numbers, and those that are named but don't exist.
    fn faults_of_numbers(&self, rules: &[Rule]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut defined = BTreeSet::new();
        for Rule { number, .. } in rules {
            if numbers(number) != BTreeSet::from([number.clone()]) || !defined.insert(number.clone()) {
                faults.push(format!("{number} is no number of a rule, or is twice"));
            }
        }
        let all =
            self.files.iter().map(|(name, text)| (name.as_str(), text)).chain([("SPEC.md", &self.spec)]);
        for (name, text) in all.filter(|(name, _)| *name != "tests/spec.rs") {
            let unknown = numbers(text).difference(&defined).cloned().collect::<Vec<_>>();
            if !unknown.is_empty() {
                faults.push(format!("{name} names rules that there aren't: {unknown:?}"));
            }
        }
        faults
    }

    /// Each file that a rule names must exist, and cite the rule in a comment.
    fn faults_of_code(&self, rules: &[Rule]) -> Vec<String> {
        let mut faults = Vec::new();
        for rule in rules {
            for path in quoted(rule.field("Code")) {
                let Some(text) = self.files.get(path) else {
                    faults.push(format!("{} names {path}, which doesn't exist", rule.number));
                    continue;
                };
                let comments =
                    text.lines().filter_map(|line| line.split_once("//")).map(|(_, comment)| comment);
                if !comments.into_iter().any(|comment| numbers(comment).contains(&rule.number)) {
                    faults.push(format!("{path} doesn't cite {}", rule.number));
                }
            }
        }
        faults
    }

    fn faults_of_vectors(&self, rules: &[Rule]) -> Vec<String> {
        let proven = rules.iter().filter(|rule| rule.is_proven());
        let named: BTreeSet<String> =
            proven.flat_map(|rule| quoted(rule.field("Vectors"))).map(str::to_owned).collect();
        let missing = named.difference(&self.vectors).map(|name| format!("there is no vector {name}"));
        let idle = self.vectors.difference(&named).map(|name| format!("{name} proves no rule"));
        missing.chain(idle).collect()
    }

    /// The table of contents has each part with exactly its rules, and its links lead somewhere.
    fn faults_of_contents(&self, rules: &[Rule]) -> Vec<String> {
        let anchors: BTreeSet<_> =
            self.spec.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
        let links = self.spec.split("](#").skip(1).filter_map(|rest| rest.split_once(')'));
        let mut faults: Vec<_> = links
            .filter(|(link, _)| !anchors.contains(*link))
            .map(|(link, _)| format!("the link #{link} leads nowhere"))
            .collect();
        for part in rules.iter().map(|rule| &rule.part).collect::<BTreeSet<_>>() {
            let line = self.spec.lines().find(|line| line.starts_with(&format!("- [{part}]")));
            let listed = spans(line.and_then(|line| line.split_once("): ")).map_or("", |(_, list)| list));
            let found: BTreeSet<_> =
                rules.iter().filter(|rule| rule.part == *part).map(|rule| rule.number.clone()).collect();
            if listed != found {
                faults.push(format!("contents of {part}: {listed:?} are listed, {found:?} are there"));
            }
        }
        faults
    }
}

/// `W-01 to W-03, W-58` as the numbers it means.
fn spans(list: &str) -> BTreeSet<String> {
    let number = |text: &str| text.trim().strip_prefix("W-").and_then(|digits| digits.parse::<u8>().ok());
    let ends = list.split(',').filter_map(|span| match span.split_once(" to ") {
        Some((first, last)) => Some((number(first)?, number(last)?)),
        None => number(span).map(|only| (only, only)),
    });
    ends.flat_map(|(first, last)| (first..=last).map(|number| format!("W-{number:02}"))).collect()
}

/// The anchor that Markdown gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -".contains(*char));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn files_in(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let wanted =
        |path: &PathBuf| path.extension().is_some_and(|found| extensions.iter().any(|e| found == *e));
    let below = folders.iter().flat_map(|folder| files_in(folder, extensions));
    files.into_iter().filter(wanted).chain(below).collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "how many rules there are, for whoever asks with --nocapture")]
fn no_link_is_broken() {
    let links = Links::load();
    let rules = rules(&links.spec);
    let proven = rules.iter().filter(|rule| rule.is_proven()).count();
    println!("{} rules, {proven} of them proven by {} vectors", rules.len(), links.vectors.len());
    let faults = links.faults();
    assert!(faults.is_empty(), "{} broken links:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn each_kind_of_broken_link_is_noticed() {
    type Damage = fn(&mut Links);
    let damages: [(&str, Damage); 12] = [
        ("there is no vector d28-pong", |links| links.spec = links.spec.replace("`d28-ping`", "`d28-pong`")),
        ("x-chunk-plus proves no rule", |links| links.spec = links.spec.replace("`x-chunk-plus`", "")),
        ("new proves no rule", |links| _ = links.vectors.insert("new".into())),
        ("there is no vector x-204", |links| _ = links.vectors.remove("x-204")),
        ("src/id.rs, which doesn't exist", |links| _ = links.files.remove("src/id.rs")),
        ("src/tty.rs doesn't cite W-34", |links| {
            let text = links.files.get_mut("src/tty.rs").expect("the file");
            *text = text.replace("W-34", "");
        }),
        ("src/tty.rs names rules that there aren't: [\"W-00\"]", |links| {
            links.files.get_mut("src/tty.rs").expect("the file").push_str("// W-00");
        }),
        ("SPEC.md names rules that there aren't", |links| links.spec.push_str("see W-00")),
        ("W-20 is no number of a rule, or is twice", |links| {
            links.spec = links.spec.replace("### W-21 ", "### W-20 ");
        }),
        ("W-02 has the fields", |links| {
            links.spec = links.spec.replacen("- Source: RFC 9112 §3.2\n", "", 1);
        }),
        ("W-01: Vectors are neither", |links| {
            links.spec = links.spec.replacen("`d20-keepalive-2reqs`", "of `d20-keepalive-2reqs`", 1);
        }),
        ("contents of 5 Chunks", |links| links.spec = links.spec.replace("W-20 to W-25", "W-20 to W-24")),
    ];
    let whole = Links::load();
    for (told, damage) in damages {
        let mut links = whole.clone();
        damage(&mut links);
        let faults = links.faults();
        assert!(faults.iter().any(|fault| fault.contains(told)), "expected: {told}\nfound: {faults:?}");
    }
}

#[test]
fn every_vector_is_complete() {
    for path in files_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors"), &["resp"]) {
        assert!(path.with_extension("json").exists(), "{}: run vectors/expect.py", path.display());
        assert!(path.with_extension("req").exists(), "{}: the request is missing", path.display());
    }
}
