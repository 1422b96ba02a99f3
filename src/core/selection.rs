//! Which containers are followed, and by which rule. One function decides, in this order:
//!
//! 1. our own container is left, unless it is wanted;
//! 2. its label `<prefix>.enable=false` leaves it;
//! 3. any rule of exclude leaves it;
//! 4. with `select.opt_in` it is left unless its label says `<prefix>.enable=true`;
//! 5. else it must match each kind of rule that include has.
//!
//! So a label can't bring a container into a run that was asked for others: whoever types `docklog web` sees web alone.

use std::collections::BTreeMap;
use std::fmt;

use docklog_protocol::{ContainerId, Event, Inspected, Listed};

use super::pattern::{LabelRule, Pattern, is_image_id};

/// Compose's labels, which every Compose implementation sets.
pub const PROJECT: &str = "com.docker.compose.project";
/// See [`PROJECT`].
pub const SERVICE: &str = "com.docker.compose.service";

/// What the labels on containers begin with, unless set.
const LABEL_PREFIX: &str = "docklog";

/// The log driver whose lines are in the journal.
const JOURNALD: &str = "journald";

/// What a label that switches may say.
const TRUE: [&str; 4] = ["true", "1", "yes", "on"];
/// See [`TRUE`].
const FALSE: [&str; 4] = ["false", "0", "no", "off"];

/// Rules of one table, `[include]` or `[exclude]`.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    /// Of names; also the first twelve digits of an id, or more.
    pub names: Vec<Pattern>,
    /// Of labels. Of an include's all must be there, of an exclude's any.
    pub labels: Vec<LabelRule>,
    /// Of Compose projects.
    pub projects: Vec<Pattern>,
    /// Of Compose services.
    pub services: Vec<Pattern>,
    /// Of images, as the engine tells them; a glob may leave out tag and digest, and `docker.io/library/`.
    pub images: Vec<Pattern>,
    /// Of log drivers.
    pub drivers: Vec<Pattern>,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Names,
    Labels,
    Projects,
    Services,
    Images,
    Drivers,
}

/// What everybody tells first, what only inspect may tell last.
const KINDS: [Kind; 6] =
    [Kind::Names, Kind::Labels, Kind::Projects, Kind::Services, Kind::Images, Kind::Drivers];

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Labels => "labels",
            Self::Projects => "projects",
            Self::Services => "services",
            Self::Images => "images",
            Self::Drivers => "drivers",
        }
    }
}

/// A rule that has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    kind: Kind,
    text: &'a str,
}

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.text)
    }
}

/// What is known of a container.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its id.
    pub id: ContainerId,
    /// The engine's name for it.
    pub name: &'a str,
    /// Its image. Without a driver, that is before inspect, an id isn't the last word: inspect tells the name by which it
    /// was asked for.
    pub image: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its log driver. `None`: only inspect tells.
    pub driver: Option<&'a str>,
}

impl<'a> From<&'a Listed> for Facts<'a> {
    fn from(told: &'a Listed) -> Self {
        Self { id: told.id, name: &told.name, image: &told.image, labels: &told.labels, driver: None }
    }
}

impl<'a> From<&'a Event> for Facts<'a> {
    fn from(told: &'a Event) -> Self {
        Self { id: told.id, name: &told.name, image: &told.image, labels: &told.labels, driver: None }
    }
}

impl<'a> From<&'a Inspected> for Facts<'a> {
    fn from(told: &'a Inspected) -> Self {
        let driver = Some(told.log_driver.as_str());
        Self { id: told.id, name: &told.name, image: &told.image, labels: &told.labels, driver }
    }
}

impl Facts<'_> {
    /// True if only inspect tells what rules of this kind look at.
    fn lack(&self, kind: Kind) -> bool {
        let image = self.image.is_empty() || is_image_id(self.image);
        self.driver.is_none() && (kind == Kind::Drivers || kind == Kind::Images && image)
    }
}

/// Whether a container is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is.
    Followed(Reason<'a>),
    /// It isn't.
    Left(Reason<'a>),
    /// A rule asks for what only inspect tells, and no other rule has left the container before.
    NeedsInspect,
}

/// Which rule has decided. Its words name the keys of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// We run in it.
    Own,
    /// Its label `<prefix>.enable`, with the prefix and the label's value.
    Label(&'a str, &'a str),
    /// This rule of exclude.
    Excluded(Rule<'a>),
    /// Only labels have containers followed, and it has none. The prefix.
    OptIn(&'a str),
    /// This rule of include; where include has several kinds of rules, the first of them.
    Included(Rule<'a>),
    /// Include has rules of this kind, which it doesn't match.
    NotIncluded(Missed),
    /// There is no include, and nothing excludes it.
    Unexcluded,
}

/// Rules of include that a container doesn't match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    kind: Kind,
}

impl Reason<'_> {
    /// True if it may rest on what only inspect tells.
    pub(super) fn rests_on_inspect(self) -> bool {
        let (Self::Excluded(Rule { kind, .. }) | Self::NotIncluded(Missed { kind })) = self else {
            return false;
        };
        matches!(kind, Kind::Images | Kind::Drivers)
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own container (select.include_self is off)"),
            Self::Label(prefix, value) => write!(f, "label {prefix}.enable={value}"),
            Self::Excluded(rule) => write!(f, "exclude.{rule}"),
            Self::OptIn(prefix) => {
                write!(f, "select.opt_in is on, and it has no label {prefix}.enable=true")
            }
            Self::Included(rule) => write!(f, "include.{rule}"),
            Self::NotIncluded(Missed { kind: Kind::Labels }) => f.write_str("it lacks one of include.labels"),
            Self::NotIncluded(Missed { kind }) => write!(f, "it matches none of include.{}", kind.as_str()),
            Self::Unexcluded => f.write_str("no rule excludes it"),
        }
    }
}

/// What rules of one kind say of a container.
enum Found<'a> {
    Rule(Rule<'a>),
    Nothing,
    /// Inspect must tell.
    Unknown,
}

/// What all rules of include say.
enum Included<'a> {
    /// Each kind that there is has a rule that matches. The first; `None`: there is no rule at all.
    By(Option<Rule<'a>>),
    Not(Kind),
    Unknown,
}

impl Criteria {
    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Names => !self.names.is_empty(),
            Kind::Labels => !self.labels.is_empty(),
            Kind::Projects => !self.projects.is_empty(),
            Kind::Services => !self.services.is_empty(),
            Kind::Images => !self.images.is_empty(),
            Kind::Drivers => !self.drivers.is_empty(),
        }
    }

    /// The first rule of a kind that matches.
    fn find(&self, kind: Kind, facts: &Facts<'_>) -> Found<'_> {
        let label = |key| facts.labels.get(key);
        let text = match kind {
            Kind::Names => first(&self.names, |rule| rule.matches(facts.name) || rule.names_id(facts.id)),
            Kind::Labels => self.labels.iter().find(|rule| rule.matches(facts.labels)).map(LabelRule::text),
            Kind::Projects => {
                label(PROJECT).and_then(|value| first(&self.projects, |rule| rule.matches(value)))
            }
            Kind::Services => {
                label(SERVICE).and_then(|value| first(&self.services, |rule| rule.matches(value)))
            }
            Kind::Images => first(&self.images, |rule| rule.covers_image(facts.image)),
            Kind::Drivers => {
                facts.driver.and_then(|driver| first(&self.drivers, |rule| rule.matches(driver)))
            }
        };
        match text {
            Some(text) => Found::Rule(Rule { kind, text }),
            None if self.has(kind) && facts.lack(kind) => Found::Unknown,
            None => Found::Nothing,
        }
    }

    /// As an exclude: any rule is enough.
    fn exclude(&self, facts: &Facts<'_>) -> Found<'_> {
        let mut unknown = false;
        for kind in KINDS {
            match self.find(kind, facts) {
                Found::Nothing => {}
                Found::Unknown => unknown = true,
                rule => return rule,
            }
        }
        if unknown { Found::Unknown } else { Found::Nothing }
    }

    /// As an include: each kind that has rules must have one that matches; of labels, all must.
    fn include(&self, facts: &Facts<'_>) -> Included<'_> {
        let (mut by, mut unknown) = (None, false);
        for kind in KINDS.into_iter().filter(|kind| self.has(*kind)) {
            let all = kind != Kind::Labels || self.labels.iter().all(|rule| rule.matches(facts.labels));
            match self.find(kind, facts) {
                Found::Rule(rule) if all => by = by.or(Some(rule)),
                Found::Unknown => unknown = true,
                _ => return Included::Not(kind),
            }
        }
        if unknown { Included::Unknown } else { Included::By(by) }
    }
}

fn first(patterns: &[Pattern], matches: impl Fn(&Pattern) -> bool) -> Option<&str> {
    patterns.iter().find(|pattern| matches(pattern)).map(Pattern::text)
}

/// All rules.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Who is followed, if there is a rule in it; else all are.
    pub include: Criteria,
    /// Who of them isn't.
    pub exclude: Criteria,
    /// Nobody is followed whose labels don't ask for it.
    pub opt_in: bool,
    /// What the labels on containers begin with: `docklog` of `docklog.enable`.
    pub label_prefix: String,
    /// The container that we run in ourselves, if it is to be left out: its log would be our own output again.
    pub own: Option<ContainerId>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            include: Criteria::default(),
            exclude: Criteria::default(),
            opt_in: false,
            label_prefix: LABEL_PREFIX.to_owned(),
            own: None,
        }
    }
}

impl Selection {
    /// Where lines go to the journal: those that are in it already aren't read, for the engine would read ours for theirs, again
    /// and again.
    pub fn leave_the_journals(&mut self) {
        if !self.exclude.drivers.iter().any(|driver| driver.text() == JOURNALD) {
            self.exclude.drivers.push(Pattern::glob(JOURNALD));
        }
    }

    /// Whether this container is followed, and why.
    pub fn judge<'a>(&'a self, facts: &Facts<'a>) -> Verdict<'a> {
        if self.own == Some(facts.id) {
            return Verdict::Left(Reason::Own);
        }
        let label = self.label(facts.labels, "enable");
        let enable = label.and_then(|value| Some((value, switch(value)?)));
        if let Some((value, false)) = enable {
            return Verdict::Left(Reason::Label(&self.label_prefix, value));
        }
        let excluded = self.exclude.exclude(facts);
        if let Found::Rule(rule) = excluded {
            return Verdict::Left(Reason::Excluded(rule));
        }
        let asked = match enable {
            Some((value, _)) if self.opt_in => Some(Reason::Label(&self.label_prefix, value)),
            None if self.opt_in => return Verdict::Left(Reason::OptIn(&self.label_prefix)),
            _ => None,
        };
        let reason = match self.include.include(facts) {
            Included::By(Some(rule)) => Reason::Included(rule),
            Included::By(None) => asked.unwrap_or(Reason::Unexcluded),
            Included::Not(kind) => return Verdict::Left(Reason::NotIncluded(Missed { kind })),
            Included::Unknown => return Verdict::NeedsInspect,
        };
        if matches!(excluded, Found::Unknown) { Verdict::NeedsInspect } else { Verdict::Followed(reason) }
    }

    /// One of a container's labels for us.
    pub(super) fn label<'a>(&self, labels: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
        labels.get(&format!("{}.{name}", self.label_prefix)).map(String::as_str)
    }

    /// What is wrong with a container's label `<prefix>.enable`, if it is ignored for that.
    pub fn complaint(&self, labels: &BTreeMap<String, String>) -> Option<String> {
        let value = self.label(labels, "enable").filter(|value| switch(value).is_none())?;
        let (prefix, yes, no) = (&self.label_prefix, TRUE.join(", "), FALSE.join(", "));
        Some(format!("label {prefix}.enable={value} is ignored: expected one of {yes}, or one of {no}"))
    }

    /// True if not everybody is asked for, so that it is worth a word if there is nobody.
    pub fn is_selective(&self) -> bool {
        self.opt_in || KINDS.into_iter().any(|kind| self.include.has(kind))
    }

    /// True if containers are named, so that asking for a stopped one makes sense.
    pub fn is_explicit(&self) -> bool {
        !self.include.names.is_empty()
    }
}

/// What a label that switches says, if it is understood.
fn switch(value: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| value.trim().eq_ignore_ascii_case(word));
    if is(&TRUE) { Some(true) } else { is(&FALSE).then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a test says of a container, in words.
    #[derive(Clone, Copy)]
    struct Told {
        name: &'static str,
        image: &'static str,
        labels: &'static [(&'static str, &'static str)],
        driver: Option<&'static str>,
    }

    const WEB: Told = Told {
        name: "web",
        image: "nginx:1.25",
        labels: &[(PROJECT, "shop"), (SERVICE, "front"), ("tier", "1")],
        driver: None,
    };

    fn id() -> ContainerId {
        ContainerId::from([0xab; 32])
    }

    /// Rules in the words of the configuration file: `include.names=web`, `opt_in`, `own`.
    fn rules(words: &[&str]) -> Selection {
        let mut rules = Selection::default();
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let (table, kind) = key.split_once('.').unwrap_or((key, ""));
            let criteria = if table == "include" { &mut rules.include } else { &mut rules.exclude };
            let pattern = || Pattern::parse(value).expect("a pattern");
            match (table, kind) {
                ("own", _) => rules.own = Some(id()),
                ("opt_in", _) => rules.opt_in = true,
                ("label_prefix", _) => rules.label_prefix = value.to_owned(),
                (_, "names") => criteria.names.push(pattern()),
                (_, "labels") => criteria.labels.push(LabelRule::parse(value).expect("a rule")),
                (_, "projects") => criteria.projects.push(pattern()),
                (_, "services") => criteria.services.push(pattern()),
                (_, "images") => criteria.images.push(pattern()),
                (_, "drivers") => criteria.drivers.push(pattern()),
                _ => panic!("no such rule: {word}"),
            }
        }
        rules
    }

    fn labels(told: &Told) -> BTreeMap<String, String> {
        told.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// The verdict in words: `+` and why, `-` and why, or `?`.
    fn judge(rules: &Selection, told: &Told) -> String {
        let labels = labels(told);
        let Told { name, image, driver, .. } = *told;
        match rules.judge(&Facts { id: id(), name, image, labels: &labels, driver }) {
            Verdict::Followed(reason) => format!("+ {reason}"),
            Verdict::Left(reason) => format!("- {reason}"),
            Verdict::NeedsInspect => "?".to_owned(),
        }
    }

    #[track_caller]
    fn check(told: &Told, cases: &[(&[&str], &str)]) {
        for (words, expected) in cases {
            assert_eq!(judge(&rules(words), told), *expected, "{words:?}");
        }
    }

    #[test]
    fn the_verdict_tells_the_rule_that_decided() {
        check(
            &WEB,
            &[
                (&[], "+ no rule excludes it"),
                (&["own"], "- own container (select.include_self is off)"),
                (&["opt_in"], "- select.opt_in is on, and it has no label docklog.enable=true"),
                (&["include.names=db", "include.names=we?"], "+ include.names: we?"),
                (&["include.names=abababababab"], "+ include.names: abababababab"),
                (&["include.names=db"], "- it matches none of include.names"),
                (&["include.projects=shop"], "+ include.projects: shop"),
                (&["include.projects=blog", "include.projects=sh*"], "+ include.projects: sh*"),
                (&["include.services=back"], "- it matches none of include.services"),
                (&["include.labels=tier", "include.labels=tier=1"], "+ include.labels: tier"),
                (&["include.labels=tier", "include.labels=tier=2"], "- it lacks one of include.labels"),
                (&["include.images=nginx"], "+ include.images: nginx"),
                (&["include.images=nginx:1.24"], "- it matches none of include.images"),
                (&["exclude.names=tmp-*", "exclude.names=w*"], "- exclude.names: w*"),
                (&["exclude.labels=tier=2", "exclude.labels=tier"], "- exclude.labels: tier"),
                (&["exclude.images=/ngin/"], "- exclude.images: /ngin/"),
                (&["exclude.projects=blog"], "+ no rule excludes it"),
            ],
        );
    }

    #[test]
    fn each_kind_of_include_must_hold_and_any_exclude_is_enough() {
        check(
            &WEB,
            &[
                (&["include.names=web", "include.projects=shop"], "+ include.names: web"),
                (&["include.names=web", "include.projects=blog"], "- it matches none of include.projects"),
                (&["include.names=web", "exclude.services=front"], "- exclude.services: front"),
                (&["include.names=db", "exclude.services=front"], "- exclude.services: front"),
            ],
        );
    }

    #[test]
    fn the_container_s_own_label_can_leave_it_or_let_it_opt_in_but_not_bring_it_into_other_selections() {
        let on = Told { labels: &[("docklog.enable", "true")], ..WEB };
        check(
            &on,
            &[
                (&[], "+ no rule excludes it"),
                (&["opt_in"], "+ label docklog.enable=true"),
                (&["include.names=db"], "- it matches none of include.names"),
                (&["opt_in", "include.names=db"], "- it matches none of include.names"),
                (&["opt_in", "include.names=web"], "+ include.names: web"),
                (&["opt_in", "include.drivers=local"], "?"),
                (&["exclude.names=web"], "- exclude.names: web"),
                (&["exclude.drivers=local"], "?"),
                (&["own"], "- own container (select.include_self is off)"),
                (
                    &["opt_in", "label_prefix=logs"],
                    "- select.opt_in is on, and it has no label logs.enable=true",
                ),
            ],
        );
        let off = Told { labels: &[("docklog.enable", "Off")], ..WEB };
        check(
            &off,
            &[
                (&["include.names=web"], "- label docklog.enable=Off"),
                (&["exclude.names=web"], "- label docklog.enable=Off"),
                (&["label_prefix=logs"], "+ no rule excludes it"),
            ],
        );
    }

    #[test]
    fn a_label_that_says_nothing_is_ignored_and_can_be_complained_of() {
        let odd = Told { labels: &[("docklog.enable", "maybe")], ..WEB };
        check(
            &odd,
            &[
                (&[], "+ no rule excludes it"),
                (&["opt_in"], "- select.opt_in is on, and it has no label docklog.enable=true"),
            ],
        );
        let complaint = Selection::default().complaint(&labels(&odd)).expect("a complaint");
        assert!(complaint.starts_with("label docklog.enable=maybe is ignored: expected"), "{complaint}");
        assert_eq!(Selection::default().complaint(&labels(&WEB)), None);
        for value in ["true", "1", "YES", " on ", "false", "0", "no", "OFF"] {
            let labels = BTreeMap::from([("docklog.enable".to_owned(), value.to_owned())]);
            assert_eq!(Selection::default().complaint(&labels), None, "{value}");
        }
    }

    #[test]
    fn inspect_is_needed_only_where_nothing_else_decides() {
        check(
            &WEB,
            &[
                (&["include.drivers=local"], "?"),
                (&["exclude.drivers=local"], "?"),
                (&["include.drivers=local", "include.names=db"], "- it matches none of include.names"),
                (&["include.drivers=local", "exclude.names=web"], "- exclude.names: web"),
                (
                    &["exclude.drivers=local", "opt_in"],
                    "- select.opt_in is on, and it has no label docklog.enable=true",
                ),
                (&["exclude.drivers=local", "own"], "- own container (select.include_self is off)"),
            ],
        );
        check(
            &Told { driver: Some("local"), ..WEB },
            &[
                (&["include.drivers=lo*"], "+ include.drivers: lo*"),
                (&["include.drivers=json-file"], "- it matches none of include.drivers"),
                (&["exclude.drivers=local"], "- exclude.drivers: local"),
                (&["exclude.drivers=json-file"], "+ no rule excludes it"),
            ],
        );
    }

    #[test]
    fn an_image_that_the_list_tells_by_its_id_is_asked_for() {
        const ID: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let moved = Told { image: ID, ..WEB };
        let by_id = format!("exclude.images={ID}");
        check(
            &moved,
            &[
                (&[], "+ no rule excludes it"),
                (&["include.images=nginx"], "?"),
                (&["exclude.images=nginx"], "?"),
                (&[&by_id], &format!("- exclude.images: {ID}")),
            ],
        );
        let asked_so = Told { driver: Some("local"), ..moved };
        check(&asked_so, &[(&["include.images=nginx"], "- it matches none of include.images")]);
    }

    /// A small generator of numbers (SplitMix64): the same in each run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((mixed ^ (mixed >> 27)) % n as u64) as usize
        }
    }

    #[test]
    fn the_order_of_rules_within_a_kind_decides_nothing() {
        const WORDS: [&str; 16] = [
            "include.names=w*",
            "include.names=db",
            "include.names=/b$/",
            "include.labels=tier",
            "include.labels=tier=1",
            "include.projects=shop",
            "include.projects=blog",
            "include.services=front",
            "include.images=nginx",
            "include.images=redis",
            "include.drivers=local",
            "include.drivers=json-file",
            "exclude.names=tmp-*",
            "exclude.labels=tier=3",
            "exclude.drivers=none",
            "exclude.images=nginx:1.2?",
        ];
        let tolds = [
            WEB,
            Told { driver: Some("local"), ..WEB },
            Told { name: "db", image: "redis", labels: &[("tier", "1"), (PROJECT, "blog")], ..WEB },
            Told { image: "", driver: None, ..WEB },
        ];
        let mut dice = Dice(1);
        let mut seen = [0; 3];
        for _ in 0..2_000 {
            let mut words: Vec<&str> = (0..dice.below(6)).map(|_| WORDS[dice.below(WORDS.len())]).collect();
            let told = &tolds[dice.below(tolds.len())];
            let first = |words: &[&str]| judge(&rules(words), told).chars().next();
            let verdict = first(&words);
            seen[["+", "-", "?"]
                .iter()
                .position(|sign| sign.chars().next() == verdict)
                .expect("a verdict")] += 1;
            for _ in 0..words.len() {
                let (one, other) = (dice.below(words.len()), dice.below(words.len()));
                words.swap(one, other);
            }
            assert_eq!(first(&words), verdict, "{words:?}");
        }
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
    }
}
