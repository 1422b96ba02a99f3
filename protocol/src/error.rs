//! What can be wrong with a response, in which layer, and where.

use alloc::string::String;
use core::fmt;

/// A response that breaks the protocol. Nothing after it can be understood: close the connection.
///
/// It prints as `chunk: byte 1234: the size line is empty`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The layer that could not go on.
    pub layer: Layer,
    /// Offset in bytes from the response's first byte (for a JSON `parse` function: from the document's first).
    pub at: u64,
    /// What was wrong there.
    pub reason: Reason,
}

impl Error {
    pub(crate) const fn new(layer: Layer, at: u64, reason: Reason) -> Self {
        Self { layer, at, reason }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: byte {}: {}", self.layer, self.at, self.reason)
    }
}

impl core::error::Error for Error {}

/// A layer of the protocol, from the outside in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Status line and header fields.
    Head,
    /// Where the body ends.
    Framing,
    /// The chunked transfer coding.
    Chunk,
    /// The multiplexed stream's frames.
    Frame,
    /// A JSON body.
    Json,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "head",
            Self::Framing => "framing",
            Self::Chunk => "chunk",
            Self::Frame => "frame",
            Self::Json => "json",
        })
    }
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The response does not begin with `HTTP/1.` (W-10).
    NotHttp,
    /// A line of the head ends with LF alone, or a CR stands inside it (W-10).
    HeadLineEnd,
    /// The head is longer than [`limits::HEAD`](crate::limits::HEAD).
    HeadTooLong,
    /// The head has more fields than [`limits::HEADERS`](crate::limits::HEADERS).
    TooManyHeaders,
    /// The head does not follow the grammar; the text says which part.
    HeadSyntax(&'static str),
    /// `101 Switching Protocols`, which no request of ours asks for (W-11).
    Upgraded,
    /// A `Content-Length` that is no number or overflows (W-13).
    LengthInvalid,
    /// Several `Content-Length` values that differ (W-13).
    LengthsDiffer,
    /// Both `Content-Length` and `Transfer-Encoding` (W-13).
    LengthAndCoding,
    /// A transfer coding other than `chunked`, once (W-13).
    UnknownCoding,
    /// `Transfer-Encoding` in an HTTP/1.0 response (W-13).
    CodingInHttp10,
    /// A body longer than [`limits::DOCUMENT`](crate::limits::DOCUMENT).
    BodyTooLong,
    /// A chunk's size line without a digit (W-21).
    SizeEmpty,
    /// A byte in a size line that is no hexadecimal digit (W-21).
    SizeByte(u8),
    /// A chunk size beyond 64 bits (W-21).
    SizeOverflow,
    /// A size line longer than [`limits::CHUNK_LINE`](crate::limits::CHUNK_LINE).
    SizeLineTooLong,
    /// A control character in a chunk extension (W-22).
    ExtensionByte(u8),
    /// A CR that no LF follows, or a LF without CR before it (W-21, W-22).
    ChunkLineEnd,
    /// A chunk's data is not followed by CR LF (W-22).
    ChunkDataEnd,
    /// A control character in a trailer field (W-22).
    TrailerByte(u8),
    /// Trailers longer than [`limits::TRAILERS`](crate::limits::TRAILERS).
    TrailersTooLong,
    /// A frame of a type other than 0 to 3 (W-31).
    FrameType(u8),
    /// The bytes 1 to 3 of a frame header are not zero (W-31).
    FramePadding,
    /// A frame that announces more than [`limits::FRAME`](crate::limits::FRAME) (W-31).
    FrameTooLong(u32),
    /// The body is complete, its last frame is not (W-36).
    EndInFrame,
    /// A byte where a JSON list or stream needs another one (W-67, W-70).
    JsonByte(u8),
    /// The body is complete, its JSON is not (W-67).
    EndInJson,
    /// A document that can't be understood; the text is the JSON parser's.
    Json(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotHttp => "this is not an HTTP/1 response",
            Self::HeadLineEnd => "a line of the head does not end with CR LF",
            Self::HeadTooLong => "the head is longer than 64 KiB",
            Self::TooManyHeaders => "the head has more than 64 fields",
            Self::HeadSyntax(part) => return write!(f, "the head has an {part}"),
            Self::Upgraded => "the connection was switched to another protocol",
            Self::LengthInvalid => "Content-Length is not a number",
            Self::LengthsDiffer => "there are several Content-Lengths, and they differ",
            Self::LengthAndCoding => "there are both Content-Length and Transfer-Encoding",
            Self::UnknownCoding => "the transfer coding is not just chunked",
            Self::CodingInHttp10 => "Transfer-Encoding stands in an HTTP/1.0 response",
            Self::BodyTooLong => "the body is longer than 4 MiB",
            Self::SizeEmpty => "the size line is empty",
            Self::SizeByte(byte) => return write!(f, "byte 0x{byte:02x} stands in the chunk size"),
            Self::SizeOverflow => "the chunk size does not fit into 64 bits",
            Self::SizeLineTooLong => "the size line is longer than 4 KiB",
            Self::ExtensionByte(byte) => return write!(f, "byte 0x{byte:02x} stands in a chunk extension"),
            Self::ChunkLineEnd => "a line does not end with CR LF",
            Self::ChunkDataEnd => "the chunk's data is not followed by CR LF",
            Self::TrailerByte(byte) => return write!(f, "byte 0x{byte:02x} stands in a trailer field"),
            Self::TrailersTooLong => "the trailers are longer than 8 KiB",
            Self::FrameType(kind) => {
                return write!(f, "there is no frame type {kind} (is this a TTY stream?)");
            }
            Self::FramePadding => "bytes 1 to 3 of the frame header are not zero (is this a TTY stream?)",
            Self::FrameTooLong(len) => return write!(f, "the frame announces {len} bytes, more than 1 MiB"),
            Self::EndInFrame => "the body ended inside a frame",
            Self::JsonByte(byte) => return write!(f, "byte 0x{byte:02x} is unexpected"),
            Self::EndInJson => "the body ended inside a value",
            Self::Json(text) => text,
        };
        f.write_str(text)
    }
}
