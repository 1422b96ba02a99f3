//! What a sink may use while it has its turn.

use std::io;

use super::names::System;
use crate::core::retry::Chance;
use crate::core::time::Now;
use crate::shell::messages::Messages;
use crate::shell::table::Table;
use crate::shell::world::{Token, World};

/// One sink's turn.
pub(super) struct Round<'a, W: World> {
    pub(super) world: &'a mut W,
    pub(super) tokens: &'a mut Table<usize>,
    /// Which sink it is.
    pub(super) number: usize,
    pub(super) now: Now,
    pub(super) chance: &'a mut Chance,
    pub(super) messages: &'a Messages,
    pub(super) system: &'a dyn Fn() -> System,
}

impl<W: World> Round<'_, W> {
    /// Opens a socket.
    pub(super) fn open(
        &mut self,
        open: impl FnOnce(&mut W, Token) -> io::Result<W::Socket>,
    ) -> io::Result<(Token, W::Socket)> {
        let socket = open(self.world, self.tokens.vacant())?;
        Ok((self.tokens.insert(self.number), socket))
    }

    /// Closes one.
    pub(super) fn close(&mut self, token: Token, socket: W::Socket) {
        self.tokens.remove(token);
        self.world.close(socket);
    }

    /// Tells people.
    pub(super) fn tell(&self, text: &str) {
        self.messages.push(format!("docklog: {text}\n").as_bytes());
    }
}
