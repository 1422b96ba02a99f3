//! What core and shell say to each other: exchanges with the engine, what comes in, what is to be done.

use docklog_protocol::{Error, Event, Head, Inspected, Listed, Refusal, Version};

use super::Rules;
use super::notice::Notice;
use super::service::Service;

/// A stream: our subscription to one container's log. Slot and generation in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// One request to the engine and its response, on a connection of its own. There is at most one of each at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// `GET /version`.
    Version,
    /// `GET /events`: stays open.
    Events,
    /// `GET /containers/json`.
    List,
    /// `GET /containers/{id}/json`.
    Inspect(StreamId),
    /// `GET /containers/{id}/logs`: a session.
    Logs(StreamId),
}

/// Why a connection could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// EAGAIN: the engine's backlog is full.
    Busy,
    /// ENOENT: there is no socket.
    Missing,
    /// ECONNREFUSED: there is a socket, but nobody listens.
    Refused,
    /// EACCES: not ours to open.
    Denied,
    /// EMFILE, ENFILE: descriptors ran out.
    Descriptors,
    /// Anything else, in the system's words.
    Other(String),
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// As the framing of the response says: whole.
    Complete,
    /// By a status that isn't 200.
    Refused(Refusal),
    /// The connection ended, the response had not.
    Truncated,
    /// The response can't be understood.
    Broken(Error),
    /// No connection could be made.
    Unconnected(ConnectError),
    /// The answer didn't come in time.
    Late,
}

/// What core is told.
#[derive(Debug)]
pub enum Input {
    /// The head of a 200 has arrived.
    Head(Exchange, Head),
    /// The engine's answer to `/version`.
    Version(Version),
    /// A container in the list.
    Listed(Listed),
    /// A container event.
    Event(Event),
    /// The answer to an inspect.
    Inspected(StreamId, Inspected),
    /// An item of the list or the events that was too long or isn't what it should be: skipped.
    ItemLost(Exchange, String),
    /// The exchange is over and its connection closed.
    Ended(Exchange, End),
    /// Rotate all streams now.
    Rotate,
    /// Other rules hold from now on.
    Reload(Box<Rules>),
    /// Flush and end.
    Stop,
}

/// What the shell is to do.
#[derive(Debug)]
pub enum Command {
    /// Connect, and send the request.
    Open(Exchange, Vec<u8>),
    /// Close the connection, if there still is one.
    Close(Exchange),
    /// Tell the user.
    Say(Notice),
    /// Write the checkpoint: [`super::Core::settled_places`].
    Save,
    /// Tell the service manager, if there is one.
    Notify(Service),
}
