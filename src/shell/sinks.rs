//! The ways out, one for each sink: who takes lines, who must wait, and what is said of that.

use std::io;

use super::delivery::Delivery;
use super::messages::Messages;
use super::world::{Outlet, World};
use crate::config::sink::{Destination, Sink as Settings};
use crate::core::Core;
use crate::core::time::Mono;
use crate::limits;

/// All of them.
#[derive(Debug, Default)]
pub struct Sinks {
    all: Vec<Sink>,
    /// A delivery stopped in the middle, because a turn must end.
    more: bool,
}

#[derive(Debug)]
struct Sink {
    called: String,
    destination: Destination,
    delivery: Delivery,
    /// It takes nothing for now, which was said.
    waits: bool,
    /// Another file may stand at its path: look between two batches.
    exchange: bool,
}

/// What a turn of the sinks asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// The run is to end with this code: a sink is gone for good.
    pub end: Option<i32>,
    /// The checkpoint must be written before the next line is.
    pub save: bool,
}

impl Sinks {
    /// Those of these settings, whose encoders core gets.
    pub fn new(settings: Vec<Settings>, core: &mut Core) -> Self {
        let alone = settings.len() == 1;
        let mut all = Vec::new();
        for (index, Settings { name, destination, encoder, .. }) in settings.into_iter().enumerate() {
            core.set_encoder(index, encoder);
            all.push(Sink {
                called: if alone { destination.called().to_owned() } else { format!("sink {name}") },
                delivery: Delivery::new(index, destination == Destination::Journal),
                destination,
                waits: false,
                exchange: false,
            });
        }
        Self { all, more: false }
    }

    /// A reload: what can be changed of a sink that stays where it is. What has another destination waits for the restart.
    pub fn take_over(&mut self, settings: Vec<Settings>, core: &mut Core) {
        let stays = self.all.len() == settings.len();
        for (index, (sink, new)) in self.all.iter().zip(settings).enumerate() {
            if stays && sink.destination == new.destination {
                core.set_encoder(index, new.encoder);
            }
        }
    }

    /// SIGHUP: files may have been moved away. True if there are any.
    pub fn look_for_exchange(&mut self) -> bool {
        for sink in &mut self.all {
            sink.exchange = matches!(sink.destination, Destination::File(_));
        }
        self.all.iter().any(|sink| sink.exchange)
    }

    /// A sink may take bytes again.
    pub fn reopen(&mut self, sink: usize) {
        if let Some(sink) = self.all.get_mut(sink) {
            sink.delivery.reopen();
        }
    }

    /// True if there is something to do now.
    pub fn is_busy(&self) -> bool {
        self.more
    }

    /// When to try again where nothing will tell.
    pub fn deadline(&self) -> Option<Mono> {
        self.all.iter().filter_map(|sink| sink.delivery.deadline()).min()
    }

    /// A deadline may have come.
    pub fn begin_turn(&mut self, now: Mono) {
        self.all.iter_mut().for_each(|sink| sink.delivery.begin_turn(now));
    }

    /// Each sink takes what it can.
    pub fn run<W: World>(&mut self, world: &mut W, core: &mut Core, messages: &Messages) -> Asks {
        core.end_epoch();
        self.more = false;
        let mut asks = Asks::default();
        for (index, sink) in self.all.iter_mut().enumerate() {
            if sink.exchange && sink.exchange(index, world, core, messages) {
                (asks.save, self.more) = (true, true);
                continue;
            }
            let outlet = Outlet::Sink(index);
            match sink.delivery.run(core, |_, bytes| world.write(outlet, bytes)) {
                Ok(more) => {
                    self.more |= more;
                    if sink.delivery.is_open() && std::mem::take(&mut sink.waits) {
                        messages.push(format!("docklog: {} takes lines again\n", sink.called).as_bytes());
                    }
                }
                Err(error) => asks.end = asks.end.or(sink.failed(&error, core, messages)),
            }
        }
        asks
    }

    /// How much of a sink's file is settled, since the start or since it was begun.
    pub fn settled(&self, sink: usize) -> u64 {
        self.all[sink].delivery.settled()
    }

    /// True if everything that was read is written.
    pub fn are_done(&self, core: &Core) -> bool {
        core.has_no_lines() && self.all.iter().all(|sink| sink.delivery.is_idle())
    }

    /// Says what can't be written any more.
    pub fn give_up(&mut self, core: &mut Core, messages: &Messages) {
        for sink in &mut self.all {
            let (bytes, lines) = sink.delivery.undelivered(core);
            if bytes > 0 {
                let text = format!(
                    "docklog: stopped while {} was stalled: {lines} lines, of {bytes} bytes, were read but not written\n",
                    sink.called
                );
                messages.push(text.as_bytes());
            }
        }
    }
}

impl Sink {
    /// It can't be written to. Returns the exit code if that is for good.
    fn failed(&mut self, error: &io::Error, core: &Core, messages: &Messages) -> Option<i32> {
        if may_pass(&self.destination, error) {
            // The engine keeps what isn't read meanwhile.
            self.delivery.wait_until(core.now().mono.after(limits::OUTLET_AGAIN));
            if !std::mem::replace(&mut self.waits, true) {
                let text = format!("docklog: can't write to {}: {error}; lines wait\n", self.called);
                messages.push(text.as_bytes());
            }
            return None;
        }
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Some(0); // `| head` has enough
        }
        messages.push(format!("docklog: can't write to {}: {error}\n", self.called).as_bytes());
        Some(1)
    }

    /// Goes on in the new file, if the old one was moved away. No line is torn by that, and none is repeated: the checkpoint
    /// knows of it before a line is in the new one. True if it must be written.
    fn exchange<W: World>(
        &mut self,
        index: usize,
        world: &mut W,
        core: &mut Core,
        messages: &Messages,
    ) -> bool {
        if !self.delivery.is_between(core) {
            return false;
        }
        self.exchange = false;
        match world.exchange_output(index) {
            Ok(false) => false,
            Ok(true) => {
                self.delivery.begin_anew();
                messages.push(
                    format!("docklog: {} was moved away: lines go on in a new one\n", self.called).as_bytes(),
                );
                true
            }
            Err(error) => {
                messages.push(format!("docklog: {error}; lines go on to the old one\n").as_bytes());
                false
            }
        }
    }
}

/// True for what a while may mend: there is no journal, or no room on the disk.
fn may_pass(destination: &Destination, error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound, QuotaExceeded, ResourceBusy,
        StorageFull,
    };
    match destination {
        Destination::Stdout => false,
        Destination::File(_) => matches!(error.kind(), StorageFull | QuotaExceeded),
        Destination::Journal => {
            matches!(
                error.kind(),
                BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected | NotFound | ResourceBusy
            )
        }
    }
}
