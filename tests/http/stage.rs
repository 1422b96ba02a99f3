//! The simulated engine on a real socket, in a thread: containers that write numbered lines, each with the time in it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::engine::{Channel, ConnId, Dialect, Nanos, SimEngine, Spec};

/// Pause between two looks at the sockets.
const BEAT: Duration = Duration::from_millis(2);

pub(crate) fn now() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Nanos::try_from(since.as_nanos()).unwrap()
}

/// An engine that is up until this is dropped.
pub(crate) struct Stage {
    pub(crate) socket: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Stage {
    /// With so many containers, each of which writes a line every so many beats.
    pub(crate) fn start(name: &str, containers: u64, every: u64) -> Self {
        let folder =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("http-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("e.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut play = Play::new(listener, containers, every);
            while !stopped.load(Ordering::Relaxed) {
                play.beat().unwrap();
                std::thread::sleep(BEAT);
            }
            play.lines
        });
        Stage { socket, stop, thread: Some(thread) }
    }

    /// A path beside the engine's socket.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.socket.with_file_name(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

struct Play {
    listener: UnixListener,
    engine: SimEngine,
    open: BTreeMap<ConnId, (UnixStream, Vec<u8>)>,
    containers: u64,
    every: u64,
    beats: u64,
    lines: u64,
}

impl Play {
    fn new(listener: UnixListener, containers: u64, every: u64) -> Self {
        let mut engine = SimEngine::new(Dialect::Docker28, 7);
        for n in 0..containers {
            engine.run(now(), Spec::named(&format!("c{n}")));
        }
        Play { listener, engine, open: BTreeMap::new(), containers, every, beats: 0, lines: 0 }
    }

    fn beat(&mut self) -> io::Result<()> {
        self.beats += 1;
        for n in (0..self.containers).filter(|n| (self.beats + n).is_multiple_of(self.every)) {
            let text = format!("{} {}\n", (self.beats + n) / self.every, now());
            self.engine.write(now(), &format!("c{n}"), Channel::Stdout, text.as_bytes());
            self.lines += 1;
        }
        while let Some((stream, _)) = unblocked(self.listener.accept())? {
            stream.set_nonblocking(true)?;
            if let Ok(id) = self.engine.connect() {
                self.open.insert(id, (stream, Vec::new()));
            }
        }
        let ids: Vec<ConnId> = self.open.keys().copied().collect();
        for id in ids {
            if self.serve(id).is_err() {
                self.open.remove(&id);
                self.engine.disconnect(id);
            }
        }
        Ok(())
    }

    fn serve(&mut self, id: ConnId) -> io::Result<()> {
        let Some((stream, unsent)) = self.open.get_mut(&id) else { return Ok(()) };
        let mut buffer = [0; 4096];
        while let Some(n) = unblocked(stream.read(&mut buffer))? {
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.engine.feed(id, &buffer[..n]);
        }
        loop {
            if unsent.is_empty() {
                match self.engine.next_write(now(), id) {
                    Some(write) => *unsent = write,
                    None if self.engine.has_closed(id) => return Err(ErrorKind::ConnectionAborted.into()),
                    None => return Ok(()),
                }
            }
            match unblocked(stream.write(unsent))? {
                Some(sent) => drop(unsent.drain(..sent)),
                None => return Ok(()),
            }
        }
    }
}

fn unblocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
