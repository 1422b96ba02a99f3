//! Where nothing happens, docklog does nothing.

use crate::engine::bench::Bench;
use crate::engine::container::Container;
use crate::engine::docklog::Launch;
use std::thread::sleep;
use std::time::Duration;

/// With 50 idle containers there is hardly a wake-up, one thread, and little memory.
pub(crate) fn idle_containers_cost_nothing(bench: &Bench) {
    const CONTAINERS: usize = 50;
    // An engine of its own: what happens to other tests' containers would wake docklog.
    let engine = bench.own_engine(&[]);
    let containers: Vec<_> =
        (0..CONTAINERS).map(|n| Container::new(bench.name(&format!("{n:02}")), "hold")).collect();
    engine.run_all(&containers, 2);
    let docklog = Launch::on(engine.host()).start();
    let process = docklog.process();
    docklog.wait_until("a connection per container, and one for events", || {
        process.sockets().len() > CONTAINERS
    });
    sleep(Duration::from_secs(3));
    let before = process.status("voluntary_ctxt_switches");
    sleep(Duration::from_secs(10));
    let wakeups = process.status("voluntary_ctxt_switches") - before;
    let (memory, threads) = (process.status("VmRSS"), process.threads());
    println!(
        "{}: {CONTAINERS} idle containers: {wakeups} wake-ups in 10 s, {threads} thread, {memory} KiB RSS (this build)",
        bench.version.0
    );
    assert!(wakeups <= 5, "{wakeups} wake-ups in 10 s without work");
    assert_eq!(threads, 1);
    assert!(memory <= 12 * 1_024, "{memory} KiB RSS");
    docklog.terminate();
}
