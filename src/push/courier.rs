//! One sink: its batch in hand, and the way to its receiver.
//!
//! ```text
//!            a batch
//!   Rests ───────────▶ Looks ──▶ Dials ──▶ Asks ──▶ Rests
//!     ▲  (connected: Asks)        │          │
//!     └────────── Pauses ◀────────┴──────────┘ not taken
//! ```

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::link::Link;
use super::look::{Look, Sight};
use super::parcel::{Parcel, Press};
use super::round::Round;
use super::talk::{Progress, Talk};
use super::target::Target;
use super::verdict::{Answer, Verdict, When, judge};
use super::{Figures, Outcome};
use crate::core::retry;
use crate::core::time::Mono;
use crate::limits;
use crate::shell::world::{Token, World};

/// A sink.
pub(super) struct Courier<S: Read + Write + 'static> {
    name: String,
    target: Target,
    parcel: Option<Parcel>,
    stage: Stage<S>,
    /// The connection, idle or with a request under way, and since when it has been idle.
    talk: Option<(Token, Talk<S>)>,
    idle_since: Mono,
    /// Where the receiver is, as far as that is known; the next one to be tried comes first.
    addresses: VecDeque<IpAddr>,
    /// So long they hold.
    known_until: Mono,
    /// Those that are left of them for this connection.
    untried: usize,
    trouble: Trouble,
    counts: Figures,
    /// It stands in the queue of those to be run.
    pub(super) queued: bool,
}

/// What it does.
enum Stage<S> {
    /// Nothing.
    Rests,
    /// It looks where the receiver is.
    Looks(Look<S>),
    /// It connects.
    Dials(Dial<S>),
    /// It has made a request, and waits for the answer until then.
    Asks(Mono),
    /// It waits until then, to try again.
    Pauses(Mono),
}

/// A connection on its way.
struct Dial<S> {
    token: Token,
    link: Link<S>,
    address: SocketAddr,
    connected: bool,
    until: Mono,
}

/// What goes wrong, since something was taken.
#[derive(Debug, Default)]
struct Trouble {
    /// Tries in a row.
    tries: u32,
    /// The last reason, shortly, and the pause that it led to.
    last: Option<(String, Duration)>,
    /// It was told that nothing is taken.
    told: bool,
    /// When that was told last, this time or before.
    told_at: Option<Mono>,
}

/// Whether there is more to do.
pub(super) enum After {
    /// There is.
    Again,
    /// Not until something happens.
    Waits,
    /// The batch is settled, and there may be more to do.
    Settled(Outcome),
}

impl<S: Read + Write + 'static> Courier<S> {
    /// One without a batch or a connection.
    pub(super) fn new(name: String, target: Target) -> Self {
        Self {
            name,
            target,
            parcel: None,
            stage: Stage::Rests,
            talk: None,
            idle_since: Mono::default(),
            addresses: VecDeque::new(),
            known_until: Mono::default(),
            untried: 0,
            trouble: Trouble::default(),
            counts: Figures::default(),
            queued: false,
        }
    }

    /// True if it has no batch in hand.
    pub(super) fn is_free(&self) -> bool {
        self.parcel.is_none()
    }

    /// Takes a batch in hand.
    pub(super) fn take(&mut self, batch: &[u8], press: &mut Press) {
        let press = self.target.gzip.then_some(press);
        self.parcel = Some(Parcel::new(batch, self.target.frame, press));
    }

    /// An event has told this.
    pub(super) fn mark(&mut self, readable: bool, writable: bool) {
        if let Stage::Looks(look) = &mut self.stage {
            look.mark(readable);
        }
        if let Some((_, talk)) = &self.talk {
            talk.mark(readable, writable);
        }
    }

    /// When there is something to do at the latest.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Rests => None,
            Stage::Looks(look) => Some(look.deadline()),
            Stage::Dials(dial) => Some(dial.until),
            Stage::Asks(until) | Stage::Pauses(until) => Some(*until),
        }
    }

    /// How it fares.
    pub(super) fn figures(&self) -> Figures {
        let mut state = match &self.stage {
            Stage::Rests => "idle".to_owned(),
            Stage::Looks(_) => format!("looking up {}", self.target.host()),
            Stage::Dials(dial) if !dial.connected => format!("connecting to {}", dial.address),
            Stage::Dials(dial) => format!("TLS handshake with {}", dial.address),
            Stage::Asks(_) => "sending".to_owned(),
            Stage::Pauses(_) => "waiting".to_owned(),
        };
        if let Some((why, pause)) = &self.trouble.last {
            let _ = match &self.stage {
                Stage::Pauses(_) => write!(state, " {} after {why}", seconds(*pause)),
                _ => write!(state, ", after {why}"), // a string takes everything
            };
        }
        Figures { state, ..self.counts.clone() }
    }

    /// One step.
    pub(super) fn step<W: World<Socket = S>>(&mut self, round: &mut Round<'_, W>) -> After {
        match std::mem::replace(&mut self.stage, Stage::Rests) {
            Stage::Rests => self.rest(round),
            Stage::Looks(look) => self.look(look, round),
            Stage::Dials(dial) => self.dial(dial, round),
            Stage::Asks(until) => self.ask(until, round),
            Stage::Pauses(until) if until > round.now.mono => {
                self.stage = Stage::Pauses(until);
                self.mind(round)
            }
            Stage::Pauses(_) => After::Again,
        }
    }

    /// Takes out what is open, to be closed. Nothing is under way then.
    pub(super) fn take_socket(&mut self) -> Option<(Token, S)> {
        let stage = std::mem::replace(&mut self.stage, Stage::Rests);
        if let Some((token, talk)) = self.talk.take() {
            return talk.into_socket().map(|socket| (token, socket));
        }
        match stage {
            Stage::Looks(look) => look.into_socket(),
            Stage::Dials(dial) => Some((dial.token, dial.link.into_socket())),
            Stage::Rests | Stage::Asks(_) | Stage::Pauses(_) => None,
        }
    }

    /// Notices when the receiver closes the idle connection.
    fn mind<W: World<Socket = S>>(&mut self, round: &mut Round<'_, W>) -> After {
        match self.talk.as_mut().map(|(_, talk)| talk.poll()) {
            None | Some(Progress::Waits) => After::Waits,
            Some(Progress::Again) => After::Again,
            Some(_) => {
                self.hang_up(round);
                After::Waits
            }
        }
    }

    /// Begins a request, if there is a batch; or whatever must come before.
    fn rest<W: World<Socket = S>>(&mut self, round: &mut Round<'_, W>) -> After {
        let after = self.mind(round);
        if self.parcel.is_none() {
            return after;
        }
        let now = round.now.mono;
        let old = now.since(self.idle_since) > limits::PUSH_KEPT;
        if !old && self.talk.as_ref().is_some_and(|(_, talk)| talk.is_free()) {
            self.request(now);
        } else {
            self.hang_up(round);
            self.find(round);
        }
        After::Again
    }

    /// Makes a request. On a new connection that comes at once: if the receiver has closed it already, that is a request
    /// that has failed, and followed by a pause.
    fn request(&mut self, now: Mono) {
        if let (Some(parcel), Some((_, talk))) = (&self.parcel, &mut self.talk) {
            talk.ask(self.target.request(parcel));
            self.counts.requests += 1;
            self.counts.sent += parcel.len() as u64;
            self.stage = Stage::Asks(now.after(self.target.timeout));
        }
    }

    /// Makes sure that there are addresses, and begins with the first.
    fn find<W: World<Socket = S>>(&mut self, round: &mut Round<'_, W>) {
        let now = round.now.mono;
        if let Some(address) = self.target.address() {
            self.addresses = VecDeque::from([address]);
        } else if self.addresses.is_empty() || self.known_until <= now {
            let look = Look::begin(self.target.host(), &(round.system)(), now, round.chance);
            self.stage = Stage::Looks(look);
            return;
        }
        self.untried = self.addresses.len();
        self.connect("no address".to_owned(), round);
    }

    fn look<W: World<Socket = S>>(&mut self, look: Look<S>, round: &mut Round<'_, W>) -> After {
        match look.go_on(round) {
            Sight::Waits(look) => {
                self.stage = Stage::Looks(look);
                return After::Waits;
            }
            Sight::Again(look) => self.stage = Stage::Looks(look),
            Sight::Found(addresses, holds) => {
                self.addresses = addresses.into();
                self.known_until = round.now.mono.after(holds);
                self.untried = self.addresses.len();
                self.connect(format!("{} has no address", self.target.host()), round);
            }
            Sight::Failed(why) => self.fail(&why, When::Soon, round),
        }
        After::Again
    }

    /// Tries the next address that is left. `why` the one before was none.
    fn connect<W: World<Socket = S>>(&mut self, mut why: String, round: &mut Round<'_, W>) {
        while self.untried > 0
            && let Some(&address) = self.addresses.front()
        {
            self.untried -= 1;
            let address = SocketAddr::new(address, self.target.port());
            log::debug!("sink {}: connects to {address}", self.name);
            let opened = round.open(|world, token| world.dial(token, address));
            let linked = opened.map_err(|error| error.to_string()).and_then(|(token, socket)| {
                let linked = Link::new(socket, &self.target).map(|link| (token, link));
                linked.map_err(|(socket, why)| {
                    round.close(token, socket);
                    why
                })
            });
            match linked {
                Ok((token, link)) => {
                    let until = round.now.mono.after(limits::PUSH_DIAL.min(self.target.timeout));
                    self.stage = Stage::Dials(Dial { token, link, address, connected: false, until });
                    return;
                }
                Err(error) => why = format!("{address}: {error}"),
            }
            self.turn_to_next();
        }
        self.addresses.clear(); // they may have changed
        self.fail(&why, When::Soon, round);
    }

    fn dial<W: World<Socket = S>>(&mut self, mut dial: Dial<S>, round: &mut Round<'_, W>) -> After {
        let now = round.now.mono;
        let result = if dial.connected {
            dial.link.shake()
        } else {
            dial.link.is_connected().map_err(|error| error.to_string())
        };
        let why = match result {
            Ok(true) if !dial.connected => {
                (dial.connected, dial.until) = (true, now.after(self.target.timeout));
                self.stage = Stage::Dials(dial);
                return After::Again;
            }
            Ok(true) => match Talk::new(dial.link) {
                Ok(talk) => {
                    self.talk = Some((dial.token, talk));
                    self.request(now);
                    return After::Again;
                }
                Err((link, why)) => return self.lost((dial.token, link), dial.address, &why, round),
            },
            Ok(false) if dial.until > now => {
                self.stage = Stage::Dials(dial);
                return After::Waits;
            }
            Ok(false) if dial.connected => "TLS: the receiver is silent".to_owned(),
            Ok(false) => "no answer".to_owned(),
            Err(why) => why,
        };
        self.lost((dial.token, Some(dial.link)), dial.address, &why, round)
    }

    /// Nothing has come of that connection: the next address is tried.
    fn lost<W: World<Socket = S>>(
        &mut self,
        (token, link): (Token, Option<Link<S>>),
        address: SocketAddr,
        why: &str,
        round: &mut Round<'_, W>,
    ) -> After {
        if let Some(link) = link {
            round.close(token, link.into_socket());
        }
        self.turn_to_next();
        self.connect(format!("{address}: {why}"), round);
        After::Again
    }

    fn ask<W: World<Socket = S>>(&mut self, until: Mono, round: &mut Round<'_, W>) -> After {
        self.stage = Stage::Asks(until);
        let late = until <= round.now.mono;
        let progress = self.talk.as_mut().map_or(Progress::Closed, |(_, talk)| talk.poll());
        match progress {
            Progress::Answered(answer) => self.answered(&answer, round),
            Progress::Failed { stale: true, .. } => {
                log::debug!("sink {}: the receiver has closed the connection meanwhile", self.name);
                self.counts.retries += 1;
                self.hang_up(round);
                self.stage = Stage::Rests;
                After::Again
            }
            Progress::Failed { why, stale: false } => self.broken(&why, round),
            Progress::Closed => self.broken("the connection was closed", round),
            Progress::Again | Progress::Waits if late => {
                match self.talk.as_mut().and_then(|(_, talk)| talk.give_up()) {
                    Some(answer) => {
                        self.hang_up(round);
                        self.answered(&answer, round)
                    }
                    None => {
                        let why = format!("no answer within {}", seconds(self.target.timeout));
                        self.broken(&why, round)
                    }
                }
            }
            Progress::Again => After::Again,
            Progress::Waits => After::Waits,
        }
    }

    /// The connection is of no use. Another address may be better.
    fn broken<W: World<Socket = S>>(&mut self, why: &str, round: &mut Round<'_, W>) -> After {
        self.hang_up(round);
        self.turn_to_next();
        self.fail(why, When::Soon, round);
        After::Again
    }

    fn answered<W: World<Socket = S>>(&mut self, answer: &Answer, round: &mut Round<'_, W>) -> After {
        self.idle_since = round.now.mono;
        self.stage = Stage::Rests;
        if self.talk.as_ref().is_some_and(|(_, talk)| !talk.is_free()) {
            self.hang_up(round);
        }
        let outcome = match judge(self.target.format, answer, round.now.wall) {
            Verdict::Taken { doubt } => {
                if let Some(doubt) = doubt {
                    self.doubt(&doubt, round);
                }
                Outcome::Taken
            }
            Verdict::TakenInPart { refused, why } => Outcome::TakenInPart { refused, why },
            Verdict::Refused { why } => {
                self.counts.refused += 1;
                Outcome::Refused { why }
            }
            Verdict::Again { why, when } => {
                self.fail(&why, when, round);
                return After::Again;
            }
        };
        self.parcel = None;
        (self.trouble.tries, self.trouble.last) = (0, None);
        if !matches!(outcome, Outcome::Refused { .. }) && std::mem::replace(&mut self.trouble.told, false) {
            round.tell(&format!("sink {}: {}: lines are taken again", self.name, self.target));
        }
        After::Settled(outcome)
    }

    /// The batch was not taken: it is tried again after a pause.
    fn fail<W: World<Socket = S>>(&mut self, why: &str, when: When, round: &mut Round<'_, W>) {
        let tries = if when == When::Seldom { u32::MAX } else { self.trouble.tries };
        let mut pause = retry::pause(tries, round.chance);
        if let When::After(asked) = when {
            pause = pause.max(asked);
        }
        log::debug!("sink {}: {why}; tries again in {pause:?}", self.name);
        let now = round.now.mono;
        self.counts.retries += 1;
        self.trouble.tries = self.trouble.tries.saturating_add(1);
        self.trouble.last = Some((why.to_owned(), pause));
        self.stage = Stage::Pauses(now.after(pause));
        if !self.trouble.told && self.may_tell(now) {
            self.trouble.told = true;
            round.tell(&format!("sink {}: {}: {why}; lines wait", self.name, self.target));
        }
    }

    fn doubt<W: World<Socket = S>>(&mut self, doubt: &str, round: &Round<'_, W>) {
        if self.may_tell(round.now.mono) {
            round.tell(&format!("sink {}: {}: taken, but: {doubt}", self.name, self.target));
        }
    }

    /// False if something was told shortly before.
    fn may_tell(&mut self, now: Mono) -> bool {
        let may = self.trouble.told_at.is_none_or(|at| now.since(at) >= limits::PUSH_TOLD);
        if may {
            self.trouble.told_at = Some(now);
        }
        may
    }

    /// The first address comes last.
    fn turn_to_next(&mut self) {
        self.addresses.rotate_left(1.min(self.addresses.len()));
    }

    fn hang_up<W: World<Socket = S>>(&mut self, round: &mut Round<'_, W>) {
        if let Some((token, talk)) = self.talk.take()
            && let Some(socket) = talk.into_socket()
        {
            round.close(token, socket);
        }
    }
}

/// A span, for people.
fn seconds(span: Duration) -> String {
    let tenths = (span.as_millis() + 50) / 100;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} s"),
        (whole, tenth) => format!("{whole}.{tenth} s"),
    }
}
