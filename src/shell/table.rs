//! Connections by token. A token packs a slot and its generation, so that an event for a connection that was closed
//! misses its successor in the same slot.

use super::world::Token;

/// Where a machine word is short, generations are fewer: of slots all are needed.
const SLOT_BITS: u32 = usize::BITS / 2 + KIND_BITS;
const KIND_BITS: u32 = 2;
const SLOT_MASK: usize = (1 << KIND_SHIFT) - 1;

/// The highest bits of a slot tell which table a token is for.
const KIND_SHIFT: u32 = SLOT_BITS - KIND_BITS;
const KIND_MASK: usize = ((1 << KIND_BITS) - 1) << KIND_SHIFT;
const GENERATION_MASK: usize = usize::MAX >> SLOT_BITS;

/// Whose connections a table has: tokens of different kinds never meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Those to the engine.
    #[default]
    Engine,
    /// Those of our own HTTP's clients.
    Clients,
    /// Those to the receivers of lines.
    Receivers,
}

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
    /// Where a token has its kind.
    mark: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::of(Kind::default())
    }
}

impl<T> Table<T> {
    /// An empty table of this kind.
    pub fn of(kind: Kind) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), mark: (kind as usize) << KIND_SHIFT }
    }

    /// True if this token is for this table, whether or not there is a value.
    pub fn is_for(&self, token: Token) -> bool {
        token.0 & KIND_MASK == self.mark
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
    fn the_tokens_of_different_kinds_never_meet() {
        let kinds = [Kind::Engine, Kind::Clients, Kind::Receivers];
        let mut tables: Vec<Table<usize>> = kinds.into_iter().map(Table::of).collect();
        let tokens: Vec<Token> = tables.iter_mut().enumerate().map(|(number, t)| t.insert(number)).collect();
        for (number, table) in tables.iter_mut().enumerate() {
            for (other, token) in tokens.iter().enumerate() {
                assert_eq!(table.is_for(*token), number == other);
                assert_eq!(table.get_mut(*token).copied(), (number == other).then_some(number));
            }
        }
        assert_eq!((tables[0].remove(tokens[1]), tables[2].remove(tokens[2])), (None, Some(2)));
    }

    #[test]
    fn generations_begin_anew_after_the_last() {
        let mut table = Table::of(Kind::Receivers);
        table.slots.push(Slot { generation: GENERATION_MASK, value: None });
        table.free.push(0);
        let last = table.insert("last");
        assert!(table.is_for(last) && table.remove(last) == Some("last"));
        assert_eq!(table.vacant(), Table::<()>::of(Kind::Receivers).vacant());
    }
}
