//! Writing to stdout and stderr without ever blocking, whatever they are, and without changing the flags of descriptors
//! that we have inherited: O_NONBLOCK belongs to the open file, so that setting it would leak to the shell and to
//! everybody else who shares the terminal or the pipe.
//!
//! | it is | way |
//! |---|---|
//! | a terminal or a pipe | opened again by `/proc/self/fd/N`: an open file of our own, which may be non-blocking |
//! | a socket (the journal) | `send` with MSG_DONTWAIT |
//! | a regular file | `write`: it blocks as long as the disk does, and epoll refuses it |
//! | anything that can't be opened again | `poll`, then one piece so small that a pipe with room takes it whole |

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{dup, write};

/// A pipe that poll(2) calls writable has room for so much (pipe(7): PIPE_BUF).
const CAREFUL_PIECE: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Plain write: our own non-blocking open file, or a regular file.
    Write,
    Send,
    Careful,
}

/// stdout or stderr.
#[derive(Debug)]
pub struct Outlet {
    fd: OwnedFd,
    way: Way,
}

impl Outlet {
    /// Finds out how to write to this descriptor.
    ///
    /// # Errors
    /// If it is closed.
    pub fn new(inherited: BorrowedFd<'_>) -> io::Result<Self> {
        let kind = SFlag::from_bits_truncate(fstat(inherited)?.st_mode & SFlag::S_IFMT.bits());
        if kind == SFlag::S_IFSOCK {
            return Ok(Self { fd: dup(inherited)?, way: Way::Send });
        }
        if kind == SFlag::S_IFREG {
            return Ok(Self { fd: dup(inherited)?, way: Way::Write });
        }
        let path = format!("/proc/self/fd/{}", inherited.as_raw_fd());
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        Ok(match open(path.as_str(), flags, Mode::empty()) {
            Ok(fd) => Self { fd, way: Way::Write },
            Err(_) => Self { fd: dup(inherited)?, way: Way::Careful },
        })
    }

    /// For registration with epoll, which refuses regular files: they are always ready.
    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Writes as much as it takes now.
    ///
    /// # Errors
    /// `WouldBlock` if that is nothing; else those of write(2).
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.way {
            Way::Write => Ok(write(&self.fd, bytes)?),
            Way::Send => {
                Ok(send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?)
            }
            Way::Careful => {
                let mut state = [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)];
                if poll(&mut state, PollTimeout::ZERO)? == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(write(&self.fd, &bytes[..bytes.len().min(CAREFUL_PIECE)])?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use nix::fcntl::{FcntlArg, fcntl};

    use super::*;

    fn fill(outlet: &Outlet) -> usize {
        let mut written = 0;
        loop {
            match outlet.write(&[b'x'; 10_000]) {
                Ok(taken) => written += taken,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return written;
                }
            }
        }
    }

    #[test]
    fn a_full_pipe_does_not_block_and_keeps_its_flags() {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let before = fcntl(&writer, FcntlArg::F_GETFL).expect("flags");
        let outlet = Outlet::new(writer.as_fd()).expect("a pipe is an outlet");
        assert_eq!(outlet.way, Way::Write);
        let written = fill(&outlet);
        assert!(written >= 60_000, "{written}");
        assert_eq!(fcntl(&writer, FcntlArg::F_GETFL).expect("flags"), before);
        let mut some = [0; 8192];
        reader.read_exact(&mut some).expect("bytes are there");
        assert!(outlet.write(b"more").is_ok());
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_again_does_not_block_either() {
        let (_reader, writer) = std::io::pipe().expect("a pipe");
        let outlet = Outlet { fd: writer.into(), way: Way::Careful };
        assert!(fill(&outlet) >= 61_440);
    }

    #[test]
    fn a_full_socket_does_not_block() {
        let (_reader, writer) = UnixStream::pair().expect("a pair");
        let outlet = Outlet::new(writer.as_fd()).expect("a socket is an outlet");
        assert_eq!(outlet.way, Way::Send);
        assert!(fill(&outlet) > 0);
    }
}
