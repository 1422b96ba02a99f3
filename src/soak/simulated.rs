//! An engine for `--simulate`: just what the test and docklog ask for, on a private socket, one thread per connection.
//!
//! A log isn't stored: record `k` of a container is due `k / rate` after its start, on stdout and stderr by turns, so
//! that all of it follows from the clock. (The engine of docklog's own tests, with its faults and dialects, is another:
//! `tests/sim/engine`.)

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, sleep};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::http::{JSON, Reply, Request};
use super::line;
use super::workload::lock;

/// Pause between two looks at what is due. Each record is a chunk of its own all the same.
const BEAT: Duration = Duration::from_millis(10);

const FRAMES: &str = "application/vnd.docker.multiplexed-stream";

/// The engine, until this is dropped.
#[derive(Debug)]
pub(super) struct Simulated {
    folder: PathBuf,
}

impl Simulated {
    /// Begins to listen, in a folder that only this user can enter.
    ///
    /// # Errors
    /// If there can't be such a folder, or a socket in it.
    pub(super) fn start(rate: u32) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("docklog-soak-{}", std::process::id()));
        let failed = |error: io::Error| {
            let folder = folder.display();
            format!("can't set up the simulated engine in {folder}: {error}. TMPDIR chooses another place")
        };
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let simulated = Self { folder: folder.clone() };
        let listener = UnixListener::bind(simulated.socket()).map_err(failed)?;
        let engine = Arc::new(Engine { rate: i64::from(rate), ..Engine::default() });
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let engine = Arc::clone(&engine);
                // A client that leaves ends its thread; one that gets no thread sees its connection close.
                let _ = Builder::new().name("engine".to_owned()).spawn(move || engine.serve(stream));
            }
        };
        Builder::new().name("engine".to_owned()).spawn(serve).map_err(failed)?;
        Ok(simulated)
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let _ = std::fs::remove_dir(&self.folder);
    }
}

#[derive(Debug, Default)]
struct Engine {
    rate: i64,
    containers: Mutex<Vec<Container>>,
    /// All events so far.
    events: Mutex<Vec<Value>>,
}

#[derive(Clone, Debug)]
struct Container {
    id: String,
    name: String,
    spec: Value,
    /// Unix nanoseconds.
    started: Option<i64>,
    ended: Option<i64>,
}

impl Container {
    fn runs(&self) -> bool {
        self.started.is_some() && self.ended.is_none()
    }

    fn state(&self) -> &'static str {
        match (self.started, self.ended) {
            (None, _) => "created",
            (Some(_), None) => "running",
            (Some(_), Some(_)) => "exited",
        }
    }

    fn listed(&self) -> Value {
        json!({ "Id": self.id, "Names": [format!("/{}", self.name)], "Image": self.spec["Image"],
                "Labels": self.spec["Labels"], "State": self.state() })
    }

    fn inspected(&self) -> Value {
        let time = |nanos: Option<i64>| nanos.map_or("0001-01-01T00:00:00Z".to_owned(), rfc3339);
        json!({
            "Id": self.id, "Name": format!("/{}", self.name),
            "State": { "Status": self.state(), "Running": self.runs(), "Paused": false,
                       "StartedAt": time(self.started), "FinishedAt": time(self.ended) },
            "Config": { "Tty": false, "Image": self.spec["Image"], "Labels": self.spec["Labels"] },
            "HostConfig": { "LogConfig": { "Type": "json-file", "Config": {} }, "AutoRemove": false },
        })
    }

    fn event(&self, action: &str) -> Value {
        let now = now();
        let mut attributes = self.spec["Labels"].clone();
        attributes["name"] = json!(self.name);
        attributes["image"] = self.spec["Image"].clone();
        json!({ "Type": "container", "Action": action, "Actor": { "ID": self.id, "Attributes": attributes },
                "scope": "local", "time": now / 1_000_000_000, "timeNano": now })
    }
}

impl Engine {
    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let request = Request::read(&stream)?;
        let mut reply = Reply::to(&request, stream);
        let path: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
        let path = match path.first() {
            Some(version) if version.starts_with("v1.") => &path[1..],
            _ => &path[..],
        };
        match (request.method.as_str(), path) {
            ("GET", ["version"]) => reply
                .whole(200, &json!({ "Version": "28.0.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24" })),
            ("GET", ["events"]) => self.tell_events(&mut reply),
            ("GET", ["containers", "json"]) => {
                let all = request.parameter("all").is_some_and(|all| all == "1");
                let containers = lock(&self.containers);
                let list = containers.iter().filter(|c| all || c.runs()).map(Container::listed).collect();
                reply.whole(200, &Value::Array(list))
            }
            ("POST", ["containers", "create"]) => {
                let name = request.parameter("name").unwrap_or_default();
                reply.whole(201, &json!({ "Id": self.create(name, &request.body) }))
            }
            (method, ["containers", id, rest @ ..]) => match (method, rest, self.find(id)) {
                (_, _, None) => reply.whole(404, &json!({ "message": format!("No such container: {id}") })),
                ("GET", ["json"], Some(container)) => reply.whole(200, &container.inspected()),
                ("GET", ["logs"], Some(container)) => self.tell_log(&request, &mut reply, &container.id),
                ("POST", [change @ ("start" | "stop")], Some(_)) => {
                    self.change(id, change);
                    reply.whole(204, &Value::Null)
                }
                ("DELETE", [], Some(_)) => {
                    self.change(id, "stop");
                    self.remove(id);
                    reply.whole(204, &Value::Null)
                }
                _ => reply.whole(404, &json!({ "message": "page not found" })),
            },
            _ => reply.whole(404, &json!({ "message": "page not found" })),
        }
    }

    fn create(&self, name: &str, spec: &Value) -> String {
        let mut containers = lock(&self.containers);
        let id = format!("{:064x}", containers.len() + 1);
        let (name, spec) = (name.to_owned(), spec.clone());
        containers.push(Container { id: id.clone(), name, spec, started: None, ended: None });
        id
    }

    fn find(&self, id: &str) -> Option<Container> {
        lock(&self.containers).iter().find(|c| c.id == id || c.name == id).cloned()
    }

    fn change(&self, id: &str, change: &str) {
        let mut containers = lock(&self.containers);
        let Some(container) = containers.iter_mut().find(|c| c.id == id || c.name == id) else { return };
        let (moment, action) = match change {
            "start" => (&mut container.started, "start"),
            _ => (&mut container.ended, "die"),
        };
        if moment.is_none() {
            *moment = Some(now());
            let event = container.event(action);
            lock(&self.events).push(event);
        }
    }

    fn remove(&self, id: &str) {
        // The name alone goes: ids are given by position.
        let mut containers = lock(&self.containers);
        if let Some(container) = containers.iter_mut().find(|c| c.id == id || c.name == id) {
            lock(&self.events).push(container.event("destroy"));
            (container.id, container.name) = (String::new(), String::new());
        }
    }

    fn tell_events(&self, reply: &mut Reply) -> io::Result<()> {
        let mut told = lock(&self.events).len();
        reply.head(JSON)?;
        loop {
            let new: Vec<Value> = lock(&self.events).iter().skip(told).cloned().collect();
            told += new.len();
            for event in new {
                reply.piece(format!("{event}\n").as_bytes())?;
            }
            sleep(BEAT);
        }
    }

    fn tell_log(&self, request: &Request, reply: &mut Reply, id: &str) -> io::Result<()> {
        let flag = |name| request.parameter(name).is_some_and(|value| value == "1");
        let (follow, stamped) = (flag("follow"), flag("timestamps"));
        reply.head(FRAMES)?;
        let mut next = None;
        while let Some(Container { started: Some(started), ended, .. }) = self.find(id) {
            // What is due by now, or was by the end: record 0 at the start, then `rate` of them per second.
            let span = i128::from(ended.unwrap_or_else(now) - started).max(0);
            let due = i64::try_from(span * i128::from(self.rate) / 1_000_000_000).unwrap_or(0) + 1;
            let tail = request.parameter("tail").and_then(|tail| tail.parse::<i64>().ok());
            let first = *next.get_or_insert_with(|| tail.map_or(0, |tail| (due - tail).max(0)));
            let mut pieces = Vec::new();
            for record in first..due {
                let at = started
                    + i64::try_from(i128::from(record) * 1_000_000_000 / i128::from(self.rate)).unwrap_or(0);
                reply.add(&mut pieces, &frame(record, stamped.then_some(at)));
                if pieces.len() > 64 * 1024 {
                    reply.send(&std::mem::take(&mut pieces))?;
                }
            }
            reply.send(&pieces)?;
            next = Some(due.max(first));
            if !follow || ended.is_some() {
                break;
            }
            sleep(BEAT);
        }
        reply.last()
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// As the engine writes times.
fn rfc3339(nanos: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, (hour, minute, second, nanos)) = (time.date(), time.time().as_hms_nano());
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

fn frame(record: i64, at: Option<i64>) -> Vec<u8> {
    let (stream, number) = (usize::from(record % 2 != 0), record.unsigned_abs() / 2 + 1);
    let stamp = at.map_or_else(String::new, |at| rfc3339(at) + " ");
    let text = format!("{stamp}{}\n", line::write(stream, number));
    let mut frame = vec![if stream == 0 { 1 } else { 2 }, 0, 0, 0];
    frame.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
    frame.extend_from_slice(text.as_bytes());
    frame
}
