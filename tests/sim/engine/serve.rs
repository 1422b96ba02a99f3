//! From a request to an answer, and an answer's next write.

use super::answers::{inspect, list, message, typed, version, whole};
use super::conn::Body;
use super::container::{Container, Driver, State};
use super::events::Subscriber;
use super::hostile::Attack;
use super::http::{Head, Length, Request, take};
use super::logs::{Query, Reader, Step, encode, frame};
use super::stamp::Nanos;
use super::{ConnId, Endpoint, Process, SimEngine};

impl SimEngine {
    /// The next write the engine makes on this connection, once the one before has found room. `None`: nothing to say
    /// now.
    pub fn next_write(&mut self, now: Nanos, id: ConnId) -> Option<Vec<u8>> {
        if self.process != Process::Up {
            return None;
        }
        loop {
            let conn = self.conns.get_mut(&id)?;
            if conn.over {
                return None;
            }
            if let Some(write) = conn.writes.pop_front() {
                return Some(write);
            }
            let goes_on = match conn.body {
                Body::Idle => self.next_request(now, id),
                Body::Logs(_) => self.next_message(id),
                Body::Events(_) => self.next_event(now, id),
                Body::Attack(_) => self.next_attack(id),
            };
            if !goes_on {
                return None;
            }
        }
    }

    fn next_request(&mut self, now: Nanos, id: ConnId) -> bool {
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        if conn.close_after {
            conn.over = true;
            return false;
        }
        match take(&mut conn.inbox) {
            None => return false,
            Some(Err(text)) => {
                let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close";
                conn.writes.push_back(format!("{head}\r\n\r\n{text}").into_bytes());
                conn.close_after = true;
            }
            Some(Ok(request)) => {
                self.requests.push((now, request.line.clone()));
                conn.close_after = request.close;
                self.answer(now, id, &request);
            }
        }
        true
    }

    fn next_message(&mut self, id: ConnId) -> bool {
        let (dialect, quirks) = (self.dialect, self.quirks);
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        let Body::Logs(reader) = &mut conn.body else { return false };
        let container = &self.containers[reader.container];
        let timestamps = reader.query.timestamps;
        if self.faults.deaf_follows && reader.query.follow {
            return false;
        }
        match reader.step(container, dialect, quirks) {
            Step::Wait => return false,
            Step::End => conn.finish(),
            Step::Record(record) => {
                let bytes = encode(record, container.spec.tty, timestamps, dialect);
                conn.send(&bytes, dialect);
            }
        }
        true
    }

    fn next_event(&mut self, now: Nanos, id: ConnId) -> bool {
        let dialect = self.dialect;
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        let Body::Events(subscriber) = &mut conn.body else { return false };
        if let Some(line) = subscriber.next(&self.events, dialect.api() < (1, 52)) {
            conn.send(&line, dialect);
        } else if subscriber.is_over(now) {
            conn.finish();
        } else {
            return false;
        }
        true
    }

    fn next_attack(&mut self, id: ConnId) -> bool {
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        let Body::Attack(attack) = &mut conn.body else { return false };
        match attack.next() {
            Some(write) => {
                conn.writes.push_back(write);
                true
            }
            None => {
                conn.over = attack.hangs_up();
                false
            }
        }
    }

    fn answer(&mut self, now: Nanos, id: ConnId, request: &Request) {
        let endpoint = endpoint(&request.path);
        if let (Some(endpoint), Some(conn)) = (endpoint, self.conns.get_mut(&id)) {
            conn.serving = Some(endpoint);
        }
        if let Some((kind, at)) = self.faults.hostile
            && (at.is_none() || at == endpoint)
        {
            self.begin(id, Body::Attack(Attack::new(kind)));
            return;
        }
        let Some(endpoint) = endpoint else { return self.fail(now, id, request, 404, "page not found") };
        if self.faults.forbidden.contains(&endpoint) {
            return self.forbid(id);
        }
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return self.fail(now, id, request, 405, "method not allowed");
        }
        if let Some(complaint) = self.version_complaint(request) {
            return self.fail(now, id, request, 400, &complaint);
        }
        match endpoint {
            Endpoint::Ping => {
                let writes = typed(self.dialect, now, request, 200, "text/plain; charset=utf-8", b"OK");
                self.send(id, writes);
            }
            Endpoint::Version => {
                let writes = whole(self.dialect, now, request, 200, &version(self.dialect));
                self.send(id, writes);
            }
            Endpoint::List => {
                let body = list(self.dialect, &self.containers, &request.parameters);
                self.send(id, whole(self.dialect, now, request, 200, &body));
            }
            Endpoint::Inspect => self.answer_inspect(now, id, request),
            Endpoint::Events => self.answer_events(now, id, request),
            Endpoint::Logs => self.answer_logs(now, id, request),
        }
    }

    fn answer_inspect(&mut self, now: Nanos, id: ConnId, request: &Request) {
        let who = container_of(&request.path);
        match self.lookup(who) {
            Some(index) => {
                let body = inspect(self.dialect, &self.containers[index]);
                self.send(id, whole(self.dialect, now, request, 200, &body));
            }
            None => self.fail(now, id, request, 404, &format!("No such container: {who}")),
        }
    }

    fn answer_events(&mut self, now: Nanos, id: ConnId, request: &Request) {
        match Subscriber::open(&self.events, &request.parameters) {
            Ok(subscriber) => {
                let head = self.stream_head(now, request, Some("application/json"));
                self.send(id, vec![head]);
                self.begin_stream(id, request, Body::Events(subscriber));
            }
            Err(text) => self.fail(now, id, request, 400, &text),
        }
    }

    fn answer_logs(&mut self, now: Nanos, id: ConnId, request: &Request) {
        let who = container_of(&request.path);
        let Some(index) = self.lookup(who) else {
            return self.fail(now, id, request, 404, &format!("No such container: {who}"));
        };
        let container = &self.containers[index];
        if container.state == State::Removing {
            let text = "can not get logs from container which is dead or marked for removal";
            return self.fail(now, id, request, 409, text);
        }
        if container.spec.driver == Driver::None {
            return self.fail(now, id, request, 501, "configured logging driver does not support reading");
        }
        let query = match Query::parse(self.dialect, &request.parameters) {
            Ok(query) => query,
            Err((status, text)) => return self.fail(now, id, request, status, &text),
        };
        let asked = request.version.unwrap_or(self.dialect.api());
        let head = self.stream_head(now, request, self.dialect.log_type(container.spec.tty, asked));
        let complaint = container.log_unlinked.then(|| unlinked(container));
        let holds_head = self.dialect.is_podman() && query.follow;
        let reader = Reader::open(index, container, query, self.dialect, self.quirks);
        if holds_head {
            self.conns.entry(id).and_modify(|conn| conn.late_head = Some(head));
        } else {
            self.send(id, vec![head]);
        }
        self.begin_stream(id, request, Body::Logs(reader));
        if let (Some(complaint), Some(conn)) = (complaint, self.conns.get_mut(&id)) {
            conn.send(&complaint, self.dialect);
            conn.finish();
        }
    }

    fn stream_head(&self, now: Nanos, request: &Request, content_type: Option<&str>) -> Vec<u8> {
        let length = if request.http10 { Length::UntilClose } else { Length::Chunked };
        Head { dialect: self.dialect, now, status: 200, content_type, length, close: request.close }.bytes()
    }

    fn begin_stream(&mut self, id: ConnId, request: &Request, body: Body) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.chunked = !request.http10;
            conn.body = body;
        }
    }

    fn begin(&mut self, id: ConnId, body: Body) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.body = body;
        }
    }

    fn send(&mut self, id: ConnId, writes: Vec<Vec<u8>>) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.writes.extend(writes);
        }
    }

    fn fail(&mut self, now: Nanos, id: ConnId, request: &Request, status: u16, text: &str) {
        let body = message(self.dialect, status, text);
        self.send(id, whole(self.dialect, now, request, status, &body));
    }

    /// In the words of the proxy that people put before the socket.
    fn forbid(&mut self, id: ConnId) {
        let body = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n";
        let length = body.len();
        let head = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\ncache-control: no-cache\r\ncontent-type: text/html"
        );
        self.send(id, vec![format!("{head}\r\n\r\n{body}").into_bytes()]);
    }

    fn version_complaint(&self, request: &Request) -> Option<String> {
        let (asked, (max, min)) = (request.version?, (self.dialect.api(), self.dialect.api_min()));
        let text = |(major, minor): (u32, u32)| format!("{major}.{minor}");
        if self.dialect.is_podman() {
            return None;
        }
        if asked > max {
            let (asked, max) = (text(asked), text(max));
            return Some(format!(
                "client version {asked} is too new. Maximum supported API version is {max}"
            ));
        }
        (asked < min).then(|| {
            let (asked, min) = (text(asked), text(min));
            format!(
                "client version {asked} is too old. Minimum supported API version is {min}, please upgrade your client to a newer version"
            )
        })
    }

    /// By id, by a unique beginning of it, or by name.
    fn lookup(&self, who: &str) -> Option<usize> {
        let present = |index: usize| self.containers[index].state != State::Removed;
        let exact = self.by_id.get(who).copied().filter(|&index| present(index));
        exact.or_else(|| self.index(who)).or_else(|| {
            let from_there = self.by_id.range(who.to_owned()..).take_while(|(id, _)| id.starts_with(who));
            let mut like = from_there.map(|(_, &index)| index).filter(|&index| present(index));
            match (like.next(), like.next()) {
                (Some(one), None) if !who.is_empty() => Some(one),
                _ => None,
            }
        })
    }
}

fn unlinked(container: &Container) -> Vec<u8> {
    let text = format!(
        "Error grabbing logs: open /var/lib/docker/containers/{0}/{0}-json.log: no such file or directory\n",
        container.id
    );
    if container.spec.tty { text.into_bytes() } else { frame(3, text.as_bytes()) }
}

fn endpoint(path: &str) -> Option<Endpoint> {
    match path {
        "/_ping" => Some(Endpoint::Ping),
        "/version" => Some(Endpoint::Version),
        "/events" => Some(Endpoint::Events),
        "/containers/json" => Some(Endpoint::List),
        _ => match path.strip_prefix("/containers/")?.split_once('/')?.1 {
            "json" => Some(Endpoint::Inspect),
            "logs" => Some(Endpoint::Logs),
            _ => None,
        },
    }
}

fn container_of(path: &str) -> &str {
    path.strip_prefix("/containers/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}
