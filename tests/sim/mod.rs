//! A simulated engine, and a simulated machine to meet it on: virtual time, sockets in memory, chance from a seed.

mod deeds;
pub mod engine;
mod kernel;
mod knobs;
mod link;
mod machine;
mod model;
mod outlet;
mod plan;
mod rng;
pub mod shape;
mod story;
mod told;
mod visitors;
mod world;

mod filetest;
mod selftest;
mod stories;

pub use knobs::Knobs;
pub use machine::{EPOCH, MS, Machine};
pub use model::Expect;
pub use rng::Rng;
pub use story::{Outcome, Story, plain, seeds};
pub use told::{Gap, Missing, Repeats};
pub use world::SimWorld;
