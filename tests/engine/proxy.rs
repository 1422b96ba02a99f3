//! Stands between docklog and an engine, as socket proxies do: counts requests, refuses some, cuts bodies into other chunks.

use super::random::Random;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// What the proxy does to a request, chosen by its path.
#[derive(Clone, Copy)]
pub(crate) enum Conduct {
    /// Passed on, both ways, byte for byte.
    Pass,
    /// Passed on; the response's chunks are cut and joined at random places.
    Rechunk,
    /// Answered with 403, in the words of a proxy that forbids paths.
    Refuse,
}

/// A proxy on a socket of its own. Its threads end with the connections.
pub(crate) struct Proxy {
    socket: PathBuf,
    /// Methods and paths.
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl Proxy {
    /// Listens at `socket` for an engine that listens at `engine`.
    pub(crate) fn start(socket: PathBuf, engine: &Path, conduct: fn(&str) -> Conduct) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, engine) = (requests.clone(), engine.to_owned());
        spawn(move || {
            for client in listener.incoming().flatten() {
                let (seen, engine) = (seen.clone(), engine.clone());
                // A connection that breaks off is docklog's or the engine's business, not the proxy's.
                spawn(move || serve(client, &engine, &seen, conduct));
            }
        });
        Self { socket, requests }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// How many requests had a path like that.
    pub(crate) fn count(&self, like: impl Fn(&str) -> bool) -> usize {
        self.requests.lock().unwrap().iter().filter(|(_, path)| like(path)).count()
    }

    /// All requests so far: methods and paths.
    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}

/// One request per connection: the proxy asks the engine to close after it, and closes too.
fn serve(
    mut client: UnixStream,
    engine: &Path,
    seen: &Mutex<Vec<(String, String)>>,
    conduct: fn(&str) -> Conduct,
) -> io::Result<()> {
    let head = read_head(&mut BufReader::with_capacity(1, client.try_clone()?))?;
    let mut words = head.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    seen.lock().unwrap().push((method, path.clone()));
    let chosen = conduct(&path);
    if let Conduct::Refuse = chosen {
        let body = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n";
        let head = "HTTP/1.0 403 Forbidden\r\ncache-control: no-cache\r\ncontent-type: text/html\r\n\r\n";
        return client.write_all(format!("{head}{body}").as_bytes());
    }
    let mut upstream = UnixStream::connect(engine)?;
    upstream.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let (mut from_client, to_upstream) = (client.try_clone()?, upstream.try_clone()?);
    spawn(move || {
        // When docklog hangs up, the engine has to learn of it.
        let _ = io::copy(&mut from_client, &mut io::sink());
        let _ = to_upstream.shutdown(Shutdown::Both);
    });
    let passed = match chosen {
        Conduct::Rechunk => rechunk(upstream, &mut client),
        _ => io::copy(&mut upstream, &mut client).map(|_| ()),
    };
    client.shutdown(Shutdown::Both)?;
    passed
}

/// A head with its empty line.
fn read_head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// Passes a response on. The bytes of its body stay; the chunks become others, with no regard to what they hold.
fn rechunk(upstream: UnixStream, client: &mut UnixStream) -> io::Result<()> {
    let mut reader = BufReader::new(upstream);
    let head = read_head(&mut reader)?;
    client.write_all(head.as_bytes())?;
    if !head.contains("chunked") {
        return io::copy(&mut reader, client).map(|_| ()); // an error, of known length
    }
    let mut waiting = VecDeque::new();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        waiting.extend(&chunk[..size]);
        // Some of it, or nothing, or all: chunks are split and joined. The end is never held back.
        let keep = if size == 0 { 0 } else { random.below(waiting.len() + 1) };
        while waiting.len() > keep {
            let length = 1 + random.below((waiting.len() - keep).min(700));
            let piece: Vec<u8> = waiting.drain(..length).collect();
            write!(client, "{length:x}\r\n")?;
            client.write_all(&piece)?;
            client.write_all(b"\r\n")?;
        }
        if size == 0 {
            return client.write_all(b"0\r\n\r\n");
        }
    }
}
