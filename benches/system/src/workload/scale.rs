//! Many streams of the simulated engine, 100,000 lines a second in all.

use super::steady::{Scene, measure};
use crate::options::Options;
use crate::reader::Reader;
use crate::stage::Source;
use crate::table::Report;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Measures with more and more streams.
pub(crate) fn run(options: &Options, report: &mut Report) {
    let rate = options.size(100_000, 20_000);
    for streams in options.size(&[100, 1_000, 10_000][..], &[100, 10_000][..]) {
        let title = format!("{streams} streams of the simulated engine, {rate} lines/s in all");
        eprintln!("{title}");
        let Some(program) = &options.simulated else {
            return report.left_out(&title, "this tree has no example `engine`");
        };
        let engine = Simulated::start(program, *streams, rate);
        let source = Source {
            socket: engine.socket(),
            streams: *streams,
            ids: Vec::new(),
            data: engine.folder.clone(),
        };
        let readers = readers(options);
        let processes = [engine.process.id()];
        let scene = Scene { source: &source, engine: &processes, rate: rate as f64 };
        measure(options, report, title, &readers, &scene);
    }
}

/// docklog as it is, with its 20 ms, and with a longer latency, if it can be set.
fn readers(options: &Options) -> Vec<Reader> {
    let mut readers = vec![Reader::nobody()];
    readers.extend(Reader::docklogs(options, &[]));
    readers.extend(Reader::with_latency(options, "100ms"));
    readers.push(Reader::bollard());
    readers
}

/// The simulated engine. Dropped, it is ended.
struct Simulated {
    process: Child,
    folder: PathBuf,
}

impl Simulated {
    fn start(program: &Path, streams: usize, rate: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("{}simulated", crate::reaper::mark()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(program);
        command.arg("--socket").arg(folder.join("docker.sock"));
        for (option, value) in [("--containers", streams.to_string()), ("--rate", rate.to_string())] {
            command.args([option, &value]);
        }
        command.args(["--line-bytes", "100", "--stderr", "0.1"]).stdout(Stdio::null()).stderr(Stdio::null());
        let engine = Self { process: command.spawn().unwrap(), folder };
        while UnixStream::connect(engine.socket()).is_err() {
            sleep(Duration::from_millis(50));
        }
        engine
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
