//! What survives us: where each stream stands, for all whose lines up to there are settled, and how long the output file was
//! at that moment. A file of JSON lines: a head, one line per container, and an end that tells a whole file from a torn one.
//!
//! ```text
//! {"docklog":"checkpoint","version":1,"taken":"1795464967.727144095","output":{"device":…,"inode":…,"length":…}}
//! {"id":"<64 hex digits>","last":"stdout","stdout":{"at":"…","lines":1,"ended":true,"print":"…"},"stderr":{"origin":"…"}}
//! {"end":1}
//! ```

use std::collections::HashMap;
use std::fmt::Write;

use docklog_protocol::{ContainerId, Timestamp};
use serde_json::{Value, json};

use super::Core;
use super::batch::Batch;
use super::catalogue::Container;
use super::exchange::StreamId;
use super::place::{Half, LastLine, Mark, OpenLine, Place};
use super::reader::Reader;
use super::standing::Standing;
use super::timers::Timer;
use crate::limits;

/// Version of the format. A file of another one isn't read.
const VERSION: u64 = 1;

/// Names of the halves of a place.
const HALVES: [&str; 2] = ["stdout", "stderr"];

/// What an earlier run has left, as far as it hasn't been taken up.
#[derive(Debug, Default)]
pub struct Saved {
    /// When it was written. `None`: there was none.
    pub taken: Option<Timestamp>,
    /// Where each container's stream stood.
    pub places: HashMap<ContainerId, Place>,
    /// Those that the present list has shown to exist.
    seen: Vec<ContainerId>,
}

/// The file that lines go to, and how much of it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputMark {
    /// Its device and inode number: which file it is.
    pub device: u64,
    /// See `device`.
    pub inode: u64,
    /// Bytes that hold settled lines.
    pub length: u64,
}

/// The bytes of a checkpoint. Written without a detour by values: the loop stands still for it.
pub fn encode<'a>(
    taken: Timestamp,
    output: Option<OutputMark>,
    places: impl Iterator<Item = (ContainerId, &'a Place)>,
) -> Vec<u8> {
    let output =
        output.map(|mark| json!({"device": mark.device, "inode": mark.inode, "length": mark.length}));
    let taken = taken.to_string();
    let head = json!({"docklog": "checkpoint", "version": VERSION, "taken": taken, "output": output});
    let mut out = format!("{head}\n");
    let mut count = 0;
    for (id, place) in places {
        push_place(id, place, &mut out);
        count += 1;
    }
    push(&mut out, format_args!("{{\"end\":{count}}}\n"));
    out.into_bytes()
}

fn push_place(id: ContainerId, place: &Place, out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.push_str("{\"id\":\"");
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
pub fn decode(bytes: &[u8]) -> Result<(Saved, Option<OutputMark>), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it isn't text".to_owned())?;
    let mut lines = text.lines().enumerate().map(|(number, line)| {
        serde_json::from_str::<Value>(line).map_err(|error| format!("line {}: {error}", number + 1))
    });
    let head = lines.next().ok_or("it is empty")??;
    if head["docklog"] != "checkpoint" {
        return Err("it isn't a checkpoint of docklog".to_owned());
    }
    if head["version"] != VERSION {
        return Err(format!("it has format version {}, this docklog reads {VERSION}", head["version"]));
    }
    let mut saved = Saved { taken: time(&head["taken"]), ..Saved::default() };
    for (number, line) in lines.enumerate() {
        let line = line?;
        if let Some(count) = line["end"].as_u64() {
            return match count == saved.places.len() as u64 {
                true => Ok((saved, output(&head["output"]))),
                false => Err(format!("it has {} places instead of {count}", saved.places.len())),
            };
        }
        let (id, place) = decode_place(&line).ok_or_else(|| format!("line {}: not a place", number + 2))?;
        saved.places.insert(id, place);
    }
    Err("its end is missing".to_owned())
}

fn output(value: &Value) -> Option<OutputMark> {
    let number = |name: &str| value[name].as_u64();
    Some(OutputMark { device: number("device")?, inode: number("inode")?, length: number("length")? })
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

    /// Writes into a batch where the streams stand whose lines are in it.
    pub(super) fn note_places(&mut self, batch: &mut Batch) {
        for id in self.moved.drain(..) {
            if let Some(Container { stream, .. }) = self.catalogue.get_mut(id) {
                stream.moved = false;
                if let Some(place) = stream.reader.as_ref().and_then(Reader::place) {
                    batch.push_place(id, place);
                }
            }
        }
    }

    /// The outlet has taken everything up to these places.
    pub fn settle_places(&mut self, places: Vec<(StreamId, Place)>) {
        for (id, place) in places {
            if let Some(container) = self.catalogue.get_mut(id)
                && container.standing != Standing::Left
                && replace(&mut container.stream.settled, place)
                && self.timers.at(Timer::Save).is_none()
            {
                self.timers.set(Timer::Save, self.now.mono.after(limits::SAVE));
            }
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

    fn bytes() -> Vec<u8> {
        let places = places();
        let output = Some(OutputMark { device: 1, inode: 2, length: 3 });
        encode(at(9), output, places.iter().map(|(id, place)| (*id, place)))
    }

    #[test]
    fn what_was_written_is_read() {
        let (saved, output) = decode(&bytes()).expect("a checkpoint");
        assert_eq!(saved.places, places().into_iter().collect());
        assert_eq!((saved.taken, output.map(|mark| mark.length)), (Some(at(9)), Some(3)));
    }

    #[test]
    fn a_torn_damaged_or_foreign_file_is_an_error_that_says_so() {
        let whole = bytes();
        for length in 0..whole.len() - 1 {
            assert!(decode(&whole[..length]).is_err(), "cut after {length} bytes");
        }
        let text = String::from_utf8(whole).expect("text");
        for (from, to, part) in [
            ("\"version\":1", "\"version\":2", "version 2"),
            ("checkpoint", "shopping list", "isn't a checkpoint"),
            ("\"lines\":2", "\"lines\":-2", "line 2"),
            ("{\"end\":2}", "{\"end\":3}", "2 places instead of 3"),
        ] {
            let error = decode(text.replace(from, to).as_bytes()).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
