//! When a line was written, as Loki is told. Loki keeps entries by their time, needs one for each, and takes two for one if
//! both time and text are the same. That is no loss while times are those of Docker. But Podman's are whole seconds, the
//! segments of a long line share one, and clocks of virtual machines can be coarse. So lines of one channel that bear
//! the same time are a nanosecond apart, in their order; and so are those that bear none from the line before.

use std::collections::HashMap;

use docklog_protocol::{Channel, ContainerId};

use crate::limits;

/// The clocks of all containers.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// Whose lines came last, and their clocks, so that lines in a row ask for nobody's.
    present: Option<ContainerId>,
    clocks: Pair,
    others: HashMap<ContainerId, Pair>,
}

/// Of stderr, and of all else.
type Pair = [Clock; 2];

impl Clocks {
    /// Lines of this container follow.
    pub(super) fn turn_to(&mut self, id: ContainerId) {
        if self.present == Some(id) {
            return;
        }
        if let Some(before) = self.present.replace(id) {
            if self.others.len() >= limits::LOKI_CLOCKS {
                self.others.clear();
            }
            self.others.insert(before, self.clocks);
        }
        self.clocks = self.others.get(&id).copied().unwrap_or_default();
    }

    /// The time of that container's next entry, in nanoseconds since the epoch. `stamp` is its line's, if it has one; `now`
    /// stands for it if nothing else is known.
    pub(super) fn next(&mut self, channel: Channel, stamp: Option<i64>, now: i64) -> i64 {
        self.clocks[usize::from(channel == Channel::Stderr)].next(stamp, now)
    }
}

/// The times of the last entries that were a nanosecond apart: none of these may be told again.
#[derive(Clone, Copy, Debug, Default)]
struct Clock(Option<(i64, i64)>);

impl Clock {
    fn next(&mut self, stamp: Option<i64>, now: i64) -> i64 {
        let run = match (self.0, stamp) {
            (Some((first, last)), None) => (first, last.saturating_add(1)),
            // A clock that was set back is believed.
            (Some((first, last)), Some(stamp)) if (first..=last).contains(&stamp) => {
                (first, last.saturating_add(1))
            }
            (_, Some(stamp)) => (stamp, stamp),
            (None, None) => (now, now),
        };
        self.0 = Some(run);
        run.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> ContainerId {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        ContainerId::from(bytes)
    }

    fn times(clocks: &mut Clocks, stamps: &[Option<i64>]) -> Vec<i64> {
        stamps.iter().map(|stamp| clocks.next(Channel::Stdout, *stamp, 1_000)).collect()
    }

    #[test]
    fn equal_times_are_a_nanosecond_apart() {
        let mut clocks = Clocks::default();
        clocks.turn_to(id(1));
        let stamps = [5, 5, 5, 6, 7, 50, 50, 52].map(Some);
        assert_eq!(times(&mut clocks, &stamps), [5, 6, 7, 8, 9, 50, 51, 52]);
        assert_eq!(times(&mut clocks, &[Some(i64::MAX); 2]), [i64::MAX; 2], "there is no later time");
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed() {
        let mut clocks = Clocks::default();
        assert_eq!(times(&mut clocks, &[Some(500), Some(20), Some(20), Some(400)]), [500, 20, 21, 400]);
    }

    #[test]
    fn a_line_without_a_time_follows_the_line_before_it() {
        let mut clocks = Clocks::default();
        assert_eq!(times(&mut clocks, &[None, None, Some(7), None, Some(8)]), [1_000, 1_001, 7, 8, 9]);
    }

    #[test]
    fn each_channel_of_each_container_has_its_own_time() {
        let mut clocks = Clocks::default();
        let mut next = |number, channel| {
            clocks.turn_to(id(number));
            clocks.next(channel, Some(5), 0)
        };
        assert_eq!((next(1, Channel::Stdout), next(1, Channel::Stderr)), (5, 5));
        assert_eq!((next(2, Channel::Stdout), next(1, Channel::Stdout)), (5, 6));
        assert_eq!((next(2, Channel::Tty), next(1, Channel::Stderr)), (6, 6));
    }

    #[test]
    fn no_more_containers_are_known_than_there_may_be() {
        let mut clocks = Clocks::default();
        for number in 0..=limits::LOKI_CLOCKS as u16 + 9 {
            clocks.turn_to(id(number));
            clocks.next(Channel::Stdout, Some(5), 0);
            assert!(clocks.others.len() <= limits::LOKI_CLOCKS);
        }
    }
}
