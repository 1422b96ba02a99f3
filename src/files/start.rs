//! What an earlier run has left: its files are found again and cut back to what was settled, and its rotated files are
//! looked for.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use docklog_protocol::Timestamp;

use super::gzip::remove_if_there;
use super::live::{Live, timestamp};
use super::retention::Kept;
use super::rotation::{Form, Rotated, Stamp};
use super::template::Template;
use super::told::Told;
use crate::core::checkpoint::FileMark;
use crate::limits;

/// Endings of files that hold no lines as we wrote them.
const PACKED: [&str; 6] = [".gz", ".part", ".xz", ".bz2", ".zst", ".lz4"];

/// Cuts all files of the last run back to what was settled, wherever they are now. Returns those that are where they were.
pub(super) fn recover(
    marks: Vec<FileMark>,
    now: Timestamp,
    told: &mut Told,
) -> io::Result<Vec<(PathBuf, Live)>> {
    let (mut found, mut missing) = (Vec::new(), HashMap::<PathBuf, Vec<FileMark>>::new());
    for mark in marks {
        match cut(&mark, &mark.path, now, told)? {
            Some(mut live) => {
                live.close();
                found.push((mark.path, live));
            }
            None => {
                let folder = mark.path.parent().unwrap_or(Path::new("/"));
                missing.entry(folder.to_owned()).or_default().push(mark);
            }
        }
    }
    for (folder, marks) in missing {
        for mark in find_moved(&folder, marks, now, told)? {
            told.say(format!(
                "{} is not the file of the last run, or is gone: what that one held beyond its checkpoint comes once more",
                mark.path.display()
            ));
        }
    }
    Ok(found)
}

/// Cuts the file at this path, if it is the one of this mark.
fn cut(mark: &FileMark, path: &Path, now: Timestamp, told: &mut Told) -> io::Result<Option<Live>> {
    let fail = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    match path.symlink_metadata() {
        Ok(found) if (found.dev(), found.ino()) == (mark.device, mark.inode) && found.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(fail(error)),
    }
    let mut live = Live::open(path, now).map_err(fail)?;
    if live.cut(mark.length).map_err(fail)? {
        told.say(format!(
            "{} has {} bytes, but had {} at the last checkpoint: lines at its end are lost",
            path.display(),
            live.length,
            mark.length
        ));
        live.end_line().map_err(fail)?;
    }
    Ok(Some(live))
}

/// Looks for these files under other names in their directory, where we have rotated them just before the end, or logrotate
/// has since. Those that are found are cut; the others are returned.
fn find_moved(
    folder: &Path,
    marks: Vec<FileMark>,
    now: Timestamp,
    told: &mut Told,
) -> io::Result<Vec<FileMark>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(marks) };
    let live = |mark: &FileMark| mark.path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let (mut by_name, mut by_inode) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
    for (at, mark) in marks.iter().enumerate() {
        by_name.entry(live(mark).unwrap_or_default()).or_default().push(at);
        by_inode.entry(mark.inode).or_default().push(at);
    }
    let mut found = vec![false; marks.len()];
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !PACKED.iter().any(|ending| name.ends_with(ending)))
        else {
            continue;
        };
        let candidates = match Rotated::parse(name) {
            Some(rotated) => by_name.get(rotated.live),
            None => by_inode.get(&entry.ino()),
        };
        for &at in candidates.into_iter().flatten() {
            let mark = &marks[at];
            if live(mark).is_some_and(|live| name.starts_with(&live))
                && cut(mark, &entry.path(), now, told)?.is_some()
            {
                found[at] = true;
            }
        }
    }
    Ok(marks.into_iter().zip(found).filter(|(_, found)| !found).map(|(mark, _)| mark).collect())
}

/// A rotated file that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) log: Rc<Path>,
    pub(super) file: Kept,
    /// It stands there compressed, too.
    pub(super) both: bool,
}

/// Looks for all rotated files that this template can have brought about, and removes what was left of compressing.
pub(super) fn scan(template: &Template, told: &mut Told) -> Vec<Found> {
    let mut files = HashMap::new();
    walk(template, template.base(), 0, &mut files);
    if files.len() >= limits::FILES_ROTATED {
        told.say(format!(
            "{} has more than {} rotated files: those beyond it are left alone",
            template.base().display(),
            limits::FILES_ROTATED
        ));
    }
    files.into_values().collect()
}

type Files = HashMap<(Rc<Path>, Stamp), Found>;

fn walk(template: &Template, folder: &Path, depth: usize, files: &mut Files) {
    let is_last = depth + 1 == template.depth();
    if let Some(name) = template.fixed(depth).filter(|_| !is_last) {
        return walk(template, &folder.join(name), depth + 1, files);
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if !is_last {
            let path = entry.path();
            if template.matches(depth, name) && path.is_dir() {
                walk(template, &path, depth + 1, files);
            }
        } else if let Some(rotated) = Rotated::parse(name)
            && template.matches(depth, rotated.live)
        {
            take(folder, &entry, rotated, files);
        }
    }
}

fn take(folder: &Path, entry: &DirEntry, rotated: Rotated<'_>, files: &mut Files) {
    let Ok(meta) = entry.metadata() else { return };
    if !meta.is_file() {
        return;
    }
    if rotated.form == Form::Part {
        let _ = remove_if_there(&entry.path()); // else it is taken away when its source is compressed
        return;
    }
    let log: Rc<Path> = folder.join(rotated.live).into();
    let key = (Rc::clone(&log), rotated.stamp);
    let packed = rotated.form == Form::Packed;
    let last = meta.modified().map(timestamp).unwrap_or_default();
    let file = Kept { stamp: rotated.stamp, bytes: meta.len(), last, packed };
    let is_full = files.len() >= limits::FILES_ROTATED;
    match files.get_mut(&key) {
        Some(found) => {
            found.both = true;
            found.file.packed = false;
            found.file.bytes += meta.len();
        }
        None if !is_full => {
            files.insert(key, Found { log, file, both: false });
        }
        None => {}
    }
}
