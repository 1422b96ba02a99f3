//! A history of a log and its reader, as the sweep has them; here the bytes decide what happens.

#[path = "../sweep/history.rs"]
mod history;
#[path = "../sweep/verdict.rs"]
mod verdict;

use history::{Chance, History, Traits};

/// Whatever happens to a log and its sessions, each line comes once and in order, or a gap is told.
pub fn property(data: &[u8]) {
    let mut chance = Chance::of(data);
    let traits = Traits::draw(&mut chance).that_can_be_told();
    let mut history = History::new(chance, traits);
    history.run();
    if let Err(what) = verdict::check(&history) {
        panic!("{what}\n{}", history.story());
    }
}
