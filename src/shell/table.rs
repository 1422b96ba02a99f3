//! Connections by token. A token packs a slot and its generation, so that an event for a connection that was closed
//! misses its successor in the same slot.

use super::world::Token;

const SLOT_BITS: u32 = usize::BITS / 2;
const SLOT_MASK: usize = SECOND - 1;

/// The highest bit of a slot tells which of two tables a token is for.
const SECOND: usize = 1 << (SLOT_BITS - 1);
const GENERATION_MASK: usize = (1 << SLOT_BITS) - 1;

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
    /// 0, or [`SECOND`].
    mark: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), mark: 0 }
    }
}

impl<T> Table<T> {
    /// A table whose tokens differ from all of the other's.
    pub fn second() -> Self {
        Self { mark: SECOND, ..Self::default() }
    }

    /// True if this token is for this table, whether or not there is a value.
    pub fn is_for(&self, token: Token) -> bool {
        token.0 & SECOND == self.mark
    }

    /// All values, with their tokens.
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let token = Token(slot.generation << SLOT_BITS | self.mark | index);
            slot.value.as_ref().map(|value| (token, value))
        })
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot<T>> {
        let ours = self.is_for(token);
        self.slots.get_mut(token.0 & SLOT_MASK).filter(|slot| ours && slot.generation == token.0 >> SLOT_BITS)
    }

    /// The token that the next [`Table::insert`] will use; for connections that must know it before they exist.
    pub fn vacant(&mut self) -> Token {
        let slot = self.free.last().copied().unwrap_or(self.slots.len());
        let generation = self.slots.get(slot).map_or(0, |slot| slot.generation);
        Token(generation << SLOT_BITS | self.mark | slot)
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
        self.slot(token)?.value.as_mut()
    }

    /// Takes a value out. Its token is void from now on.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slot(token)?;
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        self.free.push(token.0 & SLOT_MASK);
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
        assert_eq!(table.iter().collect::<Vec<_>>(), [(second, &"second")]);
    }

    #[test]
    fn the_tokens_of_two_tables_never_meet() {
        let (mut first, mut second) = (Table::default(), Table::second());
        let (a, b) = (first.insert("a"), second.insert("b"));
        assert_ne!(a, b);
        assert!(first.is_for(a) && !first.is_for(b) && second.is_for(b));
        assert_eq!((first.get_mut(b), second.remove(a)), (None, None));
        assert_eq!((first.remove(a), second.get_mut(b)), (Some("a"), Some(&mut "b")));
    }
}
