//! What a receiver has received: its ledger, read as it grows. `tests/receivers/ledger.py` has the format.

use super::sequence::numbered;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A line that a receiver has taken.
#[derive(Debug)]
pub(crate) struct Taken {
    time: i64,
    message: String,
    /// The request that brought it: its place in [`Ledger::requests`].
    request: usize,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    /// When it was taken: seconds since 1970.
    pub(crate) at: f64,
    /// What the receiver did with it.
    pub(crate) fault: String,
    /// Lines that it has refused for good.
    pub(crate) refused: u64,
    /// The status that has gone out whole.
    pub(crate) answered: Option<u16>,
}

impl Request {
    /// The client knows that it was taken.
    pub(crate) fn is_known(&self) -> bool {
        self.answered.is_some_and(|status| status < 300)
    }
}

/// A container's name, and its stream's.
pub(crate) type Key = (String, String);

/// All that is known of what a receiver has received.
pub(crate) struct Ledger {
    path: PathBuf,
    offset: u64,
    rest: Vec<u8>,
    pending: Vec<(Key, i64, String)>,
    numbers: HashMap<String, usize>,
    pub(crate) requests: Vec<Request>,
    pub(crate) streams: BTreeMap<Key, Vec<Taken>>,
    distinct: HashSet<(Key, String)>,
    pub(crate) violations: Vec<String>,
}

impl Ledger {
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
            rest: Vec::new(),
            pending: Vec::new(),
            numbers: HashMap::new(),
            requests: Vec::new(),
            streams: BTreeMap::new(),
            distinct: HashSet::new(),
            violations: Vec::new(),
        }
    }

    /// Reads what has been added.
    pub(crate) fn read(&mut self) {
        let Ok(mut file) = File::open(&self.path) else { return };
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut bytes = std::mem::take(&mut self.rest);
        self.offset += file.read_to_end(&mut bytes).unwrap() as u64;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.rest = bytes.split_off(whole);
        for line in String::from_utf8(bytes).unwrap().lines() {
            let words: Vec<&str> = line.split('\t').collect();
            match words[..] {
                // Of a request that the receiver died at there is no R: then these lines are nobody's.
                ["L", _, container, stream, time, message] => {
                    let key = (plain(container), stream.to_owned());
                    self.pending.push((key, time.parse().unwrap(), plain(message)));
                }
                ["R", number, at, fault, taken, refused] => {
                    let (taken, refused) = (taken.parse().unwrap(), refused.parse().unwrap());
                    let request =
                        Request { at: at.parse().unwrap(), fault: fault.into(), refused, answered: None };
                    self.request(number, request, taken);
                }
                ["A", number, status] => {
                    let request = self.numbers[number];
                    self.requests[request].answered = Some(status.parse().unwrap());
                }
                ["V", ..] => self.violations.push(line.to_owned()),
                _ => {} // torn
            }
        }
    }

    fn request(&mut self, number: &str, request: Request, taken: usize) {
        let place = self.requests.len();
        self.numbers.insert(number.to_owned(), place);
        self.requests.push(request);
        let own = self.pending.len() - taken;
        for (key, time, message) in self.pending.drain(..).skip(own) {
            self.distinct.insert((key.clone(), message.clone()));
            self.streams.entry(key).or_default().push(Taken { time, message, request: place });
        }
    }

    /// How many lines there are, those that came again not counted.
    pub(crate) fn distinct(&mut self) -> usize {
        self.read();
        self.distinct.len()
    }

    /// How many lines were taken, those that came again included.
    pub(crate) fn taken(&mut self) -> usize {
        self.read();
        self.streams.values().map(Vec::len).sum()
    }

    /// How long lines took until they were taken first, from the engine's time stamp on, in seconds: the median, and what 99 % of them
    /// were not above.
    pub(crate) fn delays(&mut self) -> (f64, f64) {
        self.read();
        let mut seen = HashSet::new();
        let mut delays = Vec::new();
        for line in self.streams.iter().flat_map(|(key, lines)| lines.iter().map(move |line| (key, line))) {
            if seen.insert((line.0, &line.1.message)) {
                delays.push(self.requests[line.1.request].at - line.1.time as f64 / 1e9);
            }
        }
        delays.sort_by(f64::total_cmp);
        let at = |part: f64| delays.get((delays.len() as f64 * part) as usize).copied().unwrap_or_default();
        (at(0.5), at(0.99))
    }

    /// Panics unless each of these containers' streams is whole and in order: `both each …` of the generator. A line may come again
    /// if the request that brought it before may be repeated. How many did.
    pub(crate) fn assert_complete(
        &mut self,
        what: &str,
        containers: &[String],
        each: u64,
        may_repeat: impl Fn(&Request) -> bool,
    ) -> usize {
        let expected = |tag: &str| numbered(tag, each);
        self.assert_streams(what, containers, expected, false, &may_repeat)
    }

    /// The same of other lines: those that `expected` makes for `OUT` and `ERR`. Where there may be `holes`, only the order counts.
    pub(crate) fn assert_streams(
        &mut self,
        what: &str,
        containers: &[String],
        expected: impl Fn(&str) -> Vec<String>,
        holes: bool,
        may_repeat: &impl Fn(&Request) -> bool,
    ) -> usize {
        self.read();
        let names: HashSet<&str> = containers.iter().map(String::as_str).collect();
        let foreign = self.streams.keys().find(|(container, _)| !names.contains(container.as_str()));
        assert!(foreign.is_none(), "{what}: foreign lines of {foreign:?}");
        let mut doubled = 0;
        for (stream, tag) in [("stdout", "OUT"), ("stderr", "ERR")] {
            let expected = expected(tag);
            for container in containers {
                let none = Vec::new();
                let found = self.streams.get(&(container.clone(), stream.to_owned())).unwrap_or(&none);
                let what = format!("{what}: {container} {stream}");
                doubled += self.assert_stream(&what, found, &expected, holes, may_repeat);
            }
        }
        doubled
    }

    fn assert_stream(
        &self,
        what: &str,
        found: &[Taken],
        expected: &[String],
        holes: bool,
        may_repeat: impl Fn(&Request) -> bool,
    ) -> usize {
        let places: HashMap<&str, usize> =
            expected.iter().enumerate().map(|(place, text)| (text.as_str(), place)).collect();
        let mut came: Vec<Option<&Taken>> = Vec::new();
        let mut doubled = 0;
        for line in found {
            let text = &line.message;
            let place = *places.get(text.as_str()).unwrap_or_else(|| panic!("{what}: foreign line {text:?}"));
            let next = came.len();
            if place >= next {
                assert!(
                    place == next || holes,
                    "{what}: {text:?} came when {:?} was next: it is lost",
                    expected[next]
                );
                came.resize(place, None);
                came.push(Some(line));
                continue;
            }
            let before = came[place].unwrap_or_else(|| panic!("{what}: {text:?} came out of order"));
            let request = &self.requests[before.request];
            assert!(
                before.request != line.request && may_repeat(request),
                "{what}: {text:?} came again, by {:?}, though it had come by {request:?}",
                self.requests[line.request]
            );
            assert_eq!(before.time, line.time, "{what}: {text:?} came again with another time");
            came[place] = Some(line);
            doubled += 1;
        }
        assert!(
            holes || came.len() == expected.len(),
            "{what}: only {} of {} lines",
            came.len(),
            expected.len()
        );
        doubled
    }
}

/// A word without its escapes.
fn plain(word: &str) -> String {
    if !word.contains('\\') {
        return word.to_owned();
    }
    let (mut text, mut rest) = (Vec::new(), word.bytes());
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next().unwrap() } else { 0 };
        text.push(match escaped {
            0 => byte,
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&text).into_owned()
}
