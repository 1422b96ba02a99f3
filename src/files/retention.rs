//! Which rotated files are kept. A file that lines go to is never among those that aren't.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use docklog_protocol::Timestamp;

use super::Policy;
use super::rotation::{Stamp, later};
use crate::limits;

/// A rotated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When it was rotated: its name.
    pub stamp: Stamp,
    /// What it takes on the disk.
    pub bytes: u64,
    /// When its last line was written.
    pub last: Timestamp,
    /// It is compressed.
    pub packed: bool,
}

/// The rotated files of all logs of a sink, by the path that lines went to.
#[derive(Debug, Default)]
pub struct Archive {
    logs: HashMap<Rc<Path>, Vec<Kept>>,
    total: u64,
    count: usize,
}

impl Archive {
    /// One more. Not remembered beyond the limit: then nothing deletes it.
    pub fn add(&mut self, log: &Rc<Path>, file: Kept) {
        if self.count < limits::FILES_ROTATED {
            let files = self.logs.entry(Rc::clone(log)).or_default();
            let at = files.partition_point(|other| other.stamp < file.stamp);
            files.insert(at, file);
            self.total += file.bytes;
            self.count += 1;
        }
    }

    /// One less.
    pub fn remove(&mut self, log: &Path, stamp: Stamp) {
        let Some(files) = self.logs.get_mut(log) else { return };
        if let Ok(at) = files.binary_search_by_key(&stamp, |file| file.stamp) {
            self.total -= files.remove(at).bytes;
            self.count -= 1;
        }
        if files.is_empty() {
            self.logs.remove(log);
        }
    }

    /// It is compressed, and takes so much.
    pub fn packed(&mut self, log: &Path, stamp: Stamp, bytes: u64) {
        let files = self.logs.get_mut(log).map(Vec::as_mut_slice).unwrap_or_default();
        if let Ok(at) = files.binary_search_by_key(&stamp, |file| file.stamp) {
            self.total = self.total - files[at].bytes + bytes;
            (files[at].bytes, files[at].packed) = (bytes, true);
        }
    }

    /// The rotated files of a log, the oldest first.
    pub fn of(&self, log: &Path) -> &[Kept] {
        self.logs.get(log).map(Vec::as_slice).unwrap_or_default()
    }

    /// A file that isn't kept, if there is one: of each log as many stay as may, none that is older than allowed; and if
    /// all together take too much, the log that takes most gives its oldest.
    pub fn surplus(&self, policy: &Policy, now: Timestamp) -> Option<(Rc<Path>, Kept)> {
        for (log, files) in &self.logs {
            let too_many = policy.keep_files.is_some_and(|most| files.len() > most);
            let old = |file: &&Kept| old_at(policy, file).is_some_and(|at| at <= now);
            if let Some(file) = files.first().filter(|_| too_many).or_else(|| files.iter().find(old)) {
                return Some((Rc::clone(log), *file));
            }
        }
        policy.keep_size.filter(|most| self.total > *most)?;
        let size = |files: &[Kept]| files.iter().map(|file| file.bytes).sum::<u64>();
        let (log, files) = self.logs.iter().max_by_key(|(_, files)| size(files))?;
        Some((Rc::clone(log), *files.first()?))
    }

    /// When the next file will be older than allowed.
    pub fn next_old(&self, policy: &Policy) -> Option<Timestamp> {
        policy.keep_age?;
        self.logs.values().flatten().filter_map(|file| old_at(policy, file)).min()
    }
}

fn old_at(policy: &Policy, file: &Kept) -> Option<Timestamp> {
    policy.keep_age.map(|age| later(file.last, age))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    /// Files of two logs: (log, second of its rotation and of its last line, bytes).
    fn archive(files: &[(&str, i64, u64)]) -> Archive {
        let mut archive = Archive::default();
        for &(log, second, bytes) in files {
            let file = Kept { stamp: Stamp::after(None, at(second)), bytes, last: at(second), packed: false };
            archive.add(&Rc::from(Path::new(log)), file);
        }
        archive
    }

    /// What is deleted, in that order, and what stays.
    fn kept(mut archive: Archive, policy: &Policy, now: i64) -> (Vec<(String, i64)>, usize) {
        let mut gone = Vec::new();
        while let Some((log, file)) = archive.surplus(policy, at(now)) {
            archive.remove(&log, file.stamp);
            gone.push((log.display().to_string(), file.last.seconds));
        }
        (gone, archive.count)
    }

    const FILES: [(&str, i64, u64); 6] =
        [("a", 30, 10), ("a", 10, 10), ("b", 15, 500), ("a", 20, 10), ("b", 5, 500), ("b", 25, 500)];

    #[test]
    fn of_each_log_so_many_stay() {
        let policy = Policy { keep_files: Some(2), ..Policy::default() };
        let (mut gone, left) = kept(archive(&FILES), &policy, 100);
        gone.sort();
        assert_eq!((gone, left), (vec![("a".to_owned(), 10), ("b".to_owned(), 5)], 4));
        assert_eq!(kept(archive(&FILES), &Policy { keep_files: Some(0), ..policy }, 100).1, 0);
    }

    #[test]
    fn none_stays_that_is_too_old() {
        let policy = Policy { keep_age: Some(Duration::from_secs(80)), ..Policy::default() };
        assert_eq!(archive(&FILES).next_old(&policy), Some(at(85)));
        let (mut gone, left) = kept(archive(&FILES), &policy, 95);
        gone.sort();
        assert_eq!((gone, left), (vec![("a".to_owned(), 10), ("b".to_owned(), 5), ("b".to_owned(), 15)], 3));
    }

    #[test]
    fn the_log_that_takes_most_gives_first() {
        let policy = Policy { keep_size: Some(540), ..Policy::default() };
        let b = |second| ("b".to_owned(), second);
        assert_eq!(kept(archive(&FILES), &policy, 100), (vec![b(5), b(15)], 4), "b is noisy, a is not");
        let (gone, left) = kept(archive(&FILES), &Policy { keep_size: Some(0), ..policy }, 100);
        assert_eq!((gone.len(), left), (6, 0));
    }

    #[test]
    fn without_a_rule_all_stay() {
        let archive = archive(&FILES);
        assert_eq!(archive.next_old(&Policy::default()), None);
        assert_eq!(kept(archive, &Policy::default(), i64::MAX), (vec![], 6));
    }

    #[test]
    fn sizes_are_those_on_the_disk() {
        let mut archive = archive(&FILES);
        assert_eq!(archive.total, 1530);
        archive.packed(Path::new("b"), Stamp::after(None, at(15)), 50);
        archive.remove(Path::new("b"), Stamp::after(None, at(5)));
        archive.remove(Path::new("b"), Stamp::after(None, at(6)));
        assert_eq!((archive.total, archive.count), (580, 5));
        let packed: Vec<_> = archive.of(Path::new("b")).iter().map(|file| file.packed).collect();
        assert_eq!(packed, [true, false]);
    }
}
