//! Whether a container that we know is followed, and what follows when that changes: by its name, by what inspect tells,
//! or by other rules.
//!
//! ```text
//!   not known ──► Undecided ── inspect ──► Followed ◄──┐
//!     ▲  └────────────┼────────────────────► │         │ other rules: with what it writes from then on
//!     └───────────────┼── another name ──────┘         │
//!                     └──────── inspect ──► Left ──────┘
//! ```
//! Where no rule asks for what only inspect tells, a container that is left isn't known at all, and costs nothing.

use std::rc::Rc;

use docklog_protocol::{ContainerId, Inspected};

use super::Core;
use super::catalogue::{Container, Made};
use super::exchange::{End, StreamId};
use super::metadata::describe;
use super::selection::{Facts, Selection, Verdict};
use super::sinks::Wanted;
use super::stream::{FormatKnown, Opening, Phase};
use super::window::Begin;
use crate::limits;

/// Whether a container is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Followed,
    /// Inspect has to tell; nothing is read before.
    Undecided,
    /// It isn't, by what inspect has told. It stays known, so that inspect isn't asked again: what it tells never changes.
    Left,
}

/// What a judgement means for a container that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stands(Standing),
    /// It can be judged without inspect, so that nothing need be known of it.
    Forgotten,
}

impl Core {
    /// How a container that isn't known is to stand; `None`: it is left.
    pub(super) fn standing(&self, facts: &Facts<'_>) -> Option<Standing> {
        match self.rules.selection.judge(facts) {
            Verdict::Followed(_) => Some(Standing::Followed),
            Verdict::NeedsInspect => Some(Standing::Undecided),
            Verdict::Left(_) => None,
        }
    }

    /// Other containers are selected than before. A list tells which; streams that this doesn't concern keep their sessions.
    pub(super) fn select_again(&mut self, before: Selection) {
        self.before.get_or_insert(before);
        self.selections += 1;
        self.list();
    }

    /// True if the rules before left this container, which isn't known: it is no start that we have missed.
    pub(super) fn was_left(&self, facts: &Facts<'_>) -> bool {
        self.before.as_ref().is_some_and(|before| matches!(before.judge(facts), Verdict::Left(_)))
    }

    /// How a container begins that other rules bring in: as one that was there before us. But one that was followed before
    /// begins with what it writes from now on: the past was read already, and what it wrote since it was left isn't wanted.
    pub(super) fn opening_of_selected(&self, id: ContainerId, running: bool) -> Opening {
        let again = self.left.contains(&id);
        Opening::As(if again { Begin::Now(self.now.wall) } else { self.begin(running) })
    }

    /// If it was followed until now, its place is forgotten, and that it was is kept. One that waits for inspect may have a
    /// place from an earlier run, and keeps that.
    fn was_followed(&mut self, id: StreamId) {
        let full = self.left.len() >= limits::CONTAINERS;
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let stream = &mut container.stream;
        if matches!(stream.phase, Phase::Inspecting | Phase::Never) || stream.reader.take().is_none() {
            return;
        }
        stream.settled = None;
        stream.ahead.clear();
        if !full {
            self.left.insert(container.source.id);
        }
    }

    /// A container that we know is told of again. It may have another name, or the rules may be others; its labels, image
    /// and driver stay. False: it isn't known any more.
    pub(super) fn told_again(&mut self, id: StreamId, told: &Facts<'_>) -> bool {
        let Some(container) = self.catalogue.get(id) else { return false };
        let same_name = told.name.is_empty() || told.name == container.name();
        if same_name && container.judged_by == self.selections {
            return true;
        }
        self.judge_again(id, told)
    }

    fn judge_again(&mut self, id: StreamId, told: &Facts<'_>) -> bool {
        let Some(container) = self.catalogue.get(id) else { return false };
        let facts = container.facts(told);
        let fate = fate(container, self.rules.selection.judge(&facts));
        self.describe(id, told);
        match fate {
            Fate::Forgotten => {
                self.finish_lines(id);
                self.was_followed(id);
                self.drop_stream(id);
            }
            Fate::Stands(Standing::Left) => self.leave(id),
            Fate::Stands(standing) => self.stay(id, standing),
        }
        fate != Fate::Forgotten
    }

    /// Its records say this of it from now on; lines read before keep what they bear.
    fn describe(&mut self, id: StreamId, told: &Facts<'_>) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let facts = container.facts(told);
        let source = describe(&facts, &self.rules.selection, &self.rules.fields);
        let wanted = Wanted::by(&self.rules.sinks, &facts);
        let other_name = (facts.name != source.name).then(|| facts.name.into());
        container.wanted = wanted;
        if *container.source != source {
            container.source = Rc::new(source);
        }
        container.other_name = other_name;
    }

    fn stay(&mut self, id: StreamId, standing: Standing) {
        let Some(container) = self.catalogue.get(id) else { return };
        let opening = self.opening_of_selected(container.source.id, container.running);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let before = std::mem::replace(&mut container.standing, standing);
        container.judged_by = self.selections;
        if before != Standing::Left {
            return;
        }
        let stream = &mut container.stream;
        (stream.phase, stream.opening) = (Phase::Idle, opening);
        if container.running {
            stream.begin_run(self.now.mono);
            self.want(id);
        }
    }

    /// It isn't followed, and inspect need not be asked for that again.
    fn leave(&mut self, id: StreamId) {
        self.finish_lines(id);
        self.was_followed(id);
        self.close_session(id);
        self.has_caught_up(id);
        self.cancel_timers(id);
        let Some(container) = self.catalogue.get_mut(id) else { return };
        (container.standing, container.judged_by) = (Standing::Left, self.selections);
        let stream = &mut container.stream;
        (stream.phase, stream.started, stream.joined) = (Phase::Never, false, false);
        if container.gone {
            self.forget(id);
        }
    }

    /// What inspect has told decides about those that wait for it; and it knows the image by its name, where the list has
    /// told an id.
    pub(super) fn judge_inspected(&mut self, id: StreamId, inspected: &Inspected) {
        let Some(container) = self.catalogue.get_mut(id) else { return };
        let (image, driver) = (inspected.image.as_str().into(), inspected.log_driver.as_str().into());
        container.made = Some(Box::new(Made { image, driver }));
        let undecided = container.standing == Standing::Undecided;
        let name = container.name().to_owned(); // a rename is told by its event, or by the list
        let told = Facts { name: &name, ..Facts::from(inspected) };
        if undecided {
            self.judge_again(id, &told);
        } else {
            self.describe(id, &told);
        }
    }

    /// Inspect is over, and this container still isn't decided upon. If it was refused, it will be again; else it is asked
    /// again a few times. At last the container is followed: better one too many than one that nobody hears. True if it is
    /// to be asked again.
    pub(super) fn is_undecided(&mut self, id: StreamId, end: &End) -> bool {
        let Some(container) = self.catalogue.get_mut(id) else { return false };
        if container.standing != Standing::Undecided {
            return false;
        }
        let stream = &mut container.stream;
        let may_pass = matches!(end, End::Unconnected(_) | End::Truncated | End::Late);
        if stream.phase == Phase::Inspecting && may_pass && stream.attempt < limits::TRIES {
            stream.format = FormatKnown::Unasked;
            self.leave_slot(id);
            self.fail(id);
            return true;
        }
        container.standing = Standing::Followed;
        false
    }

    /// Containers known that are followed, as far as is known.
    pub(super) fn followed(&self) -> usize {
        self.catalogue.iter().filter(|(_, container)| container.standing != Standing::Left).count()
    }
}

fn fate(container: &Container, verdict: Verdict<'_>) -> Fate {
    match verdict {
        Verdict::Followed(_) => Fate::Stands(Standing::Followed),
        // It was asked before, in vain.
        Verdict::NeedsInspect if matches!(container.stream.format, FormatKnown::As(_)) => {
            Fate::Stands(Standing::Followed)
        }
        Verdict::NeedsInspect => Fate::Stands(Standing::Undecided),
        Verdict::Left(reason) if reason.rests_on_inspect() && container.made.is_some() => {
            Fate::Stands(Standing::Left)
        }
        Verdict::Left(_) => Fate::Forgotten,
    }
}

#[cfg(test)]
mod tests {
    use docklog_protocol::{Action, Refusal};

    use super::super::exchange::{Exchange, Input};
    use super::super::tests::played::{Played, excluding};
    use super::*;

    #[test]
    fn other_rules_touch_only_those_whom_they_concern() {
        let mut played = Played::new(Selection::default(), &["web", "db"]);
        let opened =
            ["open Logs(web) tail=1", "open Inspect(web)", "open Logs(db) tail=1", "open Inspect(db)"];
        assert_eq!(played.list(), opened);
        for name in ["web", "db"] {
            assert!(played.inspected(name, "json-file").is_empty());
            let stream = played.stream(name);
            played.head(Exchange::Logs(stream));
        }
        assert_eq!(played.reselect(excluding(&["db"], &[])), ["close Logs(gone)", "close Inspect(gone)"]);
        assert_eq!((played.core.followed(), played.core.sessions), (1, 1));
        // It has run all the time, and what it wrote meanwhile isn't wanted.
        assert_eq!(played.reselect(Selection::default()), ["open Logs(db) tail=1", "open Inspect(db)"]);
        assert!(played.reselect(excluding(&["tmp-*"], &[])).is_empty());
    }

    #[test]
    fn a_start_that_nobody_has_told_of_isn_t_taken_for_one_that_other_rules_bring_in() {
        let mut played = Played::new(excluding(&["db"], &[]), &["web", "db"]);
        assert_eq!(played.list(), ["open Logs(web) tail=1", "open Inspect(web)"]);
        played.containers.push("unheard");
        // Where its present run begins only inspect knows.
        assert_eq!(
            played.reselect(Selection::default()),
            ["open Logs(db) tail=1", "open Inspect(db)", "open Inspect(unheard)"]
        );
    }

    #[test]
    fn a_driver_that_is_known_is_not_asked_for_by_other_rules() {
        let mut played = Played::new(Selection::default(), &["web", "db"]);
        played.list();
        played.inspected("web", "json-file");
        played.inspected("db", "local");
        played.record("db", "1970-01-01T00:16:39Z");
        let stream = played.stream("db");
        played.end(Exchange::Logs(stream));
        assert_eq!(played.commands(), ["open Logs(db) tail=1024"], "it follows from that record on");
        played.record("db", "1970-01-01T00:16:39Z");
        played.record("db", "1970-01-01T00:16:41Z");
        played.core.end_epoch();
        assert_eq!(played.core.take_batch(0).map(|batch| batch.lines()), Some(1));
        let left = played.reselect(excluding(&[], &["local"]));
        assert_eq!(left, ["close Logs(db)"]);
        assert_eq!((played.core.followed(), played.core.catalogue.count()), (1, 2));
        // From now on, and not from where it stood.
        assert_eq!(played.reselect(excluding(&[], &["none"])), ["open Logs(db) tail=1"]);
    }

    #[test]
    fn who_is_left_by_its_driver_stays_known_until_it_is_removed() {
        let mut played = Played::new(excluding(&[], &["local"]), &["web", "db"]);
        assert_eq!(played.list(), ["open Inspect(web)", "open Inspect(db)"]);
        assert_eq!(played.inspected("web", "json-file"), ["open Logs(web) tail=1"]);
        assert_eq!(played.inspected("db", "local"), ["close Logs(db)"]);
        assert_eq!(played.core.settled_places().count(), 0);
        assert_eq!((played.core.followed(), played.core.counts().unreadable), (1, 0));
        played.event("db", Action::Die { exit_code: None });
        played.event("db", Action::Start);
        assert!(played.commands().is_empty());
        played.event("db", Action::Destroy);
        assert_eq!(played.core.catalogue.count(), 1);
        assert_eq!(played.core.counts().missed, 0);
    }

    #[test]
    fn a_list_that_lags_behind_an_end_makes_no_new_run_of_it() {
        let mut played = Played::new(Selection::default(), &["web", "db"]);
        played.list();
        played.inspected("db", "json-file");
        let stream = played.stream("db");
        // The first session asks for the newest line, where a stream begins that begins now; the second follows from there.
        played.record("db", "1970-01-01T00:16:41Z");
        played.end(Exchange::Logs(stream));
        assert_eq!(played.commands(), ["open Logs(db) tail=1024"]);
        played.record("db", "1970-01-01T00:16:41Z");
        played.event("db", Action::Die { exit_code: None });
        played.reselect(Selection::default()); // that lists them all as running
        assert!(played.core.catalogue.get(stream).expect("it is known").stream.again);
        played.end(Exchange::Logs(stream));
        played.event("db", Action::Destroy);
        let refusal = Refusal { status: 404, message: "no such container".to_owned() };
        played.core.handle(Input::Ended(Exchange::Logs(stream), End::Refused(refusal)));
        played.commands();
        assert_eq!((played.core.catalogue.count(), played.core.counts().missed), (1, 0));
    }

    #[test]
    fn other_rules_that_come_before_inspect_has_answered_wait_for_it() {
        let mut played = Played::new(Selection::default(), &["web", "db"]);
        played.list();
        assert!(played.reselect(excluding(&[], &["local"])).is_empty());
        assert!(played.inspected("web", "json-file").is_empty());
        assert_eq!(played.inspected("db", "local"), ["close Logs(db)"]);
        assert_eq!(played.core.sessions, 1);
    }
}
