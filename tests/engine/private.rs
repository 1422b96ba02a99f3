//! A private engine: its own socket, folders, namespaces and control group. It can be stopped, killed and started again.

use super::api::Api;
use super::container::Container;
use super::processes::Process;
use super::{dockerd, image, podman, reaper};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// An engine to test against, by the name of its folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Version(pub(crate) &'static str);

/// Of Docker.
pub(crate) const DOCKER: [Version; 2] = [Version("docker-20"), Version("docker-28")];

/// The one that isn't.
pub(crate) const PODMAN: Version = Version("podman");

/// All of them.
pub(crate) const VERSIONS: [Version; 3] = [DOCKER[0], DOCKER[1], PODMAN];

/// Where `.ci/engines` installs them.
pub(crate) fn engines() -> PathBuf {
    std::env::var_os("DOCKLOG_ENGINES").unwrap_or_else(|| "/opt/docklog-engines".into()).into()
}

impl Version {
    pub(crate) fn programs(self) -> PathBuf {
        engines().join(self.0).join("bin")
    }

    /// Why this engine can't be started here, if it can't.
    pub(crate) fn missing(self) -> Option<String> {
        let program = self.programs().join(if self == PODMAN { "podman" } else { "dockerd" });
        if !program.exists() {
            return Some(format!("there is no {}; .ci/engines installs it", program.display()));
        }
        let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        (!root).then(|| "an engine can only be started by root".into())
    }
}

/// A private engine. Dropped, it is gone with all that it started.
pub(crate) struct Engine {
    pub(crate) version: Version,
    folder: PathBuf,
    pub(crate) flags: &'static [&'static str],
    process: Mutex<Option<Child>>,
}

impl Engine {
    /// A place for an engine; nothing is started yet.
    pub(crate) fn prepare(version: Version, flags: &'static [&'static str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}{:03}", reaper::mark(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(mark);
        fs::create_dir_all(&folder).unwrap();
        Self { version, folder, flags, process: Mutex::new(None) }
    }

    /// An engine that runs and holds the image.
    pub(crate) fn start(version: Version, flags: &'static [&'static str]) -> Self {
        let engine = Self::prepare(version, flags);
        engine.launch();
        engine.import();
        engine
    }

    /// Starts the program, for the first time or again, and waits until it answers.
    pub(crate) fn launch(&self) {
        if self.version != PODMAN {
            dockerd::forget_the_dead(&self.folder);
        }
        *self.process.lock().unwrap() = Some(self.command().spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.api().ping() {
            assert!(Instant::now() < deadline, "{:?} doesn't start: {}", self.version, self.log());
            sleep(Duration::from_millis(50));
        }
    }

    fn command(&self) -> Command {
        let mut command = match self.version {
            PODMAN => podman::command(self),
            _ => dockerd::command(self),
        };
        let log = File::options().create(true).append(true).open(self.folder.join("engine.log")).unwrap();
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.version.programs().display());
        command.env("PATH", path).env(reaper::MARK, self.mark());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        // An interrupt from the keyboard is for the tests; the engine is swept up after them.
        command.process_group(0);
        command
    }

    /// Loads the image that containers are made of.
    pub(crate) fn import(&self) {
        let answer = self
            .api()
            .call("POST", "/images/create?fromSrc=-&repo=generator", "application/x-tar", image::archive())
            .unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// The mark under which the reaper finds what belongs to this engine.
    pub(crate) fn mark(&self) -> &str {
        self.folder.file_name().unwrap().to_str().unwrap()
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// What `--host` takes.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn api(&self) -> Api {
        Api::at(&self.socket())
    }

    /// Creates and starts a container; its id.
    pub(crate) fn run(&self, container: &Container) -> String {
        let id = container.create(&self.api());
        self.api().post(&format!("/containers/{id}/start"), None);
        id
    }

    /// Starts many, so many at a time; their ids, in the order of the containers.
    pub(crate) fn run_all(&self, containers: &[Container], at_a_time: usize) -> Vec<String> {
        let (next, ids) = (AtomicUsize::new(0), Mutex::new(vec![String::new(); containers.len()]));
        scope(|threads| {
            for _ in 0..at_a_time {
                threads.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(container) = containers.get(number) else { return };
                        let id = self.run(container);
                        ids.lock().unwrap()[number] = id;
                    }
                });
            }
        });
        ids.into_inner().unwrap()
    }

    /// Runs a container to its end; its id.
    pub(crate) fn ran(&self, container: &Container) -> String {
        let id = self.run(container);
        self.api().post(&format!("/containers/{id}/wait"), None);
        id
    }

    /// Ends a container at once.
    pub(crate) fn stop(&self, id: &str) {
        self.api().post(&format!("/containers/{id}/stop?t=0"), None);
    }

    /// Sends the engine's process a signal: SIGSTOP and SIGCONT freeze and thaw it.
    pub(crate) fn signal(&self, signal: Signal) {
        let process = self.process.lock().unwrap();
        kill(Pid::from_raw(process.as_ref().unwrap().id().cast_signed()), signal).unwrap();
    }

    /// Kills it without warning. Containers survive with `--live-restore`.
    pub(crate) fn kill(&self) {
        self.signal(Signal::SIGKILL);
        self.process.lock().unwrap().take().unwrap().wait().unwrap();
    }

    /// Ends it in good order, and waits for that.
    pub(crate) fn end(&self) {
        self.signal(Signal::SIGTERM);
        self.process.lock().unwrap().take().unwrap().wait().unwrap();
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.process.lock().unwrap().as_ref().unwrap().id())
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("engine.log")).unwrap_or_default();
        log.lines().rev().take(10).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        reaper::sweep(self.mark());
    }
}
