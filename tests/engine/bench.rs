//! What a test gets: an engine of its version, shared or its own, and names nobody else uses.

use super::docklog::Launch;
use super::private::{Engine, PODMAN, VERSIONS, Version};
use std::sync::{Mutex, PoisonError};

/// The length of a test: the short one is for each change, the long one, with `DOCKLOG_LONG=1`, to be run by hand.
pub(crate) fn length<T>(short: T, long: T) -> T {
    if std::env::var("DOCKLOG_LONG").is_ok_and(|value| value == "1") { long } else { short }
}

/// The place where one test of one version runs.
pub(crate) struct Bench {
    pub(crate) version: Version,
    test: &'static str,
}

/// One engine per version, started when first needed. The reaper ends them: statics are never dropped.
static SHARED: [Mutex<Option<&'static Engine>>; VERSIONS.len()] =
    [const { Mutex::new(None) }; VERSIONS.len()];

impl Bench {
    pub(crate) fn new(version: Version, test: &'static str) -> Self {
        Self { version, test }
    }

    /// The engine that the tests of this version share. Nobody may stop, kill or reconfigure it.
    pub(crate) fn engine(&self) -> &'static Engine {
        let at = VERSIONS.iter().position(|version| *version == self.version).unwrap();
        // A start that panicked leaves the lock poisoned; the next test tries anew, and says itself why it fails.
        let mut engine = SHARED[at].lock().unwrap_or_else(PoisonError::into_inner);
        engine.get_or_insert_with(|| Box::leak(Box::new(Engine::start(self.version, &[]))))
    }

    /// An engine for this test alone, which may do with it what it likes.
    pub(crate) fn own_engine(&self, flags: &'static [&'static str]) -> Engine {
        Engine::start(self.version, flags)
    }

    /// The drivers whose logs can be read on this engine. (Podman's `json-file` is its own format, and the only one without a journal.)
    pub(crate) fn drivers(&self) -> &'static [&'static str] {
        if self.is_podman() { &["json-file"] } else { &["json-file", "local"] }
    }

    pub(crate) fn is_podman(&self) -> bool {
        self.version == PODMAN
    }

    /// A container's name that no other test uses.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.test)
    }

    /// A pattern for all such names.
    pub(crate) fn pattern(&self) -> String {
        self.name("*")
    }

    /// docklog on the shared engine, following this test's containers from their first lines on.
    pub(crate) fn docklog(&self) -> Launch {
        Launch::on(self.engine().host()).args(["--tail", "all", &self.pattern()])
    }
}
