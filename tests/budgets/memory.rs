//! What a stream that has delivered lines keeps on the heap: all that goes with it when docklog goes.

use super::Counted;
use super::sim::{Dialect, Knobs, Machine, SimWorld, Spec};
use docklog::core::checkpoint::Saved;
use docklog::shell::messages::Messages;
use docklog::shell::turn::Turn;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counted 1,934.
const BUDGET: u64 = 2_015;

/// The difference between two numbers of streams: neither of them is just before a table grows.
pub(crate) fn per_stream() -> Counted {
    const FEW: u64 = 500;
    const MANY: u64 = 1_500;
    Counted { figure: (of_streams(MANY) - of_streams(FEW)) / (MANY - FEW), budget: BUDGET }
}

/// Bytes that a docklog with so many live streams holds.
fn of_streams(count: u64) -> u64 {
    let mut machine = Machine::new(1, Dialect::Docker28, Knobs::calm());
    machine.args = ["-o", "json", "--tail", "all"].map(String::from).to_vec();
    for number in 0..count {
        let name = format!("shop-web-{number:05}");
        machine.run(Spec::named(&name));
        machine.lines(&name, 3, 40);
    }
    machine.at(60_000, "kill -9", Machine::kill_docklog);
    let world = SimWorld::new(machine);
    let mut turn = Turn::new(world.settings().unwrap(), Saved::default(), world.clone(), Messages::default());
    turn.run();
    let delivered = world.machine().stdout.taken.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(delivered as u64, count * 3, "lines");
    assert!(world.machine().links.len() as u64 > count, "all streams are open");
    world.machine_mut().bury();
    let before = held();
    drop(turn);
    before - held()
}

fn held() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.bytes_allocated - stats.bytes_deallocated) as u64
}
