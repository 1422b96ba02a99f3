//! Connections by token. A token packs a slot and its generation, so that an event for a connection that was closed
//! misses its successor in the same slot.

use super::world::Token;

const SLOT_BITS: u32 = usize::BITS / 2;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;

#[derive(Debug)]
struct Slot<T> {
    generation: usize,
    value: Option<T>,
}

/// A table whose keys are [`Token`]s.
#[derive(Debug)]
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The token that the next [`Table::insert`] will use; for connections that must know it before they exist.
    pub fn vacant(&mut self) -> Token {
        let slot = self.free.last().copied().unwrap_or(self.slots.len());
        let generation = self.slots.get(slot).map_or(0, |slot| slot.generation);
        Token(generation << SLOT_BITS | slot)
    }

    /// Puts a value where [`Table::vacant`] said.
    pub fn insert(&mut self, value: T) -> Token {
        let token = self.vacant();
        match self.free.pop() {
            Some(slot) => self.slots[slot].value = Some(value),
            None => self.slots.push(Slot { generation: 0, value: Some(value) }),
        }
        token
    }

    /// The value of this token, unless it was removed.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.slots
            .get_mut(token.0 & SLOT_MASK)
            .filter(|slot| slot.generation == token.0 >> SLOT_BITS)
            .and_then(|slot| slot.value.as_mut())
    }

    /// Takes a value out. Its token is void from now on.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let index = token.0 & SLOT_MASK;
        let slot = self.slots.get_mut(index).filter(|slot| slot.generation == token.0 >> SLOT_BITS)?;
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) & SLOT_MASK;
        self.free.push(index);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_token_misses_its_successor() {
        let mut table = Table::default();
        let expected = table.vacant();
        let first = table.insert("first");
        assert_eq!(first, expected);
        assert_eq!(table.remove(first), Some("first"));
        assert_eq!(table.remove(first), None);
        let second = table.insert("second");
        assert_eq!(first.0 & SLOT_MASK, second.0 & SLOT_MASK, "the slot is used again");
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.get_mut(second), Some(&mut "second"));
    }
}
