//! The work beside the writing, in steps of a few milliseconds: rotate by age, delete what isn't kept, compress.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use docklog_protocol::Timestamp;

use super::gzip::{Packing, remove_if_there};
use super::live::Live;
use super::retention::Kept;
use super::rotation::{self, Form, Rotated, Stamp, later};
use super::{Files, earlier};
use crate::limits;

/// Forms of a rotated file.
const FORMS: [Form; 3] = [Form::Plain, Form::Packed, Form::Part];

impl Files {
    /// Does a little of what there is to do beside the writing. True if there is more to do now.
    pub fn step(&mut self, now: Timestamp) -> bool {
        self.now = now;
        self.look_for_moved();
        if self.is_paused(now) {
            return false;
        }
        if self.is_crowded(now) {
            self.delete_one();
        } else if self.is_due_to_sweep(now) {
            self.sweep();
        } else {
            self.pack();
        }
        self.has_work(now)
    }

    /// When there will be something to do beside the writing, if nothing is written.
    pub fn deadline(&self, now: Timestamp) -> Option<Duration> {
        if self.has_work(now) {
            return Some(Duration::ZERO);
        }
        let at = match self.again.filter(|_| self.is_paused(now)) {
            Some(again) => again,
            None => earlier(self.due.filter(|_| !self.amid), self.old)?,
        };
        let nanos = at.unix_nanos().saturating_sub(now.unix_nanos());
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or_default()))
    }

    fn has_work(&self, now: Timestamp) -> bool {
        let packs = self.packing.is_some() || !self.queue.is_empty();
        !self.is_paused(now) && (self.is_crowded(now) || self.is_due_to_sweep(now) || packs)
    }

    /// There may be rotated files that aren't kept.
    fn is_crowded(&self, now: Timestamp) -> bool {
        self.crowded || self.old.is_some_and(|old| old <= now)
    }

    /// Files may have grown old. In the midst of a batch they stay as they are.
    fn is_due_to_sweep(&self, now: Timestamp) -> bool {
        !self.amid && self.due.is_some_and(|due| due <= now)
    }

    /// After something has failed. A clock that was set back doesn't make it longer.
    fn is_paused(&self, now: Timestamp) -> bool {
        self.again.is_some_and(|again| now < again && again <= later(now, limits::FILES_AGAIN))
    }

    fn pause(&mut self) {
        self.again = Some(later(self.now, limits::FILES_AGAIN));
    }

    /// Whether this file is rotated before so many bytes come.
    pub(super) fn is_due(&self, log: &Path, coming: u64) -> bool {
        let due = |live: &Live| rotation::is_due(&self.policy, live.length, coming, live.begun, self.now);
        self.live.get(log).is_some_and(due)
    }

    /// Gives a file its rotated name. False if it goes on under its own, for that is better than to lose lines.
    pub(super) fn rotate(&mut self, log: &Rc<Path>) -> bool {
        match self.try_rotate(log) {
            Ok(rotated) => {
                self.told.over("rotate");
                rotated
            }
            Err(error) => {
                let path = log.display();
                self.told.trouble("rotate", format!("can't rotate {path}: {error}; lines go on there"));
                false
            }
        }
    }

    fn try_rotate(&mut self, log: &Rc<Path>) -> io::Result<bool> {
        let Some(live) = self.live.get(log) else { return Ok(false) };
        if log.symlink_metadata().map_or(true, |found| !live.is(&found)) {
            return Ok(false); // another one stands there, and SIGHUP will tell
        }
        let newest = self.archive.of(log).last().map(|file| file.stamp);
        let mut stamp = Stamp::after(newest, self.now);
        while FORMS.iter().any(|form| path(log, stamp, *form).symlink_metadata().is_ok()) {
            let next = Stamp::after(Some(stamp), self.now);
            if next == stamp {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            stamp = next;
        }
        std::fs::rename(log, path(log, stamp, Form::Plain))?;
        let file = Kept { stamp, bytes: live.length, last: live.last, packed: false };
        self.archive.add(log, file);
        if self.policy.compress {
            self.waiting.push((Rc::clone(log), stamp));
        }
        self.forget(log);
        self.crowded = true;
        Ok(true)
    }

    /// Rotates files that have grown old, and forgets those that nobody writes to; as many as a step may.
    fn sweep(&mut self) {
        let rotates = self.policy.rotate_age.is_some();
        let old = |live: &Live| rotation::is_due(&self.policy, live.length, 0, live.begun, self.now);
        let idle = |live: &Live| idle_at(live) <= self.now && (!rotates || live.length == 0);
        let due = self.live.iter().filter(|(_, live)| old(live) || idle(live));
        let due: Vec<_> =
            due.take(limits::FILES_OPEN).map(|(log, live)| (Rc::clone(log), old(live))).collect();
        if due.is_empty() {
            let next = |live: &Live| match rotation::due_at(&self.policy, live.begun) {
                Some(at) if live.length > 0 => at,
                _ => idle_at(live),
            };
            self.due = self.live.values().map(next).min();
        }
        for (log, is_old) in due {
            if !is_old {
                self.forget(&log);
            } else if !self.rotate(&log) {
                self.put_off(&log);
            }
        }
    }

    /// Its rotation has failed, or the file isn't there any more.
    fn put_off(&mut self, log: &Path) {
        let is_gone = |live: &Live| log.symlink_metadata().map_or(true, |found| !live.is(&found));
        if self.live.get(log).is_some_and(is_gone) {
            self.forget(log);
        } else {
            self.pause();
        }
    }

    /// Deletes a rotated file that isn't kept, if there is one.
    fn delete_one(&mut self) {
        let Some((log, file)) = self.archive.surplus(&self.policy, self.now) else {
            self.crowded = false;
            self.old = self.archive.next_old(&self.policy);
            return;
        };
        if let Some((_, _, packing)) =
            self.packing.take_if(|(packed, stamp, _)| (&*packed, *stamp) == (&log, file.stamp))
        {
            packing.abandon();
        }
        for form in FORMS {
            let path = path(&log, file.stamp, form);
            match remove_if_there(&path) {
                Ok(()) => self.told.over("delete"),
                Err(error) => {
                    let text = format!("can't delete {}: {error}; it stays", path.display());
                    self.told.trouble("delete", text);
                }
            }
        }
        self.archive.remove(&log, file.stamp); // one that can't be deleted must not hinder others
    }

    /// Compresses a piece, or begins with the next file.
    fn pack(&mut self) {
        let Some((log, stamp, mut packing)) = self.packing.take() else { return self.pack_next() };
        match packing.step() {
            Ok(None) => self.packing = Some((log, stamp, packing)),
            Ok(Some(bytes)) => {
                self.archive.packed(&log, stamp, bytes);
                self.told.over("compress");
            }
            Err(error) => {
                self.packing_failed(packing.source(), &error);
                packing.abandon();
                self.queue.push_back((log, stamp));
                self.pause();
            }
        }
    }

    fn pack_next(&mut self) {
        let Some((log, stamp)) = self.queue.pop_front() else { return };
        if !self.archive.of(&log).iter().any(|file| file.stamp == stamp) {
            return; // it was deleted meanwhile
        }
        let source = path(&log, stamp, Form::Plain);
        match Packing::begin(&source) {
            Ok(Some(packing)) => self.packing = Some((log, stamp, packing)),
            Ok(None) => {
                let packed = path(&log, stamp, Form::Packed).metadata().map_or(0, |packed| packed.len());
                self.archive.packed(&log, stamp, packed);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.archive.remove(&log, stamp),
            Err(error) => {
                self.packing_failed(&source, &error);
                if error.kind() != io::ErrorKind::AlreadyExists {
                    self.queue.push_back((log, stamp));
                    self.pause();
                }
            }
        }
    }

    fn packing_failed(&mut self, source: &Path, error: &io::Error) {
        let text = format!("can't compress {}: {error}; it stays as it is", source.display());
        self.told.trouble("compress", text);
    }
}

fn idle_at(live: &Live) -> Timestamp {
    later(live.last, limits::FILE_IDLE)
}

/// Where a rotated file stands.
fn path(log: &Path, stamp: Stamp, form: Form) -> PathBuf {
    let name = log.file_name().and_then(|name| name.to_str()).unwrap_or_default(); // a template is text
    log.with_file_name(Rotated { live: name, stamp, form }.to_string())
}
