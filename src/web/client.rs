//! One client of our HTTP: its socket, hyper's state of it, and the answer under way.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::Response;
use hyper::body::Bytes;
use hyper::server::conn::http1;

use super::desk::{Clerk, Question, Shared, Text};
use super::page::Page;
use crate::core::time::Mono;
use crate::limits;
use crate::wire::{End, Flag, Wire};

/// A client.
pub(super) struct Client<S: io::Read + io::Write + 'static> {
    wire: Rc<Wire<S>>,
    desk: Shared,
    http: Pin<Box<http1::Connection<End<S>, Clerk>>>,
    flag: Arc<Flag>,
    waker: Waker,
    page: Option<Page>,
    /// Since when it has owed us a request, or has owed it to us to read the answer.
    since: Mono,
    /// When it last moved: came, asked, took a piece. And in which order clients did.
    pub(super) moved: (Mono, u64),
    /// It stands in the queue of those to be run.
    pub(super) queued: bool,
}

/// What answers a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// All of it.
    Whole(Response<Bytes>),
    /// Its head, and what the text is made of, piece by piece.
    Long(Response<()>, Box<Page>),
}

/// Looks up what is asked for.
pub(super) trait Answers {
    /// Answers a request.
    fn answer(&mut self, question: &Question) -> Answer;
    /// The next piece of a text; `None` after the last.
    fn piece(&mut self, page: &mut Page) -> Option<Vec<u8>>;
}

/// What becomes of a client after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It has more to do.
    Again,
    /// Until the next event.
    Waits,
    /// The connection is over.
    Over,
}

impl<S: io::Read + io::Write + 'static> Client<S> {
    /// One that was accepted now.
    pub(super) fn new(socket: S, now: Mono, order: u64) -> Self {
        let (wire, desk, (flag, waker)) = (Wire::to_client(socket), Shared::default(), Flag::new());
        let http = http1::Builder::new()
            .half_close(true) // `nc -N` ends its side with the request, and waits
            .max_buf_size(limits::HTTP_HEAD)
            .max_headers(limits::HTTP_HEADERS)
            .header_read_timeout(None) // we count the time ourselves
            .serve_connection(End(Rc::clone(&wire)), Clerk(desk.clone()));
        Self {
            wire,
            desk,
            http: Box::pin(http),
            flag,
            waker,
            page: None,
            since: now,
            moved: (now, order),
            queued: true,
        }
    }

    /// An event has told this.
    pub(super) fn mark(&self, readable: bool, writable: bool) {
        self.wire.mark(readable, writable);
    }

    /// When its time is up.
    pub(super) fn deadline(&self) -> Mono {
        self.since.after(limits::HTTP_PATIENCE)
    }

    /// The socket, to be closed. What was sent and not read is read now, as far as it is there.
    pub(super) fn into_socket(self) -> Option<S> {
        let mut socket = self.wire.take()?;
        let mut left = [0; limits::HTTP_READ];
        for _ in 0..limits::HTTP_LEFTOVERS / limits::HTTP_READ {
            if !matches!(socket.read(&mut left), Ok(1..)) {
                break;
            }
        }
        Some(socket)
    }

    /// One step: what has come is read, and at most one thing that is wanted is given.
    pub(super) fn step(&mut self, answers: &mut impl Answers, now: Mono, order: u64) -> After {
        self.flag.lower();
        self.wire.begin_step();
        if self.poll() {
            return After::Over;
        }
        if self.give(answers, now) {
            self.moved = (now, order);
            if self.poll() {
                return After::Over;
            }
        }
        let more = self.flag.is_up() || self.desk.wants();
        if more { After::Again } else { After::Waits }
    }

    /// Lets hyper go on. True if the connection is over.
    fn poll(&mut self) -> bool {
        match self.http.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                log::debug!("a client of our HTTP: {error}");
                true
            }
        }
    }

    /// Gives what is wanted, if anything is.
    fn give(&mut self, answers: &mut impl Answers, now: Mono) -> bool {
        if let Some(question) = self.desk.question() {
            self.page = None;
            self.since = now;
            self.desk.answer(match answers.answer(&question) {
                Answer::Whole(response) => response.map(Text::Whole),
                Answer::Long(head, page) => {
                    self.page = Some(*page);
                    head.map(|()| self.desk.text())
                }
            });
            return true;
        }
        if !self.desk.is_hungry() {
            return false;
        }
        let piece = self.page.as_mut().and_then(|page| answers.piece(page));
        if piece.is_none() {
            (self.page, self.since) = (None, now);
        }
        self.desk.feed(piece.map(Bytes::from));
        true
    }
}
