//! The containers we know of, by id and by slot. A slot's generation tells a container from its predecessor there.

use std::collections::HashMap;
use std::rc::Rc;

use docklog_protocol::ContainerId;

use super::exchange::StreamId;
use super::selection::Facts;
use super::sinks::Wanted;
use super::source::Source;
use super::standing::Standing;
use super::stream::Stream;

/// What inspect has told of a container, and never changes.
#[derive(Debug)]
pub struct Made {
    /// Its image, by the name by which it was asked for.
    pub image: Box<str>,
    /// Its log driver.
    pub driver: Box<str>,
}

/// A container that is selected, or was looked at for that, with its stream.
#[derive(Debug)]
pub struct Container {
    /// Id, present name, and what else its records say of it.
    pub source: Rc<Source>,
    /// The engine's name for it, where a label has the records bear another.
    pub other_name: Option<Box<str>>,
    /// The sinks that want its lines.
    pub wanted: Wanted,
    /// Whether it is followed; by which of our selections, counted from 0.
    pub standing: Standing,
    /// See `standing`.
    pub judged_by: u32,
    /// `None`: inspect hasn't answered.
    pub made: Option<Box<Made>>,
    /// What the engine last said.
    pub running: bool,
    /// It was removed: forget it once its session has ended.
    pub gone: bool,
    /// That was told by an event or the list, not by a refusal alone, which may be a proxy's.
    pub destroyed: bool,
    /// Number of the last list that it was in.
    pub listed: u32,
    /// Number of the list that was last asked for when an event told of it. What an event says is newer than that list.
    pub touched: u32,
    /// Our subscription to its log.
    pub stream: Stream,
}

impl Container {
    /// The engine's name for it.
    pub fn name(&self) -> &str {
        self.other_name.as_deref().unwrap_or(&self.source.name)
    }

    /// What was told, with what is known beside it.
    pub fn facts<'a>(&'a self, told: &Facts<'a>) -> Facts<'a> {
        let name = if told.name.is_empty() { self.name() } else { told.name };
        match &self.made {
            Some(made) if !made.image.is_empty() => {
                Facts { name, image: &made.image, driver: Some(&made.driver), ..*told }
            }
            Some(made) => Facts { name, driver: Some(&made.driver), ..*told },
            None => Facts { name, ..*told },
        }
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    container: Option<Container>,
}

/// All containers that are selected, or were looked at for that.
#[derive(Debug, Default)]
pub struct Catalogue {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: HashMap<ContainerId, StreamId>,
}

impl Catalogue {
    /// The stream of this container, if it is known.
    pub fn find(&self, id: ContainerId) -> Option<StreamId> {
        self.by_id.get(&id).copied()
    }

    /// The container of this stream; `None` if it was forgotten.
    pub fn get(&self, stream: StreamId) -> Option<&Container> {
        let slot = self.slots.get(stream.slot as usize)?;
        slot.container.as_ref().filter(|_| slot.generation == stream.generation)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, stream: StreamId) -> Option<&mut Container> {
        let slot = self.slots.get_mut(stream.slot as usize)?;
        slot.container.as_mut().filter(|_| slot.generation == stream.generation)
    }

    /// Adds a container that isn't known yet.
    pub fn insert(&mut self, container: Container) -> StreamId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, container: None });
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        let stream = StreamId { slot, generation: entry.generation };
        self.by_id.insert(container.source.id, stream);
        entry.container = Some(container);
        stream
    }

    /// Forgets a container. Its stream id names nothing from now on.
    pub fn remove(&mut self, stream: StreamId) -> Option<Container> {
        self.get(stream)?;
        let slot = &mut self.slots[stream.slot as usize];
        let container = slot.container.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(stream.slot);
        self.by_id.remove(&container.source.id);
        Some(container)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &Container)> {
        self.iter_from(0)
    }

    /// Those from this slot on.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = (StreamId, &Container)> {
        self.slots.iter().enumerate().skip(first).filter_map(|(slot, entry)| {
            let stream = StreamId { slot: slot as u32, generation: entry.generation };
            entry.container.as_ref().map(|container| (stream, container))
        })
    }

    /// The ids of all streams, for loops that change the catalogue.
    pub fn streams(&self) -> Vec<StreamId> {
        self.iter().map(|(stream, _)| stream).collect()
    }

    /// Number of containers.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }
}
