//! Lines on their way to a server.
//!
//! | file | does |
//! |---|---|
//! | `names` | finds the addresses of a host name |

pub mod names;
