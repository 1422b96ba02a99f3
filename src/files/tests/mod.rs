//! Tests of the file sink as a whole.

mod history;
mod kills;
mod work;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use docklog_protocol::{ContainerId, Timestamp};

use super::rotation::{Form, Rotated};
use super::template::Template;
use super::{FileMark, Files, Policy};
use crate::core::source::Source;

/// An empty folder beside the test program: what a test leaves there is no litter.
pub(super) fn folder(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let folder = program.parent().expect("its folder").join("tests/files").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// What a compressed file holds.
pub(super) fn gunzipped(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = File::open(path).expect("it is there");
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("it is whole");
    bytes
}

/// All regular files in a folder, in the order in which lines went to them, the live one last; decompressed.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.file_type().expect("a type").is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().expect("text");
            let bytes = match Rotated::parse(&name).map(|rotated| rotated.form) {
                Some(Form::Packed) => gunzipped(&entry.path()),
                _ => fs::read(entry.path()).expect("bytes"),
            };
            (name, String::from_utf8(bytes).expect("text"))
        })
        .collect();
    files.sort_by_key(|(name, _)| match Rotated::parse(name) {
        Some(rotated) => (rotated.live.to_owned(), Some(rotated.stamp).is_none(), name.clone()),
        None => (name.clone(), true, String::new()),
    });
    files
}

/// Everything that a folder holds, in that order.
fn text(folder: &Path) -> String {
    contents(folder).into_iter().map(|(_, text)| text).collect()
}

fn source(name: &str) -> Rc<Source> {
    let mut id = [0; 32];
    for (at, byte) in name.bytes().enumerate() {
        id[at % 32] ^= byte; // names of tests are short
    }
    Rc::new(Source { id: ContainerId::from(id), name: name.to_owned(), fields: Vec::new() })
}

/// A moment of the year 2096: after whatever the file system says, so that ages can be told.
fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds: 4_000_000_000 + seconds, nanos: 0 }
}

fn open(folder: &Path, name: &str, policy: &Policy, settled: Vec<FileMark>, now: i64) -> Files {
    let template = Template::parse(&format!("{}/{name}", folder.display())).expect("a template");
    Files::open(template, policy.clone(), settled, at(now)).expect("files")
}

/// One batch of these lines, with the checkpoint that comes before it, and the one after.
fn batch(files: &mut Files, lines: &[(&str, &str)], now: i64) -> Vec<FileMark> {
    let runs: Vec<_> = lines.iter().map(|(name, line)| (source(name), *line)).collect();
    files.prepare(runs.iter().map(|(source, line)| (source, line.len())), at(now)).expect("prepared");
    files.saved();
    for (source, line) in &runs {
        assert_eq!(files.write(source, line.as_bytes()).expect("written"), line.len());
    }
    files.settle();
    files.saved();
    files.marks().collect()
}

/// All the work beside.
fn work(files: &mut Files, now: i64) -> usize {
    (0..100_000).take_while(|_| files.step(at(now))).count()
}

fn names(folder: &Path) -> Vec<String> {
    contents(folder).into_iter().map(|(name, _)| name).collect()
}
