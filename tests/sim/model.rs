//! The reference: what every container wrote, kept apart from the engine, and compared with what docklog gave out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::engine::{Channel, Driver};
use super::told::Gap;

/// What one container wrote on one channel.
#[derive(Clone, Debug, Default)]
struct Written {
    /// Lines without their ends, with the time of their last byte.
    lines: Vec<(u64, Vec<u8>)>,
    open: Vec<u8>,
    numbers: u64,
}

/// A container, as the model knows it.
#[derive(Clone, Debug)]
struct Writer {
    names: Vec<String>,
    tty: bool,
    driver: Driver,
    removed: bool,
    channels: [Written; 2],
}

/// All containers.
#[derive(Debug, Default)]
pub struct Model {
    writers: BTreeMap<String, Writer>,
    /// Times needn't rise.
    clock_was_set_back: bool,
}

/// What is wanted of one channel.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub id: &'a str,
    /// All that the container has borne.
    pub names: &'a [String],
    pub channel: Channel,
    /// As docklog calls the channel.
    pub stream: &'static str,
    /// As its log can hold them.
    pub lines: Vec<Vec<u8>>,
    /// What has no end yet.
    pub open: Vec<u8>,
}

/// A line as docklog gave it out.
#[derive(Clone, Debug)]
pub struct Given {
    pub id: String,
    pub container: String,
    pub stream: String,
    pub time: String,
    pub message: Vec<u8>,
}

/// What one docklog gave out.
#[derive(Clone, Debug, Default)]
pub struct Output {
    pub lines: Vec<Given>,
    pub gaps: Vec<Gap>,
}

/// How a container's output is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Every line once, in order.
    All,
    /// Lines written from this time on: each once. Those before: none.
    Since(u64),
    /// No line twice and all in order, but some may be missing.
    Some,
    /// Nothing.
    Nothing,
}

impl Expect {
    fn wants(self, written_at: u64) -> bool {
        match self {
            Expect::All | Expect::Some => true,
            Expect::Since(at) => written_at >= at,
            Expect::Nothing => false,
        }
    }
}

impl Model {
    pub fn created(&mut self, id: &str, name: &str, tty: bool, driver: Driver) {
        let names = vec![name.to_owned()];
        let writer = Writer { names, tty, driver, removed: false, channels: Default::default() };
        self.writers.insert(id.into(), writer);
    }

    fn writer(&mut self, id: &str) -> &mut Writer {
        self.writers.get_mut(id).expect("scenario: a container that was created")
    }

    pub fn next_number(&mut self, id: &str, channel: Channel) -> u64 {
        let written = &mut self.writer(id).channels[channel as usize];
        written.numbers += 1;
        written.numbers
    }

    pub fn wrote(&mut self, id: &str, now: u64, channel: Channel, bytes: &[u8]) {
        let writer = self.writer(id);
        let channel = if writer.tty { Channel::Stdout } else { channel };
        let written = &mut writer.channels[channel as usize];
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    written.open.extend_from_slice(end);
                    let line = std::mem::take(&mut written.open);
                    written.lines.push((now, line));
                }
                None => written.open.extend_from_slice(piece),
            }
        }
    }

    /// A run has ended: what had no newline yet is a line now.
    pub fn ended(&mut self, id: &str, now: u64) {
        for written in &mut self.writer(id).channels {
            if !written.open.is_empty() {
                let line = std::mem::take(&mut written.open);
                written.lines.push((now, line));
            }
        }
    }

    pub fn renamed(&mut self, id: &str, to: &str) {
        self.writer(id).names.push(to.into());
    }

    pub fn removed(&mut self, id: &str) {
        self.writer(id).removed = true;
    }

    pub fn clock_was_set_back(&mut self) {
        self.clock_was_set_back = true;
    }

    /// What is wanted of each channel that can be written to.
    pub fn wanted(&self) -> Vec<Wanted<'_>> {
        let mut out = Vec::new();
        for (id, writer) in &self.writers {
            let stdout = (Channel::Stdout, if writer.tty { "tty" } else { "stdout" });
            for (channel, stream) in [stdout, (Channel::Stderr, "stderr")] {
                let written = &writer.channels[channel as usize];
                let lines = written.lines.iter().map(|(_, line)| writer.logged(line)).collect();
                let open = writer.logged(&written.open);
                out.push(Wanted { id, names: &writer.names, channel, stream, lines, open });
            }
        }
        out
    }

    /// Compares all containers; `expect` says how, by the container's first name.
    ///
    /// # Errors
    /// What differs first, for people.
    pub fn compare(&self, given: &[Given], expect: impl Fn(&str) -> Expect) -> Result<(), String> {
        let ids: BTreeSet<&str> = given.iter().map(|g| g.id.as_str()).collect();
        if let Some(stranger) = ids.iter().find(|id| !self.writers.contains_key(**id)) {
            return Err(format!("a line of a container that never was: {stranger}"));
        }
        for (id, writer) in &self.writers {
            let expect = expect(&writer.names[0]);
            for (channel, stream) in [(0, if writer.tty { "tty" } else { "stdout" }), (1, "stderr")] {
                let mine = given.iter().filter(|g| g.id == *id && g.stream == stream);
                let written = &writer.channels[channel].lines;
                let open = writer.logged(&writer.channels[channel].open);
                let mut mine: Vec<&Given> = mine.collect();
                // What has no end yet may have been given out when docklog was stopped.
                let cut = mine.last().is_some_and(|last| !open.is_empty() && open.starts_with(&last.message));
                if cut && mine.len() > written.iter().filter(|line| expect.wants(line.0)).count() {
                    mine.pop();
                }
                compare_channel(writer, written, &mine, expect)
                    .and_then(|()| if self.clock_was_set_back { Ok(()) } else { rise(&mine) })
                    .map_err(|what| format!("{} {stream}: {what}", writer.names[0]))?;
            }
        }
        let channels = |g: &&Given| !matches!(g.stream.as_str(), "stdout" | "stderr" | "tty");
        match given.iter().find(channels) {
            Some(odd) => Err(format!("a line of an unknown stream: {odd:?}")),
            None => Ok(()),
        }
    }
}

fn compare_channel(
    writer: &Writer,
    written: &[(u64, Vec<u8>)],
    given: &[&Given],
    expect: Expect,
) -> Result<(), String> {
    let wanted: Vec<Vec<u8>> = match expect {
        Expect::Nothing => Vec::new(),
        Expect::All | Expect::Some => written.iter().map(|(_, line)| writer.logged(line)).collect(),
        Expect::Since(at) => {
            written.iter().filter(|l| l.0 >= at).map(|(_, line)| writer.logged(line)).collect()
        }
    };
    let mut next = 0;
    for (n, line) in given.iter().enumerate() {
        if !writer.names.contains(&line.container) {
            return Err(format!("line {n} bears the name {:?}", line.container));
        }
        let found = wanted[next..].iter().position(|w| *w == line.message);
        match found {
            Some(0) => next += 1,
            Some(skipped) if expect == Expect::Some => next += skipped + 1,
            Some(skipped) => {
                return Err(format!("{skipped} lines missing before line {n}: {}", show(&line.message)));
            }
            None if wanted[..next].contains(&line.message) => {
                return Err(format!("line {n} comes twice, or too late: {}", show(&line.message)));
            }
            None => return Err(format!("line {n} was never written: {}", show(&line.message))),
        }
    }
    if next < wanted.len() && expect != Expect::Some {
        let (left, first) = (wanted.len() - next, show(&wanted[next]));
        return Err(format!("{left} of {} lines missing at the end, the first: {first}", wanted.len()));
    }
    Ok(())
}

fn rise(given: &[&Given]) -> Result<(), String> {
    // Podman's times have no fraction.
    let rises = given.windows(2).all(|pair| pair[0].time < pair[1].time || pair[0].time.len() == 20);
    if rises { Ok(()) } else { Err("the times do not rise".into()) }
}

impl Writer {
    /// What the log can hold of a line.
    fn logged(&self, line: &[u8]) -> Vec<u8> {
        match self.driver {
            Driver::JsonFile => String::from_utf8_lossy(line).into_owned().into_bytes(),
            Driver::Local | Driver::None => line.to_vec(),
        }
    }
}

impl Wanted<'_> {
    /// The line is of this channel.
    pub fn is_source_of(&self, given: &Given) -> bool {
        self.id == given.id && self.stream == given.stream && self.names.contains(&given.container)
    }
}

pub fn show(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
    format!("{text:?} ({} bytes)", line.len())
}

/// Reads docklog's JSON lines. `kills` tells where a docklog was killed and the next one went on: each has an output of its
/// own. Segments of a long line become the line that they are of.
///
/// # Errors
/// The first line that is no such line.
pub fn parse_output(stdout: &[u8], kills: &[usize]) -> Result<Vec<Output>, String> {
    let mut out = Vec::new();
    let mut open = Segments::new();
    let (mut rest, mut done) = (stdout, 0);
    for &kill in kills {
        let (part, after) = rest.split_at(kill - done);
        (rest, done) = (after, kill);
        // A kill may tear the line that is being written.
        let whole = part.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        out.push(parse_part(&part[..whole], &mut open)?);
        open.values_mut().for_each(|segments| segments.interrupted = true);
    }
    out.push(parse_part(rest, &mut open)?);
    Ok(out)
}

/// A long line of which segments have come.
#[derive(Default)]
struct Segmented {
    last: u64,
    text: Vec<u8>,
    /// By a kill: the next docklog may begin the line anew.
    interrupted: bool,
}

/// By container and stream.
type Segments = BTreeMap<(String, String), Segmented>;

fn parse_part(stdout: &[u8], open: &mut Segments) -> Result<Output, String> {
    let mut out = Output::default();
    for line in stdout.split_inclusive(|&b| b == b'\n') {
        if let Some(gap) = parse_gap(line) {
            out.gaps.push(gap);
            continue;
        }
        let (mut given, segment) =
            parse_line(line).ok_or_else(|| format!("not a line of output: {}", show(line)))?;
        if let Some((number, more)) = segment {
            let key = (given.id.clone(), given.stream.clone());
            let so_far = open.entry(key.clone()).or_default();
            if so_far.interrupted && number == 1 {
                *so_far = Segmented::default();
            }
            so_far.last += 1;
            so_far.interrupted = false;
            if so_far.last != number {
                return Err(format!("segment {number} where {} was due: {}", so_far.last, show(line)));
            }
            so_far.text.append(&mut given.message);
            if more {
                continue;
            }
            given.message = open.remove(&key).map(|whole| whole.text).unwrap_or_default();
        }
        out.lines.push(given);
    }
    Ok(out)
}

fn parse_gap(line: &[u8]) -> Option<Gap> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| value["gap"][key].as_str().map(str::to_owned);
    let time = |key: &str| text(key).filter(|time| time.ends_with('Z'));
    Some(Gap { container: text("container")?, id: text("id")?, from: time("from")?, to: time("to")? })
}

/// A line, and if it is a segment: its number and whether more follow.
fn parse_line(line: &[u8]) -> Option<(Given, Option<(u64, bool)>)> {
    let value: Value = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
    let segment = value["segment"].as_u64().zip(value["more"].as_bool());
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let message = match (text("message"), text("message_base64")) {
        (Some(message), None) => message.into_bytes(),
        (None, Some(base64)) => decode_base64(&base64)?,
        _ => return None,
    };
    let given = Given {
        id: text("id")?,
        container: text("container")?,
        stream: text("stream")?,
        time: text("time")?,
        message,
    };
    Some((given, segment))
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | DIGITS.iter().position(|&d| d == byte)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let mut model = Model::default();
        model.created("a", "web", false, Driver::JsonFile);
        model.wrote("a", 5, Channel::Stdout, b"one\ntwo\nthr");
        model.wrote("a", 6, Channel::Stdout, b"ee\n");
        model
    }

    fn given(lines: &[&str]) -> Vec<Given> {
        let line = |(n, text): (usize, &&str)| Given {
            id: "a".into(),
            container: "web".into(),
            stream: "stdout".into(),
            time: format!("2026-11-23T20:16:{n:02}Z"),
            message: text.as_bytes().to_vec(),
        };
        lines.iter().enumerate().map(line).collect()
    }

    #[test]
    fn tells_what_is_missing_double_or_misplaced() {
        let all = |lines: &[&str]| model().compare(&given(lines), |_| Expect::All);
        assert_eq!(all(&["one", "two", "three"]), Ok(()));
        assert!(all(&["one", "three"]).unwrap_err().contains("missing before"));
        assert!(all(&["one", "two"]).unwrap_err().contains("missing at the end"));
        assert!(all(&["one", "one", "two", "three"]).unwrap_err().contains("twice"));
        assert!(all(&["one", "two", "three", "four"]).unwrap_err().contains("never written"));
        let some = |lines: &[&str]| model().compare(&given(lines), |_| Expect::Some);
        assert_eq!(some(&["one", "three"]), Ok(()));
        assert!(some(&["three", "one"]).is_err());
        let late = |lines: &[&str]| model().compare(&given(lines), |_| Expect::Since(6));
        assert_eq!(late(&["three"]), Ok(()));
        assert!(late(&["two", "three"]).is_err());
    }

    #[test]
    fn reads_base64() {
        assert_eq!(decode_base64("AP9hYg=="), Some(b"\0\xffab".to_vec()));
    }
}
