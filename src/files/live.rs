//! One file that lines go to: opened, written, looked at.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use docklog_protocol::Timestamp;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::core::checkpoint::FileMark;

/// A path of ours is no link, for whoever could make one could have us write anywhere; and opening what turns out to be a
/// pipe or a device must not block.
pub(super) const NO_LINKS: i32 = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).bits();

/// What open(2) says of a link then.
const LINK: i32 = Errno::ELOOP as i32;

/// A file that lines go to. It may be closed, and opened again.
#[derive(Debug)]
pub(super) struct Live {
    file: Option<File>,
    device: u64,
    inode: u64,
    /// Its bytes; and those of them that hold settled lines.
    pub(super) length: u64,
    pub(super) settled: u64,
    /// When its first line was written, and its last.
    pub(super) begun: Timestamp,
    pub(super) last: Timestamp,
    /// When it was used last, by a count of uses.
    pub(super) used: u64,
}

/// What has become of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is as we left it.
    Same,
    /// Somebody has cut it or has written to it: we have its new length.
    Changed,
    /// It has no name any more.
    Deleted,
}

impl Live {
    /// Opens the file at this path, which is made if it isn't there. What it holds counts as settled.
    pub(super) fn create(path: &Path, now: Timestamp) -> io::Result<Self> {
        match open(path, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(path);
                DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
                Self::of(open(path, true)?, now)
            }
            file => Self::of(file?, now),
        }
    }

    /// Opens the file at this path.
    pub(super) fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        Self::of(open(path, false)?, now)
    }

    fn of(file: File, now: Timestamp) -> io::Result<Self> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let length = found.len();
        // Some file systems don't tell when a file was made.
        let begun = if length == 0 { now } else { found.created().map_or(now, timestamp).min(now) };
        let last = found.modified().map_or(now, timestamp);
        let (device, inode) = (found.dev(), found.ino());
        Ok(Self { file: Some(file), device, inode, length, settled: length, begun, last, used: 0 })
    }

    /// It was found again after a run that had settled so much: what is beyond is cut off. True if it had less.
    pub(super) fn cut(&mut self, settled: u64) -> io::Result<bool> {
        if let Some(file) = self.file.as_ref().filter(|_| settled < self.length) {
            file.set_len(settled)?;
            (self.length, self.settled) = (settled, settled);
        }
        Ok(settled > self.length)
    }

    /// A torn line at its end must not spoil the next.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.as_mut().filter(|_| self.length > 0) {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                self.length += 1;
                self.settled = self.length;
            }
        }
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }

    /// Goes on in this file, if it is the same.
    pub(super) fn resume(&mut self, opened: &mut Self) -> bool {
        let same = (self.device, self.inode) == (opened.device, opened.inode);
        if same {
            self.file = opened.file.take();
        }
        same
    }

    /// Whether this is what stands at its path.
    pub(super) fn is(&self, found: &Metadata) -> bool {
        (self.device, self.inode) == (found.dev(), found.ino())
    }

    pub(super) fn is_settled(&self) -> bool {
        self.length == self.settled
    }

    /// Looks what has become of it meanwhile. All its lines are settled.
    pub(super) fn look(&mut self) -> io::Result<Look> {
        let Some(file) = &self.file else { return Ok(Look::Same) };
        let found = file.metadata()?;
        if found.nlink() == 0 {
            return Ok(Look::Deleted);
        }
        if found.len() == self.length {
            return Ok(Look::Same);
        }
        (self.length, self.settled) = (found.len(), found.len());
        self.end_line()?;
        Ok(Look::Changed)
    }

    /// Writes as much as the file system takes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("it is closed"))?;
        let taken = file.write(bytes)?;
        self.length += taken as u64;
        Ok(taken)
    }

    pub(super) fn mark(&self, path: &Path) -> FileMark {
        FileMark { path: path.to_owned(), device: self.device, inode: self.inode, length: self.settled }
    }
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(create).read(true).append(true).mode(0o640).custom_flags(NO_LINKS);
    options.open(path).map_err(|error| match error.raw_os_error() {
        Some(LINK) => io::Error::other("it is a symbolic link, which isn't followed"),
        _ => error,
    })
}

pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
