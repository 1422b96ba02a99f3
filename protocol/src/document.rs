//! A response whose body is one bounded document: version, inspect, ping, and their errors (W-15).

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, Layer, Reason};
use crate::head::Head;
use crate::response::{Next, Response};
use crate::{Progress, Refusal, Truncated, limits, message};

/// Collects a whole body, up to [`limits::DOCUMENT`] bytes.
/// ```
/// use docklog_protocol::{Document, Inspected};
///
/// let id = "ab".repeat(32);
/// let body = format!(r#"{{"Id":"{id}","Config":{{"Tty":true}},"State":{{"Running":true}}}}"#);
/// let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
/// let mut document = Document::new();
/// for byte in answer.as_bytes() {
///     document.feed(&[*byte])?; // any cut will do
/// }
/// let answer = document.finish()?;
/// assert!(answer.refusal().is_none());
/// let container = Inspected::parse(&answer.body)?;
/// assert!(container.tty && container.running); // its log is text, not frames (W-39)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Document {
    response: Response,
    body: Vec<u8>,
}

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// Its body without any transfer coding.
    pub body: Vec<u8>,
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

impl Document {
    /// Reads the answer to a GET.
    #[must_use]
    pub fn new() -> Self {
        Self { response: Response::to_get(), body: Vec::new() }
    }

    /// Reads the answer to a HEAD: it has no body, whatever its fields say.
    #[must_use]
    pub fn to_head() -> Self {
        Self { response: Response::to_head(), body: Vec::new() }
    }

    /// Takes what a read gave.
    ///
    /// # Errors
    /// If the response breaks the protocol or its body is too long; every later call gives the same error.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        self.response.check()?;
        let result = self.take(bytes);
        self.response.guard(result)
    }

    /// The response's head, once it is complete.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.response.head()
    }

    /// Bytes held: what came of the head or the body.
    #[must_use]
    pub fn held(&self) -> usize {
        self.response.held() + self.body.len()
    }

    /// Ends the response: it is complete, or the connection has ended.
    ///
    /// # Errors
    /// [`Truncated`] if a part of it is missing.
    pub fn finish(self) -> Result<Answer, Truncated> {
        self.response.eof()?;
        let head = self.response.head().ok_or(self.response.truncated())?;
        Ok(Answer { head, body: self.body })
    }

    fn take(&mut self, mut rest: &[u8]) -> Result<Progress, Error> {
        loop {
            match self.response.next(&mut rest)? {
                Next::Head(_) => {}
                Next::Data(piece) => {
                    let room = limits::DOCUMENT - self.body.len();
                    if piece.bytes.len() > room {
                        return Err(Error::new(Layer::Framing, piece.at + room as u64, Reason::BodyTooLong));
                    }
                    self.body.extend_from_slice(piece.bytes);
                }
                Next::End => return Ok(Progress::Complete { unused: rest.len() }),
                Next::More => return Ok(Progress::More),
            }
        }
    }
}

impl Answer {
    /// What an error's body says: its JSON `message`, or its text; on one line, without control characters.
    #[must_use]
    pub fn message(&self) -> String {
        message::text(&self.body)
    }

    /// This answer as a refusal, if its status is not 200.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let status = self.head.status;
        (status != 200).then(|| Refusal { status, message: self.message() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_a_limit() {
        let mut document = Document::new();
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
        document.feed(head).expect("valid");
        let piece = [b' '; 1 << 16];
        for _ in 0..limits::DOCUMENT / piece.len() {
            assert_eq!(document.feed(&piece), Ok(Progress::More));
        }
        assert_eq!(document.held(), limits::DOCUMENT);
        let at = (head.len() + limits::DOCUMENT) as u64;
        let error = Error::new(Layer::Framing, at, Reason::BodyTooLong);
        assert_eq!(document.feed(&piece), Err(error.clone()));
        assert_eq!(document.feed(&[]), Err(error));
    }

    #[test]
    fn a_cut_body_is_no_answer() {
        let mut document = Document::new();
        document.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK").expect("valid");
        assert!(document.finish().is_err());
        assert!(Document::new().finish().is_err());
    }
}
