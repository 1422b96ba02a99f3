//! Where hyper and we meet. What answers a request must look at core, which hyper's futures can't borrow. So hyper's side
//! puts down what it wants, and waits; the driver takes it up, looks, puts down the answer and polls again.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper::{Request, Response};

/// One connection's desk.
#[derive(Debug, Default)]
pub(super) struct Desk {
    asked: Option<Question>,
    answer: Option<Response<Text>>,
    /// The text under way waits for its next piece.
    hungry: bool,
    piece: Option<Option<Bytes>>,
}

/// A request, as far as it matters.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: String,
    pub(super) path: String,
    /// It has a body.
    pub(super) body: bool,
}

/// A handle of a desk.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Rc<RefCell<Desk>>);

impl Shared {
    /// The question on the desk.
    pub(super) fn question(&self) -> Option<Question> {
        self.0.borrow_mut().asked.take()
    }

    /// Puts down its answer.
    pub(super) fn answer(&self, answer: Response<Text>) {
        self.0.borrow_mut().answer = Some(answer);
    }

    /// True if a piece of text is wanted.
    pub(super) fn is_hungry(&self) -> bool {
        self.0.borrow().hungry
    }

    /// True if anything is wanted.
    pub(super) fn wants(&self) -> bool {
        let desk = self.0.borrow();
        desk.asked.is_some() || desk.hungry
    }

    /// Puts down a piece of text; `None` after the last.
    pub(super) fn feed(&self, piece: Option<Bytes>) {
        let mut desk = self.0.borrow_mut();
        (desk.hungry, desk.piece) = (false, Some(piece));
    }

    /// A text that comes in pieces.
    pub(super) fn text(&self) -> Text {
        Text::Pieces(self.clone())
    }
}

/// Takes requests from hyper to the desk.
#[derive(Debug)]
pub(super) struct Clerk(pub(super) Shared);

impl Service<Request<Incoming>> for Clerk {
    type Response = Response<Text>;
    type Error = Infallible;
    type Future = Waiting;

    fn call(&self, request: Request<Incoming>) -> Waiting {
        let question = Question {
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            body: !request.body().is_end_stream(),
        };
        let mut desk = self.0.0.borrow_mut();
        *desk = Desk { asked: Some(question), ..Desk::default() };
        Waiting(self.0.clone())
    }
}

/// Waits for an answer.
#[derive(Debug)]
pub(super) struct Waiting(Shared);

impl Future for Waiting {
    type Output = Result<Response<Text>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.0.borrow_mut().answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer)))
    }
}

/// The text of an answer.
#[derive(Debug)]
pub(super) enum Text {
    /// All of it; empty once it was taken.
    Whole(Bytes),
    /// It comes by the desk.
    Pieces(Shared),
}

impl Body for Text {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(bytes) => Some(bytes.split_to(bytes.len())).filter(|bytes| !bytes.is_empty()),
            Self::Pieces(desk) => {
                let mut desk = desk.0.borrow_mut();
                let Some(piece) = desk.piece.take() else {
                    desk.hungry = true;
                    return Poll::Pending;
                };
                piece
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}
