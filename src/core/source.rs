//! Where lines come from.

use docklog_protocol::ContainerId;

use super::metadata::Field;

/// What the outputs say about a container. A rename makes a new one, so that lines keep the name they were written under.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The container's id.
    pub id: ContainerId,
    /// Its name, without the slash, or the one that a label gives it.
    pub name: String,
    /// What else was chosen for the records to say of it.
    pub fields: Vec<(Field, String)>,
}
