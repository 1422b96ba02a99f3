//! Other tools, as far as they are installed.

use crate::stage::Source;
use std::fs;
use std::process::Command;

/// Vector reads what is written from now on, never history.
pub(crate) fn vector(source: &Source) -> Command {
    let folder = source.data.join("vector");
    fs::create_dir_all(&folder).unwrap();
    let configuration = folder.join("vector.toml");
    let text = format!(
        "data_dir = {folder:?}\n\
         [sources.docker]\ntype = \"docker_logs\"\ndocker_host = \"unix://{}\"\n\
         [sinks.out]\ntype = \"console\"\ninputs = [\"docker\"]\nencoding.codec = \"json\"\n",
        source.socket.display()
    );
    fs::write(&configuration, text).unwrap();
    let mut command = Command::new("vector");
    command.args(["--quiet", "--config"]).arg(configuration);
    command
}

/// Fluent Bit reads the engine's files itself, and asks the engine nothing.
pub(crate) fn fluent_bit(source: &Source, history: bool) -> Command {
    let files = format!("path={}/containers/*/*-json.log", source.data.display());
    let (from_head, exit) = if history {
        ("read_from_head=true", "exit_on_eof=true")
    } else {
        ("read_from_head=false", "exit_on_eof=false")
    };
    let mut command = Command::new("fluent-bit");
    command.args(["-q", "-i", "tail", "-p", &files, "-p", from_head, "-p", exit]);
    command.args(["-o", "stdout", "-p", "format=json_lines"]);
    command
}
