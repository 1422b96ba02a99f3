//! How a container is made: the few settings that change how its log is read.

use super::api::Api;
use super::image::GENERATOR;
use serde_json::{Value, json};

/// What to run, and how its log is kept.
pub(crate) struct Container {
    name: String,
    spec: Value,
}

impl Container {
    /// A container that carries out these steps of the generator.
    pub(crate) fn new(name: impl Into<String>, steps: &str) -> Self {
        let mut command = vec![GENERATOR];
        command.extend(steps.split_whitespace());
        let host = json!({ "NetworkMode": "host", "LogConfig": { "Type": "json-file", "Config": {} } });
        let spec = json!({ "Image": "generator", "Cmd": command, "StopSignal": "SIGKILL", "Labels": {}, "HostConfig": host });
        Self { name: name.into(), spec }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn tty(mut self) -> Self {
        self.spec["Tty"] = json!(true);
        self
    }

    pub(crate) fn driver(mut self, driver: &str) -> Self {
        self.spec["HostConfig"]["LogConfig"]["Type"] = json!(driver);
        self
    }

    /// Three log files of 1 MiB at the most: the engine deletes what is older.
    pub(crate) fn three_small_files(self) -> Self {
        self.small_files(3)
    }

    fn small_files(mut self, count: usize) -> Self {
        self.spec["HostConfig"]["LogConfig"]["Config"] =
            json!({ "max-size": "1m", "max-file": count.to_string() });
        self
    }

    /// They hold some 25 s of what the tests of rotation write: an overloaded engine may take seconds to show a log's end, and an
    /// audit whose first line has been deleted meanwhile has to tell a gap.
    pub(crate) fn five_small_files(self) -> Self {
        self.small_files(5)
    }

    pub(crate) fn label(mut self, key: &str, value: &str) -> Self {
        self.spec["Labels"][key] = json!(value);
        self
    }

    /// Removed by the engine as soon as it ends.
    pub(crate) fn removed_at_end(mut self) -> Self {
        self.spec["HostConfig"]["AutoRemove"] = json!(true);
        self
    }

    /// Another image and command than the generator's.
    pub(crate) fn other_program(mut self, image: &str, command: &[&str]) -> Self {
        self.spec["Image"] = json!(image);
        self.spec["Cmd"] = json!(command);
        self
    }

    /// Another network than the host's (which is the cheapest to make).
    pub(crate) fn network(mut self, mode: &str) -> Self {
        self.spec["HostConfig"]["NetworkMode"] = json!(mode);
        self
    }

    pub(crate) fn mount(mut self, from: &str, to: &str) -> Self {
        self.spec["HostConfig"]["Binds"] = json!([format!("{from}:{to}")]);
        self
    }

    /// Creates it without starting it; its id.
    pub(crate) fn create(&self, api: &Api) -> String {
        let created = api.post(&format!("/containers/create?name={}", self.name), Some(&self.spec));
        created["Id"].as_str().unwrap().to_owned()
    }
}
