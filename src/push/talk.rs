//! HTTP/1 over one connection, which is hyper's: a request at a time, and its answer.

use std::error::Error as _;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};

use super::link::Link;
use super::parcel::Whole;
use super::verdict::Answer;
use crate::limits;
use crate::wire::{End, Flag, Wire};

type Waiting = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>>>>;

/// A connection on which requests can be made.
pub(super) struct Talk<S: Read + Write + 'static> {
    wire: Rc<Wire<Link<S>>>,
    http: Pin<Box<http1::Connection<End<Link<S>>, Whole>>>,
    sender: http1::SendRequest<Whole>,
    flag: Arc<Flag>,
    waker: Waker,
    /// Hyper has done with the connection.
    over: bool,
    /// The answer to the request under way is awaited.
    waiting: Option<Waiting>,
    /// It is being read, and how much of its body was.
    reading: Option<(Answer, Incoming, usize)>,
    /// A request was made, and so much had been read before the last one.
    asked: Option<u64>,
}

/// What a look has shown.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing to do until the next event.
    Waits,
    /// There is more to do.
    Again,
    /// The answer is there, as far as it is wanted.
    Answered(Answer),
    /// There won't be one.
    Failed {
        why: String,
        /// The connection was one that had been kept, and has brought nothing: the receiver has closed it meanwhile.
        stale: bool,
    },
    /// Nothing was asked, and the connection is over.
    Closed,
}

impl<S: Read + Write + 'static> Talk<S> {
    /// Over a connection that is there.
    ///
    /// # Errors
    /// Hyper has none at this point; with the connection, to be closed.
    pub(super) fn new(link: Link<S>) -> Result<Self, (Option<Link<S>>, String)> {
        let wire = Wire::to_server(link);
        let (flag, waker) = Flag::new();
        let mut builder = http1::Builder::new();
        builder.writev(true).max_buf_size(limits::PUSH_HEAD).max_headers(limits::PUSH_HEADERS);
        let made = std::pin::pin!(builder.handshake(End(Rc::clone(&wire))));
        let (sender, http) = match made.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(made)) => made,
            Poll::Ready(Err(error)) => return Err((wire.take(), told(&error))),
            Poll::Pending => return Err((wire.take(), "HTTP/1 has begun to wait".to_owned())),
        };
        Ok(Self {
            wire,
            http: Box::pin(http),
            sender,
            flag,
            waker,
            over: false,
            waiting: None,
            reading: None,
            asked: None,
        })
    }

    /// An event has told this.
    pub(super) fn mark(&self, readable: bool, writable: bool) {
        self.wire.mark(readable, writable);
    }

    /// Makes a request. The one before must have been answered, and [`Talk::is_free`] be true.
    pub(super) fn ask(&mut self, request: Request<Whole>) {
        self.asked = Some(self.wire.received());
        self.waiting = Some(Box::pin(self.sender.send_request(request)));
    }

    /// True if the next request can be made.
    pub(super) fn is_free(&self) -> bool {
        let idle = self.waiting.is_none() && self.reading.is_none();
        idle && !self.over && (self.asked.is_none() || self.sender.is_ready())
    }

    /// Lets hyper go on, and takes what it has.
    pub(super) fn poll(&mut self) -> Progress {
        self.flag.lower();
        self.wire.begin_step();
        self.drive();
        if let Some(progress) = self.poll_head().or_else(|| self.poll_body()) {
            return progress;
        }
        match (self.waiting.is_none() && self.reading.is_none(), self.over) {
            (true, true) => Progress::Closed,
            _ if self.flag.is_up() => Progress::Again,
            _ => Progress::Waits,
        }
    }

    /// Time is up. If there is the head of an answer, that is the answer.
    pub(super) fn give_up(&mut self) -> Option<Answer> {
        self.waiting = None;
        self.reading.take().map(|(answer, ..)| answer)
    }

    /// The socket, to be closed.
    pub(super) fn into_socket(self) -> Option<S> {
        self.wire.take().map(Link::into_socket)
    }

    fn drive(&mut self) {
        if self.over {
            return;
        }
        match self.http.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => {}
            Poll::Ready(result) => {
                self.over = true;
                if let Err(error) = result {
                    log::debug!("a connection to a receiver is over: {}", told(&error));
                }
            }
        }
    }

    /// Whether a head has come. It is dealt with at once, so only its failure is to be told.
    fn poll_head(&mut self) -> Option<Progress> {
        let waiting = self.waiting.as_mut()?;
        let result = match waiting.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending if !self.over => return None,
            Poll::Pending => Err("the connection is over".to_owned()),
            Poll::Ready(result) => result.map_err(|error| told(&error)),
        };
        self.waiting = None;
        match result {
            Ok(response) => {
                let (head, body) = response.into_parts();
                self.reading = Some((begun(head.status.as_u16(), &head.headers), body, 0));
                None
            }
            Err(why) => {
                // Something had come before this request, and nothing since.
                let stale = self.asked.is_some_and(|before| before > 0 && before == self.wire.received());
                Some(Progress::Failed { why, stale })
            }
        }
    }

    /// What has come of the body. An answer that isn't whole counts as well: its head has said what matters most.
    fn poll_body(&mut self) -> Option<Progress> {
        let (answer, body, total) = self.reading.as_mut()?;
        let mut whole = body.is_end_stream();
        while !whole {
            match Pin::new(&mut *body).poll_frame(&mut Context::from_waker(&self.waker)) {
                Poll::Pending if !self.over => return None,
                Poll::Ready(Some(Ok(frame))) => {
                    let Some(data) = frame.data_ref() else { continue };
                    let room = limits::PUSH_ANSWER - answer.body.len();
                    answer.body.extend_from_slice(&data[..data.len().min(room)]);
                    *total += data.len();
                    if *total <= limits::PUSH_DRAIN {
                        continue;
                    }
                    log::debug!("an answer is longer than anybody would want to read");
                }
                Poll::Ready(Some(Err(error))) => log::debug!("an answer isn't whole: {}", told(&error)),
                Poll::Pending | Poll::Ready(None) => {}
            }
            whole = true;
        }
        let (answer, body, _) = self.reading.take()?;
        drop(body); // if there is more of it, hyper closes the connection
        self.drive(); // and else learns that the next request can come
        Some(Progress::Answered(answer))
    }
}

fn begun(status: u16, headers: &HeaderMap) -> Answer {
    let text = |name: HeaderName| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Answer {
        status,
        retry_after: text(RETRY_AFTER),
        location: text(LOCATION),
        json: text(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("application/json")),
        body: Vec::new(),
    }
}

/// An error of hyper's, with what is behind it.
fn told(error: &hyper::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
