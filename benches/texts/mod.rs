//! Lines to encode.

use docklog::core::source::Source;
use docklog_protocol::ContainerId;
use std::fmt;
use std::rc::Rc;

/// Bytes of each line's text.
pub(crate) const LENGTH: usize = 100;

/// What lines consist of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    Plain,
    /// As a JSON logger inside the container makes them: a quote in every ten bytes.
    Escapes,
    NonAscii,
    /// A byte that is no UTF-8, at the end.
    NotUtf8,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Text {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = match self {
            Text::Plain => "GET /orders/17 200 3ms ".repeat(5).into_bytes(),
            Text::Escapes => "{\"level\":\"info\",\"at\":17,\t\"order\":\"x\"} ".repeat(3).into_bytes(),
            Text::NonAscii => "żółć und Maß, 日本 ".repeat(6).into_bytes(),
            Text::NotUtf8 => "GET /orders/17 200 3ms ".repeat(5).into_bytes(),
        };
        bytes.truncate(LENGTH);
        while matches!(self, Text::NonAscii) && std::str::from_utf8(&bytes).is_err() {
            bytes.pop(); // a character that was cut
        }
        bytes.resize(LENGTH, b' ');
        if matches!(self, Text::NotUtf8) {
            bytes[LENGTH - 1] = 0xff;
        }
        bytes
    }
}

/// A container.
pub(crate) fn source() -> Rc<Source> {
    let id =
        ContainerId::parse(&"0123456789abcdef".repeat(4)).unwrap_or_else(|| unreachable!("64 hex digits"));
    Rc::new(Source { id, name: "shop-web-1".into(), fields: Vec::new() })
}
