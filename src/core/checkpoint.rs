//! What survives us: where each stream stands, for all whose lines up to there every sink has taken; what single sinks have
//! beyond that; and how long their files were at that moment. A file of JSON lines: a head, a line per place and file, and an end that tells a
//! whole file from a torn one.
//!
//! ```text
//! {"docklog":"checkpoint","version":2,"taken":"1795464967.727144095"}
//! {"id":"<64 hex digits>","last":"stdout","stdout":{"at":"…","lines":1,"ended":true,"print":"…"},"stderr":{"origin":"…"}}
//! {"sink":"loki","id":"<64 hex digits>","last":"stdout","stdout":{"at":"…","lines":1,"ended":true,"print":"…"},"stderr":{"origin":"…"}}
//! {"sink":"file","path":"/var/log/docklog.jsonl","device":2049,"inode":77,"length":123456}
//! {"end":3}
//! ```
//!
//! Version 1, of docklogs with one sink, has its file in the head, as `output`. It is read, too.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;

use docklog_protocol::{ContainerId, Timestamp};
use serde_json::{Value, json};

use super::Core;
use super::ahead::Ahead;
use super::exchange::StreamId;
use super::place::{Half, LastLine, Mark, OpenLine, Place};
use super::reader::Reader;
use super::sinks::SinkRules;
use super::standing::Standing;
use super::timers::Timer;
use crate::limits;

/// Version of the format.
const VERSION: u64 = 2;

/// The version before, which is read, too.
const OLD: u64 = 1;

/// Names of the halves of a place.
const HALVES: [&str; 2] = ["stdout", "stderr"];

/// What an earlier run has left, as far as it hasn't been taken up.
#[derive(Debug, Default)]
pub struct Saved {
    /// When it was written. `None`: there was none.
    pub taken: Option<Timestamp>,
    /// Where each container's stream stood.
    pub places: HashMap<ContainerId, Place>,
    /// What single sinks had beyond that, by their names.
    pub ahead: HashMap<String, HashMap<ContainerId, Place>>,
    /// The files of sinks, by their names.
    pub files: HashMap<String, Vec<FileMark>>,
    /// Those that the present list has shown to exist.
    seen: Vec<ContainerId>,
}

/// A file that lines go to, and how much of it is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMark {
    /// Where it stands. Empty in a checkpoint of version 1.
    pub path: PathBuf,
    /// Its device and inode number: which file it is.
    pub device: u64,
    /// See `device`.
    pub inode: u64,
    /// Bytes that hold settled lines.
    pub length: u64,
}

/// What a checkpoint holds of one sink.
#[derive(Clone, Debug, Default)]
pub struct SavedSink<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its files.
    pub files: Vec<FileMark>,
    /// What it has beyond the places of all.
    pub ahead: Vec<(ContainerId, Place)>,
}

/// The bytes of a checkpoint. Written without a detour by values: the loop stands still for it.
pub fn encode<'a>(
    taken: Timestamp,
    places: impl Iterator<Item = (ContainerId, &'a Place)>,
    sinks: &[SavedSink<'_>],
) -> Vec<u8> {
    let taken = taken.to_string();
    let head = json!({"docklog": "checkpoint", "version": VERSION, "taken": taken});
    let mut out = format!("{head}\n");
    let mut count = 0;
    for (id, place) in places {
        push_place(None, id, place, &mut out);
        count += 1;
    }
    for SavedSink { name, files, ahead } in sinks {
        let name = json!(name).to_string();
        for (id, place) in ahead {
            push_place(Some(&name), *id, place, &mut out);
        }
        for FileMark { path, device, inode, length } in files {
            let path = json!(path.to_string_lossy());
            push(&mut out, format_args!("{{\"sink\":{name},\"path\":{path},\"device\":{device}"));
            push(&mut out, format_args!(",\"inode\":{inode},\"length\":{length}}}\n"));
        }
        count += ahead.len() + files.len();
    }
    push(&mut out, format_args!("{{\"end\":{count}}}\n"));
    out.into_bytes()
}

/// `sink`: whose place it is, in quotes, if it isn't that of all.
fn push_place(sink: Option<&str>, id: ContainerId, place: &Place, out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    match sink {
        Some(sink) => push(out, format_args!("{{\"sink\":{sink},\"id\":\"")),
        None => out.push_str("{\"id\":\""),
    }
    for byte in id.bytes() {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push('"');
    if let Some(half) = place.last {
        push(out, format_args!(",\"last\":\"{}\"", HALVES[half]));
    }
    for (name, half) in HALVES.iter().zip(&place.halves) {
        push(out, format_args!(",\"{name}\":{{"));
        push_half(half, out);
        out.push('}');
    }
    out.push_str("}\n");
}

fn push_half(half: &Half, out: &mut String) {
    match half.mark {
        Mark::Beginning => {}
        Mark::Origin(time) => push(out, format_args!("\"origin\":\"{time}\"")),
        Mark::At(line) => {
            push(out, format_args!("\"at\":\"{}\",\"lines\":{}", line.time, line.lines));
            push(out, format_args!(",\"ended\":{}", line.ended));
            if let Some(print) = line.print {
                push(out, format_args!(",\"print\":\"{print:x}\""));
            }
        }
    }
    if let Some(open) = half.open {
        let comma = if half.mark == Mark::Beginning { "" } else { "," };
        let (time, segments, bytes) = (open.time, open.segments, open.bytes);
        let open = format_args!("{{\"at\":\"{time}\",\"segments\":{segments},\"bytes\":{bytes}}}");
        push(out, format_args!("{comma}\"open\":{open}"));
    }
}

fn push(out: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(words); // a String takes everything
}

/// Reads a checkpoint.
///
/// # Errors
/// What is wrong with it, and in which line.
pub fn decode(bytes: &[u8]) -> Result<Saved, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it isn't text".to_owned())?;
    let mut lines = text.lines().enumerate().map(|(number, line)| {
        serde_json::from_str::<Value>(line).map_err(|error| format!("line {}: {error}", number + 1))
    });
    let head = lines.next().ok_or("it is empty")??;
    if head["docklog"] != "checkpoint" {
        return Err("it isn't a checkpoint of docklog".to_owned());
    }
    if head["version"] != VERSION && head["version"] != OLD {
        return Err(format!("it has format version {}, this docklog reads {VERSION}", head["version"]));
    }
    let mut saved = Saved { taken: time(&head["taken"]), ..Saved::default() };
    if let Some(mark) = decode_file(&head["output"]) {
        saved.files.insert("file".to_owned(), vec![mark]);
    }
    for (number, line) in lines.enumerate() {
        let line = line?;
        if let Some(count) = line["end"].as_u64() {
            return match count == number as u64 {
                true => Ok(saved),
                false => Err(format!("it has {number} lines instead of {count}")),
            };
        }
        saved.take(&line).ok_or_else(|| format!("line {}: neither a place nor a file", number + 2))?;
    }
    Err("its end is missing".to_owned())
}

fn decode_file(value: &Value) -> Option<FileMark> {
    let number = |name: &str| value[name].as_u64();
    let path = PathBuf::from(value["path"].as_str().unwrap_or_default());
    Some(FileMark { path, device: number("device")?, inode: number("inode")?, length: number("length")? })
}

fn decode_place(line: &Value) -> Option<(ContainerId, Place)> {
    let id = ContainerId::parse(line["id"].as_str()?)?;
    let last = match line["last"].as_str() {
        Some(name) => Some(HALVES.iter().position(|half| *half == name)?),
        None => None,
    };
    let halves = [decode_half(&line[HALVES[0]])?, decode_half(&line[HALVES[1]])?];
    let place = Place { halves, last };
    (last.is_none() || place.last().is_some()).then_some((id, place))
}

fn decode_half(value: &Value) -> Option<Half> {
    let map = value.as_object()?;
    let mark = if map.contains_key("at") {
        let print = match value["print"].as_str() {
            Some(digits) => Some(u64::from_str_radix(digits, 16).ok()?),
            None => None,
        };
        let lines = u32::try_from(value["lines"].as_u64()?).ok()?;
        Mark::At(LastLine { time: time(&value["at"])?, lines, print, ended: value["ended"].as_bool()? })
    } else if map.contains_key("origin") {
        Mark::Origin(time(&value["origin"])?)
    } else {
        Mark::Beginning
    };
    let open = match map.get("open") {
        Some(open) => Some(OpenLine {
            time: time(&open["at"])?,
            segments: u32::try_from(open["segments"].as_u64()?).ok()?,
            bytes: open["bytes"].as_u64()?,
        }),
        None => None,
    };
    Some(Half { mark, open })
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse_unix(value.as_str()?)
}

impl Saved {
    /// A line of a checkpoint.
    fn take(&mut self, line: &Value) -> Option<()> {
        match line["sink"].as_str() {
            None => {
                let (id, place) = decode_place(line)?;
                self.places.insert(id, place);
            }
            Some(sink) if !line["path"].is_null() => {
                self.files.entry(sink.to_owned()).or_default().push(decode_file(line)?);
            }
            Some(sink) => {
                let (id, place) = decode_place(line)?;
                self.ahead.entry(sink.to_owned()).or_default().insert(id, place);
            }
        }
        Some(())
    }

    /// What sinks have of this container beyond the place where its stream goes on, by their numbers.
    pub(super) fn ahead_of(
        &mut self,
        id: ContainerId,
        place: Option<&Place>,
        sinks: &[SinkRules],
    ) -> Vec<(usize, Ahead)> {
        let mut all = Vec::new();
        for (index, sink) in sinks.iter().enumerate() {
            let ahead = self.ahead.get_mut(&*sink.name).and_then(|places| places.remove(&id));
            let ahead = ahead.and_then(|ahead| Ahead::new(ahead, place.unwrap_or(&Place::default())));
            all.extend(ahead.map(|ahead| (index, ahead)));
        }
        all
    }

    /// This container is forgotten, and may be shown again.
    pub(super) fn put_back(
        &mut self,
        id: ContainerId,
        place: Place,
        ahead: &[(usize, Ahead)],
        sinks: &[SinkRules],
    ) {
        self.places.insert(id, place);
        for (sink, ahead) in ahead {
            let name = sinks[*sink].name.to_string();
            self.ahead.entry(name).or_default().insert(id, *ahead.place());
        }
    }

    /// The list has shown this container.
    pub(super) fn exists(&mut self, id: ContainerId) {
        if self.places.contains_key(&id) {
            self.seen.push(id);
        }
    }

    /// The list is complete: containers that it hasn't shown were removed while nobody looked.
    pub(super) fn forget_others(&mut self) {
        if !self.places.is_empty() {
            let seen: std::collections::HashSet<_> = self.seen.drain(..).collect();
            self.places.retain(|id, _| seen.contains(id));
            self.ahead.values_mut().for_each(|places| places.retain(|id, _| seen.contains(id)));
        }
    }

    /// True if this container is newer than the checkpoint: its whole log is new to us.
    pub(super) fn is_older_than(&self, created: Option<Timestamp>) -> bool {
        // The list tells seconds only.
        matches!((self.taken, created), (Some(taken), Some(created)) if created.seconds >= taken.seconds)
    }
}

/// True if it is another one.
fn replace(settled: &mut Option<Box<Place>>, place: Place) -> bool {
    match settled {
        Some(settled) => std::mem::replace(&mut **settled, place) != place,
        None => {
            *settled = Some(Box::new(place));
            true
        }
    }
}

impl Core {
    /// This stream may stand elsewhere now.
    pub(super) fn moved(&mut self, id: StreamId) {
        if self.rules.stateful
            && let Some(container) = self.catalogue.get_mut(id)
            && !std::mem::replace(&mut container.stream.moved, true)
        {
            self.moved.push(id);
        }
    }

    /// Ends the epoch. `begun`: a batch began in it.
    pub(super) fn note_places(&mut self, begun: bool) {
        let (catalogue, moved) = (&mut self.catalogue, &mut self.moved);
        let places = moved.drain(..).filter_map(|id| {
            let stream = &mut catalogue.get_mut(id)?.stream;
            stream.moved = false;
            Some((id, stream.reader.as_ref().and_then(Reader::place)?))
        });
        self.progress.end_epoch(places, begun);
        if self.progress.has_many_spans() {
            self.progress.merge(self.sinks.stands());
        }
    }

    /// The places that all sinks have reached may be told.
    pub(super) fn settle_places(&mut self) {
        let until = self.sinks.all_taken_until(self.progress.open());
        let mut changed = false;
        for (id, place) in self.progress.reached(until) {
            if let Some(container) = self.catalogue.get_mut(id)
                && container.standing != Standing::Left
            {
                changed |= replace(&mut container.stream.settled, place);
                container.stream.ahead.retain(|(_, ahead)| !ahead.is_over_before(until));
            }
        }
        if changed {
            self.save_soon();
        }
    }

    /// What the checkpoint says isn't true any more.
    pub(super) fn save_soon(&mut self) {
        if self.rules.stateful && self.timers.at(Timer::Save).is_none() {
            self.timers.set(Timer::Save, self.now.mono.after(limits::SAVE));
        }
    }

    /// The moment that a checkpoint bears: what was created before it is in it.
    pub fn taken(&self) -> Timestamp {
        self.saved.taken.filter(|_| !self.link.settled).unwrap_or(self.now.wall)
    }

    /// What a checkpoint holds.
    pub fn settled_places(&self) -> impl Iterator<Item = (ContainerId, &Place)> {
        let known = self.catalogue.iter().filter_map(|(_, container)| {
            let place = container.stream.settled.as_deref().filter(|_| !container.gone)?;
            Some((container.source.id, place))
        });
        known.chain(self.saved.places.iter().map(|(id, place)| (*id, place)))
    }

    /// What a sink has beyond those places.
    pub fn places_ahead(&self, sink: usize) -> Vec<(ContainerId, Place)> {
        let until = self.sinks.taken_until(sink, self.progress.open());
        let mut ahead: HashMap<ContainerId, Place> =
            self.saved.ahead.get(&*self.rules.sinks[sink].name).cloned().unwrap_or_default();
        for (_, container) in self.catalogue.iter() {
            let of_sink = container.stream.ahead.iter().find(|(of, _)| *of == sink);
            ahead.extend(of_sink.map(|(_, ahead)| (container.source.id, *ahead.place())));
        }
        for (id, place) in self.progress.ahead(until) {
            let Some(container) = self.catalogue.get(id).filter(|container| !container.gone) else {
                continue;
            };
            let of_sink = container.stream.ahead.iter().find(|(of, _)| *of == sink);
            if of_sink.is_none_or(|(_, ahead)| ahead.is_over_before(until)) {
                ahead.insert(container.source.id, *place);
            }
        }
        ahead.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 120_000_000 }
    }

    fn places() -> Vec<(ContainerId, Place)> {
        let line = LastLine { time: at(1_795_464_967), lines: 2, print: Some(7), ended: false };
        let open = Some(OpenLine { time: at(1_795_464_968), segments: 3, bytes: 1 << 40 });
        let origin = Half { mark: Mark::Origin(at(1)), open: None };
        let halves = [Half { mark: Mark::At(line), open }, Half::default()];
        vec![
            (ContainerId::from([1; 32]), Place { halves, last: Some(0) }),
            (ContainerId::from([2; 32]), Place { halves: [origin; 2], last: None }),
        ]
    }

    fn sinks() -> [SavedSink<'static>; 2] {
        let file = FileMark { path: PathBuf::from("/var/log/\"a\".log"), device: 1, inode: 2, length: 3 };
        [
            SavedSink { name: "lo\"ki", files: Vec::new(), ahead: places() },
            SavedSink { name: "file", files: vec![file], ahead: Vec::new() },
        ]
    }

    fn bytes() -> Vec<u8> {
        let places = places();
        encode(at(9), places.iter().map(|(id, place)| (*id, place)), &sinks())
    }

    #[test]
    fn what_was_written_is_read() {
        let saved = decode(&bytes()).expect("a checkpoint");
        assert_eq!(saved.places, places().into_iter().collect());
        assert_eq!(saved.taken, Some(at(9)));
        assert_eq!(saved.ahead["lo\"ki"], places().into_iter().collect());
        assert_eq!(saved.files["file"], sinks()[1].files);
        assert_eq!((saved.ahead.len(), saved.files.len()), (1, 1));
    }

    #[test]
    fn a_checkpoint_of_a_docklog_with_one_sink_is_read() {
        let old = "{\"docklog\":\"checkpoint\",\"version\":1,\"taken\":\"9.120000000\",\
                   \"output\":{\"device\":1,\"inode\":2,\"length\":3}}\n{\"end\":0}\n";
        let saved = decode(old.as_bytes()).expect("a checkpoint");
        let mark = FileMark { path: PathBuf::new(), device: 1, inode: 2, length: 3 };
        assert_eq!((saved.taken, &saved.files["file"]), (Some(at(9)), &vec![mark]));
    }

    #[test]
    fn a_torn_damaged_or_foreign_file_is_an_error_that_says_so() {
        let whole = bytes();
        for length in 0..whole.len() - 1 {
            assert!(decode(&whole[..length]).is_err(), "cut after {length} bytes");
        }
        let text = String::from_utf8(whole).expect("text");
        for (from, to, part) in [
            ("\"version\":2", "\"version\":3", "version 3"),
            ("checkpoint", "shopping list", "isn't a checkpoint"),
            ("\"lines\":2", "\"lines\":-2", "line 2"),
            ("{\"end\":5}", "{\"end\":4}", "5 lines instead of 4"),
        ] {
            let error = decode(text.replace(from, to).as_bytes()).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
