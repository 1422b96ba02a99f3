//! systemd's journal: a datagram per entry to its socket. What is too large for one goes by a sealed file in memory, which the
//! journal reads from a descriptor that it is sent.
//!
//! | the journal | then |
//! |---|---|
//! | has its queue full | `WouldBlock`; epoll tells when there is room |
//! | is restarted | its socket is held by systemd meanwhile: its queue fills |
//! | is gone, or has another socket | connect(2) is tried again by whoever writes, see [`Journal::write`] |

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, send, sendmsg};

use crate::encode::journal::Entries;

/// Where systemd's journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// A connection to the journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    socket: UnixDatagram,
    connected: bool,
}

impl Journal {
    /// Connects to the journal that listens here.
    ///
    /// # Errors
    /// That there is none, for people.
    pub fn open(path: &Path) -> Result<Self, String> {
        let open = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(path)?;
            Ok(socket)
        };
        let socket = open().map_err(|error: io::Error| {
            format!(
                "can't write to the journal at {}: {error}; is this a machine with systemd?",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned(), socket, connected: true })
    }

    /// For registration with epoll.
    pub fn raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends the first entry of a batch. Returns how many of its bytes are done with.
    ///
    /// # Errors
    /// `WouldBlock` if the journal takes none now. What connect(2) says while there is no journal: nothing will tell when there is
    /// one again, so it is tried by timer.
    pub fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        let Some((entry, length)) = Entries(batch).next() else {
            return Err(io::Error::other("a batch with half an entry")); // no encoder makes such
        };
        if !self.connected {
            self.socket.connect(&self.path)?;
            self.connected = true;
        }
        match self.send(entry) {
            Ok(()) => Ok(length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                self.connected = false;
                Err(error)
            }
        }
    }

    fn send(&self, entry: &[u8]) -> io::Result<()> {
        match send(self.raw_fd(), entry, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
            Err(nix::Error::EMSGSIZE) => self.send_large(entry),
            Err(nix::Error::ENOBUFS) => Err(io::ErrorKind::ResourceBusy.into()), // no event tells when there is memory again
            result => Ok(result.map(drop)?),
        }
    }

    /// The journal maps the file, so it must be sealed against any change.
    fn send_large(&self, entry: &[u8]) -> io::Result<()> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = memfd_create(c"docklog-entry", flags)
            .map_err(|error| io::Error::other(format!("a large entry needs memfd_create(2): {error}")))?;
        let mut file = File::from(file);
        file.write_all(entry)?;
        let seals =
            SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        let descriptors = [file.as_raw_fd()];
        let with = [ControlMessage::ScmRights(&descriptors)];
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        sendmsg::<UnixAddr>(self.raw_fd(), &[IoSlice::new(&[])], &with, flags, None)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;

    use docklog_protocol::{Channel, ContainerId, Line};
    use nix::sys::socket::{ControlMessageOwned, recvmsg};

    use super::*;
    use crate::core::source::Source;
    use crate::encode::Encoder;
    use crate::shell::folder::folder;

    fn batch(text: &[u8]) -> Vec<u8> {
        let source = Source { id: ContainerId::from([1; 32]), name: "web".to_owned(), fields: Vec::new() };
        let line = Line { channel: Channel::Stdout, stamp: None, text, segment: None };
        let mut batch = Vec::new();
        Encoder::journal().encode(&source.into(), &line, &mut batch);
        batch
    }

    fn path(name: &str) -> PathBuf {
        let folder = folder(name);
        std::fs::create_dir_all(&folder).expect("a directory");
        folder.join("s")
    }

    #[test]
    fn an_entry_is_a_datagram_and_a_full_queue_would_block() {
        let path = path("journal-full");
        let receiver = UnixDatagram::bind(&path).expect("a socket");
        let mut journal = Journal::open(&path).expect("somebody listens");
        let (one, two) = (batch(b"one"), batch(b"two"));
        assert_eq!(journal.write(&[&one[..], &two].concat()).expect("taken"), one.len());
        let mut sent = 1;
        let error = loop {
            match journal.write(&two) {
                Ok(_) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let mut bytes = [0; 1024];
        for number in 0..sent {
            let length = receiver.recv(&mut bytes).expect("a datagram");
            let expected: &[u8] = if number == 0 { b"one\n" } else { b"two\n" };
            assert!(bytes[..length].ends_with(expected), "{number}");
        }
        assert!(journal.write(&two).is_ok(), "there is room again");
    }

    #[test]
    fn what_is_too_large_for_a_datagram_goes_by_a_sealed_file() {
        let path = path("journal-large");
        let receiver = UnixDatagram::bind(&path).expect("a socket");
        let mut journal = Journal::open(&path).expect("somebody listens");
        let large = batch(&vec![b'x'; 1 << 20]);
        assert_eq!(journal.write(&large).expect("taken"), large.len());
        let mut space = nix::cmsg_space!(RawFd);
        let (mut bytes, flags) = ([0; 16], MsgFlags::empty());
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let message =
            recvmsg::<UnixAddr>(receiver.as_raw_fd(), &mut slices, Some(&mut space), flags).expect("one");
        assert_eq!(message.bytes, 0);
        let Some(ControlMessageOwned::ScmRights(descriptors)) = message.cmsgs().expect("read").next() else {
            panic!("a descriptor was sent");
        };
        let copy = format!("/proc/self/fd/{}", descriptors[0]);
        let held = std::fs::read(copy).expect("the file");
        let (entry, _) = Entries(&large).next().expect("an entry");
        assert_eq!(held, entry);
    }

    #[test]
    fn a_journal_that_went_and_came_again_gets_the_rest() {
        let path = path("journal-gone");
        let receiver = UnixDatagram::bind(&path).expect("a socket");
        let mut journal = Journal::open(&path).expect("somebody listens");
        drop(receiver);
        let line = batch(b"line");
        assert_eq!(journal.write(&line).expect_err("gone").kind(), io::ErrorKind::ConnectionRefused);
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(journal.write(&line).expect_err("gone").kind(), io::ErrorKind::NotFound);
        let receiver = UnixDatagram::bind(&path).expect("a socket");
        assert_eq!(journal.write(&line).expect("taken"), line.len());
        let mut bytes = [0; 1024];
        assert!(receiver.recv(&mut bytes).is_ok());
        assert!(Journal::open(Path::new("/nobody/here")).expect_err("none").contains("systemd"));
    }
}
