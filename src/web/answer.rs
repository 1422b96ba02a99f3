//! What a request is answered with.

use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use super::routes::{self, Refused};
use crate::core::status::Readiness;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

fn head<T>(status: StatusCode, kind: HeaderValue, body: T) -> Response<T> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A few lines for people.
pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Response<Bytes> {
    head(status, TEXT, Bytes::from(text.into()))
}

/// The head of `/metrics`.
pub(super) fn metrics() -> Response<()> {
    head(StatusCode::OK, METRICS, ())
}

/// The head of `/state`.
pub(super) fn state() -> Response<()> {
    head(StatusCode::OK, JSON, ())
}

/// `/`.
pub(super) fn index() -> Response<Bytes> {
    text(StatusCode::OK, format!("docklog {}\n\n{}", env!("CARGO_PKG_VERSION"), routes::list()))
}

/// `/readyz`.
pub(super) fn ready(ready: &Readiness) -> Response<Bytes> {
    let (status, word) = match ready.reasons.is_empty() {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready:"),
    };
    let mut lines = vec![word];
    lines.extend(ready.reasons.iter().chain(&ready.notes).map(String::as_str));
    text(status, lines.join("\n") + "\n")
}

/// A request that isn't served, with the reason and what would be.
pub(super) fn refused(refused: Refused) -> Response<Bytes> {
    match refused {
        Refused::Unknown => {
            text(StatusCode::NOT_FOUND, format!("There is no such path here, but:\n\n{}", routes::list()))
        }
        Refused::Method { allow } => {
            let mut response =
                text(StatusCode::METHOD_NOT_ALLOWED, format!("This path takes {allow}, no other method.\n"));
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
            closing(response)
        }
        Refused::Remote => text(
            StatusCode::FORBIDDEN,
            "docklog takes orders on a Unix socket only, where permissions tell who may give them: \
             start it with --http unix:/PATH, or send it SIGUSR1.\n",
        ),
        Refused::Body => closing(text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Nothing here takes a request's body: send it without one.\n",
        )),
    }
}

/// The connection ends with this answer: there may be a body, which isn't read.
fn closing(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
