//! What becomes of files as time goes by.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use super::*;
use crate::files::live::Live;
use crate::limits;

const NONE: Policy = Policy {
    rotate_size: None,
    rotate_age: None,
    compress: false,
    keep_files: None,
    keep_size: None,
    keep_age: None,
};

#[test]
fn each_container_has_a_file_in_a_folder_that_is_made() {
    let folder = folder("each");
    let mut files = open(&folder, "{project}/{container}.log", &NONE, vec![], 0);
    batch(&mut files, &[("a", "1\n"), ("b", "2\n"), ("a", "3\n")], 0);
    assert_eq!(fs::read_to_string(folder.join("none/a.log")).expect("a file"), "1\n3\n");
    assert_eq!(fs::read_to_string(folder.join("none/b.log")).expect("a file"), "2\n");
    let mode = |path: &str| folder.join(path).metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!((mode("none") & !0o750, mode("none/a.log") & !0o640), (0, 0));
}

#[test]
fn one_file_takes_all_and_is_there_from_the_start() {
    let folder = folder("one");
    let mut files = open(&folder, "all.log", &NONE, vec![], 0);
    assert_eq!(names(&folder), ["all.log"]);
    assert!(files.needs_save());
    batch(&mut files, &[("a", "1\n"), ("b", "2\n")], 0);
    assert_eq!(text(&folder), "1\n2\n");
}

#[test]
fn a_save_is_asked_for_before_the_first_line_only() {
    let folder = folder("save");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    let (a, b) = (source("a"), source("b"));
    files.saved();
    assert!(files.prepare([(&a, 1)], at(0)).expect("prepared"));
    assert!(files.prepare([(&a, 1)], at(0)).expect("prepared"), "until it was saved");
    files.saved();
    assert!(!files.prepare([(&a, 1)], at(0)).expect("prepared"));
    assert!(files.prepare([(&a, 1), (&b, 1)], at(0)).expect("prepared"));
    assert!(files.write(&source("c"), b"x").is_err(), "it wasn't prepared");
}

#[test]
fn a_file_is_rotated_before_it_grows_too_large() {
    let folder = folder("size");
    let policy = Policy { rotate_size: Some(10), ..NONE };
    let mut files = open(&folder, "x.log", &policy, vec![], 0);
    for line in ["1234\n", "5678\n", "9\n", "a line that is longer\n", "b\n"] {
        batch(&mut files, &[("a", line)], 0);
    }
    let expected = ["1234\n5678\n", "9\n", "a line that is longer\n", "b\n"];
    let contents = contents(&folder);
    assert_eq!(contents.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(contents[0].0, "x.log.20961002T070640.000Z");
    assert_eq!(contents[2].0, "x.log.20961002T070640.002Z");
}

#[test]
fn a_file_is_rotated_when_it_is_old_even_if_nobody_writes() {
    let folder = folder("age");
    let policy = Policy { rotate_age: Some(Duration::from_secs(100)), ..NONE };
    let mut files = open(&folder, "{container}", &policy, vec![], 0);
    batch(&mut files, &[("a", "1\n"), ("b", "2\n")], 10);
    work(&mut files, 10);
    assert_eq!(files.deadline(at(10)), Some(Duration::from_secs(100)));
    batch(&mut files, &[("a", "3\n")], 109);
    work(&mut files, 109);
    assert_eq!(names(&folder), ["a", "b"]);
    batch(&mut files, &[("a", "4\n")], 110);
    assert_eq!(names(&folder).len(), 3, "a has more lines");
    assert_eq!(files.deadline(at(110)), Some(Duration::ZERO), "and b is due, too");
    work(&mut files, 110);
    let rotated = ["a.20961002T070830.000Z", "a", "b.20961002T070830.000Z"];
    assert_eq!(names(&folder), rotated);
    assert_eq!(text(&folder), "1\n3\n4\n2\n");
    assert_eq!(files.deadline(at(110)), Some(Duration::from_secs(100)));
}

#[test]
fn the_age_of_a_file_counts_from_its_first_line_on() {
    let folder = folder("age-empty");
    let policy = Policy { rotate_age: Some(Duration::from_secs(100)), ..NONE };
    let mut files = open(&folder, "x", &policy, vec![], 0);
    batch(&mut files, &[("a", "1\n")], 50);
    work(&mut files, 149);
    assert_eq!(names(&folder), ["x"]);
    work(&mut files, 150);
    assert_ne!(names(&folder), ["x"]);
}

#[test]
fn the_age_of_a_file_outlasts_us() {
    let folder = folder("age-kept");
    let policy = Policy { rotate_age: Some(Duration::from_secs(100)), ..NONE };
    let template = Template::parse(&format!("{}/x", folder.display())).expect("a template");
    let made = |text: &str| fs::write(folder.join("x"), text).expect("written");
    made("1\n");
    let now = Timestamp { seconds: 0, nanos: 0 };
    let born = folder.join("x").metadata().and_then(|meta| meta.created()).map(crate::files::live::timestamp);
    let Ok(born) = born else { return }; // not told by this file system
    let later = Timestamp { seconds: born.seconds + 99, ..now };
    let mut files = Files::open(template, policy, vec![], later).expect("files");
    assert!(!files.step(later) || !files.step(later));
    assert_eq!(names(&folder), ["x"]);
    files.step(Timestamp { seconds: born.seconds + 101, ..now });
    assert_eq!(names(&folder).len(), 1);
    assert_ne!(names(&folder), ["x"]);
}

#[test]
fn rotated_files_are_compressed_once_the_checkpoint_is_done_with_them() {
    let folder = folder("compress");
    let policy = Policy { rotate_size: Some(10), compress: true, ..NONE };
    let mut files = open(&folder, "x.log", &policy, vec![], 0);
    batch(&mut files, &[("a", "12345678\n")], 0);
    let a = source("a");
    assert!(files.prepare([(&a, 2)], at(0)).expect("prepared"));
    work(&mut files, 0);
    assert_eq!(names(&folder), ["x.log.20961002T070640.000Z", "x.log"], "not yet");
    files.saved();
    assert_eq!(files.deadline(at(0)), Some(Duration::ZERO));
    work(&mut files, 0);
    assert_eq!(names(&folder), ["x.log.20961002T070640.000Z.gz", "x.log"]);
    assert_eq!(text(&folder), "12345678\n");
}

#[test]
fn retention_deletes_what_is_ours_and_no_more() {
    let folder = folder("retention");
    let foreign =
        ["x.log.1", "x.log.20961002T070640Z", "y.20961002T070640.000Z", "x.log.20961002T070640.000Z.xz"];
    for name in foreign {
        fs::write(folder.join(name), "foreign").expect("written");
    }
    let policy = Policy { rotate_size: Some(4), compress: true, keep_files: Some(2), ..NONE };
    let mut files = open(&folder, "{container}.log", &policy, vec![], 0);
    for number in 0..9 {
        batch(&mut files, &[("x", &format!("{number}--\n"))], number);
        work(&mut files, number);
    }
    let left: String =
        contents(&folder).into_iter().map(|(_, text)| text).filter(|text| text != "foreign").collect();
    assert_eq!(left, "6--\n7--\n8--\n");
    for name in foreign {
        assert!(folder.join(name).exists(), "{name}");
    }
    files.policy = Policy { keep_files: Some(0), ..policy };
    (files.crowded, files.due) = (true, Some(files.now));
    work(&mut files, 9);
    assert_eq!(names(&folder).len(), foreign.len() + 1, "the live one is left");
}

#[test]
fn old_files_go_when_their_time_has_come_also_those_of_earlier_runs() {
    let folder = folder("keep-age");
    let policy = Policy { rotate_size: Some(4), keep_age: Some(Duration::from_secs(1000)), ..NONE };
    let mut files = open(&folder, "x", &policy, vec![], 0);
    batch(&mut files, &[("a", "1--\n")], 0);
    batch(&mut files, &[("a", "2--\n")], 500);
    batch(&mut files, &[("a", "3--\n")], 600);
    work(&mut files, 600);
    assert_eq!(files.deadline(at(600)), Some(Duration::from_secs(400)));
    work(&mut files, 1000);
    assert_eq!(text(&folder), "2--\n3--\n");
    drop(files);
    let mut files = open(&folder, "x", &policy, vec![], 2000);
    work(&mut files, 2000);
    assert_eq!(text(&folder), "3--\n", "the file system says that it is of today, which is long ago");
}

#[test]
fn a_rotated_name_of_another_container_is_a_file_of_its_own() {
    let folder = folder("names");
    let policy = Policy { rotate_size: Some(2), keep_files: Some(0), ..NONE };
    let mut files = open(&folder, "{container}", &policy, vec![], 0);
    let evil = "web.20961002T070640.000Z";
    batch(&mut files, &[("web", "1\n"), (evil, "2\n")], 0);
    batch(&mut files, &[("web", "3\n")], 0);
    work(&mut files, 0);
    assert_eq!(text(&folder), "3\n2\n");
}

#[test]
fn more_files_than_may_be_open_get_all_their_lines() {
    let folder = folder("many");
    let count = limits::FILES_OPEN * 2 + 3;
    let names: Vec<_> = (0..count).map(|number| format!("c{number}")).collect();
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    let lines: Vec<_> = names.iter().map(|name| (name.as_str(), "x\n")).collect();
    for _ in 0..3 {
        batch(&mut files, &lines, 0);
        assert_eq!(files.open.len(), limits::FILES_OPEN);
    }
    assert_eq!(files.marks().count(), count);
    assert_eq!(text(&folder), "x\n".repeat(3 * count));
}

#[test]
fn files_that_nobody_writes_to_are_forgotten_and_known_again() {
    let folder = folder("idle");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    batch(&mut files, &[("a", "1\n"), ("b", "2\n")], 0);
    work(&mut files, 0);
    assert_eq!(files.deadline(at(0)), Some(limits::FILE_IDLE));
    batch(&mut files, &[("b", "3\n")], 3000);
    work(&mut files, 3600);
    let marks: Vec<_> = files.marks().collect();
    assert_eq!(marks.iter().map(|mark| mark.length).collect::<Vec<_>>(), [4]);
    files.saved();
    assert!(files.prepare([(&source("a"), 2)], at(3600)).expect("prepared"), "it must be saved again");
    batch(&mut files, &[("a", "4\n")], 3600);
    assert_eq!(text(&folder), "1\n4\n2\n3\n");
}

#[test]
fn no_more_files_are_known_than_the_checkpoint_may_hold() {
    let folder = folder("known");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    let sources: Vec<_> = (0..=limits::FILES_KNOWN).map(|number| source(&number.to_string())).collect();
    for some in sources.chunks(1000) {
        files.prepare(some.iter().map(|source| (source, 2)), at(0)).expect("prepared");
        files.saved();
        files.write(&some[0], b"1\n").expect("written");
        files.settle();
    }
    assert!(files.marks().count() <= limits::FILES_KNOWN && files.routes.len() <= limits::FILES_KNOWN);
    assert!(!files.prepare([(&sources[limits::FILES_KNOWN], 2)], at(0)).expect("prepared"));
    assert!(files.prepare([(&sources[0], 2)], at(0)).expect("prepared"), "it must be saved again");
    files.write(&sources[0], b"2\n").expect("written");
    assert_eq!(fs::read_to_string(folder.join("0")).expect("a file"), "1\n2\n");
    let _ = fs::remove_dir_all(folder); // it has many files
}

#[test]
fn a_file_that_was_moved_away_is_written_until_the_signal() {
    let folder = folder("moved");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    batch(&mut files, &[("a", "1\n"), ("b", "1\n")], 0);
    fs::rename(folder.join("a"), folder.join("a.1")).expect("renamed");
    batch(&mut files, &[("a", "2\n")], 0);
    assert_eq!(fs::read_to_string(folder.join("a.1")).expect("a file"), "1\n2\n");
    files.reopen();
    assert!(files.take_notices().iter().all(|notice| notice.contains("a was moved away")));
    assert!(files.prepare([(&source("a"), 2)], at(0)).expect("prepared"), "it must be saved");
    batch(&mut files, &[("a", "3\n"), ("b", "2\n")], 0);
    assert_eq!(text(&folder), "3\n1\n2\n1\n2\n");
}

#[test]
fn a_signal_in_the_middle_of_a_batch_waits_for_its_end() {
    let folder = folder("moved-amid");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    batch(&mut files, &[("a", "1\n")], 0);
    let a = source("a");
    files.prepare([(&a, 5)], at(0)).expect("prepared");
    fs::rename(folder.join("a"), folder.join("a.1")).expect("renamed");
    for piece in ["li", "ne\n"] {
        files.reopen();
        files.write(&a, piece.as_bytes()).expect("written");
    }
    files.settle();
    batch(&mut files, &[("a", "2\n")], 0);
    assert_eq!(
        contents(&folder),
        [("a", "2\n"), ("a.1", "1\nline\n")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

#[test]
fn a_file_that_was_deleted_is_made_anew() {
    let folder = folder("deleted");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    batch(&mut files, &[("a", "1\n")], 0);
    fs::remove_file(folder.join("a")).expect("removed");
    assert!(files.prepare([(&source("a"), 2)], at(0)).expect("prepared"));
    assert!(files.take_notices()[0].contains("a was deleted"));
    batch(&mut files, &[("a", "2\n")], 0);
    assert_eq!(text(&folder), "2\n");
}

#[test]
fn a_file_that_was_cut_goes_on_whole_and_is_saved_as_that() {
    let folder = folder("cut");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    batch(&mut files, &[("a", "1\n"), ("a", "2\n")], 0);
    let cut = || File::options().write(true).open(folder.join("a")).expect("there").set_len(3).expect("cut");
    for close in [false, true] {
        cut();
        if close {
            files.live.values_mut().for_each(Live::close);
            files.open.clear();
        }
        assert!(files.prepare([(&source("a"), 2)], at(0)).expect("prepared"));
        assert_eq!(files.marks().next().map(|mark| mark.length), Some(4));
        assert_eq!(batch(&mut files, &[("a", "3\n")], 0)[0].length, 6);
        assert_eq!(text(&folder), "1\n2\n3\n");
    }
}

#[test]
fn nothing_is_rotated_in_the_midst_of_a_batch() {
    let folder = folder("amid");
    let policy = Policy { rotate_size: Some(4), rotate_age: Some(Duration::from_secs(1)), ..NONE };
    let mut files = open(&folder, "x", &policy, vec![], 0);
    let a = source("a");
    files.prepare([(&a, 8)], at(0)).expect("prepared");
    files.write(&a, b"1\n2").expect("written");
    work(&mut files, 10);
    files.prepare([(&a, 8)], at(10)).expect("prepared again, as after an error");
    files.write(&a, b"34\n56\n").expect("written");
    assert_eq!(names(&folder), ["x"]);
    files.settle();
    work(&mut files, 10);
    assert_eq!(names(&folder), ["x.20961002T070650.000Z"]);
}

#[test]
fn a_name_that_is_taken_is_left_alone() {
    let folder = folder("taken");
    let policy = Policy { rotate_size: Some(2), ..NONE };
    let mut files = open(&folder, "x", &policy, vec![], 0);
    for name in ["x.20961002T070640.000Z", "x.20961002T070640.001Z.gz", "x.20961002T070640.002Z.gz.part"] {
        fs::create_dir(folder.join(name)).expect("a folder in the way");
    }
    batch(&mut files, &[("a", "1\n")], 0);
    batch(&mut files, &[("a", "2\n")], 0);
    assert_eq!(names(&folder), ["x.20961002T070640.003Z", "x"]);
}

#[test]
fn what_is_left_of_compressing_is_removed_and_nothing_else() {
    let folder = folder("left");
    let left = ["x.log.20961002T070640.000Z.gz.part", "y.20961002T070640.000Z.gz.part", "x.log.gz.part"];
    for name in left {
        fs::write(folder.join(name), "").expect("written");
    }
    open(&folder, "{container}.log", &NONE, vec![], 0);
    assert_eq!(left.map(|name| folder.join(name).exists()), [false, true, true]);
}

#[test]
fn what_cannot_be_written_is_an_error_with_its_path() {
    let folder = folder("wrong");
    fs::create_dir(folder.join("dir")).expect("a folder");
    symlink("/etc/passwd", folder.join("link")).expect("a link");
    nix::unistd::mkfifo(&folder.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let mut files = open(&folder, "{container}", &NONE, vec![], 0);
    for (name, part) in [("dir", "directory"), ("link", "symbolic link"), ("pipe", "regular file")] {
        let error = files.prepare([(&source(name), 1)], at(0)).expect_err(name).to_string();
        assert!(error.contains(part) && error.contains(&folder.join(name).display().to_string()), "{error}");
    }
    batch(&mut files, &[("a", "1\n")], 0);
    let template = |text: String| Template::parse(&text).expect("a template");
    for base in ["/proc/nowhere/{id}".to_owned(), format!("{}/a/{{id}}", folder.display())] {
        let error = Files::open(template(base), NONE, vec![], at(0)).expect_err("it can't be made");
        assert!(error.contains("can't write to"), "{error}");
    }
    assert!(Files::open(template(format!("{}/dir", folder.display())), NONE, vec![], at(0)).is_err());
}

#[test]
fn trouble_beside_is_told_once_and_tried_again() {
    let folder = folder("trouble");
    let policy = Policy { rotate_size: Some(2), compress: true, ..NONE };
    let mut files = open(&folder, "x", &policy, vec![], 0);
    let stamp = "x.20961002T070640.000Z";
    batch(&mut files, &[("a", "1\n")], 0);
    batch(&mut files, &[("a", "2\n")], 0);
    fs::create_dir(folder.join(format!("{stamp}.gz.part"))).expect("a folder in the way");
    work(&mut files, 0);
    work(&mut files, 30);
    let notices = files.take_notices();
    assert!(notices.len() == 1 && notices[0].contains("can't compress"), "{notices:?}");
    assert_eq!(files.deadline(at(0)), Some(limits::FILES_AGAIN));
    fs::remove_dir(folder.join(format!("{stamp}.gz.part"))).expect("out of the way");
    work(&mut files, 61);
    assert_eq!(names(&folder), [&format!("{stamp}.gz"), "x"]);
}
