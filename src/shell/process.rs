//! What the kernel knows of this process. The files are opened once, at the start, and read again from their beginning: a
//! sandbox may not let us open them later.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::dir::Dir;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};

/// Whether SIGHUP was ignored when we were started, as far as the kernel tells: the lowest bit of a mask in hexadecimal (proc(5)).
pub fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find(|line| line.starts_with("SigIgn:"));
    mask.is_some_and(|mask| mask.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

/// Figures of this process; `None`: the kernel doesn't tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Processor time, user and system.
    pub cpu: Option<Duration>,
    /// Bytes of memory that are resident.
    pub resident: Option<u64>,
    /// Bytes of addresses.
    pub virtual_memory: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Descriptors that are open.
    pub open_fds: Option<u64>,
    /// Descriptors that may be open.
    pub max_fds: Option<u64>,
    /// When it was started, in Unix seconds.
    pub started: Option<f64>,
    /// The loop's longest turn: from the end of a wait to the next.
    pub longest_turn: Option<Duration>,
}

/// Where figures are read.
#[derive(Debug)]
pub struct Process {
    stat: Option<File>,
    descriptors: Option<File>,
    ticks: u64,
    page: u64,
    started: f64,
}

impl Process {
    /// Opens what there is.
    pub fn open() -> Self {
        let number = |name| sysconf(name).ok().flatten().and_then(|number| u64::try_from(number).ok());
        Self {
            stat: File::open("/proc/self/stat").ok(),
            descriptors: File::open("/proc/self/fd").ok(),
            ticks: number(SysconfVar::CLK_TCK).filter(|&ticks| ticks > 0).unwrap_or(100),
            page: number(SysconfVar::PAGE_SIZE).unwrap_or(4096),
            started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        }
    }

    /// The figures of now.
    pub fn figures(&self) -> Figures {
        let mut stat = [0; 1024];
        let read = self.stat.as_ref().and_then(|file| file.read_at(&mut stat, 0).ok()).unwrap_or(0);
        let known = parse(&String::from_utf8_lossy(&stat[..read]), self.ticks, self.page);
        Figures {
            open_fds: self.descriptors.as_ref().and_then(count),
            max_fds: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
            started: Some(self.started),
            ..known
        }
    }
}

/// Entries of `/proc/self/fd`. Linux from 6.2 on tells their number as the folder's size.
fn count(folder: &File) -> Option<u64> {
    let size = folder.metadata().ok()?.size();
    if size > 0 {
        return Some(size);
    }
    // The copy shares its position with the original, and goes back to the beginning when it has been read.
    let copy: OwnedFd = folder.try_clone().ok()?.into();
    let mut folder = Dir::from_fd(copy).ok()?;
    let entries = folder.iter().flatten().filter(|entry| !entry.file_name().to_bytes().starts_with(b"."));
    u64::try_from(entries.count()).ok()?.checked_sub(1) // the copy itself
}

/// `/proc/self/stat`: the fields after the name, which stands in brackets and may contain anything. proc(5) counts from 1,
/// and the first after the name is the third.
fn parse(stat: &str, ticks: u64, page: u64) -> Figures {
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let cpu = || Duration::try_from_secs_f64((field(14)? as f64 + field(15)? as f64) / ticks as f64).ok();
    Figures {
        cpu: cpu(),
        resident: field(24).map(|pages| pages.saturating_mul(page)),
        virtual_memory: field(23),
        threads: field(20),
        ..Figures::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_after_the_name_are_found_whatever_the_name_is() {
        let stat = "4711 (a) (b c) S 1 4711 4711 0 -1 4194560 312 0 0 0 123 77 0 0 20 0 1 0 5000 7340032 512 18446744073709551615 1\n";
        let figures = parse(stat, 100, 4096);
        assert_eq!(figures.cpu, Some(Duration::from_secs(2)));
        assert_eq!(figures.threads, Some(1));
        assert_eq!(figures.virtual_memory, Some(7_340_032));
        assert_eq!(figures.resident, Some(512 * 4096));
        assert_eq!(parse("", 100, 4096), Figures::default());
    }

    #[test]
    fn this_process_is_known_and_its_descriptors_are_counted_anew() {
        let process = Process::open();
        let before = process.figures();
        assert!(before.resident > Some(100_000) && before.threads >= Some(1) && before.max_fds > Some(3));
        let open = |_| File::open("/dev/null").expect("a file");
        let many: Vec<File> = (0..500).map(open).collect();
        let with = process.figures();
        drop(many);
        let after = process.figures();
        // Other tests of this process open and close some, too.
        assert!(with.open_fds > before.open_fds.map(|open| open + 400), "{before:?} {with:?}");
        assert!(after.open_fds.map(|open| open + 400) < with.open_fds, "{with:?} {after:?}");
    }
}
