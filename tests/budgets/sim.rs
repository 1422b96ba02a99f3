//! The simulated machine of `tests/sim`, without its stories.

#[path = "../sim/deeds.rs"]
mod deeds;
#[path = "../sim/engine/mod.rs"]
pub mod engine;
#[path = "../sim/kernel.rs"]
mod kernel;
#[path = "../sim/knobs.rs"]
mod knobs;
#[path = "../sim/link.rs"]
mod link;
#[path = "../sim/machine.rs"]
mod machine;
#[path = "../sim/model.rs"]
mod model;
#[path = "../sim/outlet.rs"]
mod outlet;
#[path = "../sim/plan.rs"]
mod plan;
#[path = "../sim/rng.rs"]
mod rng;
#[path = "../sim/told.rs"]
mod told;
#[path = "../sim/visitors.rs"]
mod visitors;
#[path = "../sim/world.rs"]
mod world;

pub use engine::{Channel, Dialect, Spec};
pub use knobs::Knobs;
pub use machine::{MS, Machine};
pub use world::SimWorld;
