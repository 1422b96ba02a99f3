//! One exchange with the engine: the request goes out, the response comes in and is told to core as it arrives.

use std::io::{self, Read, Write};

use docklog_protocol::{
    Document, Error, Event, Finished, Format, Head, Inspected, Item, Items, Listed, Progress, Refusal,
    Session, Split, Version,
};

use crate::core::Core;
use crate::core::exchange::{End, Exchange, Input, StreamId};

/// What decodes the response.
#[derive(Debug)]
enum Decoder {
    Document(Document),
    Items(Items),
    Session(Session),
}

/// A connection to the engine, for one exchange.
#[derive(Debug)]
pub struct Connection<S> {
    pub(super) socket: S,
    pub(super) exchange: Exchange,
    request: Vec<u8>,
    decoder: Option<Decoder>,
    head_told: bool,
    format_told: bool,
    /// An event has said so, and no operation has contradicted it since.
    pub(super) readable: bool,
    /// The engine's end is closed: the end of the stream follows what is left to read.
    pub(super) closed: bool,
    pub(super) writable: bool,
    /// It stands in the queue of those to be run.
    pub(super) queued: bool,
}

/// What a read has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The exchange goes on.
    Open,
    /// It is over, so.
    Over(End),
}

impl<S: Read + Write> Connection<S> {
    /// A connection that has sent nothing yet.
    pub fn new(socket: S, exchange: Exchange, request: Vec<u8>) -> Self {
        let decoder = match exchange {
            Exchange::Version | Exchange::Inspect(_) => Decoder::Document(Document::new()),
            Exchange::List => Decoder::Items(Items::new(Split::ArrayItems)),
            Exchange::Events => Decoder::Items(Items::new(Split::Values)),
            Exchange::Logs(_) => Decoder::Session(Session::new(Format::Detect, true)),
        };
        Self {
            socket,
            exchange,
            request,
            decoder: Some(decoder),
            head_told: false,
            format_told: false,
            readable: false,
            closed: false,
            writable: true,
            queued: false,
        }
    }

    /// Sends what is left of the request, as far as the socket takes it. Our direction stays open: closing it would end a
    /// follow (W-86).
    ///
    /// # Errors
    /// Those of write(2): the connection is of no use any more.
    pub fn send(&mut self) -> io::Result<()> {
        while self.writable && !self.request.is_empty() {
            match self.socket.write(&self.request) {
                Ok(sent) => {
                    self.request.drain(..sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.request.is_empty() {
            self.request = Vec::new();
        }
        Ok(())
    }

    /// Tells the session its format, once core knows it.
    pub fn set_format(&mut self, format: Format) {
        if let (Some(Decoder::Session(session)), false) = (&mut self.decoder, self.format_told) {
            session.set_format(format);
            self.format_told = true;
        }
    }

    /// Takes bytes of the response. Returns how many records of it were of use, too.
    pub fn feed(&mut self, bytes: &[u8], core: &mut Core) -> (Outcome, u32) {
        let Some(decoder) = self.decoder.as_mut() else { return (Outcome::Open, 0) };
        let exchange = self.exchange;
        let (progress, records) = match (decoder, exchange) {
            (Decoder::Document(document), _) => (document.feed(bytes), 0),
            (Decoder::Items(items), _) => {
                let mut parsed = Vec::new();
                let progress = items.feed(bytes, &mut |item| parsed.push(parse(exchange, item)));
                tell_head(&mut self.head_told, exchange, items.head(), core);
                parsed.into_iter().flatten().for_each(|input| core.handle(input));
                (progress, 0)
            }
            (Decoder::Session(session), Exchange::Logs(id)) => {
                feed_session(session, id, bytes, &mut self.head_told, core)
            }
            (Decoder::Session(_), _) => return (Outcome::Open, 0), // no such pair is made
        };
        let outcome = match progress {
            Ok(Progress::More) => Outcome::Open,
            Ok(Progress::Complete { .. }) => Outcome::Over(self.finish(core)),
            Err(error) => Outcome::Over(End::Broken(error)),
        };
        (outcome, records)
    }

    /// The response is over, or its connection is: what was it?
    pub fn finish(&mut self, core: &mut Core) -> End {
        let finished = match self.decoder.take() {
            Some(Decoder::Session(session)) => {
                let Exchange::Logs(id) = self.exchange else { return End::Truncated };
                core.take(id, |out| session.finish(out)).0
            }
            Some(Decoder::Items(items)) => items.finish(),
            Some(Decoder::Document(document)) => {
                return match document.finish() {
                    Ok(answer) if answer.head.status == 200 => self.document(&answer.body, core),
                    Ok(answer) => {
                        End::Refused(Refusal { status: answer.head.status, message: answer.message() })
                    }
                    Err(_) => End::Truncated,
                };
            }
            None => return End::Truncated,
        };
        match finished {
            Ok(Finished::Complete) => End::Complete,
            Ok(Finished::Refused(refusal)) => End::Refused(refusal),
            Err(_) => End::Truncated,
        }
    }

    fn document(&self, body: &[u8], core: &mut Core) -> End {
        let input = match self.exchange {
            Exchange::Version => Version::parse(body).map(Input::Version),
            Exchange::Inspect(id) => Inspected::parse(body).map(|inspected| Input::Inspected(id, inspected)),
            _ => return End::Complete,
        };
        match input {
            Ok(input) => {
                core.handle(input);
                End::Complete
            }
            Err(error) => End::Broken(error),
        }
    }
}

fn feed_session(
    session: &mut Session,
    id: StreamId,
    bytes: &[u8],
    head_told: &mut bool,
    core: &mut Core,
) -> (Result<Progress, Error>, u32) {
    let fed = core.take(id, |out| session.feed(bytes, out));
    tell_head(head_told, Exchange::Logs(id), session.head(), core);
    core.fed(id, session.held());
    fed
}

/// A head of 200 is told once; other heads lead to [`End::Refused`].
fn tell_head(told: &mut bool, exchange: Exchange, head: Option<Head>, core: &mut Core) {
    if let Some(head) = head.filter(|head| head.status == 200)
        && !std::mem::replace(told, true)
    {
        core.handle(Input::Head(exchange, head));
    }
}

/// An item of the list or the events; `None` if it is of no interest.
fn parse(exchange: Exchange, item: Item<'_>) -> Option<Input> {
    let lost = |error: Error| Some(Input::ItemLost(exchange, error.to_string()));
    match (item, exchange) {
        (Item::TooLong { at }, _) => {
            Some(Input::ItemLost(exchange, format!("the item at byte {at} of the response is too long")))
        }
        (Item::Json(bytes), Exchange::List) => {
            Listed::parse(bytes).map_or_else(lost, |listed| Some(Input::Listed(listed)))
        }
        (Item::Json(bytes), _) => Event::parse(bytes).map_or_else(lost, |event| event.map(Input::Event)),
    }
}
