//! The file sink: lines go to one file, or to one for each container, project, … by a template of its path. Files are rotated
//! by size and age, rotated ones compressed in small steps and deleted when there are too many. Each line is in exactly one
//! of them, exactly once, even through kill -9.
//!
//! | file | decides or does |
//! |---|---|
//! | `template`, `name` | which file a container's lines go to |
//! | `rotation` | when a file is rotated, and what it is called then |
//! | `retention` | which rotated files are kept |
//! | `live` | one file that lines go to |
//! | `gzip` | one file that is compressed |
//! | `start` | what an earlier run has left |
//! | `beside` | the work beside the writing: rotate by age, compress, delete |
//! | `told` | what people are told |
//!
//! # The order of things
//!
//! The checkpoint holds, together, where the streams stand and how long each file was then ([`FileMark`]); what a killed
//! docklog had written beyond, it writes again. That goes well if the caller keeps this order:
//!
//! 1. between two batches [`Files::prepare`], with the runs of the next one: files are rotated and opened;
//! 2. if it says so, the checkpoint is saved, with [`Files::marks`], and [`Files::saved`] is called: it knows of each file
//!    before a byte is in it;
//! 3. [`Files::write`], run by run; after an error again from 1, and on where it stopped;
//! 4. all is written: [`Files::settle`], and the places of the batch are settled in the same breath;
//! 5. whenever there is time [`Files::step`]; and if [`Files::needs_save`] says so, 2.
//!
//! A checkpoint may be saved at any other time, too. One that can't be saved should stop the writing; if the caller goes on
//! all the same, files that are new since the last one can't be cut, and lines may come twice. A run without checkpoints
//! calls [`Files::saved`] at once.
//!
//! There is no save before a rotation, for a file is known by its inode: under whichever name it is found, it is cut back to
//! what the checkpoint says. It must only not be compressed before the checkpoint is done with it; so that waits for a save.
//!
//! | killed | the next start finds | and does |
//! |---|---|---|
//! | while writing, or before lines were settled or saved | a file longer than its mark | cuts it |
//! | after a new file was made, before the save | a file that no mark knows, without lines | goes on at its end |
//! | the same, where the file was there before us | one with foreign lines, perhaps a newline more | goes on at its end |
//! | after a rotation's rename, before the save | the file under its rotated name, by its inode | cuts it there |
//! | after that save | a rotated file whose lines are all settled | queues it for compression |
//! | while it is compressed | the source, and `….gz.part` | removes the latter, and begins anew |
//! | when `….gz` is in place, before the source is deleted | both, and `….gz` has the time and the length of the source | deletes the source |
//! | between two deletions | fewer files | deletes the rest |
//! | at any time, and logrotate has moved the file since | the file beside its path, by its inode | cuts it there, and begins a new one |
//! | the same, and it was compressed or taken elsewhere | no file, or another | goes on there; says that lines may come twice |
//! | by a power loss, or somebody truncated the file | a file shorter than its mark | goes on at its end; says that lines are lost |
//!
//! A torn last line, which only a power loss or somebody else can leave, gets a newline, so that it doesn't spoil the next.
//!
//! What is never touched: a file at a template's path that no checkpoint knows and no line goes to; a file of a name that
//! [`rotation`] doesn't give; and whatever stands where a rotated or compressed file would go.
//!
//! A file that is moved away is written to until [`Files::reopen`] (SIGHUP), as logrotate expects; one that is deleted is
//! made anew with the next batch; one that is truncated (copytruncate) goes on at its new end, and is saved as that before.

mod beside;
mod gzip;
mod live;
mod name;
pub mod retention;
pub mod rotation;
mod start;
pub mod template;
mod told;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::{ContainerId, Timestamp};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use self::gzip::Packing;
use self::live::{Live, Look};
use self::retention::Archive;
use self::rotation::Stamp;
use self::template::Template;
use self::told::Told;
use crate::core::checkpoint::FileMark;
use crate::core::source::Source;
use crate::limits;

/// When files are rotated, and what becomes of them then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Bytes that a file doesn't exceed, unless a batch has more for it.
    pub rotate_size: Option<u64>,
    /// A file's age, from its first line on.
    pub rotate_age: Option<Duration>,
    /// Rotated files are compressed.
    pub compress: bool,
    /// Rotated files that are kept of each log.
    pub keep_files: Option<usize>,
    /// Bytes that all rotated files of the sink may take. The log that takes most gives its oldest first.
    pub keep_size: Option<u64>,
    /// Age of its last line at which a rotated file is deleted.
    pub keep_age: Option<Duration>,
}

/// The files of a sink.
#[derive(Debug)]
pub struct Files {
    template: Template,
    policy: Policy,
    now: Timestamp,
    /// A batch was prepared, and isn't settled: its files stay as they are.
    amid: bool,
    /// Where the lines of a container go, as long as it bears the same name.
    routes: HashMap<ContainerId, (Rc<Source>, Rc<Path>)>,
    live: HashMap<Rc<Path>, Live>,
    /// Those of them that are open.
    open: Vec<Rc<Path>>,
    /// Those that hold lines which aren't settled.
    unsettled: Vec<Rc<Path>>,
    /// Files of such lines that were moved away while they were closed.
    moved: Vec<FileMark>,
    /// Uses of files so far; and how many there were before the batch of now.
    uses: u64,
    uses_before: u64,
    /// There is a file that the last checkpoint doesn't know.
    changed: bool,
    /// Files may have been moved away: look when all is settled.
    look: bool,
    archive: Archive,
    /// Rotated files to compress: those that the checkpoint isn't done with, and the others.
    waiting: Vec<(Rc<Path>, Stamp)>,
    queue: VecDeque<(Rc<Path>, Stamp)>,
    packing: Option<(Rc<Path>, Stamp, Packing)>,
    /// There may be rotated files too many.
    crowded: bool,
    /// When a file will be so old that it is rotated or forgotten; when a rotated one is too old; and when work that has
    /// failed is tried again.
    due: Option<Timestamp>,
    old: Option<Timestamp>,
    again: Option<Timestamp>,
    told: Told,
}

impl Files {
    /// Takes up what an earlier run has left: its files are cut back to these marks of its last checkpoint. The base directory
    /// is made if it isn't there; and if there is but one file, it is opened. [`Files::take_notices`] has what was noteworthy.
    ///
    /// # Errors
    /// For people: the directory or the file can't be made or written, or a file can't be cut.
    pub fn open(
        template: Template,
        policy: Policy,
        settled: Vec<FileMark>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let base = template.base().to_owned();
        make_base(&base).map_err(|error| format!("can't write to {}: {error}", base.display()))?;
        let mut files = Self::new(template, policy, now);
        let found = start::recover(settled, now, &mut files.told);
        let found = found.map_err(|error| format!("can't go on in the files of the last run: {error}"))?;
        for (path, live) in found.into_iter().filter(|(path, _)| files.template.matches_path(path)) {
            files.live.insert(path.into(), live);
        }
        for found in start::scan(&files.template, &mut files.told) {
            if found.both || files.policy.compress && !found.file.packed {
                files.waiting.push((Rc::clone(&found.log), found.file.stamp));
            }
            files.archive.add(&found.log, found.file);
        }
        files.waiting.sort();
        if let Some(path) = files.template.single() {
            files.ensure(&path.into()).map_err(|error| format!("can't write to {error}"))?;
        }
        Ok(files)
    }

    fn new(template: Template, policy: Policy, now: Timestamp) -> Self {
        Self {
            template,
            policy,
            now,
            amid: false,
            routes: HashMap::new(),
            live: HashMap::new(),
            open: Vec::new(),
            unsettled: Vec::new(),
            moved: Vec::new(),
            uses: 0,
            uses_before: 0,
            changed: true,
            look: false,
            archive: Archive::default(),
            waiting: Vec::new(),
            queue: VecDeque::new(),
            packing: None,
            crowded: true,
            due: Some(now),
            old: None,
            again: None,
            told: Told::default(),
        }
    }

    /// Begins a batch, or goes on with it after an error: opens what these runs of lines need (each a container and its bytes),
    /// after rotating what is due. True if the checkpoint must be saved before a byte of them is written.
    ///
    /// # Errors
    /// Those of open(2), with the path; `ResourceBusy` if descriptors ran out. To be tried again after a while, as a whole.
    pub fn prepare<'a>(
        &mut self,
        runs: impl IntoIterator<Item = (&'a Rc<Source>, usize)>,
        now: Timestamp,
    ) -> io::Result<bool> {
        self.now = now;
        self.uses_before = self.uses;
        self.look_for_moved();
        let may_rotate = !std::mem::replace(&mut self.amid, true);
        let mut coming = HashMap::<Rc<Path>, u64>::new();
        for (source, bytes) in runs {
            *coming.entry(self.route(source)).or_default() += bytes as u64;
        }
        for (log, bytes) in coming {
            self.ensure(&log)?;
            if may_rotate && self.is_due(&log, bytes) && self.rotate(&log) {
                self.ensure(&log)?;
            }
        }
        self.forget_some();
        Ok(self.changed)
    }

    /// Writes lines of one container, as many bytes of them as the file system takes.
    ///
    /// # Errors
    /// Those of write(2), with the path. `ResourceBusy`: somebody has moved the file away meanwhile. In any case
    /// [`Files::prepare`] comes before the next try.
    pub fn write(&mut self, source: &Rc<Source>, bytes: &[u8]) -> io::Result<usize> {
        let log = self.route(source);
        self.amid = true;
        self.open_again(&log)?;
        let live = self.live.get_mut(&log).ok_or_else(|| unprepared(&log))?;
        let was_settled = live.is_settled();
        let taken = live.write(bytes).map_err(|error| with_path(&log, &error))?;
        self.uses += 1;
        live.used = self.uses;
        if was_settled && taken > 0 {
            self.unsettled.push(log);
        }
        Ok(taken)
    }

    /// All that was written is settled now.
    pub fn settle(&mut self) {
        for log in self.unsettled.drain(..) {
            if let Some(live) = self.live.get_mut(&log) {
                live.settled = live.length;
                live.last = self.now;
            }
        }
        self.moved.clear();
        self.amid = false;
    }

    /// What the checkpoint is to hold.
    pub fn marks(&self) -> impl Iterator<Item = FileMark> {
        self.live.iter().map(|(path, live)| live.mark(path)).chain(self.moved.iter().cloned())
    }

    /// True if there is a file that the last checkpoint doesn't know, or work that waits for one.
    pub fn needs_save(&self) -> bool {
        self.changed || !self.waiting.is_empty()
    }

    /// A checkpoint with the present marks was saved.
    pub fn saved(&mut self) {
        self.changed = false;
        self.queue.extend(self.waiting.drain(..));
    }

    /// Files may have been moved away (SIGHUP): lines go to new ones from the next batch on.
    pub fn reopen(&mut self) {
        self.look = true;
        self.look_for_moved();
    }

    /// What people should hear of.
    pub fn take_notices(&mut self) -> Vec<String> {
        self.told.take()
    }

    /// The file for this container's lines.
    fn route(&mut self, source: &Rc<Source>) -> Rc<Path> {
        if let Some((known, path)) = self.routes.get(&source.id)
            && Rc::ptr_eq(known, source)
        {
            return Rc::clone(path);
        }
        if self.routes.len() >= limits::FILES_KNOWN {
            self.routes.clear();
        }
        let path: Rc<Path> = self.template.path(source).into();
        let path = self.live.get_key_value(&path).map_or(path, |(known, _)| Rc::clone(known));
        self.routes.insert(source.id, (Rc::clone(source), Rc::clone(&path)));
        path
    }

    /// Sees to it that this file is there, open, known, and as we left it.
    fn ensure(&mut self, log: &Rc<Path>) -> io::Result<()> {
        match self.live.get_mut(log) {
            Some(live) if live.is_open() && !live.is_settled() => {}
            Some(live) if live.is_open() => match live.look().map_err(|error| with_path(log, &error))? {
                Look::Same => {}
                Look::Changed => self.changed = true,
                Look::Deleted => {
                    self.told.say(format!("{} was deleted: lines go on in a new one", log.display()));
                    self.forget(log);
                    self.enter(log)?;
                }
            },
            _ => self.enter(log)?,
        }
        self.uses += 1;
        if let Some(live) = self.live.get_mut(log) {
            live.used = self.uses;
            if live.length == 0 {
                live.begun = self.now; // its age counts from its first line on
                self.due = earlier(self.due, rotation::due_at(&self.policy, self.now));
            }
        }
        Ok(())
    }

    /// Opens a file that isn't open: one that is known, or another one.
    fn enter(&mut self, log: &Rc<Path>) -> io::Result<()> {
        self.make_room();
        let fail = |error: io::Error| with_path(log, &error);
        let mut opened = Live::create(log, self.now).map_err(fail)?;
        match self.live.get_mut(log).map(|known| (known.resume(&mut opened), known)) {
            Some((true, known)) => {
                if known.is_settled() {
                    self.changed |= known.look().map_err(fail)? == Look::Changed;
                }
            }
            other => {
                opened.end_line().map_err(fail)?;
                if let Some((_, known)) = other {
                    self.told.say(format!("{} was moved away: lines go on in a new one", log.display()));
                    if !known.is_settled() {
                        self.moved.push(known.mark(log));
                    }
                }
                self.due = earlier(self.due, rotation::due_at(&self.policy, opened.begun));
                self.live.insert(Rc::clone(log), opened);
                self.changed = true;
            }
        }
        self.open.push(Rc::clone(log));
        Ok(())
    }

    /// Opens a file that had to be closed for others since it was prepared.
    fn open_again(&mut self, log: &Rc<Path>) -> io::Result<()> {
        if self.live.get(log).is_none_or(Live::is_open) {
            return Ok(());
        }
        self.make_room();
        let busy =
            || io::Error::new(io::ErrorKind::ResourceBusy, format!("{}: it was moved away", log.display()));
        let mut opened = Live::open(log, self.now).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => busy(),
            _ => with_path(log, &error),
        })?;
        let live = self.live.get_mut(log).ok_or_else(|| unprepared(log))?;
        if !live.resume(&mut opened) {
            return Err(busy());
        }
        self.open.push(Rc::clone(log));
        Ok(())
    }

    /// Closes the file that was used least recently, if there are too many.
    fn make_room(&mut self) {
        while self.open.len() >= limits::FILES_OPEN {
            let used = |log: &Rc<Path>| self.live.get(log).map_or(0, |live| live.used);
            let Some((at, _)) = self.open.iter().enumerate().min_by_key(|(_, log)| used(log)) else { return };
            let log = self.open.swap_remove(at);
            if let Some(live) = self.live.get_mut(&log) {
                live.close();
            }
        }
    }

    /// Closes a file, and knows it no more. If it holds lines that aren't settled, its mark stays until they are.
    fn forget(&mut self, log: &Path) {
        self.open.retain(|open| **open != *log);
        if let Some(live) = self.live.remove(log)
            && !live.is_settled()
        {
            self.moved.push(live.mark(log));
        }
    }

    /// Where too many files are known, those that were used least recently are forgotten: all their lines are settled, so
    /// nothing of them will be cut.
    fn forget_some(&mut self) {
        if self.live.len() <= limits::FILES_KNOWN {
            return;
        }
        let idle = self.live.iter().filter(|(_, live)| live.is_settled() && live.used <= self.uses_before);
        let mut idle: Vec<_> = idle.map(|(log, live)| (live.used, Rc::clone(log))).collect();
        idle.sort();
        idle.truncate(self.live.len() - limits::FILES_KNOWN + limits::FILES_KNOWN / 8); // it takes its time, so not each time
        for (_, log) in idle {
            self.forget(&log);
        }
    }

    /// If files may have been moved away: those that were are forgotten, once all is settled.
    fn look_for_moved(&mut self) {
        if !self.look || self.amid {
            return;
        }
        self.look = false;
        let is_gone = |(log, live): &(&Rc<Path>, &Live)| match log.symlink_metadata() {
            Ok(found) => !live.is(&found),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        let gone: Vec<_> = self.live.iter().filter(is_gone).map(|(log, _)| Rc::clone(log)).collect();
        for log in gone {
            self.told.say(format!("{} was moved away: lines go on in a new one", log.display()));
            self.forget(&log);
        }
    }
}

/// Makes the directory beneath which all files are, and sees whether files can be made in it.
fn make_base(base: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o750).create(base)?;
    Ok(access(base, AccessFlags::W_OK | AccessFlags::X_OK)?)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

fn unprepared(log: &Path) -> io::Error {
    io::Error::other(format!("{}: it wasn't prepared", log.display()))
}

/// The same error, and which file it is about. That descriptors ran out will pass.
fn with_path(log: &Path, error: &io::Error) -> io::Error {
    const DESCRIPTORS: [i32; 2] = [Errno::EMFILE as i32, Errno::ENFILE as i32];
    let kind = match error.raw_os_error() {
        Some(code) if DESCRIPTORS.contains(&code) => io::ErrorKind::ResourceBusy,
        _ => error.kind(),
    };
    io::Error::new(kind, format!("{}: {error}", log.display()))
}
