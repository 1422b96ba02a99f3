//! The simulated machine behind docklog's own seam.

use std::cell::{Ref, RefCell, RefMut};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use docklog::cli::args;
use docklog::config::{Settings, Surroundings, file};
use docklog::core::batch::Batch;
use docklog::core::checkpoint::FileMark;
use docklog::core::source::Source;
use docklog::core::time::{Mono, Now};
use docklog::shell::process::Figures;
use docklog::shell::world::{Outlet, Ready, Token, Urgency, World};
use docklog_protocol::Timestamp;

use super::machine::Machine;

/// Hands the machine to docklog.
#[derive(Clone, Debug)]
pub struct SimWorld(Rc<RefCell<Machine>>);

impl SimWorld {
    pub fn new(machine: Machine) -> Self {
        SimWorld(Rc::new(RefCell::new(machine)))
    }

    /// What docklog is to do, by its command line and its configuration file.
    pub fn settings(&self) -> Result<Settings, String> {
        let machine = self.machine();
        let wall = i64::try_from(machine.wall()).unwrap();
        let around = Surroundings {
            now: Timestamp::from_unix_nanos(wall),
            watchdog: machine.watchdog,
            ..Surroundings::default()
        };
        let text = machine.configuration.as_deref().unwrap_or_default();
        let file = file::parse(Path::new("docklog.toml"), text)?;
        Settings::new(&args::parse(&machine.args)?, &file, &around)
    }

    pub fn machine(&self) -> Ref<'_, Machine> {
        self.0.borrow()
    }

    pub fn machine_mut(&self) -> RefMut<'_, Machine> {
        self.0.borrow_mut()
    }
}

/// A connection in docklog's hands.
#[derive(Debug)]
pub struct SimSocket {
    machine: Rc<RefCell<Machine>>,
    link: u64,
}

impl io::Read for SimSocket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.machine.borrow_mut().read(self.link, out)
    }
}

impl io::Write for SimSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.machine.borrow_mut().write_up(self.link, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        // A panic's own message counts for more than what it leaves behind.
        if !std::thread::panicking() {
            let mut machine = self.machine.borrow_mut();
            if machine.links.contains_key(&self.link) {
                machine.violate("dropped without being closed".into());
            }
        }
    }
}

impl World for SimWorld {
    type Socket = SimSocket;

    fn now(&mut self) -> Now {
        let mut machine = self.0.borrow_mut();
        machine.tally.clock_reads += 1;
        let wall = i64::try_from(machine.wall()).unwrap_or(i64::MAX);
        Now { mono: Mono(machine.now), wall: Timestamp::from_unix_nanos(wall) }
    }

    fn connect(&mut self, token: Token, urgency: Urgency) -> io::Result<SimSocket> {
        let link = self.0.borrow_mut().connect(token, urgency)?;
        Ok(SimSocket { machine: Rc::clone(&self.0), link })
    }

    fn accept(&mut self, token: Token) -> io::Result<SimSocket> {
        let link = self.0.borrow_mut().accept(token)?;
        Ok(SimSocket { machine: Rc::clone(&self.0), link })
    }

    fn dial(&mut self, _: Token, _: SocketAddr) -> io::Result<SimSocket> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn ask(&mut self, _: Token, _: SocketAddr) -> io::Result<SimSocket> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn figures(&mut self) -> Figures {
        Figures::default()
    }

    fn close(&mut self, socket: SimSocket) {
        self.0.borrow_mut().close(socket.link);
    }

    fn wait(&mut self, hold: Duration, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.0.borrow_mut().wait(nanos(hold), timeout.map(nanos), ready)
    }

    fn complain(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write_out(Outlet::Stderr, bytes)
    }

    fn prepare(&mut self, sink: usize, _: &Batch) -> io::Result<bool> {
        Ok(self.0.borrow_mut().prepare(sink))
    }

    fn write_lines(&mut self, sink: usize, _: Option<&Rc<Source>>, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write_out(Outlet::Sink(sink), bytes)
    }

    fn settle(&mut self, sink: usize) {
        self.0.borrow_mut().settle_sink(sink);
    }

    fn marks(&self, sink: usize) -> Vec<FileMark> {
        let machine = self.0.borrow();
        let mark = if sink == 0 { &machine.output } else { &machine.others[sink - 1].output };
        mark.iter().cloned().collect()
    }

    fn notify(&mut self, state: &str) {
        let mut machine = self.0.borrow_mut();
        let now = machine.now;
        machine.manager.push((now, state.to_owned()));
    }

    fn reload(&mut self) -> Option<Result<Settings, String>> {
        self.machine().configuration.is_some().then(|| self.settings())
    }

    fn save(&mut self, checkpoint: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().checkpoint = Some(checkpoint.to_vec());
        Ok(())
    }
}
