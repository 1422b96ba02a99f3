//! A reader on bollard and tokio, as good as it can reasonably be: one thread, and one buffered writer for all streams, which
//! is flushed when nothing else is to be done.

use bollard::container::LogOutput;
use bollard::query_parameters::{ListContainersOptions, LogsOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

/// A line, as docklog tells it.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    id: &'a str,
    container: &'a str,
    stream: &'a str,
    message: &'a str,
}

/// Where all lines go. (tokio wants it shareable; nobody ever waits for the lock.)
type Output = Arc<Mutex<BufWriter<File>>>;

/// Reads all containers that the engine lists: their history, or what they write from now on.
pub(crate) fn run(socket: &str, history: bool) {
    // Not std's `Stdout`, which would look for the last newline in all that is written.
    let file = File::from(stdout().as_fd().try_clone_to_owned().unwrap());
    let output = Arc::new(Mutex::new(BufWriter::with_capacity(64 * 1024, file)));
    let idle = output.clone();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || idle.lock().unwrap().flush().unwrap())
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, read(socket, history, &output));
    output.lock().unwrap().flush().unwrap();
}

async fn read(socket: &str, history: bool, output: &Output) {
    let docker = Docker::connect_with_unix(socket, 120, API_DEFAULT_VERSION).unwrap();
    let docker = docker.negotiate_version().await.unwrap();
    let mut streams = Vec::new();
    for container in docker.list_containers(None::<ListContainersOptions>).await.unwrap() {
        let (docker, output) = (docker.clone(), output.clone());
        streams.push(spawn_local(async move {
            let id = container.id.unwrap_or_default();
            let name = container.names.unwrap_or_default().concat();
            follow(&docker, &id, name.trim_start_matches('/'), history, &output).await;
        }));
    }
    for stream in streams {
        stream.await.unwrap();
    }
}

async fn follow(docker: &Docker, id: &str, container: &str, history: bool, output: &Output) {
    let options = LogsOptionsBuilder::new().follow(!history).stdout(true).stderr(true).timestamps(true);
    let options = options.tail(if history { "all" } else { "0" }).build();
    let mut log = pin!(docker.logs(id, Some(options)));
    while let Some(record) = log.next().await {
        let record = record.unwrap();
        let stream = if matches!(record, LogOutput::StdErr { .. }) { "stderr" } else { "stdout" };
        let bytes = record.into_bytes();
        let text = String::from_utf8_lossy(&bytes);
        let (time, message) = text.trim_end().split_once(' ').unwrap_or_default();
        let mut writer = output.lock().unwrap();
        let line = Line { time, id, container, stream, message };
        serde_json::to_writer(&mut *writer, &line).unwrap();
        writer.write_all(b"\n").unwrap();
    }
}
