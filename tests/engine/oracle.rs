//! The truth to compare with: what the engine itself holds of a container's log, decoded without the code under test.

use super::api::Api;
use super::lines::Line;
use super::sequence::assert_same;

/// A line as the engine tells it: its stream, its time, its text.
pub(crate) struct Held {
    stream: &'static str,
    line: String,
    /// It is not a part of one that goes on.
    ended: bool,
}

/// The whole log of a container without TTY, whose lines are all shorter than a part (16 KiB).
pub(crate) fn held(api: &Api, id: &str) -> Vec<Held> {
    let answer =
        api.call("GET", &format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1"), "", b"").unwrap();
    assert_eq!(answer.status, 200);
    let mut rest = answer.body.as_slice();
    let mut lines = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let stream = if header[0] == 1 { "stdout" } else { "stderr" };
        let text = String::from_utf8_lossy(&after[..length]).into_owned();
        let (line, ended) = (text.trim_end_matches('\n').to_owned(), text.ends_with('\n'));
        lines.push(Held { stream, line, ended });
        rest = &after[length..];
    }
    lines
}

/// Panics unless docklog's lines of this container are the engine's: all of them, once, in order, with the same times.
pub(crate) fn assert_agrees(api: &Api, id: &str, lines: &[Line]) {
    let held = held(api, id);
    for stream in ["stdout", "stderr"] {
        let expected: Vec<String> =
            held.iter().filter(|held| held.stream == stream).map(|held| held.line.clone()).collect();
        assert_same(&format!("{stream} of {id}"), &stamped(lines, id, stream), &expected);
    }
}

/// docklog's lines of a container's stream in the engine's form: time, space, text.
pub(crate) fn stamped(lines: &[Line], id: &str, stream: &str) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line.id == id && line.stream == stream)
        .map(|line| format!("{} {}", line.time, line.text()))
        .collect()
}

/// The engine's lines of a stream, in the same form.
pub(crate) fn stamped_by_engine(api: &Api, id: &str, stream: &str) -> Vec<String> {
    held(api, id).into_iter().filter(|held| held.stream == stream).map(|held| held.line).collect()
}

/// How many lines the engine has, each in however many parts.
pub(crate) fn ended(api: &Api, id: &str) -> usize {
    held(api, id).iter().filter(|held| held.ended).count()
}
