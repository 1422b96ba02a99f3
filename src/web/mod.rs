//! docklog's own HTTP: what it does, for monitors and people. HTTP/1 is hyper's; readiness, time and limits are ours, and
//! there is no other runtime: hyper's futures are polled by the loop's turn, when an event or a step before has given
//! them something to do.
//!
//! | file | does |
//! |---|---|
//! | `listen` | where it is to be had |
//! | `routes` | which requests there are |
//! | `answer` | what is said to them |
//! | `page`, `state`, `metrics` | long answers, in pieces |
//! | `client` | one connection |
//! | `desk` | where hyper's side of it and ours meet |
//!
//! Nothing is made before it is wanted and nothing is kept of it, so the memory that clients can take is bounded by
//! their number. They get a few steps in each turn, after the logs. Their sockets don't end a hold.

mod answer;
mod client;
mod desk;
pub mod listen;
pub mod metrics;
pub mod page;
pub mod routes;
mod state;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use hyper::StatusCode;

use crate::core::Core;
use crate::core::exchange::Input;
use crate::core::time::Mono;
use crate::limits;
use crate::shell::messages::Messages;
use crate::shell::process::Figures;
use crate::shell::table::{Kind, Table};
use crate::shell::world::{Token, World};
use client::{After, Answer, Answers, Client};
use desk::Question;
use page::{Facts, Page};
use routes::Route;

/// How our own HTTP behaves.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    /// It listens on a Unix socket: the permissions of a file tell who may give orders.
    pub local: bool,
    /// Each container has metrics of its own.
    pub per_container: bool,
}

/// All clients.
pub struct Web<S: io::Read + io::Write + 'static> {
    ways: Ways,
    clients: Table<Client<S>>,
    /// Those that have something to do.
    run: VecDeque<Token>,
    /// Somebody waits to be accepted, as far as we know; not before this time, if there is one.
    knocked: bool,
    not_before: Option<Mono>,
    /// That accepting fails was said.
    told: bool,
    /// Rises with each move of a client.
    order: u64,
    requests: u64,
}

impl<S: io::Read + io::Write + 'static> Web<S> {
    /// Without clients.
    pub fn new(ways: Ways) -> Self {
        Self {
            ways,
            clients: Table::of(Kind::Clients),
            run: VecDeque::new(),
            knocked: false,
            not_before: None,
            told: false,
            order: 0,
            requests: 0,
        }
    }

    /// Whether each container has metrics of its own from now on.
    pub fn set_per_container(&mut self, on: bool) {
        self.ways.per_container = on;
    }

    /// Somebody may wait to be accepted.
    pub fn knock(&mut self) {
        self.knocked = true;
    }

    /// Notes what is ready. False: the token isn't one of ours.
    pub fn mark(&mut self, token: Token, readable: bool, writable: bool) -> bool {
        if let Some(client) = self.clients.get_mut(token) {
            client.mark(readable, writable);
            if !std::mem::replace(&mut client.queued, true) {
                self.run.push_back(token);
            }
        }
        self.clients.is_for(token)
    }

    /// True if there is something to do now.
    pub fn is_busy(&self) -> bool {
        !self.run.is_empty() || self.knocked && self.not_before.is_none()
    }

    /// When there will be something to do at the latest.
    pub fn deadline(&self) -> Option<Mono> {
        let knock = self.not_before.filter(|_| self.knocked);
        self.clients.iter().map(|(_, client)| client.deadline()).chain(knock).min()
    }

    /// A few steps: those whose time is up go, new ones come, and some of those that have something to do do it.
    pub fn turn<W: World<Socket = S>>(&mut self, world: &mut W, core: &mut Core, messages: &Messages) {
        let now = core.now().mono;
        self.expire(world, now);
        if self.not_before.is_some_and(|at| at <= now) {
            self.not_before = None;
        }
        if self.knocked && self.not_before.is_none() {
            self.accept(world, now, messages);
        }
        for _ in 0..self.run.len().min(limits::HTTP_STEPS_PER_TURN) {
            let Some(token) = self.run.pop_front() else { return };
            self.step(token, world, core, now);
        }
    }

    /// Closes all connections.
    pub fn close<W: World<Socket = S>>(&mut self, world: &mut W) {
        let tokens: Vec<Token> = self.clients.iter().map(|(token, _)| token).collect();
        tokens.into_iter().for_each(|token| self.end(token, world));
    }

    fn expire<W: World<Socket = S>>(&mut self, world: &mut W, now: Mono) {
        let due = self.clients.iter().filter(|(_, client)| client.deadline() <= now);
        let due: Vec<Token> = due.map(|(token, _)| token).collect();
        due.into_iter().for_each(|token| self.end(token, world));
    }

    /// Lets in who waits. Where there is no place left, the client that has stood still longest gives way, if it had
    /// its moment; else who waits must wait on.
    fn accept<W: World<Socket = S>>(&mut self, world: &mut W, now: Mono, messages: &Messages) {
        for _ in 0..limits::HTTP_ACCEPTS_PER_TURN {
            let mut idle = None;
            if self.clients.iter().count() >= limits::HTTP_CONNECTIONS {
                let Some(((moved, _), token)) =
                    self.clients.iter().map(|(token, client)| (client.moved, token)).min()
                else {
                    return;
                };
                if now.since(moved) < limits::HTTP_STILL {
                    self.not_before = Some(moved.after(limits::HTTP_STILL));
                    return;
                }
                idle = Some(token);
            }
            let token = self.clients.vacant();
            match world.accept(token) {
                Ok(socket) => {
                    self.order += 1;
                    self.clients.insert(Client::new(socket, now, self.order));
                    self.run.push_back(token);
                    idle.into_iter().for_each(|token| self.end(token, world));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.knocked = false;
                        return;
                    }
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => return self.cannot_accept(&error, now, messages),
                },
            }
        }
    }

    fn cannot_accept(&mut self, error: &io::Error, now: Mono, messages: &Messages) {
        self.not_before = Some(now.after(limits::HTTP_ACCEPT_AGAIN));
        if !std::mem::replace(&mut self.told, true) {
            let text = "docklog: can't accept connections to --http (tried on; if descriptors ran out, raise LimitNOFILE)";
            messages.push(format!("{text}: {error}\n").as_bytes());
        }
    }

    fn step<W: World<Socket = S>>(&mut self, token: Token, world: &mut W, core: &mut Core, now: Mono) {
        self.order += 1;
        let clients = self.clients.iter().count();
        let Some(client) = self.clients.get_mut(token) else { return };
        let mut answers = Counter { ways: self.ways, clients, requests: &mut self.requests, world, core };
        match client.step(&mut answers, now, self.order) {
            After::Again => self.run.push_back(token),
            After::Waits => client.queued = false,
            After::Over => self.end(token, world),
        }
    }

    fn end<W: World<Socket = S>>(&mut self, token: Token, world: &mut W) {
        if let Some(socket) = self.clients.remove(token).and_then(Client::into_socket) {
            world.close(socket);
            self.not_before = None; // there is a place now, and a descriptor
        }
    }
}

/// Serves one client for one step: all that an answer may need.
struct Counter<'a, W> {
    ways: Ways,
    clients: usize,
    requests: &'a mut u64,
    world: &'a mut W,
    core: &'a mut Core,
}

impl<W: World> Counter<'_, W> {
    fn facts<'a>(&'a self, process: &'a Figures) -> Facts<'a> {
        Facts {
            core: self.core,
            process,
            clients: self.clients,
            requests: *self.requests,
            per_container: self.ways.per_container,
        }
    }
}

impl<W: World> Answers for Counter<'_, W> {
    fn answer(&mut self, question: &Question) -> Answer {
        *self.requests += 1;
        let Question { method, path, body } = question;
        log::debug!("our HTTP is asked: {method} {}", path.escape_debug());
        let route = match routes::route(method, path, *body, self.ways.local) {
            Ok(route) => route,
            Err(refused) => return Answer::Whole(answer::refused(refused)),
        };
        match route {
            Route::Index => Answer::Whole(answer::index()),
            Route::Health => Answer::Whole(answer::text(StatusCode::OK, "ok\n")),
            Route::Ready => Answer::Whole(answer::ready(&self.core.readiness())),
            Route::State => {
                Answer::Long(answer::state(), Box::new(Page::new(page::Kind::State, self.world.figures())))
            }
            Route::Metrics => Answer::Long(
                answer::metrics(),
                Box::new(Page::new(page::Kind::Metrics, self.world.figures())),
            ),
            Route::Rotate => {
                self.core.handle(Input::Rotate);
                Answer::Whole(answer::text(StatusCode::OK, "all live streams are opened anew\n"))
            }
        }
    }

    fn piece(&mut self, page: &mut Page) -> Option<Vec<u8>> {
        let process = page.process;
        page.next(&self.facts(&process))
    }
}
