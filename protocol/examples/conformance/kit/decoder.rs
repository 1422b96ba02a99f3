//! One run of a decoder: a process that gets a response on its standard input, and prints what it means.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A page: the least that a pipe holds. A longer piece goes out as several.
const PAGE: usize = 4096;

/// What is read of an output; the longest expectation is far shorter.
const OUTPUT: u64 = 64 << 20;

/// How often to look whether a process has exited.
const TICK: Duration = Duration::from_micros(500);

#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    pub(crate) command: &'a str,
    pub(crate) environment: &'a [(String, String)],
    pub(crate) limit: Duration,
}

impl Decoder<'_> {
    /// Feeds a response piece by piece. With `one_by_one` no read gets bytes of two pieces.
    ///
    /// Returns what the decoder printed, or how it failed.
    ///
    /// # Errors
    /// If there is no shell, or no process can be made.
    pub(crate) fn run(&self, pieces: &[&[u8]], one_by_one: bool) -> io::Result<Result<Vec<u8>, String>> {
        let until = Instant::now() + self.limit;
        let mut child = Command::new("sh")
            .args(["-c", self.command])
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // So that all that the shell started can be ended.
            .process_group(0)
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (exited, printed, said) = thread::scope(|scope| {
            let printed = scope.spawn(|| read_all(stdout));
            let said = scope.spawn(|| read_all(stderr));
            let fed = stdin.map_or(Ok(()), |stdin| feed(stdin, pieces, one_by_one, until));
            let exited = fed.and_then(|()| wait(&mut child, until));
            if !matches!(exited, Ok(Some(_))) {
                end(&mut child);
            }
            (exited, printed.join().unwrap_or_default(), said.join().unwrap_or_default())
        });
        Ok(match exited? {
            Some(status) if status.success() => Ok(printed),
            Some(status) => Err(format!("{status}{}", last_line(&said))),
            None => Err(format!("it did not end within {} s", self.limit.as_secs_f32())),
        })
    }
}

/// Ends early if the decoder wants no more, or the time is over.
fn feed(mut stdin: ChildStdin, pieces: &[&[u8]], one_by_one: bool, until: Instant) -> io::Result<()> {
    let told = one_by_one && hold_one_page(&stdin);
    for piece in pieces.iter().flat_map(|piece| piece.chunks(PAGE)) {
        if one_by_one && !told {
            thread::sleep(Duration::from_millis(2));
        }
        if !writable(&stdin, until)? {
            break;
        }
        match stdin.write_all(piece) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(())
}

/// A pipe of one page takes more only when it is empty: when the decoder has read the piece before. Where a pipe can't be
/// made so small, a pause must do.
#[cfg(target_os = "linux")]
fn hold_one_page(pipe: &ChildStdin) -> bool {
    use nix::fcntl::{FcntlArg, fcntl};
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PAGE as i32)).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn hold_one_page(_: &ChildStdin) -> bool {
    false
}

/// Waits until a pipe takes a page; `false` if its reader is gone or the time is over.
fn writable(pipe: &ChildStdin, until: Instant) -> io::Result<bool> {
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
    let left = until.saturating_duration_since(Instant::now());
    match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
        Err(nix::errno::Errno::EINTR) => writable(pipe, until),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(polled[0].revents() == Some(PollFlags::POLLOUT)),
    }
}

/// Waits for the exit; `None` if the time is over.
fn wait(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let exited = child.try_wait()?;
        if exited.is_some() || Instant::now() >= until {
            return Ok(exited);
        }
        thread::sleep(TICK);
    }
}

/// Ends the process and all that it started.
fn end(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // It may have ended by itself just now.
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    let _ = child.wait();
}

fn read_all(output: Option<impl Read>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(output) = output {
        // What came before an error is judged like any output.
        let _ = output.take(OUTPUT).read_to_end(&mut all);
    }
    all
}

fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().rfind(|line| !line.trim().is_empty()).map_or_else(String::new, |line| format!(": {line}"))
}
