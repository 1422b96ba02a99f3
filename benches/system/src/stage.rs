//! A real engine with containers that write.

use crate::engine::container::Container;
use crate::engine::private::Engine;
use crate::options::Options;
use crate::usage::engine_processes;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// What readers read from.
pub(crate) struct Source {
    pub(crate) socket: PathBuf,
    /// How many containers it has.
    pub(crate) streams: usize,
    /// Ids of its containers, where a reader must be told them.
    pub(crate) ids: Vec<String>,
    /// The engine's folder, where a reader takes the files themselves.
    pub(crate) data: PathBuf,
}

/// An engine for one workload: what is left of one would disturb the next.
pub(crate) struct Stage {
    _engine: Engine,
    pub(crate) source: Source,
    /// The engine's processes.
    pub(crate) processes: Vec<u32>,
}

impl Stage {
    /// So many containers that write without end, so many lines a minute each. Or why there can't be any.
    pub(crate) fn live(options: &Options, containers: usize, a_minute: u64) -> Result<Self, String> {
        let steps = |n| format!("stamped c{n:02} 0 {a_minute}");
        let containers: Vec<_> =
            (0..containers).map(|n| Container::new(format!("c{n:02}"), &steps(n))).collect();
        Self::with(options, &containers)
    }

    /// A container that has written so many lines, at full speed, and writes no more.
    pub(crate) fn written(options: &Options, lines: u64) -> Result<Self, String> {
        let stage = Self::with(options, &[Container::new("c00", &format!("stamped c00 {lines} 0 hold"))])?;
        eprintln!("  waiting for {lines} lines to be written");
        while stage.log_lines() < lines {
            sleep(Duration::from_secs(1));
        }
        Ok(stage)
    }

    fn with(options: &Options, containers: &[Container]) -> Result<Self, String> {
        if let Some(reason) = options.version.missing() {
            return Err(reason);
        }
        eprintln!("  starting {} and {} containers", options.version.0, containers.len());
        let engine = Engine::start(options.version, &[]);
        let ids = engine.run_all(containers, 2);
        let source =
            Source { socket: engine.socket(), streams: ids.len(), ids, data: engine.folder().join("data") };
        let processes = engine_processes(engine.mark());
        Ok(Self { _engine: engine, source, processes })
    }

    /// The size of the first container's log.
    pub(crate) fn log_bytes(&self) -> u64 {
        fs::metadata(self.log()).map_or(0, |file| file.len())
    }

    fn log(&self) -> PathBuf {
        let id = &self.source.ids[0];
        self.source.data.join(format!("containers/{id}/{id}-json.log"))
    }

    /// Lines in the first container's log. (The engine's `tail` can't tell: the channels have no order among themselves.)
    fn log_lines(&self) -> u64 {
        let mut lines = 0;
        let mut file = BufReader::with_capacity(1 << 20, File::open(self.log()).unwrap());
        while let Ok(bytes) = file.fill_buf()
            && !bytes.is_empty()
        {
            let length = bytes.len();
            lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            file.consume(length);
        }
        lines
    }
}
