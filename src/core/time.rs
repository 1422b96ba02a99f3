//! Time as a value. Nothing in `core` reads a clock: whoever calls hands in [`Now`].

use std::time::Duration;

use docklog_protocol::Timestamp;

/// Monotonic time: nanoseconds since an arbitrary start. Deadlines are made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// This much later; stays at the end of time instead of wrapping.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time passed since `earlier`; zero if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The latest that a record of this stamp can have been written: a stamp of whole seconds (Podman's, W-30) may be any moment of its
/// second.
pub fn latest(stamp: Timestamp) -> Timestamp {
    if stamp.nanos == 0 { Timestamp { nanos: 999_999_999, ..stamp } } else { stamp }
}

/// Both clocks, read once per turn: `mono` for deadlines, `wall` to compare with the engine's time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For deadlines; never goes back.
    pub mono: Mono,
    /// For comparison with time stamps; may be set back by an administrator.
    pub wall: Timestamp,
}
