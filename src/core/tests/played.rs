//! A core on whose engine the test plays.

use docklog_protocol::{
    Action, Channel, ContainerId, Content, Event, Framing, Head, Inspected, Listed, Record, Stamp, Timestamp,
    Version,
};

use crate::core::catalogue::Container;
use crate::core::checkpoint::Saved;
use crate::core::exchange::{Command, End, Exchange, Input, StreamId};
use crate::core::pattern::Pattern;
use crate::core::selection::Selection;
use crate::core::time::{Mono, Now};
use crate::core::{Core, Rules};

/// The core, and the containers of its engine.
pub(in crate::core) struct Played {
    pub(in crate::core) core: Core,
    pub(in crate::core) containers: Vec<&'static str>,
}

pub(in crate::core) fn id(name: &str) -> ContainerId {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(name.bytes()).for_each(|(byte, letter)| *byte = letter);
    ContainerId::from(bytes)
}

pub(in crate::core) fn excluding(names: &[&str], drivers: &[&str]) -> Selection {
    let patterns = |list: &[&str]| list.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect();
    let mut selection = Selection::default();
    (selection.exclude.names, selection.exclude.drivers) = (patterns(names), patterns(drivers));
    selection
}

impl Played {
    /// Follows these, all running.
    pub(in crate::core) fn new(selection: Selection, containers: &[&'static str]) -> Self {
        let mut rules = crate::config::Settings::from_args([]).expect("settings").rules;
        rules.selection = selection;
        let wall = Timestamp { seconds: 1_000, nanos: 0 };
        let core = Core::new(rules, Saved::default(), Now { mono: Mono::default(), wall }, 1);
        let mut played = Self { core, containers: containers.to_vec() };
        assert_eq!(played.commands(), ["open Version"]);
        let version = Version::parse(br#"{"ApiVersion":"1.51","Components":[{"Name":"Engine"}]}"#);
        played.core.handle(Input::Version(version.expect("a version")));
        played.end(Exchange::Version);
        assert_eq!(played.commands(), ["open Events"]);
        played.head(Exchange::Events);
        played
    }

    pub(in crate::core) fn head(&mut self, exchange: Exchange) {
        let head = Head {
            status: 200,
            version_1_1: true,
            content: Content::Json,
            api_version: None,
            podman: false,
            framing: Framing::Chunked,
        };
        self.core.handle(Input::Head(exchange, head));
    }

    pub(in crate::core) fn end(&mut self, exchange: Exchange) {
        self.core.handle(Input::Ended(exchange, End::Complete));
    }

    /// What is to be done by now, in words: `open Logs(web) tail=1`. Notices are left out.
    pub(in crate::core) fn commands(&mut self) -> Vec<String> {
        self.core.end_turn();
        let mut words = Vec::new();
        while let Some(command) = self.core.next_command() {
            let (what, exchange, request) = match command {
                Command::Open(exchange, request) => ("open", exchange, request),
                Command::Close(exchange) => ("close", exchange, Vec::new()),
                Command::Say(_) | Command::Save | Command::Notify(_) => continue,
            };
            let request = String::from_utf8(request).expect("a request is text");
            let tail = request.split(['&', ' ']).find(|word| word.starts_with("tail="));
            let exchange = match exchange {
                Exchange::Logs(id) => format!("Logs({})", self.name(id)),
                Exchange::Inspect(id) => format!("Inspect({})", self.name(id)),
                other => format!("{other:?}"),
            };
            words.push([what, &exchange, tail.unwrap_or_default()].join(" ").trim_end().to_owned());
        }
        words
    }

    pub(in crate::core) fn name(&self, id: StreamId) -> &str {
        self.core.catalogue.get(id).map_or("gone", Container::name)
    }

    /// The list that was asked for comes, with all containers.
    pub(in crate::core) fn list(&mut self) -> Vec<String> {
        assert_eq!(self.commands(), ["open List"]);
        for name in self.containers.clone() {
            let json =
                format!(r#"{{"Id":"{}","Names":["/{name}"],"Image":"shop","State":"running"}}"#, id(name));
            self.core.handle(Input::Listed(Listed::parse(json.as_bytes()).expect("a container")));
        }
        self.end(Exchange::List);
        self.commands()
    }

    pub(in crate::core) fn stream(&self, name: &str) -> StreamId {
        self.core.catalogue.find(id(name)).unwrap_or_else(|| panic!("{name} isn't known"))
    }

    /// Inspect answers with this driver.
    pub(in crate::core) fn inspected(&mut self, name: &str, driver: &str) -> Vec<String> {
        let json = format!(
            r#"{{"Id":"{}","Name":"/{name}","Config":{{"Image":"shop"}},"HostConfig":{{"LogConfig":{{"Type":"{driver}"}}}}}}"#,
            id(name)
        );
        let stream = self.stream(name);
        let inspected = Inspected::parse(json.as_bytes()).expect("an inspect");
        self.core.handle(Input::Inspected(stream, inspected));
        self.end(Exchange::Inspect(stream));
        self.commands()
    }

    /// Its log is answered with a record of this time.
    pub(in crate::core) fn record(&mut self, name: &str, raw: &str) {
        let stream = self.stream(name);
        self.head(Exchange::Logs(stream));
        let stamp = Stamp::parse(raw);
        let record = Record { channel: Channel::Stdout, stamp, text: b"text", part: false };
        self.core.take(stream, |out| out(record));
    }

    /// The engine tells of it, a second after the beginning.
    pub(in crate::core) fn event(&mut self, name: &str, action: Action) {
        self.core.handle(Input::Event(Event {
            action,
            id: id(name),
            name: name.to_owned(),
            image: "shop".to_owned(),
            labels: Default::default(),
            time: Timestamp { seconds: 1_001, nanos: 0 },
        }));
    }

    pub(in crate::core) fn reselect(&mut self, selection: Selection) -> Vec<String> {
        let rules = Rules { selection, ..self.core.rules.clone() };
        self.core.handle(Input::Reload(Box::new(rules)));
        self.list()
    }
}
