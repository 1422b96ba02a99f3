//! The table of `files`, row by row: where a kill can strike, and what the next start makes of it.

use super::*;

const PLAIN: Policy = Policy {
    rotate_size: Some(20),
    rotate_age: None,
    compress: false,
    keep_files: None,
    keep_size: None,
    keep_age: None,
};
const PACKED: Policy = Policy { compress: true, ..PLAIN };

/// A sink with these lines, and its checkpoint.
fn begun(name: &str, policy: &Policy, lines: &[&str]) -> (PathBuf, Files, Vec<FileMark>) {
    let folder = folder(name);
    let mut files = open(&folder, "{container}", policy, vec![], 0);
    let mut marks = Vec::new();
    for line in lines {
        marks = batch(&mut files, &[("a", line)], 0);
    }
    (folder, files, marks)
}

/// The next run begins, and writes a line.
fn goes_on(folder: &Path, policy: &Policy, marks: Vec<FileMark>, line: &str) -> (Vec<String>, Vec<String>) {
    let mut files = open(folder, "{container}", policy, marks, 100);
    let notices = files.take_notices();
    batch(&mut files, &[("a", line)], 100);
    work(&mut files, 100);
    (contents(folder).into_iter().map(|(_, text)| text).collect(), notices)
}

#[test]
fn while_writing() {
    let (folder, mut files, marks) = begun("kill-writing", &PLAIN, &["1\n"]);
    files.write(&source("a"), b"2\n3").expect("written");
    drop(files);
    assert_eq!(goes_on(&folder, &PLAIN, marks, "new\n"), (vec!["1\nnew\n".to_owned()], vec![]));
}

#[test]
fn after_lines_were_settled_before_the_save() {
    let (folder, mut files, marks) = begun("kill-settled", &PLAIN, &["1\n"]);
    batch(&mut files, &[("a", "2\n")], 1);
    drop(files);
    assert_eq!(goes_on(&folder, &PLAIN, marks, "2\n").0, ["1\n2\n"]);
}

#[test]
fn after_a_file_was_made_before_the_save() {
    let folder = folder("kill-made");
    fs::write(folder.join("b"), "torn").expect("written");
    let mut files = open(&folder, "{container}", &PLAIN, vec![], 0);
    files.prepare([(&source("a"), 2), (&source("b"), 2)], at(0)).expect("prepared");
    drop(files);
    let mut files = open(&folder, "{container}", &PLAIN, vec![], 0);
    assert_eq!(files.take_notices(), [""; 0]);
    batch(&mut files, &[("a", "1\n"), ("b", "1\n")], 0);
    assert_eq!(text(&folder), "1\ntorn\n1\n");
}

#[test]
fn after_a_rename_before_the_save() {
    for policy in [PLAIN, PACKED] {
        let (folder, mut files, marks) = begun("kill-renamed", &policy, &["1\n"]);
        let a = source("a");
        batch(&mut files, &[("a", "2\n")], 1);
        files.prepare([(&a, 1000)], at(2)).expect("prepared");
        work(&mut files, 2);
        assert_eq!(names(&folder).len(), 2);
        drop(files);
        let (texts, notices) = goes_on(&folder, &policy, marks, "2\n");
        assert_eq!((texts, notices), (vec!["1\n".to_owned(), "2\n".to_owned()], vec![]));
    }
}

#[test]
fn after_a_rename_by_age() {
    let policy = Policy { rotate_age: Some(std::time::Duration::from_secs(10)), ..PACKED };
    let (folder, mut files, marks) = begun("kill-aged", &policy, &["1\n"]);
    batch(&mut files, &[("a", "2\n")], 1);
    work(&mut files, 60);
    drop(files);
    assert_eq!(names(&folder).len(), 1, "it has no successor yet");
    assert_eq!(goes_on(&folder, &policy, marks, "2\n"), (vec!["1\n".to_owned(), "2\n".to_owned()], vec![]));
}

#[test]
fn in_the_midst_of_compressing() {
    let (folder, mut files, _) = begun("kill-packing", &PACKED, &["1\n"]);
    let line = format!("{}\n", "x".repeat(30));
    let marks = batch(&mut files, &[("a", &line)], 0);
    while files.packing.is_none() {
        files.step(at(0));
    }
    drop(files);
    let part = folder.join("a.20961002T070640.000Z.gz.part");
    fs::write(&part, "a part of it").expect("as if not all had been written");
    let (texts, notices) = goes_on(&folder, &PACKED, marks, "2\n");
    assert_eq!((texts.concat(), notices), (format!("1\n{line}2\n"), vec![]));
    assert_eq!(
        names(&folder).iter().filter(|name| name.ends_with("Z.gz")).count(),
        2,
        "{:?}",
        names(&folder)
    );
    assert!(!part.exists());
}

#[test]
fn before_the_source_is_deleted() {
    let (folder, mut files, _) = begun("kill-packed", &PACKED, &["1\n"]);
    let line = format!("{}\n", "x".repeat(30));
    let marks = batch(&mut files, &[("a", &line)], 0);
    let source = folder.join(&names(&folder)[0]);
    let copy = folder.join("copy");
    fs::hard_link(&source, &copy).expect("linked");
    work(&mut files, 0);
    drop(files);
    fs::rename(&copy, &source).expect("as if it had stayed");
    for policy in [PLAIN, PACKED] {
        let mut files = open(&folder, "{container}", &policy, marks.clone(), 100);
        files.saved();
        work(&mut files, 100);
        assert_eq!(text(&folder), format!("1\n{line}"));
        assert!(!source.exists());
    }
}

#[test]
fn and_logrotate_has_moved_the_file_since() {
    let (folder, mut files, marks) = begun("kill-logrotate", &PLAIN, &["1\n"]);
    files.write(&source("a"), b"2\n3").expect("written");
    drop(files);
    fs::rename(folder.join("a"), folder.join("a-20961002")).expect("renamed");
    fs::write(folder.join("a"), "").expect("a new one");
    assert_eq!(goes_on(&folder, &PLAIN, marks, "2\n"), (vec!["2\n".to_owned(), "1\n".to_owned()], vec![]));
}

#[test]
fn and_the_file_was_taken_away() {
    let (folder, files, marks) = begun("kill-gone", &PLAIN, &["1\n"]);
    drop(files);
    fs::remove_file(folder.join("a")).expect("removed");
    let (texts, notices) = goes_on(&folder, &PLAIN, marks, "2\n");
    assert_eq!(texts, ["2\n"]);
    assert!(notices.len() == 1 && notices[0].contains("not the file of the last run"), "{notices:?}");
}

#[test]
fn and_the_file_has_lost_its_end() {
    let (folder, files, marks) = begun("kill-short", &PLAIN, &["1\n", "22\n"]);
    drop(files);
    File::options().write(true).open(folder.join("a")).expect("there").set_len(3).expect("cut");
    let (texts, notices) = goes_on(&folder, &PLAIN, marks, "3\n");
    assert_eq!(texts, ["1\n2\n3\n"]);
    assert!(notices.len() == 1 && notices[0].contains("had 5 at the last checkpoint"), "{notices:?}");
}

#[test]
fn a_batch_that_is_written_in_part_when_its_file_is_moved_is_cut_in_both() {
    let (folder, mut files, _) = begun("kill-between", &PLAIN, &["1\n"]);
    let marks: Vec<_> = files.marks().collect();
    let a = source("a");
    files.write(&a, b"2\n").expect("written");
    files.live.values_mut().for_each(super::super::live::Live::close);
    files.open.clear();
    fs::rename(folder.join("a"), folder.join("a.1")).expect("renamed");
    let error = files.write(&a, b"3\n").expect_err("it isn't there");
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    assert!(files.prepare([(&a, 2)], at(0)).expect("prepared"));
    let amid: Vec<_> = files.marks().collect();
    assert_eq!(amid.len(), 2, "both must be cut");
    files.write(&a, b"3\n").expect("written");
    drop(files);
    for marks in [marks, amid] {
        open(&folder, "{container}", &PLAIN, marks, 0);
        assert!(text(&folder).ends_with("1\n"), "{:?}", contents(&folder));
    }
    assert_eq!(text(&folder), "1\n");
}

#[test]
fn marks_of_another_template_are_cut_and_left_alone() {
    let (folder, mut files, marks) = begun("kill-template", &PLAIN, &["1\n"]);
    files.write(&source("a"), b"2\n").expect("written");
    drop(files);
    let files = open(&folder, "new-{container}", &PLAIN, marks, 0);
    assert_eq!((files.marks().count(), text(&folder)), (0, "1\n".to_owned()));
}
