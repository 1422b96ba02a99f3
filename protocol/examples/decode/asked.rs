//! What the request was: the kit tells by environment variables.

use docklog_protocol::{Format, Parts};

/// What a decoder must know of the request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) to_head: bool,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Logs { format: Format, timestamps: bool, parts: Parts },
    List,
    Events,
    Version,
    Inspect,
    Other,
}

impl Asked {
    pub(crate) fn from_environment() -> Self {
        let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
        let kind = if is("DOCKLOG_KIND", "list") {
            Kind::List
        } else if is("DOCKLOG_KIND", "events") {
            Kind::Events
        } else if is("DOCKLOG_KIND", "document") {
            match std::env::var("DOCKLOG_DOCUMENT").as_deref() {
                Ok("version") => Kind::Version,
                Ok("inspect") => Kind::Inspect,
                _ => Kind::Other,
            }
        } else {
            Kind::Logs {
                format: if is("DOCKLOG_FORMAT", "tty") { Format::Tty } else { Format::Multiplexed },
                timestamps: is("DOCKLOG_TIMESTAMPS", "1"),
                parts: if is("DOCKLOG_PARTS", "podman") { Parts::Podman } else { Parts::Docker },
            }
        };
        Self { to_head: is("DOCKLOG_METHOD", "HEAD"), kind }
    }
}
