//! SPEC.md, the code and the vectors name one another; no name may lead nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let of_kind = files.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind.chain(folders.iter().flat_map(|folder| self::files(folder, extension))).collect()
}

/// All rules named in a text, such as `W-34`.
fn rules(text: &str) -> BTreeSet<String> {
    let numbers =
        text.split("W-").skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    numbers.filter(|number: &String| !number.is_empty()).collect()
}

fn spec() -> String {
    fs::read_to_string(root().join("SPEC.md")).expect("SPEC.md")
}

#[test]
fn every_rule_that_is_named_exists() {
    let spec = spec();
    let defined: BTreeSet<_> = spec
        .lines()
        .filter_map(|line| line.strip_prefix("- **W-"))
        .map(|rest| rest[..2].to_owned())
        .collect();
    for folder in ["src", "tests", "examples", "vectors"] {
        for path in files(&root().join(folder), "rs").into_iter().chain(files(&root().join(folder), "py")) {
            let named = rules(&fs::read_to_string(&path).expect("readable"));
            let unknown: Vec<_> = named.difference(&defined).collect();
            assert!(unknown.is_empty(), "{} names rules that SPEC.md lacks: {unknown:?}", path.display());
        }
    }
    assert!(rules(&spec).is_subset(&defined), "SPEC.md refers to rules that it lacks");
}

#[test]
fn every_vector_that_proves_a_rule_exists() {
    let spec = spec();
    let quoted = spec.split('`').skip(1).step_by(2);
    let is_vector =
        |name: &&str| ["d20-", "d28-", "pod-", "x-"].iter().any(|origin| name.starts_with(origin));
    let named: BTreeSet<_> = quoted.filter(is_vector).filter(|name| !name.ends_with('…')).collect();
    assert!(named.len() > 80, "{} vectors are named", named.len());
    for name in named {
        assert!(
            root().join(format!("vectors/{name}.json")).exists(),
            "SPEC.md names {name}, which is missing"
        );
    }
}

#[test]
fn every_vector_is_complete() {
    for path in files(&root().join("vectors"), "resp") {
        assert!(path.with_extension("json").exists(), "{}: run vectors/expect.py", path.display());
        assert!(path.with_extension("req").exists(), "{}: the request is missing", path.display());
    }
}
