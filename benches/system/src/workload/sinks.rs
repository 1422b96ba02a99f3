//! The log of one container, as in `catchup`, into each kind of sink: what it costs to write lines in its format, to compress
//! them, and to bring them away.

use crate::options::Options;
use crate::reader::{Reader, Span};
use crate::receiver::Receiver;
use crate::running::Running;
use crate::stage::Stage;
use crate::table::{Report, Table, maybe, spread};
use crate::usage::{Usage, settle};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A kind of sink: its name here, and what the configuration says of it.
struct Kind(&'static str, &'static str);

/// `FILES` stands for a folder in memory, `RECEIVER` for a receiver's address.
const KINDS: [Kind; 9] = [
    Kind("stdout (/dev/null)", "type = \"stdout\"\nformat = \"json\""),
    Kind("file", "type = \"file\"\npath = \"FILES/all.log\""),
    Kind(
        "file by template, 64 MiB, gzip",
        "type = \"file\"\npath = \"FILES/{container}.log\"\nrotate_size = \"64MiB\"",
    ),
    Kind("ndjson", "type = \"http\"\nformat = \"ndjson\"\nurl = \"http://RECEIVER\"\ncompress = false"),
    Kind("ndjson, gzip", "type = \"http\"\nformat = \"ndjson\"\nurl = \"http://RECEIVER\""),
    Kind("loki", "type = \"http\"\nformat = \"loki\"\nurl = \"http://RECEIVER\"\ncompress = false"),
    Kind("loki, gzip", "type = \"http\"\nformat = \"loki\"\nurl = \"http://RECEIVER\""),
    Kind("otlp", "type = \"http\"\nformat = \"otlp\"\nurl = \"http://RECEIVER\"\ncompress = false"),
    Kind("otlp, gzip", "type = \"http\"\nformat = \"otlp\"\nurl = \"http://RECEIVER\""),
];

/// One sink's run.
struct Sample {
    wall: f64,
    used: Usage,
    peak: u64,
    bytes: u64,
    requests: u64,
}

/// Measures all sinks of each docklog.
pub(crate) fn run(options: &Options, report: &mut Report) {
    let lines: u64 = options.size(1_000_000, 100_000);
    let title = format!("Catch-up into one sink: {lines} lines of one container");
    eprintln!("{title}");
    let stage = match Stage::written(options, lines) {
        Ok(stage) => stage,
        Err(reason) => return report.left_out(&title, &reason),
    };
    let place = Place::new();
    // Each sink's docklogs follow each other, where there are several to be compared.
    let mut subjects = Vec::new();
    for kind in &KINDS {
        for docklog in &options.docklogs {
            subjects.push(place.reader(subjects.len(), docklog, kind, options.docklogs.len() == 1));
        }
    }
    let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for ((reader, _), samples) in subjects.iter().zip(&mut samples) {
            eprintln!("  round {round}: {}", reader.name);
            samples.push(place.sample(reader, &stage));
        }
    }
    let columns = [
        "CPU s per million lines",
        "lines/s",
        "peak RSS MiB",
        "MB written or sent",
        "requests",
        "lines lost",
    ];
    let mut table = Table::new(title, &columns);
    table.name_rows("sink");
    for ((reader, writes), samples) in subjects.iter().zip(&samples) {
        let of = |figure: fn(&Sample) -> f64, digits| spread(samples.iter().map(figure), digits);
        let sends = samples.iter().any(|sample| sample.requests > 0);
        table.row(
            &reader.name,
            vec![
                spread(samples.iter().map(|sample| sample.used.cpu / lines as f64 * 1e6), 2),
                spread(samples.iter().map(|sample| lines as f64 / sample.wall), 0),
                of(|sample| sample.peak as f64 / 1024.0, 1),
                if *writes { of(|sample| sample.bytes as f64 / 1e6, 1) } else { "–".into() },
                if sends { of(|sample| sample.requests as f64, 0) } else { "–".into() },
                maybe(Some(lines as f64 - place.taken(reader, &stage, lines) as f64), 0),
            ],
        );
    }
    report.add(&table);
    report.say(&format!(
        "Files are in {}; the receiver is a thread of the benchmark that answers each request at once, and looks at nothing. More \
         than half of each line is the same letter: real ones are harder to compress.",
        place.parent().display()
    ));
}

/// Where configurations, files and sockets are. Dropped, it is removed.
struct Place {
    folder: PathBuf,
    receiver: Receiver,
}

impl Place {
    fn new() -> Self {
        // In memory, if there is such a folder: what a disk does beside is no cost of docklog's.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let place = Self {
            folder: parent.join(format!("{}sinks", crate::reaper::mark())),
            receiver: Receiver::start(),
        };
        fs::create_dir_all(place.files()).unwrap();
        place
    }

    fn parent(&self) -> &Path {
        self.folder.parent().unwrap()
    }

    fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("http.sock")
    }

    /// A docklog with one sink, and whether that leaves bytes that can be counted.
    fn reader(
        &self,
        number: usize,
        (name, program): &(String, PathBuf),
        Kind(called, sink): &Kind,
        alone: bool,
    ) -> (Reader, bool) {
        let sink = sink
            .replace("FILES", &self.files().to_string_lossy())
            .replace("RECEIVER", &self.receiver.address.to_string());
        let configuration = self.folder.join(format!("{number}.toml"));
        let text = format!(
            "[read]\ntail = \"all\"\n[http]\nlisten = \"unix:{}\"\n[[sink]]\nname = \"it\"\n{sink}\n",
            self.socket().display()
        );
        fs::write(&configuration, text).unwrap();
        let name = if alone { (*called).to_owned() } else { format!("{called}: {name}") };
        (Reader::configured(name, program, &configuration), !sink.contains("stdout"))
    }

    /// Begins anew: without files, and with counts at zero.
    fn clear(&self) {
        fs::remove_dir_all(self.files()).unwrap();
        fs::create_dir_all(self.files()).unwrap();
        self.receiver.taken();
    }

    /// From the first line to the end. docklog ends by itself, and well, only when its sink has all.
    fn sample(&self, reader: &Reader, stage: &Stage) -> Sample {
        self.clear();
        settle(&stage.processes);
        let children = Usage::of_ended_children();
        let start = Instant::now();
        let (wall, peak) = Running::silent(reader, &stage.source, Span::History).ended(start);
        let used = Usage::of_ended_children() - children;
        let (requests, sent) = self.receiver.taken();
        let written: u64 = fs::read_dir(self.files())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().map_or(0, |file| file.len()))
            .sum();
        Sample { wall, used, peak, bytes: sent + written, requests }
    }

    /// How many lines the sink has taken, by docklog's own count, in a run of its own: until nothing is left, or nothing has
    /// moved for ten seconds.
    fn taken(&self, reader: &Reader, stage: &Stage, lines: u64) -> u64 {
        eprintln!("  counting its lines: {}", reader.name);
        self.clear();
        let _running = Running::silent(reader, &stage.source, Span::Live);
        let (mut counts, mut since) = (Counts::default(), Instant::now());
        while counts != (Counts { taken: lines, waiting: 0 }) && since.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(200));
            match Counts::of(&self.socket()) {
                Some(now) if now != counts => (counts, since) = (now, Instant::now()),
                _ => {}
            }
        }
        assert_eq!(counts.waiting, 0, "{}: the sink takes no more", reader.name);
        counts.taken
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What docklog says of its sink.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    /// Lines that it was given, but those that it has refused.
    taken: u64,
    /// Bytes of them that it has yet to take.
    waiting: u64,
}

impl Counts {
    /// `None` as long as docklog doesn't answer.
    fn of(socket: &Path) -> Option<Self> {
        let mut stream = UnixStream::connect(socket).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: docklog\r\nConnection: close\r\n\r\n").ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        let figure = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.strip_prefix("{sink=\"it\"} ")?.parse::<u64>().ok())
        };
        Some(Self {
            taken: figure("docklog_sink_lines_total")? - figure("docklog_sink_refused_lines_total")?,
            waiting: figure("docklog_sink_waiting_bytes")?,
        })
    }
}
