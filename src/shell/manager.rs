//! Words to the service manager: datagrams to the socket that it names (sd_notify(3)). Never blocking, and never asked back.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, socket};
use nix::time::{ClockId, clock_gettime};

/// A connection to the service manager.
#[derive(Debug)]
pub struct Manager(OwnedFd);

impl Manager {
    /// The one that NOTIFY_SOCKET names, by a path or, with an `@` before it, by an abstract name.
    pub fn from_environment() -> Option<Self> {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        Self::at(name.as_bytes()).inspect_err(|error| log::warn!("NOTIFY_SOCKET: {error}")).ok()
    }

    fn at(name: &[u8]) -> nix::Result<Self> {
        let address = match name.strip_prefix(b"@") {
            Some(name) => UnixAddr::new_abstract(name)?,
            None => UnixAddr::new(name)?,
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        connect(fd.as_raw_fd(), &address)?;
        Ok(Self(fd))
    }

    /// Says something, if the manager takes it now.
    pub fn tell(&self, state: &str) {
        let state = match state {
            "RELOADING=1" => format!("{state}\nMONOTONIC_USEC={}", monotonic_usec()),
            _ => state.to_owned(),
        };
        let told =
            send(self.0.as_raw_fd(), state.as_bytes(), MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
        if let Err(error) = told {
            log::debug!("the service manager doesn't listen: {error}");
        }
    }
}

/// The clock that the manager compares a reload with.
fn monotonic_usec() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

/// How often the manager wants to hear that we are alive: twice as often as would do (sd_watchdog_enabled(3)).
pub fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let ours = std::env::var_os("WATCHDOG_PID").is_none()
        || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|span| ours && *span > 1).map(|span| Duration::from_micros(span / 2))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::shell::folder::folder;

    #[test]
    fn words_arrive_and_nobody_waits_for_a_manager_that_does_not_listen() {
        let folder = folder("manager");
        std::fs::create_dir_all(&folder).expect("a directory");
        let path = folder.join("notify");
        let listener = UnixDatagram::bind(&path).expect("a socket");
        let manager = Manager::at(path.as_os_str().as_bytes()).expect("somebody listens");
        manager.tell("READY=1");
        manager.tell("RELOADING=1");
        let mut bytes = [0; 256];
        let mut next = || {
            let length = listener.recv(&mut bytes).expect("a word");
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        assert_eq!(next(), "READY=1");
        let reloading = next();
        let usec = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("with a time");
        assert!(usec.parse::<u64>().is_ok_and(|usec| usec > 0), "{reloading}");
        (0..10_000).for_each(|_| manager.tell("WATCHDOG=1"));
        drop(listener);
        manager.tell("STOPPING=1");
        assert!(Manager::at(b"/nobody/listens/here").is_err());
    }
}
