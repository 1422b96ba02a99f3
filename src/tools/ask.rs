//! One question to the engine, and its answer: the same requests and the same decoders as the reader's, but waiting.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use docklog_protocol::{
    Document, Error, Finished, Format, Item, Items, Listed, Progress, Refusal, Session, Split,
};

use crate::limits;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine, or a proxy before it, says no.
    Refused(Refusal),
    /// Nobody answers, or not in the engine's words.
    Unanswered(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unanswered(why) => f.write_str(why),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let why = match error.kind() {
            std::io::ErrorKind::WouldBlock => format!("no answer within {} s", limits::ANSWER.as_secs()),
            _ => error.to_string(),
        };
        Self::Unanswered(why)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Unanswered(error.to_string())
    }
}

/// A bounded document.
pub(super) fn document(socket: &Path, request: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut document = Document::new();
    exchange(socket, request, |bytes| Ok(matches!(document.feed(bytes)?, Progress::Complete { .. })))?;
    let answer = document.finish().map_err(|_| cut_short())?;
    match answer.refusal() {
        Some(refusal) => Err(Failure::Refused(refusal)),
        None => Ok(answer.body),
    }
}

/// The list of containers; what of it can't be understood is left out, and counted.
pub(super) fn list(socket: &Path, request: &[u8]) -> Result<(Vec<Listed>, usize), Failure> {
    let (mut items, mut found, mut lost) = (Items::new(Split::ArrayItems), Vec::new(), 0);
    exchange(socket, request, |bytes| {
        let mut take = |item: Item<'_>| match item {
            Item::Json(bytes) => match Listed::parse(bytes) {
                Ok(listed) if found.len() < limits::CONTAINERS => found.push(listed),
                _ => lost += 1,
            },
            Item::TooLong { .. } => lost += 1,
        };
        Ok(matches!(items.feed(bytes, &mut take)?, Progress::Complete { .. }))
    })?;
    match items.finish() {
        Ok(Finished::Complete) => Ok((found, lost)),
        Ok(Finished::Refused(refusal)) => Err(Failure::Refused(refusal)),
        Err(_) => Err(cut_short()),
    }
}

/// Whether a stream of events or of a log is granted: its head is enough.
pub(super) fn stream(socket: &Path, request: &[u8]) -> Result<(), Failure> {
    let mut session = Session::new(Format::Detect, true);
    let mut granted = false;
    exchange(socket, request, |bytes| {
        let progress = session.feed(bytes, &mut |_| {})?;
        granted = session.head().is_some_and(|head| head.status == 200);
        Ok(granted || matches!(progress, Progress::Complete { .. }))
    })?;
    if granted {
        return Ok(());
    }
    match session.finish(&mut |_| {}) {
        Ok(Finished::Refused(refusal)) => Err(Failure::Refused(refusal)),
        _ => Err(cut_short()),
    }
}

fn cut_short() -> Failure {
    Failure::Unanswered("the connection ended before the answer was complete".to_owned())
}

/// Sends a request, and hands over what comes until the answer is complete, or over.
fn exchange(
    socket: &Path,
    request: &[u8],
    mut take: impl FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<(), Failure> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(limits::ANSWER))?;
    stream.set_write_timeout(Some(limits::ANSWER))?;
    stream.write_all(request)?;
    let mut buffer = vec![0; limits::READ_BUFFER];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 || take(&buffer[..read])? {
            return Ok(());
        }
    }
}
