//! The output file: lines are appended, and what a killed docklog had written after its last checkpoint is cut off again, for
//! those lines will come again. So each line is in it exactly once, even through kill -9.
//!
//! | the file is | then |
//! |---|---|
//! | the one of the checkpoint, and as long or longer | what is longer is cut off |
//! | the one of the checkpoint, but shorter (a power loss, somebody truncated it) | it goes on at its end; that lines may be missing is said |
//! | another one, or gone (logrotate) | it goes on at its end; that the end of the old one may come twice is said |
//! | none that a checkpoint knows | it goes on at its end |

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::core::checkpoint::FileMark;

/// Opens the file that lines are appended to, as the checkpoint wants it. Also returns what has to be said about it.
///
/// # Errors
/// What is wrong with the file, for people.
pub fn open(path: &Path, settled: Option<&FileMark>) -> Result<(File, FileMark, Option<String>), String> {
    open_file(path, settled).map_err(|error| {
        format!("can't write to {}: {error}; name another file by --output-file", path.display())
    })
}

/// Whether the file of this mark still stands at its path. If that can't be told, it does.
pub fn is_still(mark: &FileMark) -> bool {
    match mark.path.metadata() {
        Ok(found) => (found.dev(), found.ino()) == (mark.device, mark.inode),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn open_file(path: &Path, settled: Option<&FileMark>) -> io::Result<(File, FileMark, Option<String>)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o640).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut mark =
        FileMark { path: path.to_owned(), device: found.dev(), inode: found.ino(), length: found.len() };
    let path = path.display();
    let notice = match settled {
        Some(settled) if (settled.device, settled.inode) != (mark.device, mark.inode) => Some(format!(
            "{path} is not the file of the last run: what that one held beyond its checkpoint comes once more"
        )),
        Some(settled) if settled.length > mark.length => Some(format!(
            "{path} has {} bytes, but had {} at the last checkpoint: lines at its end are lost",
            mark.length, settled.length
        )),
        Some(settled) => {
            file.set_len(settled.length)?;
            mark.length = settled.length;
            None
        }
        None => None,
    };
    if mark.length > 0 && !ends_with_newline(&mut file)? {
        file.write_all(b"\n")?; // a torn line must not spoil the next
        mark.length += 1;
    }
    Ok((file, mark, notice))
}

fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A path where nothing is, beside the test program: what a test leaves there is no litter.
    pub(in crate::shell) fn folder(name: &str) -> PathBuf {
        let program = std::env::current_exe().expect("this program");
        let folder = program.parent().expect("its folder").join("tests").join(name);
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn file(name: &str, text: &str) -> (PathBuf, FileMark) {
        let folder = folder(name);
        fs::create_dir_all(&folder).expect("a directory");
        let path = folder.join("out.jsonl");
        fs::write(&path, text).expect("written");
        let (_, mark, _) = open(&path, None).expect("a file");
        (path, mark)
    }

    fn reopened(path: &Path, settled: FileMark) -> (String, Option<String>) {
        let (mut file, _, notice) = open(path, Some(&settled)).expect("a file");
        file.write_all(b"new\n").expect("written");
        (fs::read_to_string(path).expect("text"), notice)
    }

    #[test]
    fn an_unsettled_end_is_cut_off() {
        let (path, mark) = file("file-cut", "one\ntwo\nthr");
        assert_eq!(reopened(&path, FileMark { length: 8, ..mark }), ("one\ntwo\nnew\n".to_owned(), None));
    }

    #[test]
    fn a_file_that_has_lost_its_end_goes_on_with_a_whole_line() {
        let (path, mark) = file("file-short", "one\ntw");
        let (text, notice) = reopened(&path, FileMark { length: 100, ..mark });
        assert_eq!(text, "one\ntw\nnew\n");
        assert!(notice.is_some_and(|notice| notice.contains("had 100 at the last checkpoint")));
    }

    #[test]
    fn another_file_is_not_cut() {
        let (path, mark) = file("file-other", "one\ntwo\n");
        let (text, notice) = reopened(&path, FileMark { length: 4, inode: mark.inode + 1, ..mark });
        assert_eq!(text, "one\ntwo\nnew\n");
        assert!(notice.is_some_and(|notice| notice.contains("not the file of the last run")));
    }

    #[test]
    fn a_file_that_was_moved_away_is_no_longer_there() {
        let (path, mark) = file("file-moved", "one\n");
        assert!(is_still(&mark));
        fs::rename(&path, path.with_extension("1")).expect("renamed");
        assert!(!is_still(&mark), "none is there");
        open(&path, None).expect("another file");
        assert!(!is_still(&mark), "another is there");
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        assert!(open(Path::new("/dev/null"), None).is_err_and(|error| error.contains("regular file")));
        assert!(open(&std::env::temp_dir(), None).is_err());
    }
}
