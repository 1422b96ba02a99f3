//! What docklog does on the simulated machine, by theme.

mod absence;
mod chance;
mod choices;
mod containers;
mod corners;
mod discovery;
mod hostile;
mod idle;
mod lines;
mod outlets;
mod progress;
mod rotation;
mod selection;
mod service;
mod sinks;
mod web;
