//! How unkind the simulated machine is. All of it is legal for a kernel and an engine to do.

use super::rng::Rng;

/// What a Unix socket holds with default settings, in units of the kernel's accounting.
pub const SOCKET_LIMIT: usize = 212_992;

/// As counted on 20.10 and later ones.
const ORPHAN_LINES: u64 = 33;

/// Chances are in percent, times in nanoseconds.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// A read gives less than there is.
    pub short_reads: u64,
    /// A write takes less than is offered.
    pub short_writes: u64,
    /// A call is interrupted by a signal.
    pub interrupted: u64,
    /// Longest way of bytes between docklog and the engine.
    pub delay: u64,
    /// A wait returns early, or tells of a connection that has nothing.
    pub spurious: u64,
    /// A wait tells of a connection that was closed.
    pub stale: u64,
    /// Readiness is told once until an operation would have blocked, however many bytes arrive meanwhile. Otherwise as
    /// epoll does: each arrival tells again.
    pub strict_edges: bool,
    /// Room in a socket, in the kernel's accounting.
    pub socket_limit: usize,
    /// Most bytes of ours on their way to the engine.
    pub request_room: usize,
    /// The engine refills a socket while we are still reading from it.
    pub refill: u64,
    /// A connect finds the backlog full.
    pub busy: u64,
    /// Time that a turn of the loop takes.
    pub turn: u64,
    /// Most lines of a container that a killed engine logs when it is back and finds the container orphaned.
    pub orphan_lines: u64,
}

impl Knobs {
    /// A quiet machine: everything whole and at once.
    pub fn calm() -> Self {
        Knobs {
            short_reads: 0,
            short_writes: 0,
            interrupted: 0,
            delay: 20_000,
            spurious: 0,
            stale: 0,
            strict_edges: false,
            socket_limit: SOCKET_LIMIT,
            request_room: 64 * 1024,
            refill: 0,
            busy: 0,
            turn: 10_000,
            orphan_lines: ORPHAN_LINES,
        }
    }

    /// A machine of a character of its own.
    pub fn random(rng: &mut Rng) -> Self {
        Knobs {
            short_reads: rng.pick(&[0, 0, 10, 60]),
            short_writes: rng.pick(&[0, 0, 20, 80]),
            interrupted: rng.pick(&[0, 0, 3]),
            delay: rng.pick(&[1, 50_000, 2_000_000, 60_000_000]),
            spurious: rng.pick(&[0, 5, 30]),
            stale: rng.pick(&[0, 5, 30]),
            strict_edges: rng.percent(50),
            socket_limit: rng.pick(&[SOCKET_LIMIT, SOCKET_LIMIT, 1_000, 9_000]),
            request_room: rng.pick(&[64 * 1024, 64 * 1024, 1, 30]),
            refill: rng.pick(&[0, 20, 80]),
            busy: rng.pick(&[0, 0, 5, 40]),
            turn: rng.pick(&[1_000, 10_000, 200_000]),
            orphan_lines: ORPHAN_LINES,
        }
    }
}
