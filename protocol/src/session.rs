//! One HTTP response of a logs request, from its first byte to its last.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::error::Error;
use crate::head::{Content, Head};
use crate::multiplex::Multiplex;
use crate::response::{Next, Piece, Response};
use crate::tty::Tty;
use crate::{Finished, Progress, Record, Truncated, message};

/// What a log body consists of. The engine knows by the container's `Config.Tty`; the response often does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Frames: the container has no TTY.
    Multiplexed,
    /// Text: the container has a TTY.
    Tty,
    /// Told by the response itself.
    ///
    /// Its `Content-Type` says multiplexed for certain where it says so (API 1.42 and newer; otherwise it proves
    /// nothing, W-05). Else the first byte decides: a frame begins with its type, 0 to 3, and a TTY body with a
    /// stamp's digit or the engine's own message (W-39). So with time stamps the answer is sure. Without them it is a guess:
    /// a terminal may begin with a control character.
    Detect,
}

/// A logs response that is being read.
///
/// A terminal's log has no frames (W-34), and its lines end with CR LF (W-35):
/// ```
/// use docklog_protocol::{Channel, Finished, Format, Progress, Session};
///
/// let mut session = Session::new(Format::Tty, true);
/// let mut seen = Vec::new();
/// let mut keep = |record: docklog_protocol::Record<'_>| {
///     seen.push((record.channel, record.stamp.map(|stamp| stamp.time.nanos), record.text.to_vec()));
/// };
/// let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// assert_eq!(session.feed(head, &mut keep)?, Progress::More);
/// let rest = b"23\r\n2026-11-23T20:21:33.870332324Z $ \r\n\r\n0\r\n\r\n";
/// assert_eq!(session.feed(rest, &mut keep)?, Progress::Complete { unused: 0 });
/// assert_eq!(session.finish(&mut keep)?, Finished::Complete);
/// assert_eq!(seen, [(Channel::Tty, Some(870_332_324), b"$ ".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    format: Format,
    timestamps: bool,
    response: Response,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// No byte of it has come.
    Unknown,
    Multiplexed(Multiplex),
    /// Boxed: it is large, and most containers have no TTY.
    Tty(Box<Tty>),
    /// The front of an error's body.
    Refused(Vec<u8>),
}

impl Session {
    /// Reads the answer to a logs request; `timestamps` as it was asked for.
    #[must_use]
    pub fn new(format: Format, timestamps: bool) -> Self {
        Self { format, timestamps, response: Response::to_get(), body: Body::Unknown }
    }

    /// Says what the body consists of, if that became known only after the request was sent. Without effect once the
    /// body has begun.
    pub fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// Takes what a read gave, and calls `out` with each record that is complete.
    ///
    /// After an error or `Complete`, further bytes are not looked at.
    ///
    /// # Errors
    /// If the response breaks the protocol. Records before that point have been passed on; every later call gives
    /// the same error.
    pub fn feed(&mut self, bytes: &[u8], out: &mut dyn FnMut(Record<'_>)) -> Result<Progress, Error> {
        self.response.check()?;
        let result = self.take(bytes, out);
        self.response.guard(result)
    }

    /// The response's head, once it is complete.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.response.head()
    }

    /// Bytes held because a feed ended inside of what they belong to.
    #[must_use]
    pub fn held(&self) -> usize {
        let body = match &self.body {
            Body::Unknown => 0,
            Body::Multiplexed(frames) => frames.held(),
            Body::Tty(tty) => tty.held(),
            Body::Refused(body) => body.len(),
        };
        self.response.held() + body
    }

    /// Bytes of the response taken so far.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.response.at()
    }

    /// Ends the response: it is complete (W-87), or the connection has ended. Only then the last text of an HTTP/1.0 answer
    /// from a TTY container, which has no newline, is known to be whole: so `out` may be called once more.
    ///
    /// # Errors
    /// [`Truncated`] if a part of the response is missing, be it of a frame (W-36); also after an error of `feed`.
    pub fn finish(mut self, out: &mut dyn FnMut(Record<'_>)) -> Result<Finished, Truncated> {
        let ended = self.response.eof();
        if let Body::Tty(tty) = &mut self.body
            && (ended.is_ok() || self.response.between_chunks())
        {
            tty.end(out);
        }
        ended?;
        match self.body {
            Body::Multiplexed(frames) if frames.end().is_err() => Err(self.response.truncated()),
            Body::Refused(body) => Ok(Finished::Refused(message::refusal(self.response.head(), &body))),
            _ => Ok(Finished::Complete),
        }
    }

    fn take(&mut self, mut rest: &[u8], out: &mut dyn FnMut(Record<'_>)) -> Result<Progress, Error> {
        loop {
            while let Some(piece) = self.response.whole_chunk(&mut rest) {
                self.data(&piece, out)?;
            }
            match self.response.next(&mut rest)? {
                // 200 is the only status under which an engine sends a log (W-09).
                Next::Head(head) if head.status != 200 => self.body = Body::Refused(Vec::new()),
                Next::Head(_) => {}
                Next::Data(piece) => self.data(&piece, out)?,
                Next::End => {
                    self.end(out)?;
                    return Ok(Progress::Complete { unused: rest.len() });
                }
                Next::More => return Ok(Progress::More),
            }
        }
    }

    fn data(&mut self, piece: &Piece<'_>, out: &mut dyn FnMut(Record<'_>)) -> Result<(), Error> {
        if matches!(self.body, Body::Unknown) {
            self.body = self.begin(piece.bytes);
        }
        match &mut self.body {
            Body::Unknown => {}
            Body::Multiplexed(frames) => frames.feed(piece, out)?,
            Body::Tty(tty) => tty.feed(piece.bytes, piece.ends_chunk, out),
            Body::Refused(body) => message::keep(body, piece.bytes),
        }
        Ok(())
    }

    /// Chooses the decoder by the first bytes of the body.
    fn begin(&self, bytes: &[u8]) -> Body {
        if self.is_late_refusal(bytes) {
            return Body::Refused(Vec::new());
        }
        let says_frames = self.head().is_some_and(|head| head.content == Content::Multiplexed);
        let frames = match self.format {
            Format::Multiplexed => true,
            Format::Tty => false,
            Format::Detect => says_frames || bytes.first().is_some_and(|&byte| byte <= 3),
        };
        if frames {
            Body::Multiplexed(Multiplex::new(self.timestamps))
        } else {
            Body::Tty(Box::new(Tty::new(self.timestamps)))
        }
    }

    /// Podman may find out that it can't read a log when it has said 200 already (W-26). A log begins with a frame or a stamp; this
    /// begins with a brace. (A terminal's text without stamps may do so, too.)
    fn is_late_refusal(&self, bytes: &[u8]) -> bool {
        let text = self.format != Format::Multiplexed && !self.timestamps;
        let podman = self.head().is_some_and(|head| head.podman);
        podman && !text && bytes.first() == Some(&b'{')
    }

    fn end(&mut self, out: &mut dyn FnMut(Record<'_>)) -> Result<(), Error> {
        match &mut self.body {
            Body::Multiplexed(frames) => frames.end(),
            Body::Tty(tty) => {
                tty.end(out);
                Ok(())
            }
            Body::Unknown | Body::Refused(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};
    use std::{format, vec};

    use super::*;
    use crate::{Layer, Reason, limits};

    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn chunk(data: &[u8]) -> Vec<u8> {
        [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
    }

    fn never(record: Record<'_>) {
        panic!("{record:?}");
    }

    #[test]
    fn ten_thousand_fit_into_a_few_megabytes() {
        assert!(size_of::<Session>() <= 256, "{}", size_of::<Session>());
    }

    #[test]
    fn an_announced_size_costs_nothing() {
        let mut session = Session::new(Format::Multiplexed, true);
        let len = u32::try_from(limits::FRAME).expect("32 bits");
        let header = [&[1, 0, 0, 0][..], &len.to_be_bytes()].concat();
        session.feed(HEAD.as_bytes(), &mut never).expect("valid");
        session.feed(b"ffffffffffffffff\r\n", &mut never).expect("valid");
        session.feed(&header, &mut never).expect("valid");
        session.feed(&[b'x'; 1000], &mut never).expect("valid");
        assert_eq!(session.held(), 8 + 1000);
        let Body::Multiplexed(_) = &session.body else { panic!("frames") };
        let mut records = 0;
        let rest = vec![b'x'; limits::FRAME - 1000];
        session.feed(&rest, &mut |record| records += record.text.len()).expect("valid");
        assert_eq!((records, session.held()), (limits::FRAME, 0));
    }

    #[test]
    fn an_error_stays() {
        let mut session = Session::new(Format::Multiplexed, true);
        let bytes = [HEAD.as_bytes(), b"8\r\n\x01\0\0\0\xff\0\0\0"].concat();
        let at = HEAD.len() as u64 + 3;
        let error = session.feed(&bytes, &mut never).expect_err("too long");
        assert_eq!(error, Error { layer: Layer::Frame, at, reason: Reason::FrameTooLong(0xff00_0000) });
        assert_eq!(
            error.to_string(),
            format!("frame: byte {at}: the frame announces 4278190080 bytes, more than 1 MiB")
        );
        assert_eq!(session.feed(b"more", &mut never), Err(error));
        assert!(session.finish(&mut never).is_err());
    }

    #[test]
    fn after_the_end_nothing_is_taken() {
        let mut session = Session::new(Format::Tty, true);
        let bytes = [HEAD.as_bytes(), b"0\r\n\r\nrest"].concat();
        assert_eq!(session.feed(&bytes, &mut never), Ok(Progress::Complete { unused: 4 }));
        assert_eq!(session.at(), bytes.len() as u64 - 4);
        assert_eq!(session.feed(b"rest", &mut never), Ok(Progress::Complete { unused: 4 }));
        assert_eq!(session.finish(&mut never), Ok(Finished::Complete));
    }

    #[test]
    fn the_format_may_come_after_the_head() {
        let mut session = Session::new(Format::Multiplexed, false);
        session.feed(HEAD.as_bytes(), &mut never).expect("valid");
        session.set_format(Format::Tty);
        let mut text = String::new();
        let mut keep = |record: Record<'_>| text.push_str(&String::from_utf8_lossy(record.text));
        session.feed(&chunk(b"hello\r\n"), &mut keep).expect("valid");
        session.set_format(Format::Multiplexed);
        session.feed(&chunk(b" you\r\n"), &mut keep).expect("valid");
        assert_eq!(text, "hello you");
    }

    #[test]
    fn a_tty_holds_little() {
        const LENGTH: usize = if cfg!(miri) { 1_000 } else { 50_000 };
        let mut session = Session::new(Format::Tty, true);
        session.feed(b"HTTP/1.0 200 OK\r\n\r\n", &mut never).expect("valid");
        let (mut most, mut text) = (0, 0);
        for byte in b"2026-11-23T20:21:33.870332324Z ".iter().chain([b'7'; LENGTH].iter()) {
            session.feed(&[*byte], &mut |record| text += record.text.len()).expect("valid");
            most = most.max(session.held());
        }
        session.finish(&mut |record| text += record.text.len()).expect("complete");
        assert!(most <= limits::TTY_PART + limits::STAMP, "{most}");
        assert_eq!(text, LENGTH);
    }

    #[test]
    fn a_refusal_is_bounded() {
        let mut session = Session::new(Format::Multiplexed, true);
        session.feed(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", &mut never).expect("valid");
        for _ in 0..100 {
            session.feed(&[b'x'; 1000], &mut never).expect("valid");
        }
        assert_eq!(session.held(), limits::MESSAGE);
        let Ok(Finished::Refused(refusal)) = session.finish(&mut never) else { panic!("refused") };
        assert_eq!((refusal.status, refusal.message.len()), (502, limits::MESSAGE));
    }
}
