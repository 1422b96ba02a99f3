//! What docklog never needs, the kernel denies: after start-up, files beyond those of the configuration (Landlock), and new
//! privileges (`no_new_privs`). Descriptors that are open stay so, and connecting to a Unix socket is no access to a file.
//!
//! | path | stays allowed |
//! |---|---|
//! | the directory of our own HTTP's socket | to remove files: the socket, at the end |
//! | the directory of a file sink, and those below it | to read, write, make, remove and rename files, and to make directories |
//! | the state directory | the same, but for directories |
//! | the configuration file's directory (an editor replaces the file) | to read, for a reload |
//! | the directories of `/etc/hosts` and `/etc/resolv.conf`, where receivers are to be found | to read |
//! | the directories of an HTTP sink's secrets and certificates, and of those that the system trusts | to read, for a reload |
//! | the zone files of this machine | to read, for local times in a reload |

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus,
};

use crate::config::keys::Name;
use crate::config::sink::Destination;
use crate::config::{Sandbox, Settings};
use crate::web::listen::Listen;

/// The rules of file systems that are known here: up to the one for ioctl on devices (Linux 6.10). Older kernels enforce
/// those of them that they know.
const KNOWN: ABI = ABI::V5;

/// Where a local time is explained.
const ZONES: [&str; 2] = ["/etc/localtime", "/usr/share/zoneinfo"];

/// Where systems keep the certificates that they trust, and what those are links to.
const CERTIFICATES: [&str; 5] = [
    "/etc/ssl",
    "/etc/pki",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// What says where hosts are.
const NAMES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

/// A path, and what may be done below it.
#[derive(Debug)]
pub struct Allowed {
    path: PathBuf,
    access: BitFlags<AccessFs>,
}

/// What these settings need once everything is open.
pub fn needs(settings: &Settings) -> Vec<Allowed> {
    let keep = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile;
    let outputs = settings.sinks.iter().filter_map(|sink| match &sink.destination {
        Destination::File(template, _) => {
            Some(Allowed { path: template.base().to_owned(), access: keep | AccessFs::MakeDir })
        }
        Destination::Stdout | Destination::Journal | Destination::Http(_) => None,
    });
    let resolves = settings.sinks.iter().any(|sink| matches!(sink.destination, Destination::Http(_)));
    let names = NAMES.iter().filter(|_| resolves).flat_map(|path| beside(Path::new(path)));
    let state = settings.state.iter().map(|path| Allowed { path: path.clone(), access: keep });
    let file = settings.file.iter().flat_map(|path| beside(path));
    let socket = settings.http.iter().filter_map(|listen| match listen {
        Listen::Unix(path) => {
            Some(Allowed { path: path.parent()?.to_owned(), access: AccessFs::RemoveFile.into() })
        }
        Listen::Tcp(_) => None,
    });
    state
        .chain(outputs)
        .chain(file)
        .chain(socket)
        .chain(names)
        .chain(secrets(settings))
        .chain(ZONES.iter().map(|path| read(Path::new(path))))
        .collect()
}

/// A reload reads the secrets of HTTP sinks again, and whom to trust.
fn secrets(settings: &Settings) -> Vec<Allowed> {
    let mut all = Vec::new();
    for (sink, _) in settings.values.sinks() {
        let files = [Name::SinkPasswordFile, Name::SinkTokenFile, Name::SinkCaFile];
        all.extend(files.into_iter().filter_map(|name| sink.path(name)).flat_map(|path| beside(&path)));
        if sink.word(Name::SinkUrl).is_some_and(|url| url.starts_with("https")) {
            let chosen = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os);
            let paths = CERTIFICATES.iter().map(PathBuf::from).chain(chosen.map(PathBuf::from));
            all.extend(paths.map(|path| Allowed {
                access: if path.is_dir() {
                    AccessFs::ReadFile | AccessFs::ReadDir
                } else {
                    AccessFs::ReadFile.into()
                },
                path,
            }));
        }
    }
    all
}

fn read(path: &Path) -> Allowed {
    Allowed { path: path.to_owned(), access: AccessFs::ReadFile.into() }
}

/// To read a file that may be replaced: its directory; as it is named, and as it is, for the name may be a link.
fn beside(path: &Path) -> Vec<Allowed> {
    let paths = [Some(path.to_owned()), path.canonicalize().ok()];
    let directories = paths.into_iter().flatten().map(|path| match path.parent() {
        Some(parent) if parent != Path::new("") => read(parent),
        _ => read(Path::new(".")),
    });
    directories.collect()
}

/// From here on this thread, and whatever it might start, can do no more than that. Returns what people may want to know.
///
/// # Errors
/// Where the sandbox is required, and this kernel can't have it.
pub fn enter(mode: Sandbox, allowed: &[Allowed]) -> Result<String, String> {
    let hint = "leave --sandbox out to go without what it lacks";
    if mode == Sandbox::Off {
        return Ok("off".to_owned());
    }
    let told = match (mode, confine(allowed)) {
        (_, Ok(RulesetStatus::FullyEnforced)) => "files and new privileges are confined".to_owned(),
        (Sandbox::On, Ok(_)) => {
            return Err(format!("--sandbox on: this kernel lacks Landlock (Linux 6.10); {hint}"));
        }
        (Sandbox::On, Err(error)) => return Err(format!("--sandbox on: {error}; {hint}")),
        (_, Ok(RulesetStatus::PartiallyEnforced)) => {
            "confined as far as this kernel can (older than Linux 6.10)".to_owned()
        }
        (_, Ok(_)) => "this kernel has no Landlock: new privileges are denied, files are not".to_owned(),
        (_, Err(error)) => format!("not confined: {error}"),
    };
    Ok(told)
}

fn confine(allowed: &[Allowed]) -> Result<RulesetStatus, landlock::RulesetError> {
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(KNOWN))?.create()?;
    for Allowed { path, access } in allowed {
        // What isn't there can't be needed.
        if let Ok(path) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(path, *access))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::shell::folder::folder;

    #[test]
    fn what_is_needed_works_and_nothing_else() {
        let (kept, other) = (folder("sandbox-kept"), folder("sandbox-other"));
        let elsewhere = folder("sandbox-elsewhere");
        for folder in [&kept, &other, &elsewhere] {
            fs::create_dir_all(folder).expect("a directory");
        }
        let mut settings = Settings::from_args(["--config", "none"]).expect("valid");
        (settings.state, settings.file) = (Some(kept.clone()), Some(other.join("docklog.toml")));
        fs::write(elsewhere.join("real.toml"), "before").expect("written");
        std::os::unix::fs::symlink(elsewhere.join("real.toml"), other.join("docklog.toml")).expect("linked");
        let allowed = needs(&settings);
        let confined = std::thread::spawn(move || {
            let told = enter(Sandbox::On, &allowed)?;
            let work = || -> std::io::Result<()> {
                fs::write(kept.join("checkpoint.next"), "1")?;
                fs::write(kept.join("checkpoint.next"), "2")?;
                fs::rename(kept.join("checkpoint.next"), kept.join("checkpoint.jsonl"))?;
                fs::read(other.join("docklog.toml")).map(drop)
            };
            work().map_err(|error| error.to_string())?;
            let denied =
                |result: std::io::Result<()>| result.is_err_and(|error| error.raw_os_error() == Some(13));
            assert!(denied(fs::write(other.join("docklog.toml"), "after")), "the configuration was written");
            assert!(denied(fs::read("/etc/passwd").map(drop)), "another file was read");
            assert!(denied(fs::remove_file(other.join("docklog.toml"))), "the configuration was removed");
            assert!(denied(fs::read_dir("/").map(drop)), "a directory was listed");
            let status = fs::read_to_string("/proc/thread-self/status").map(drop);
            assert!(denied(status), "/proc was read");
            Ok::<String, String>(told)
        });
        let told = confined.join().expect("no panic").expect("this kernel has Landlock");
        assert!(told.contains("confined"), "{told}");
    }
}
