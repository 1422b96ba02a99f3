//! Answers that no engine should give. A follower must survive each: no panic, no memory without bound, no spin.

/// What is wrong with the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostility {
    /// Bytes of no protocol.
    Garbage,
    /// The connection closes instead of an answer.
    Hangup,
    /// A header line without end.
    EndlessHeader,
    /// Headers without end.
    EndlessHeaders,
    /// `100 Continue` again and again.
    EndlessInterim,
    /// A status that nobody knows.
    OddStatus,
    /// A redirect to itself.
    Redirect,
    /// A chunk size of 17 hex digits.
    OverflowingChunk,
    /// A chunk of 2^64 - 1 bytes is announced, few come.
    HugeChunk,
    /// A chunk extension without end.
    EndlessExtension,
    /// Trailers without end.
    EndlessTrailers,
    /// `Content-Length` beyond 64 bits.
    OverflowingLength,
    /// Two lengths that contradict each other.
    TwoLengths,
    /// A JSON document that does not end.
    EndlessJson,
    /// Brackets nested deeper than any stack.
    DeepJson,
    /// JSON of a shape that isn't the expected one.
    OddJson,
    /// Ids and names that try to write into our requests and our terminal.
    OddNames,
    /// A frame of 4 GiB is announced, few bytes come.
    HugeFrame,
    /// A frame of an unknown type.
    OddFrame,
    /// A frame, and every next one, in a chunk per byte.
    ByteChunks,
    /// Complete and empty at once, again and again.
    EmptyAtOnce,
}

/// All of them.
pub const ALL: [Hostility; 21] = [
    Hostility::Garbage,
    Hostility::Hangup,
    Hostility::EndlessHeader,
    Hostility::EndlessHeaders,
    Hostility::EndlessInterim,
    Hostility::OddStatus,
    Hostility::Redirect,
    Hostility::OverflowingChunk,
    Hostility::HugeChunk,
    Hostility::EndlessExtension,
    Hostility::EndlessTrailers,
    Hostility::OverflowingLength,
    Hostility::TwoLengths,
    Hostility::EndlessJson,
    Hostility::DeepJson,
    Hostility::OddJson,
    Hostility::OddNames,
    Hostility::HugeFrame,
    Hostility::OddFrame,
    Hostility::ByteChunks,
    Hostility::EmptyAtOnce,
];

/// A hostile answer under way.
#[derive(Clone, Debug)]
pub struct Attack {
    kind: Hostility,
    writes: u32,
}

/// So many writes of an endless answer, then silence: enough to see whether somebody keeps them all.
const ENDLESS: u32 = 16_000;

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

impl Attack {
    pub(super) fn new(kind: Hostility) -> Self {
        Attack { kind, writes: 0 }
    }

    /// Whether the connection is closed after the last write.
    pub(super) fn hangs_up(&self) -> bool {
        matches!(
            self.kind,
            Hostility::Garbage | Hostility::Hangup | Hostility::OddStatus | Hostility::Redirect
        )
    }

    /// The next write; `None`: nothing more comes.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.writes += 1;
        match self.writes {
            1 => self.opening(),
            n if n <= ENDLESS => self.more(n),
            _ => None,
        }
    }

    fn opening(&self) -> Option<Vec<u8>> {
        let chunked = |rest: &[u8]| Some([CHUNKED, rest].concat());
        let plain = |text: &str| Some(text.as_bytes().to_vec());
        match self.kind {
            Hostility::Garbage => Some((0..=255u8).cycle().take(5000).collect()),
            Hostility::Hangup => None,
            Hostility::EndlessHeader => plain("HTTP/1.1 200 OK\r\nX-Long: "),
            Hostility::EndlessHeaders => plain("HTTP/1.1 200 OK\r\n"),
            Hostility::EndlessInterim => plain("HTTP/1.1 100 Continue\r\n\r\n"),
            Hostility::OddStatus => plain("HTTP/1.1 999 Whatever\r\nContent-Length: 0\r\n\r\n"),
            Hostility::Redirect => {
                plain("HTTP/1.1 301 Moved Permanently\r\nLocation: /events\r\nContent-Length: 0\r\n\r\n")
            }
            Hostility::OverflowingChunk => chunked(b"1ffffffffffffffff\r\nxxxx"),
            Hostility::HugeChunk => chunked(b"ffffffffffffffff\r\n[{\"Id\":\""),
            Hostility::EndlessExtension => chunked(b"5;"),
            Hostility::EndlessTrailers => chunked(b"0\r\n"),
            Hostility::OverflowingLength => {
                plain("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n[")
            }
            Hostility::TwoLengths => {
                plain("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n[]  \n")
            }
            Hostility::EndlessJson => chunked(b"2\r\n[\"\r\n"),
            Hostility::DeepJson => chunked(&super::http::chunk(&b"[".repeat(60_000))),
            Hostility::OddJson => {
                chunked(&closed(br#"[{"Id":7,"Names":{},"State":[]},null,"x",[[]],{"Id":"","Names":[]}]"#))
            }
            Hostility::OddNames => chunked(&closed(ODD_NAMES)),
            Hostility::HugeFrame => {
                chunked(&super::http::chunk(b"\x01\0\0\0\xff\xff\xff\xff2026-11-23T20:16:07.727144095Z few"))
            }
            Hostility::OddFrame => chunked(&super::http::chunk(b"\x07\0\0\0\0\0\0\x05hello")),
            Hostility::ByteChunks => chunked(b""),
            Hostility::EmptyAtOnce => chunked(b"0\r\n\r\n"),
        }
    }

    fn more(&self, n: u32) -> Option<Vec<u8>> {
        match self.kind {
            Hostility::EndlessHeader | Hostility::EndlessExtension => Some(vec![b'x'; 4096]),
            Hostility::EndlessHeaders | Hostility::EndlessTrailers => {
                Some(format!("X-{n}: {}\r\n", "y".repeat(1000)).into_bytes())
            }
            Hostility::EndlessInterim => Some(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20)),
            Hostility::EndlessJson => Some(super::http::chunk(&[b'a'; 4096])),
            Hostility::DeepJson => Some(super::http::chunk(&[b'['; 16_384])),
            Hostility::ByteChunks => {
                let line = b"\x01\0\0\0\0\0\0\x242026-11-23T20:16:07.727144095Z byte\n";
                Some(super::http::chunk(&[line[(n as usize - 2) % line.len()]]))
            }
            _ => None,
        }
    }
}

const ODD_NAMES: &[u8] = br#"[{"Id":"a/../../x HTTP/1.1\r\nX-Injected: 1","Names":["/\u001b[2J\u0007evil\n{\"time\":1}"],"State":"running","Labels":null},
{"Id":"0123456789012345678901234567890123456789012345678901234567890123","Names":["/ok\u0000\u009b"],"State":"running","Labels":{"a":"\u001b]0;title\u0007"}}]"#;

fn closed(body: &[u8]) -> Vec<u8> {
    [super::http::chunk(body), b"0\r\n\r\n".to_vec()].concat()
}
