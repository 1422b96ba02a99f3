//! What runs in the containers: a static program that writes lines which a test can count.
//!
//! The arguments are steps, carried out in order. `RATE` is lines per second and stream; 0 is full speed.
//!
//! ```text
//! delay MS            wait
//! both N RATE         N numbered lines on stdout and N on stderr, at the same time
//! out N RATE          N numbered lines on stdout
//! pieces N RATE       as both, but each line in three writes
//! wide N RATE SIZE    as both, with lines of SIZE bytes
//! wideout N RATE SIZE the same on stdout alone
//! long N SIZE         N lines of SIZE bytes on both streams, written by turns in pieces
//! longout N SIZE      the same on stdout alone
//! unterminated        a line on each stream, then one without newline on each
//! binary              bytes that are no text
//! endless BYTES       one line of so many bytes, without newline
//! clock N RATE        lines on stdout that hold the time of their writing, in nanoseconds
//! stamped KEY N PACE  N lines (0: without end) of 100 bytes, PACE a minute (0: full speed), every tenth on stderr: KEY, the
//!                     line's number on its channel, and the time of its writing
//! await               wait until somebody makes the file /scene/go
//! hold                stay until killed
//! ```

#[path = "pattern.rs"]
mod pattern;

use std::fs::OpenOptions;
use std::io::{Write, stderr, stdout};
use std::os::fd::AsFd;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Numbered lines: how many, how many in a second, and how long each is at the least.
#[derive(Clone, Copy)]
struct Load {
    count: u64,
    rate: u64,
    size: usize,
}

/// How a line goes out: in one `write`, or in three.
#[derive(Clone, Copy, PartialEq)]
enum Writes {
    One,
    Three,
}

fn main() {
    let run = count_start();
    let mut args = std::env::args().skip(1);
    while let Some(step) = args.next() {
        if step == "stamped" {
            let key = args.next().expect("a key");
            let mut number = || args.next().and_then(|n| n.parse::<u64>().ok()).expect("a number");
            stamped(&key, number(), number());
            continue;
        }
        let mut number = || args.next().and_then(|n| n.parse::<u64>().ok()).expect("a number");
        match step.as_str() {
            "delay" => sleep(Duration::from_millis(number())),
            "both" => both(run, Load { count: number(), rate: number(), size: 0 }, Writes::One),
            "pieces" => both(run, Load { count: number(), rate: number(), size: 0 }, Writes::Three),
            "out" => out(run, Load { count: number(), rate: number(), size: 0 }),
            "wide" => {
                both(run, Load { count: number(), rate: number(), size: number() as usize }, Writes::One)
            }
            "wideout" => out(run, Load { count: number(), rate: number(), size: number() as usize }),
            "long" => long(run, number(), number() as usize, true),
            "longout" => long(run, number(), number() as usize, false),
            "unterminated" => unterminated(run),
            "binary" => put(&stdout(), pattern::BINARY),
            "endless" => endless(number()),
            "clock" => clock(number(), number()),
            "await" => await_go(),
            "hold" => hold(),
            other => panic!("unknown step {other}"),
        }
    }
}

/// How often this container was started, now included: the length of a file in the container.
fn count_start() -> u64 {
    let mut file = OpenOptions::new().create(true).append(true).open("/starts").expect("open /starts");
    file.write_all(b".").expect("write /starts");
    file.metadata().expect("stat /starts").len()
}

/// Writes to the descriptor itself: the streams of `std` buffer by lines.
fn put(stream: &impl AsFd, bytes: &[u8]) {
    let mut file = std::fs::File::from(stream.as_fd().try_clone_to_owned().expect("dup"));
    file.write_all(bytes).expect("write");
}

fn both(run: u64, load: Load, writes: Writes) {
    scope(|threads| {
        threads.spawn(move || numbered(&stdout(), "OUT", run, load, writes));
        threads.spawn(move || numbered(&stderr(), "ERR", run, load, writes));
    });
}

fn out(run: u64, load: Load) {
    numbered(&stdout(), "OUT", run, load, Writes::One);
}

fn numbered(stream: &impl AsFd, tag: &str, run: u64, load: Load, writes: Writes) {
    let mut file = std::fs::File::from(stream.as_fd().try_clone_to_owned().expect("dup"));
    let start = Instant::now();
    for number in 1..=load.count {
        let line = pattern::line(tag, run, number, load.size) + "\n";
        if writes == Writes::Three {
            for piece in [&line[..2], &line[2..7], &line[7..]] {
                file.write_all(piece.as_bytes()).expect("write");
            }
        } else {
            file.write_all(line.as_bytes()).expect("write");
        }
        pace(start, number, load.rate);
    }
}

fn pace(start: Instant, number: u64, rate: u64) {
    if rate > 0 {
        let due = start + Duration::from_nanos(number * 1_000_000_000 / rate);
        sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn long(run: u64, count: u64, size: usize, both: bool) {
    for number in 1..=count {
        let (out, err) =
            (pattern::line("OUT", run, number, size) + "\n", pattern::line("ERR", run, number, size) + "\n");
        for (out, err) in out.as_bytes().chunks(5_000).zip(err.as_bytes().chunks(5_000)) {
            put(&stdout(), out);
            if both {
                put(&stderr(), err);
            }
        }
    }
}

fn unterminated(run: u64) {
    for (stream, tag) in [(stdout().as_fd(), "OUT"), (stderr().as_fd(), "ERR")] {
        put(&stream, (pattern::line(tag, run, 1, 0) + "\n").as_bytes());
        put(&stream, pattern::line(tag, run, 2, 0).as_bytes());
    }
}

fn endless(bytes: u64) {
    let mut piece = String::with_capacity(65_536);
    for offset in (0..bytes).step_by(16) {
        piece.push_str(&pattern::endless(offset));
        if piece.len() == 65_536 {
            put(&stdout(), piece.as_bytes());
            piece.clear();
        }
    }
    put(&stdout(), piece.as_bytes());
}

fn clock(count: u64, rate: u64) {
    let start = Instant::now();
    for number in 1..=count {
        pace(start, number, rate);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos();
        put(&stdout(), format!("CLK {now} {number:06}\n").as_bytes());
    }
}

/// What `docklog-bench` counts: `@KEY o 17 1795464967000000000 xxx…`.
fn stamped(key: &str, count: u64, a_minute: u64) {
    let start = Instant::now();
    let (mut out, mut err) = (0, 0);
    for number in 1..=if count == 0 { u64::MAX } else { count } {
        if a_minute > 0 {
            let due = Duration::from_nanos((u128::from(number) * 60_000_000_000 / u128::from(a_minute)) as u64);
            sleep((start + due).saturating_duration_since(Instant::now()));
        }
        let on_stderr = number % 10 == 0;
        let on_channel = if on_stderr { &mut err } else { &mut out };
        *on_channel += 1;
        let mark = if on_stderr { 'e' } else { 'o' };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos();
        let line = format!("{:x<100}\n", format!("@{key} {mark} {on_channel} {now} "));
        if on_stderr {
            stderr().write_all(line.as_bytes()).expect("write"); // not buffered
        } else {
            stdout().write_all(line.as_bytes()).expect("write"); // buffered by lines
        }
    }
}

fn await_go() {
    while !std::path::Path::new("/scene/go").exists() {
        sleep(Duration::from_millis(10));
    }
}

fn hold() -> ! {
    loop {
        sleep(Duration::from_secs(3_600));
    }
}
