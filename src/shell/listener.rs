//! Where clients of our own HTTP knock. A Unix socket belongs to its path: its permissions say who may connect, one that a
//! dead docklog has left is replaced, and it is removed at the end.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use super::socket::Socket;
use super::world::Urgency;
use crate::web::listen::Listen;

/// A listening socket. A Unix one is removed from its path when this is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    path: Option<PathBuf>,
}

#[derive(Debug)]
enum Listening {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Begins to listen. Owner and group may connect to a Unix socket, nobody else.
    ///
    /// # Errors
    /// Why it can't, and what helps.
    pub fn bind(at: &Listen) -> Result<Self, String> {
        match at {
            Listen::Tcp(address) => TcpListener::bind(*address)
                .map(|listener| Self { socket: Listening::Tcp(listener), path: None })
                .map_err(|error| format!("can't listen on {at}: {error}. {}", tcp_help(&error))),
            Listen::Unix(path) => {
                clear(path).map_err(|why| format!("can't listen on {at}: {why}"))?;
                bind_unix(path)
                    .map(|listener| Self { socket: Listening::Unix(listener), path: Some(path.clone()) })
                    .map_err(|error| format!("can't listen on {at}: {error}. {}", unix_help(&error)))
            }
        }
    }

    /// The next client.
    ///
    /// # Errors
    /// Those of accept(2); `WouldBlock`: nobody waits.
    pub(super) fn accept(&self) -> io::Result<Socket> {
        match &self.socket {
            Listening::Unix(listener) => listener.accept().map(|(stream, _)| stream.into()),
            Listening::Tcp(listener) => listener.accept().map(|(stream, _)| stream.into()),
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(listener)
}

fn tcp_help(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "Another program (another docklog?) listens there: stop it, or choose another port"
        }
        ErrorKind::AddrNotAvailable => {
            "No interface of this machine has that address: use 127.0.0.1, or one of its own"
        }
        ErrorKind::PermissionDenied => "Ports below 1024 need a privilege: choose a higher one",
        _ => "Choose another address",
    }
}

fn unix_help(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "Make its folder first (systemd: RuntimeDirectory=docklog)",
        ErrorKind::PermissionDenied => {
            "Choose a folder that docklog may write to (systemd: RuntimeDirectory=docklog)"
        }
        _ => "Choose another path",
    }
}

/// Sees to it that nothing is at this path, unless it is alive, or isn't a socket.
fn clear(path: &Path) -> Result<(), String> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) }; // what is wrong, bind tells
    if !found.file_type().is_socket() {
        return Err("there is something else at this path. Remove it, or choose another path".to_owned());
    }
    match Socket::connect(path, Urgency::Bulk) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| format!("a dead socket is there and can't be removed: {error}")),
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            Err(format!("there is a socket, and whether somebody listens on it can't be told: {error}"))
        }
        _ => {
            Err("another docklog (or another program) listens there. Stop it, or choose another path"
                .to_owned())
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path); // the next docklog would do it
        }
    }
}

impl Listening {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unix(listener) => listener,
            Self::Tcp(listener) => listener,
        }
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.source().register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.source().reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.source().deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes with its test.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn place(name: &str) -> (Folder, PathBuf) {
        let folder = std::env::temp_dir().join(format!("docklog-listener-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let socket = folder.join("admin.sock");
        (Folder(folder), socket)
    }

    #[test]
    fn a_socket_is_for_owner_and_group_and_goes_with_its_listener() {
        let (_folder, path) = place("mode");
        let listener = Listener::bind(&Listen::Unix(path.clone())).expect("free");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o660);
        assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let (_folder, path) = place("dead");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("free"));
        let first = Listener::bind(&Listen::Unix(path.clone())).expect("nobody answers there");
        let error = Listener::bind(&Listen::Unix(path.clone())).map(drop).expect_err("in use");
        assert!(error.contains("another docklog"), "{error}");
        drop(first);
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let (_folder, path) = place("file");
        fs::write(&path, "mine").expect("a file");
        let error = Listener::bind(&Listen::Unix(path.clone())).map(drop).expect_err("a file");
        assert!(error.contains("something else") && error.contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read(&path).expect("still there"), b"mine");
        let nowhere = path.with_file_name("no/such/folder.sock");
        let error = Listener::bind(&Listen::Unix(nowhere)).map(drop).expect_err("no folder");
        assert!(error.contains("Make its folder"), "{error}");
    }

    #[test]
    fn a_port_in_use_is_said_to_be() {
        let first = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = Listen::Tcp(first.local_addr().expect("bound"));
        let error = Listener::bind(&taken).map(drop).expect_err("taken");
        assert!(error.contains(&taken.to_string()) && error.contains("Another program"), "{error}");
    }
}
