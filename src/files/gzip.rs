//! Compresses a rotated file, a piece at a time, so that the loop goes on.
//!
//! It is written beside the source as `….gz.part`, synced to the disk, and renamed to `….gz`; only then the source is
//! deleted. So `….gz` is always whole, and killed at any point there is the source, or it, or both, whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use super::live::NO_LINKS;
use crate::limits;

/// How hard to try, of 9. Log lines become an eighth; 6 makes that 2 % less in a quarter more time, 4 makes it 4 % more in
/// hardly less.
const LEVEL: u32 = 5;

/// A file that is being compressed.
#[derive(Debug)]
pub(super) struct Packing {
    source: PathBuf,
    part: PathBuf,
    packed: PathBuf,
    input: File,
    out: GzEncoder<Synced>,
    buffer: Box<[u8]>,
}

/// Counts what is on its way to the disk.
#[derive(Debug)]
struct Synced {
    file: File,
    written: u64,
    unsynced: usize,
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.file.write(bytes)?;
        self.written += taken as u64;
        self.unsynced += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Packing {
    /// Begins. `None` if a killed docklog was so near the end that only the source was left to be deleted, which is done now.
    ///
    /// # Errors
    /// Those of the file system; nothing is changed then.
    pub(super) fn begin(source: &Path) -> io::Result<Option<Self>> {
        let [packed, part] = [".gz", ".gz.part"].map(|ending| {
            let mut path = source.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        });
        let input = OpenOptions::new().read(true).custom_flags(NO_LINKS).open(source)?;
        if packed.symlink_metadata().is_ok() {
            if !is_whole(&packed, &input)? {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "it stands there already, compressed, but isn't the same",
                ));
            }
            fs::remove_file(source)?;
            return Ok(None);
        }
        remove_if_there(&part)?;
        let file =
            OpenOptions::new().create_new(true).write(true).custom_flags(NO_LINKS).mode(0o600).open(&part)?;
        let seconds = u32::try_from(input.metadata()?.mtime()).unwrap_or_default();
        let out = Synced { file, written: 0, unsynced: 0 };
        let out = GzBuilder::new().mtime(seconds).write(out, Compression::new(LEVEL));
        let buffer = vec![0; limits::GZIP_STEP].into_boxed_slice();
        Ok(Some(Self { source: source.to_owned(), part, packed, input, out, buffer }))
    }

    /// The file that is being compressed.
    pub(super) fn source(&self) -> &Path {
        &self.source
    }

    /// Goes on by a piece. At the end it tells how long the compressed file is.
    ///
    /// # Errors
    /// Those of the file system: [`Packing::abandon`] it then.
    pub(super) fn step(&mut self) -> io::Result<Option<u64>> {
        let out = self.out.get_mut();
        if out.unsynced >= limits::GZIP_SYNC {
            out.unsynced = 0;
            out.file.sync_data()?;
            return Ok(None);
        }
        match self.input.read(&mut self.buffer) {
            Ok(0) => self.finish().map(Some),
            Ok(read) => self.out.write_all(&self.buffer[..read]).map(|()| None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn finish(&mut self) -> io::Result<u64> {
        self.out.try_finish()?;
        let (source, out) = (self.input.metadata()?, self.out.get_ref());
        out.file.set_permissions(source.permissions())?;
        out.file.set_modified(source.modified()?)?;
        out.file.sync_all()?;
        fs::rename(&self.part, &self.packed)?;
        fs::remove_file(&self.source)?;
        Ok(out.written)
    }

    /// Leaves the source as it is, and nothing else.
    pub(super) fn abandon(self) {
        let _ = fs::remove_file(&self.part); // else the next start does it
    }
}

/// Whether this compressed file was made of all of that source: it has its time, and ends with its length (RFC 1952 §2.3.1).
fn is_whole(packed: &Path, source: &File) -> io::Result<bool> {
    let mut packed = OpenOptions::new().read(true).custom_flags(NO_LINKS).open(packed)?;
    let (of_packed, of_source) = (packed.metadata()?, source.metadata()?);
    if of_packed.len() < 18 || !of_packed.is_file() || of_packed.modified()? != of_source.modified()? {
        return Ok(false);
    }
    let mut length = [0; 4];
    packed.seek(SeekFrom::End(-4))?;
    packed.read_exact(&mut length)?;
    Ok(u64::from(u32::from_le_bytes(length)) == of_source.len() & u64::from(u32::MAX))
}

/// Removes a file, if there is one.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::files::tests::{folder, gunzipped};

    /// A file with lines of some day in 2001, so many bytes.
    fn source(name: &str, length: usize) -> (PathBuf, Vec<u8>) {
        let path = folder(name).join("web.log.20010909T014640.000Z");
        let mut bytes: Vec<u8> =
            (0..length / 8).flat_map(|number| format!("{number:07x}\n").into_bytes()).collect();
        bytes.resize(length, b'x');
        fs::write(&path, &bytes).expect("written");
        let file = File::options().write(true).open(&path).expect("it is there");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).expect("a time");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
        (path, bytes)
    }

    fn with(path: &Path, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}{ending}", path.display()))
    }

    fn pack(path: &Path) -> Option<(u64, usize)> {
        let mut packing = Packing::begin(path).expect("begun")?;
        let mut steps = 1;
        loop {
            assert!(path.exists(), "the source stays until the end");
            if let Some(bytes) = packing.step().expect("a step") {
                return Some((bytes, steps));
            }
            steps += 1;
        }
    }

    #[test]
    fn it_holds_the_same_and_keeps_time_and_mode() {
        for (name, length) in [("gzip-empty", 0), ("gzip-small", 20), ("gzip-large", 300_000)] {
            let (path, bytes) = source(name, length);
            let (packed, steps) = pack(&path).expect("there was none");
            let result = with(&path, ".gz");
            let meta = result.metadata().expect("it is there");
            assert_eq!(gunzipped(&result), bytes);
            assert_eq!((meta.len(), steps), (packed, length.div_ceil(limits::GZIP_STEP) + 1));
            assert_eq!((meta.mtime(), meta.mode() & 0o777), (1_000_000_000, 0o644));
            assert!(!path.exists() && !with(&path, ".gz.part").exists());
        }
    }

    #[test]
    fn what_a_killed_one_left_is_cleared_away() {
        let (path, bytes) = source("gzip-left", 100_000);
        let mut killed = Packing::begin(&path).expect("begun").expect("there was none");
        killed.step().expect("a step");
        drop(killed);
        assert!(with(&path, ".gz.part").exists());
        pack(&path).expect("there was none");
        assert_eq!(gunzipped(&with(&path, ".gz")), bytes);
        assert!(!with(&path, ".gz.part").exists());
    }

    #[test]
    fn a_source_that_is_left_beside_the_whole_is_deleted() {
        let (path, bytes) = source("gzip-both", 1000);
        pack(&path).expect("there was none");
        source_again(&path, &bytes);
        assert_eq!(pack(&path), None);
        assert!(!path.exists());
        assert_eq!(gunzipped(&with(&path, ".gz")), bytes);
    }

    fn source_again(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).expect("written");
        let time = with(path, ".gz").metadata().expect("it is there").modified().expect("a time");
        File::options().write(true).open(path).expect("it is there").set_modified(time).expect("set");
    }

    #[test]
    fn a_foreign_file_of_that_name_is_left_alone() {
        let (path, bytes) = source("gzip-foreign", 1000);
        let of_that_length = [&[0; 14][..], &1000_u32.to_le_bytes()].concat();
        for foreign in [&b""[..], b"something else that is longer", &of_that_length] {
            fs::write(with(&path, ".gz"), foreign).expect("written");
            let error = Packing::begin(&path).expect_err("it isn't the same");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(with(&path, ".gz")).expect("there"), foreign);
            assert_eq!(fs::read(&path).expect("there"), bytes);
        }
    }

    #[test]
    fn an_abandoned_one_leaves_the_source() {
        let (path, bytes) = source("gzip-abandoned", 1000);
        Packing::begin(&path).expect("begun").expect("there was none").abandon();
        assert_eq!(fs::read(&path).expect("there"), bytes);
        assert!(!with(&path, ".gz.part").exists());
    }
}
