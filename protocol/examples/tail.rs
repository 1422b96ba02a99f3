//! `docker logs --follow` with this crate and the standard library, blocking: `tail SOCKET CONTAINER`.

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use docklog_protocol::{
    Channel, Document, Finished, Format, Inspected, Line, LineJoiner, Logs, Parts, Progress, Session, Tail,
    limits, request,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(socket), Some(name)) = (args.next(), args.next()) else {
        return Err("usage: tail SOCKET CONTAINER".into());
    };
    // Only inspect knows whether the container has a TTY, and so what its log looks like.
    let mut document = Document::new();
    let path = format!("/containers/{name}/json");
    exchange(&socket, &request::get(&path), |bytes| Ok(document.feed(bytes)?))?;
    let answer = document.finish()?;
    if let Some(refusal) = answer.refusal() {
        return Err(refusal.into());
    }
    let container = Inspected::parse(&answer.body)?;
    let parts = if answer.head.podman { Parts::Podman } else { Parts::Docker };
    let format = if container.tty { Format::Tty } else { Format::Multiplexed };

    let logs = Logs { id: container.id, follow: true, tail: Tail::All, since: None, until: None };
    let mut session = Session::new(format, true);
    let mut lines = LineJoiner::new(parts, limits::LINE);
    let follow = request::logs(None, &logs);
    exchange(&socket, &follow, |bytes| {
        Ok(session.feed(bytes, &mut |record| lines.push(record, &mut print))?)
    })?;
    let finished = session.finish(&mut |record| lines.push(record, &mut print));
    lines.finish(&mut print);
    match finished? {
        Finished::Complete => Ok(()),
        Finished::Refused(refusal) => Err(refusal.into()),
    }
}

/// Sends a request, and hands on what comes until the response or the connection ends.
fn exchange(
    socket: &str,
    request: &[u8],
    mut feed: impl FnMut(&[u8]) -> Result<Progress, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(request)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let len = stream.read(&mut buffer)?;
        if len == 0 || feed(&buffer[..len])? != Progress::More {
            return Ok(());
        }
    }
}

/// A long line comes in segments: the newline belongs after the last.
fn print(line: Line<'_>) {
    let end: &[u8] = if line.segment.is_none_or(|segment| segment.last) { b"\n" } else { b"" };
    let text = [line.text, end].concat();
    let _ = match line.channel {
        Channel::Stderr | Channel::Engine => io::stderr().write_all(&text),
        _ => io::stdout().write_all(&text),
    };
}
