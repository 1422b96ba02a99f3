//! JSON bodies that are streams: taken apart value by value (W-67), so that neither a list of 30,000 containers nor an
//! endless stream of events is ever held.

use alloc::vec::Vec;

use crate::error::{Error, Layer, Reason};
use crate::head::Head;
use crate::response::{Next, Piece, Response};
use crate::{Finished, Progress, Refusal, Truncated, limits, message};

/// How the values follow one another. All are objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The elements of one array: the container list.
    ArrayItems,
    /// One value after the other, with or without white space between them: events. Chunks mean nothing here (W-70).
    Values,
}

/// What was taken out of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// The bytes of one object, from brace to brace. Only its nesting was looked at.
    Json(&'a [u8]),
    /// An object longer than [`limits::JSON_ITEM`] that began at this offset of the response. It was skipped; the
    /// stream goes on after it.
    TooLong {
        /// Offset of its opening brace in the response.
        at: u64,
    },
}

/// A response whose body is a stream of JSON objects: the container list (W-67) or the events (W-70).
/// ```
/// use docklog_protocol::{Finished, Item, Items, Listed, Split};
///
/// let mut list = Items::new(Split::ArrayItems);
/// let id = "ab".repeat(32);
/// let answer = format!("HTTP/1.0 200 OK\r\n\r\n[{{\"Id\":\"{id}\",\"Names\":[\"/db/cache\",\"/redis\"]}}]");
/// let mut names = Vec::new();
/// list.feed(answer.as_bytes(), &mut |item| match item {
///     Item::Json(json) => names.extend(Listed::parse(json).map(|listed| listed.name)),
///     Item::TooLong { .. } => {}
/// })?;
/// assert_eq!(list.finish()?, Finished::Complete);
/// assert_eq!(names, ["redis"]); // the other name is a link's (W-63)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Items {
    response: Response,
    expect: Expect,
    split: Split,
    item: Open,
    /// The front of an error's body: of any answer but 200 (W-09).
    refused: Option<Vec<u8>>,
}

/// What may come next, besides white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// `[`
    Array,
    /// `{` or `]`
    FirstItem,
    /// `{`
    Item,
    /// The rest of an item.
    Inside,
    /// `,` or `]`
    Comma,
    /// Only white space.
    Nothing,
}

/// The item that is being read.
#[derive(Debug, Default)]
struct Open {
    /// Its bytes from earlier pieces.
    held: Vec<u8>,
    /// Offset of its opening brace in the response.
    at: u64,
    /// Its bytes so far, held or not.
    len: u64,
    /// Brackets open.
    depth: u64,
    in_string: bool,
    escaped: bool,
}

type Out<'o> = &'o mut dyn FnMut(Item<'_>);

impl Items {
    /// Reads the answer to a list or an events request.
    #[must_use]
    pub fn new(split: Split) -> Self {
        let expect = if split == Split::ArrayItems { Expect::Array } else { Expect::Item };
        Self { response: Response::to_get(), expect, split, item: Open::default(), refused: None }
    }

    /// Takes what a read gave, and calls `out` with each item that is complete.
    ///
    /// # Errors
    /// If the response or the nesting of its JSON is broken; every later call gives the same error.
    pub fn feed(&mut self, bytes: &[u8], out: &mut dyn FnMut(Item<'_>)) -> Result<Progress, Error> {
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
        self.response.held() + self.item.held.len() + self.refused.as_ref().map_or(0, Vec::len)
    }

    /// Bytes of the response taken so far.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.response.at()
    }

    /// Ends the response: it is complete, or the connection has ended.
    ///
    /// # Errors
    /// [`Truncated`] if a part of it is missing; also after an error of `feed`.
    pub fn finish(self) -> Result<Finished, Truncated> {
        self.response.eof()?;
        if let Some(body) = self.refused {
            let status = self.response.head().map_or(0, |head| head.status);
            return Ok(Finished::Refused(Refusal { status, message: message::text(&body) }));
        }
        if self.may_end() { Ok(Finished::Complete) } else { Err(self.response.truncated()) }
    }

    fn take(&mut self, mut rest: &[u8], out: Out<'_>) -> Result<Progress, Error> {
        loop {
            match self.response.next(&mut rest)? {
                Next::Head(head) if head.status != 200 => self.refused = Some(Vec::new()),
                Next::Head(_) => {}
                Next::Data(piece) => match &mut self.refused {
                    Some(body) => message::keep(body, piece.bytes),
                    None => self.body(&piece, out)?,
                },
                Next::End if self.refused.is_none() && !self.may_end() => {
                    return Err(Error::new(Layer::Json, self.response.at(), Reason::EndInJson));
                }
                Next::End => return Ok(Progress::Complete { unused: rest.len() }),
                Next::More => return Ok(Progress::More),
            }
        }
    }

    fn may_end(&self) -> bool {
        match self.split {
            Split::ArrayItems => self.expect == Expect::Nothing,
            Split::Values => self.expect == Expect::Item,
        }
    }

    fn body(&mut self, piece: &Piece<'_>, out: Out<'_>) -> Result<(), Error> {
        let mut used = 0;
        while used < piece.bytes.len() {
            let (rest, at) = (&piece.bytes[used..], piece.at + used as u64);
            used += if self.expect == Expect::Inside {
                let (len, ended) = self.item.take(rest, at, out)?;
                if ended {
                    self.expect = if self.split == Split::ArrayItems { Expect::Comma } else { Expect::Item };
                }
                len
            } else {
                self.between(rest[0], at)?
            };
        }
        Ok(())
    }

    /// Takes one byte between items, and tells how many it took: none if it belongs to an item.
    fn between(&mut self, byte: u8, at: u64) -> Result<usize, Error> {
        // RFC 8259 §2; and the record separator of RFC 7464, which `application/json-seq` puts before each value.
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e) {
            return Ok(1);
        }
        self.expect = match (self.expect, byte) {
            (Expect::Array, b'[') => Expect::FirstItem,
            (Expect::FirstItem | Expect::Item, b'{') => {
                self.item = Open { at, ..Open::default() };
                self.expect = Expect::Inside;
                return Ok(0);
            }
            (Expect::Comma, b',') => Expect::Item,
            (Expect::FirstItem | Expect::Comma, b']') => Expect::Nothing,
            _ => return Err(Error::new(Layer::Json, at, Reason::JsonByte(byte))),
        };
        Ok(1)
    }
}

impl Open {
    /// Takes bytes up to the item's end; tells how many, and whether it ended.
    fn take(&mut self, rest: &[u8], at: u64, out: Out<'_>) -> Result<(usize, bool), Error> {
        for (index, &byte) in rest.iter().enumerate() {
            self.byte(byte).map_err(|reason| Error::new(Layer::Json, at + index as u64, reason))?;
            if self.depth == 0 {
                self.end(&rest[..=index], out);
                return Ok((index + 1, true));
            }
        }
        self.len += rest.len() as u64;
        if self.len > limits::JSON_ITEM as u64 {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(rest);
        }
        Ok((rest.len(), false))
    }

    /// Follows the nesting. Whether brackets match in kind is left to the JSON parser that sees the whole item.
    fn byte(&mut self, byte: u8) -> Result<(), Reason> {
        match byte {
            // RFC 8259 §7 forbids them in strings: this is the tail of a value that was cut.
            0..=0x1f if self.in_string => return Err(Reason::JsonByte(byte)),
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tail: &[u8], out: Out<'_>) {
        let mut held = core::mem::take(&mut self.held);
        if self.len + tail.len() as u64 > limits::JSON_ITEM as u64 {
            out(Item::TooLong { at: self.at });
        } else if held.is_empty() {
            out(Item::Json(tail));
        } else {
            held.extend_from_slice(tail);
            out(Item::Json(&held));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::{format, vec};

    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

    fn collect(split: Split, body: &[u8], piece: usize) -> (Vec<String>, Result<(), Error>, bool) {
        let (mut items, mut found, mut fed) = (Items::new(split), Vec::new(), Ok(()));
        for bytes in [HEAD, body].concat().chunks(piece) {
            let result = items.feed(bytes, &mut |item| {
                found.push(match item {
                    Item::Json(json) => String::from_utf8_lossy(json).into_owned(),
                    Item::TooLong { at } => format!("too long at {at}"),
                });
            });
            if let Err(error) = result {
                fed = Err(error);
                break;
            }
        }
        (found, fed, items.finish().is_ok())
    }

    #[test]
    #[cfg_attr(miri, ignore = "megabytes, byte by byte")]
    fn a_value_that_is_too_long_is_skipped() {
        let fits = format!("{{\"{}\":0}}", "x".repeat(limits::JSON_ITEM - 6));
        let long = format!("{{\"{}\":0}}", "x".repeat(limits::JSON_ITEM - 5));
        assert_eq!(fits.len(), limits::JSON_ITEM);
        let body = format!("[{{}},{long},{fits},{{\"a\":1}}]");
        let expected = vec!["{}".into(), format!("too long at {}", HEAD.len() + 4), fits, "{\"a\":1}".into()];
        for piece in [usize::MAX, 60_000] {
            let piece = piece.min(HEAD.len() + body.len());
            assert!(collect(Split::ArrayItems, body.as_bytes(), piece) == (expected.clone(), Ok(()), true));
        }
    }

    #[test]
    fn brackets_in_strings_are_text() {
        let body = br#" [{"}\"\\":["]",{}]} , {} ] "#;
        for piece in [1, 3, 1000] {
            let (found, fed, complete) = collect(Split::ArrayItems, body, piece);
            assert_eq!(
                (found, fed, complete),
                (vec![r#"{"}\"\\":["]",{}]}"#.into(), "{}".into()], Ok(()), true)
            );
        }
    }

    #[test]
    fn the_close_of_the_connection_is_no_end_of_an_item() {
        assert!(!collect(Split::Values, b"{}\n{\"a\"", 1).2);
        assert!(collect(Split::Values, b"{}\n{}", 1).2);
        assert!(collect(Split::Values, b"", 1).2);
        assert!(!collect(Split::ArrayItems, b"[{},", 1).2);
        assert!(!collect(Split::ArrayItems, b"", 1).2);
    }

    #[test]
    fn what_holds_no_objects_is_refused() {
        for body in ["[1]", "[{}{}]", "[,]", "[{},]", "{}", "null", "[]x", "[\"a\"]"] {
            assert!(collect(Split::ArrayItems, body.as_bytes(), 1).1.is_err(), "{body}");
        }
        for body in ["1", "{},{}", "[{}]", "{\"\n\"}", "}"] {
            assert!(collect(Split::Values, body.as_bytes(), 1).1.is_err(), "{body}");
        }
    }
}
