//! The ways out, one for each sink: who takes lines, who must wait, and what is said of that.

use std::io;

use super::delivery::{Delivery, Stopped};
use super::messages::Messages;
use super::world::{Token, World};
use crate::config::sink::{Destination, Sink as Settings};
use crate::core::Core;
use crate::core::batch::Batch;
use crate::core::time::Mono;
use crate::limits;
use crate::push::{Outcome, Pushes};

/// All of them.
pub struct Sinks<S: io::Read + io::Write + 'static> {
    all: Vec<Sink>,
    pushes: Pushes<S>,
    /// What has become of batches that were sent.
    done: Vec<(usize, Outcome)>,
    /// A delivery stopped in the middle, because a turn must end.
    more: bool,
}

#[derive(Debug)]
struct Sink {
    called: String,
    destination: Destination,
    way: Way,
    /// Nobody takes its lines any more.
    gone: bool,
}

/// How a sink gets its lines.
#[derive(Debug)]
enum Way {
    /// As bytes; `waits`: it takes none for now, which was said.
    Bytes { delivery: Delivery, waits: bool },
    /// A batch at a time, over HTTP: its number among such sinks, and the batch under way.
    Push { number: usize, batch: Option<Batch> },
}

/// What a turn of the sinks asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// The run is to end with this code: a sink is gone for good.
    pub end: Option<i32>,
    /// The checkpoint must be written before the next line is.
    pub save: bool,
}

impl<S: io::Read + io::Write + 'static> Sinks<S> {
    /// Those of these settings, whose encoders core gets. `seed` spreads the pauses of retries.
    pub fn new(settings: Vec<Settings>, core: &mut Core, seed: u64) -> Self {
        let alone = settings.len() == 1;
        let (mut all, mut targets) = (Vec::new(), Vec::new());
        for (index, Settings { name, destination, encoder, .. }) in settings.into_iter().enumerate() {
            core.set_encoder(index, encoder);
            let way = match &destination {
                Destination::Http(target) => {
                    targets.push((name.clone(), (**target).clone()));
                    Way::Push { number: targets.len() - 1, batch: None }
                }
                _ => {
                    let entries = matches!(destination, Destination::Journal);
                    Way::Bytes { delivery: Delivery::new(index, entries), waits: false }
                }
            };
            let called = if alone { destination.called().to_owned() } else { format!("sink {name}") };
            all.push(Sink { called, destination, way, gone: false });
        }
        Self { all, pushes: Pushes::new(targets, seed), done: Vec::new(), more: false }
    }

    /// A reload: what can be changed of a sink that stays where it is. What has another destination waits for the restart.
    pub fn take_over(&mut self, settings: Vec<Settings>, core: &mut Core) {
        let stays = self.all.len() == settings.len();
        for (index, (sink, new)) in self.all.iter().zip(settings).enumerate() {
            if stays && sink.destination.is_like(&new.destination) {
                core.set_encoder(index, new.encoder);
            }
        }
    }

    /// True if one is the journal: lines that are in it already mustn't be read then, whatever a reload says.
    pub fn have_journal(&self) -> bool {
        self.all.iter().any(|sink| matches!(sink.destination, Destination::Journal))
    }

    /// True if some are files.
    pub fn have_files(&self) -> bool {
        self.all.iter().any(|sink| matches!(sink.destination, Destination::File(..)))
    }

    /// Notes what is ready. False: the token isn't for a receiver of ours.
    pub fn mark(&mut self, token: Token, readable: bool, writable: bool) -> bool {
        self.pushes.mark(token, readable, writable)
    }

    /// A sink may take bytes again.
    pub fn reopen(&mut self, sink: usize) {
        if let Some(Sink { way: Way::Bytes { delivery, .. }, .. }) = self.all.get_mut(sink) {
            delivery.reopen();
        }
    }

    /// Who took a sink's lines has gone.
    pub fn lose(&mut self, sink: usize) {
        if let Some(sink) = self.all.get_mut(sink) {
            sink.gone = true;
        }
    }

    /// True if there is something to do now.
    pub fn is_busy(&self) -> bool {
        self.more || self.pushes.is_busy()
    }

    /// When to try again where nothing will tell.
    pub fn deadline(&self) -> Option<Mono> {
        let deliveries = self.all.iter().filter_map(|sink| match &sink.way {
            Way::Bytes { delivery, .. } => delivery.deadline(),
            Way::Push { .. } => None,
        });
        deliveries.chain(self.pushes.deadline()).min()
    }

    /// A deadline may have come.
    pub fn begin_turn(&mut self, now: Mono) {
        for sink in &mut self.all {
            if let Way::Bytes { delivery, .. } = &mut sink.way {
                delivery.begin_turn(now);
            }
        }
    }

    /// Each sink takes what it can.
    pub fn run<W: World<Socket = S>>(&mut self, world: &mut W, core: &mut Core, messages: &Messages) -> Asks {
        core.end_epoch();
        self.more = false;
        let mut asks = Asks::default();
        self.send(core);
        self.pushes.turn(world, core.now(), messages, &mut self.done);
        self.settle(core, messages);
        self.send(core); // who is free again
        for sink in &mut self.all {
            let Way::Bytes { delivery, waits } = &mut sink.way else { continue };
            match delivery.run(core, world) {
                Ok(stopped) => {
                    self.more |= stopped != Stopped::Done;
                    asks.save |= stopped == Stopped::ForASave;
                    if delivery.is_open() && std::mem::take(waits) {
                        messages.push(format!("docklog: {} takes lines again\n", sink.called).as_bytes());
                    }
                }
                Err(error) => asks.end = asks.end.or(sink.failed(&error, core, messages)),
            }
        }
        core.end_service();
        asks
    }

    /// Gives a batch to each HTTP sink that has none, if there is one.
    fn send(&mut self, core: &mut Core) {
        for (index, sink) in self.all.iter_mut().enumerate() {
            if let Way::Push { number, batch: batch @ None } = &mut sink.way
                && let Some(next) = core.take_batch(index)
            {
                self.pushes.send(*number, next.bytes());
                *batch = Some(next);
            }
        }
    }

    /// Batches that were taken, or refused for good, are done with.
    fn settle(&mut self, core: &mut Core, messages: &Messages) {
        for (done, outcome) in self.done.drain(..) {
            let found = self.all.iter_mut().enumerate().find_map(|(index, sink)| match &mut sink.way {
                Way::Push { number, batch } if *number == done => Some((index, &sink.called, batch.take()?)),
                _ => None,
            });
            let Some((index, called, batch)) = found else { continue };
            let refused = match outcome {
                Outcome::Taken => 0,
                Outcome::TakenInPart { refused, why } => {
                    messages.push(format!("docklog: {called} refused {refused} lines: {why}\n").as_bytes());
                    refused
                }
                Outcome::Refused { why } => {
                    let lines = batch.lines();
                    messages.push(format!("docklog: {called} refused {lines} lines: {why}\n").as_bytes());
                    lines as u64
                }
            };
            core.settle(index, batch, refused);
        }
    }

    /// True if everything that was read is written, or sent and taken.
    pub fn are_done(&self, core: &Core) -> bool {
        core.has_no_lines()
            && self.all.iter().all(|sink| match &sink.way {
                Way::Bytes { delivery, .. } => delivery.is_idle(),
                Way::Push { batch, .. } => batch.is_none(),
            })
    }

    /// Says what can't be written any more. That somebody has gone, and takes no lines, is no news.
    pub fn give_up(&mut self, core: &mut Core, messages: &Messages) {
        for (index, sink) in self.all.iter_mut().enumerate() {
            let (bytes, lines) = match &mut sink.way {
                Way::Bytes { delivery, .. } => delivery.undelivered(core),
                Way::Push { batch, .. } => {
                    let (mut bytes, mut lines) = (0, 0);
                    while let Some(left) = batch.take().or_else(|| core.take_batch(index)) {
                        (bytes, lines) = (bytes + left.size(), lines + left.lines());
                        core.abandon(index, &left);
                    }
                    (bytes, lines)
                }
            };
            if bytes > 0 && !sink.gone {
                let text = format!(
                    "docklog: stopped while {} was stalled: {lines} lines, of {bytes} bytes, were read but not written\n",
                    sink.called
                );
                messages.push(text.as_bytes());
            }
        }
    }

    /// Closes all connections to receivers.
    pub fn close<W: World<Socket = S>>(&mut self, world: &mut W) {
        self.pushes.close(world);
    }
}

impl Sink {
    /// It can't be written to. Returns the exit code if that is for good.
    fn failed(&mut self, error: &io::Error, core: &Core, messages: &Messages) -> Option<i32> {
        if let Way::Bytes { delivery, waits } = &mut self.way
            && may_pass(&self.destination, error)
        {
            // The engine keeps what isn't read meanwhile.
            delivery.wait_until(core.now().mono.after(limits::OUTLET_AGAIN));
            if !std::mem::replace(waits, true) {
                let text = format!("docklog: can't write to {}: {error}; lines wait\n", self.called);
                messages.push(text.as_bytes());
            }
            return None;
        }
        self.gone = true;
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Some(0); // `| head` has enough
        }
        messages.push(format!("docklog: can't write to {}: {error}\n", self.called).as_bytes());
        Some(1)
    }
}

/// True for what a while may mend: there is no journal, or no room on the disk.
fn may_pass(destination: &Destination, error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound, ResourceBusy,
    };
    match destination {
        Destination::Stdout | Destination::Http(_) => false,
        // Somebody may mend whatever it is; meanwhile the engine keeps the lines.
        Destination::File(..) => true,
        Destination::Journal => {
            matches!(
                error.kind(),
                BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected | NotFound | ResourceBusy
            )
        }
    }
}
