//! Calls of the seam that are system calls on the real machine, while 50 containers write 400 lines a second each.

use super::Counted;
use super::sim::{Channel, Dialect, Knobs, MS, Machine, SimWorld, Spec};
use docklog::core::checkpoint::Saved;
use docklog::shell::messages::Messages;
use docklog::shell::turn::Turn;
use std::cell::Cell;
use std::rc::Rc;

/// Counted 183.
const BUDGET: u64 = 201;

const CONTAINERS: u64 = 50;
const LINES_A_SECOND: u64 = 400;

/// When lines begin; when counting begins and ends; milliseconds.
const FLOWS: u64 = 5_000;
const COUNTED: (u64, u64) = (6_000, 8_000);

pub(crate) fn per_thousand_lines() -> Counted {
    let mut machine = Machine::new(1, Dialect::Docker28, Knobs::calm());
    machine.args = ["-o", "json", "--tail", "all"].map(String::from).to_vec();
    let step = 1_000_000_000 / (CONTAINERS * LINES_A_SECOND);
    for number in 0..CONTAINERS {
        machine.run(Spec::named(&format!("c{number}")));
    }
    for number in 0..(COUNTED.1 - FLOWS) * MS / step {
        let name = format!("c{}", number % CONTAINERS);
        machine.at_nanos(FLOWS * MS + number * step, "line", move |machine| {
            machine.line(&name, Channel::Stdout, 80);
        });
    }
    let counts: Rc<[Cell<u64>; 2]> = Rc::default();
    for (index, ms) in [COUNTED.0, COUNTED.1].into_iter().enumerate() {
        let counts = Rc::clone(&counts);
        machine.at(ms, "count", move |machine| counts[index].set(calls(machine)));
    }
    machine.at(COUNTED.1 + 1_000, "SIGTERM", Machine::stop_signal);
    let world = SimWorld::new(machine);
    let mut turn = Turn::new(world.settings().unwrap(), Saved::default(), world.clone(), Messages::default());
    assert_eq!(turn.run(), 0);
    let lines = CONTAINERS * LINES_A_SECOND * (COUNTED.1 - COUNTED.0) / 1_000;
    Counted { figure: (counts[1].get() - counts[0].get()) * 1_000 / lines, budget: BUDGET }
}

/// Waits, reads and writes so far. (Clocks are read without a system call.)
fn calls(machine: &Machine) -> u64 {
    machine.tally.waits + machine.tally.reads + machine.stdout.times.len() as u64 + machine.stdout.blocks
}
