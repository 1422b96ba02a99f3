//! The private engines of docklog's own tests.

#![allow(dead_code, reason = "the tests need more of it")]

#[path = "../../../tests/engine/api.rs"]
pub(crate) mod api;
#[path = "../../../tests/engine/container.rs"]
pub(crate) mod container;
#[path = "../../../tests/engine/dockerd.rs"]
pub(crate) mod dockerd;
#[path = "../../../tests/engine/image.rs"]
pub(crate) mod image;
#[path = "../../../tests/engine/podman.rs"]
pub(crate) mod podman;
#[path = "../../../tests/engine/private.rs"]
pub(crate) mod private;
#[path = "../../../tests/engine/processes.rs"]
pub(crate) mod processes;
#[path = "../../../tests/engine/reaper.rs"]
pub(crate) mod reaper;
