//! The stream of a container with a TTY: no frames, just text.
//!
//! ```text
//! stream = *( stamp SP text ) ; text ends with CR LF, or nowhere if it is a part
//! ```
//!
//! The engine sends one message per chunk, so a chunk's end ends a part (W-20). But a proxy may cut the same bytes
//! into other chunks, or into none (HTTP/1.0). Therefore a chunk boundary is only a hint: **where a record begins is
//! read from the bytes** (W-34). A stamp may stand
//! - at the start and after each LF: always, if the engine wrote it;
//! - after [`limits::TTY_PART`] bytes of text, where the engine's next part begins;
//! - at a chunk's start, where an unfinished text was left and the container began another.
//!
//! Anywhere else, and where no stamp stands, the text goes on under the stamp it had. So the *lines* joined from the
//! records do not depend on the chunks, with two exceptions that the bytes alone can't decide: without its chunk
//! boundary a short unfinished text is glued to the record after it; and a chunk cut exactly before a stamp inside
//! of a text begins a record there.

use alloc::vec::Vec;

use crate::timestamp::{Look, OwnedStamp, look};
use crate::{Channel, Record, Stamp, limits};

/// How moby begins what it has to say itself; on a TTY stream it has no frame to mark it (W-33).
const ENGINE_ERROR: &[u8] = b"Error grabbing logs: ";

/// A decoder that stands somewhere in a TTY body.
#[derive(Debug)]
pub(crate) struct Tty {
    timestamps: bool,
    place: Place,
    /// Of the current record.
    channel: Channel,
    stamp: Option<OwnedStamp>,
    /// The stamp has come and nothing was passed on under it.
    begun: bool,
    /// Bytes of text since the stamp, or since the last full part.
    run: usize,
    /// Text of the current part from earlier feeds.
    text: Vec<u8>,
    /// Bytes of which it is open whether they begin a stamp: at most [`limits::STAMP`].
    look: Vec<u8>,
    /// Which of these ended a chunk: bit 0 for the first.
    look_ends: u64,
    /// A part that ended with CR. If LF comes next, the CR was half of a line end.
    cr: Option<CrPart>,
}

#[derive(Debug)]
struct CrPart {
    text: Vec<u8>,
    stamp: Option<OwnedStamp>,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The start of a record.
    Start,
    /// A stamp, or the current line's text.
    Between,
    /// Text.
    Text,
}

/// What ended a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Newline,
    Part,
}

type Out<'o> = &'o mut dyn FnMut(Record<'_>);

impl Tty {
    pub(crate) const fn new(timestamps: bool) -> Self {
        Self {
            timestamps,
            place: Place::Start,
            channel: Channel::Tty,
            stamp: None,
            begun: false,
            run: 0,
            text: Vec::new(),
            look: Vec::new(),
            look_ends: 0,
            cr: None,
        }
    }

    pub(crate) fn held(&self) -> usize {
        self.text.len() + self.look.len() + self.cr.as_ref().map_or(0, |part| part.text.len())
    }

    /// Takes a piece of the body.
    pub(crate) fn feed(&mut self, mut rest: &[u8], ends_chunk: bool, out: Out<'_>) {
        while !rest.is_empty() {
            let used = match self.place {
                Place::Text => self.take_text(rest, ends_chunk, out),
                Place::Start | Place::Between => self.take_look(rest, out),
            };
            rest = &rest[used..];
        }
        if !ends_chunk {
            return;
        }
        if self.place == Place::Text && self.channel == Channel::Tty {
            self.end_part(out);
        } else if let Some(last) = self.look.len().checked_sub(1) {
            self.look_ends |= 1 << last;
        }
    }

    /// The body is complete, or it is cut between two messages: passes on what was held to decide.
    pub(crate) fn end(&mut self, out: Out<'_>) {
        while !self.look.is_empty() {
            self.no_stamp(false, out);
        }
        if self.place == Place::Text {
            self.end_part(out);
        }
        self.settle_cr(false, out);
    }

    /// Takes text up to its end, and tells how many bytes.
    fn take_text(&mut self, rest: &[u8], ends_chunk: bool, out: Out<'_>) -> usize {
        self.settle_cr(rest[0] == b'\n', out);
        let window = &rest[..rest.len().min(limits::TTY_PART - self.run)];
        if let Some(len) = window.iter().position(|&byte| byte == b'\n') {
            self.pass_on(&window[..len], End::Newline, out);
            self.place = Place::Start;
            return len + 1;
        }
        self.run += window.len();
        let ends_here = ends_chunk && window.len() == rest.len() && self.channel == Channel::Tty;
        if self.run == limits::TTY_PART || ends_here {
            self.pass_on(window, End::Part, out);
            self.place = Place::Between;
        } else {
            self.text.extend_from_slice(window);
        }
        window.len()
    }

    /// Ends a part at a chunk's end or the body's, if there is one: a stamp alone is an empty part.
    fn end_part(&mut self, out: Out<'_>) {
        if !self.text.is_empty() || (self.begun && self.cr.is_none()) {
            self.pass_on(&[], End::Part, out);
        }
        self.place = Place::Between;
    }

    /// Looks for a stamp, and tells how many bytes it took to decide or to wait.
    fn take_look(&mut self, rest: &[u8], out: Out<'_>) -> usize {
        let held = self.look.len();
        // One byte more than a stamp: the space after it.
        let fresh = &rest[..rest.len().min(limits::STAMP + 1 - held)];
        if held > 0 {
            self.look.extend_from_slice(fresh);
        }
        let seen = if held > 0 { &self.look[..] } else { fresh };
        let found = if self.timestamps { look(seen) } else { Look::No };
        let at_start = self.timestamps && self.place == Place::Start;
        let engine = at_start && seen.starts_with(ENGINE_ERROR);
        let undecided = found == Look::More || (at_start && !engine && ENGINE_ERROR.starts_with(seen));
        if let Look::Stamp(len, time) = found {
            let stamp = OwnedStamp::from(Stamp { raw: &seen[..len], time });
            (self.look, self.look_ends) = (Vec::new(), 0);
            self.begin(Some(stamp), Channel::Tty);
            return len + 1 - held;
        }
        if undecided {
            if held == 0 {
                self.look.extend_from_slice(fresh);
            }
            return fresh.len();
        }
        self.look.truncate(held);
        self.no_stamp(engine, out);
        0
    }

    fn begin(&mut self, stamp: Option<OwnedStamp>, channel: Channel) {
        self.begun = stamp.is_some();
        (self.stamp, self.channel) = (stamp, channel);
        self.run = 0;
        self.place = Place::Text;
    }

    /// There is no stamp: the bytes held are text, or the first of them is. A stamp may begin further on, where a
    /// chunk ended, so they are taken again chunk by chunk.
    fn no_stamp(&mut self, engine: bool, out: Out<'_>) {
        if self.place == Place::Start {
            self.begin(None, if engine { Channel::Engine } else { Channel::Tty });
        }
        // The engine's parts are not of the length we know: look again after another such length.
        if self.run == limits::TTY_PART {
            self.run = 0;
        }
        self.place = Place::Text;
        let held = core::mem::take(&mut self.look);
        let ends = core::mem::take(&mut self.look_ends);
        let mut from = 0;
        for end in (1..=held.len()).filter(|end| ends & 1 << (end - 1) != 0) {
            self.feed(&held[from..end], true, out);
            from = end;
        }
        self.feed(&held[from..], false, out);
    }

    /// Passes on the text held and `tail`.
    fn pass_on(&mut self, tail: &[u8], end: End, out: Out<'_>) {
        self.begun = false;
        let mut held = core::mem::take(&mut self.text);
        let text = if held.is_empty() {
            tail
        } else {
            held.extend_from_slice(tail);
            &held
        };
        if end == End::Part && self.channel == Channel::Tty && text.ends_with(b"\r") {
            self.cr = Some(CrPart { text: text.to_vec(), stamp: self.stamp.clone() });
            return;
        }
        // The terminal made the CR: it is half of the line end (W-35).
        let text = if end == End::Newline { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
        let part = end == End::Part && self.channel == Channel::Tty;
        out(Record { channel: self.channel, stamp: self.stamp.as_ref().map(OwnedStamp::lend), text, part });
    }

    /// The byte after a part that ended with CR is known.
    fn settle_cr(&mut self, newline: bool, out: Out<'_>) {
        let Some(CrPart { mut text, stamp }) = self.cr.take() else { return };
        if newline {
            text.pop();
        }
        // Nothing but the CR: the record of the LF tells all.
        if !text.is_empty() {
            let stamp = stamp.as_ref().map(OwnedStamp::lend);
            out(Record { channel: Channel::Tty, stamp, text: &text, part: true });
        }
    }
}
