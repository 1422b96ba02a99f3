//! The state directory: a checkpoint that is replaced as a whole, and a lock, so that two docklogs don't write one state.
//!
//! Not synced to the disk: after kill -9 the kernel has it all, after a power loss the file system has some older
//! checkpoint, or this one (rename is atomic), and what was written after it comes again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::core::checkpoint::{self, Saved};
use crate::limits;

/// A locked state directory.
#[derive(Debug)]
pub struct State {
    checkpoint: PathBuf,
    /// The next checkpoint, until it takes the place of the last.
    next: PathBuf,
    _lock: Flock<File>,
}

impl State {
    /// Locks the directory, which is made if it doesn't exist, and reads what an earlier run has left there.
    ///
    /// # Errors
    /// What is wrong, and what helps: the directory can't be made or written, another docklog uses it, or the checkpoint
    /// isn't one that can be read. Nothing is overwritten then.
    pub fn open(directory: &Path) -> Result<(Self, Saved), String> {
        let fail = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
            format!("state directory {}: can't {what} {}: {error}", directory.display(), path.display())
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| fail("make", directory, &error))?;
        let lock_path = directory.join("lock");
        let mut lock = OpenOptions::new();
        let lock = lock.create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|error| fail("open", &lock_path, &error))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
            nix::errno::Errno::EWOULDBLOCK => format!(
                "state directory {}: another docklog uses it; stop that one, or give this one a directory of its own (--state)",
                directory.display()
            ),
            error => fail("lock", &lock_path, &error),
        })?;
        let checkpoint = directory.join("checkpoint.jsonl");
        let saved = read(&checkpoint).map_err(|error| {
            format!(
                "checkpoint {}: {error}. It was left as it is. To begin anew, move it away; lines since it was written may then be lost, or come twice",
                checkpoint.display()
            )
        })?;
        Ok((Self { next: directory.join("checkpoint.next"), checkpoint, _lock: lock }, saved))
    }

    /// Replaces the checkpoint.
    ///
    /// # Errors
    /// Those of the file system: the old one stays.
    pub fn save(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&self.next)?;
        file.write_all(bytes)?;
        fs::rename(&self.next, &self.checkpoint)
    }
}

/// Reads a checkpoint; if there is none, nothing was left.
fn read(path: &Path) -> Result<Saved, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = Vec::new();
    file.take(limits::CHECKPOINT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limits::CHECKPOINT {
        return Err(format!("it has more than {} bytes, which no checkpoint has", limits::CHECKPOINT));
    }
    checkpoint::decode(&bytes)
}

#[cfg(test)]
mod tests {
    use docklog_protocol::{ContainerId, Timestamp};

    use super::*;
    use crate::core::place::Place;
    use crate::shell::folder::folder;

    #[test]
    fn what_is_saved_is_found_by_the_next_run() {
        let folder = folder("state-saved");
        let (state, saved) = State::open(&folder).expect("a new directory");
        assert!(saved.places.is_empty());
        let (id, place) = (ContainerId::from([1; 32]), Place::default());
        for _ in 0..2 {
            state
                .save(&checkpoint::encode(Timestamp::default(), [(id, &place)].into_iter(), &[]))
                .expect("saved");
        }
        drop(state);
        let (_state, saved) = State::open(&folder).expect("it is unlocked");
        assert_eq!(saved.places.get(&id), Some(&place));
    }

    #[test]
    fn a_second_docklog_is_turned_away() {
        let folder = folder("state-locked");
        let _first = State::open(&folder).expect("a new directory");
        let error = State::open(&folder).expect_err("it is locked");
        assert!(error.contains("another docklog uses it"), "{error}");
    }

    #[test]
    fn a_damaged_checkpoint_is_kept_and_the_way_out_is_told() {
        let folder = folder("state-damaged");
        fs::create_dir_all(&folder).expect("a directory");
        fs::write(folder.join("checkpoint.jsonl"), "rubbish").expect("written");
        let error = State::open(&folder).expect_err("rubbish");
        assert!(error.contains("line 1") && error.contains("move it away"), "{error}");
        assert_eq!(fs::read(folder.join("checkpoint.jsonl")).expect("still there"), b"rubbish");
    }
}
