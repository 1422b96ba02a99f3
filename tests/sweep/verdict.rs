//! What should have come out, compared with what did.

use std::collections::BTreeSet;

use super::history::{Given, History};

/// A line as it was written.
struct Written {
    number: usize,
    text: Vec<u8>,
    /// All of it is wanted.
    whole: bool,
}

/// The lines of a channel, as written, from the first of which something is wanted.
fn written(history: &History, channel: usize) -> Vec<Written> {
    let mut lines: Vec<(Written, bool)> = Vec::new();
    for (at, entry) in history.log.iter().enumerate().filter(|(_, entry)| entry.channel == channel) {
        let wanted = at >= history.wanted_from;
        match lines.last_mut().filter(|line| line.0.number == entry.line) {
            Some(line) => {
                line.0.text.extend_from_slice(&entry.text);
                line.1 |= wanted;
            }
            None => {
                let line = Written { number: entry.line, text: entry.text.clone(), whole: wanted };
                lines.push((line, wanted));
            }
        }
    }
    lines.into_iter().filter(|line| line.1).map(|line| line.0).collect()
}

/// What came out, with segments of one line put together again.
fn whole(history: &History) -> Vec<Given> {
    let mut whole: Vec<Given> = Vec::new();
    for given in &history.given {
        let part = match given {
            Given::Line { channel, text, number } if *number > 1 => Some((*channel, text)),
            _ => None,
        };
        let Some((channel, part)) = part else {
            whole.push(given.clone());
            continue;
        };
        let last = whole.iter_mut().rev().find_map(|given| match given {
            Given::Line { channel: other, text, .. } if *other == channel => Some(text),
            _ => None,
        });
        match last {
            Some(text) => text.extend_from_slice(part),
            None => whole.push(given.clone()),
        }
    }
    whole
}

/// Every line once and in order, but for those that were deleted or skipped: for these there is a gap.
pub fn check(history: &History) -> Result<(), String> {
    let doubtful: BTreeSet<(usize, usize)> = history.doubtful.iter().copied().collect();
    let all = whole(history);
    for channel in 0..2 {
        let written = written(history, channel);
        let mut next = 0;
        // A gap was told since the last line; and the line before has been missed.
        let mut told = false;
        let mut missed: Option<usize> = None;
        for given in &all {
            let text = match given {
                Given::Gap => {
                    told = true;
                    continue;
                }
                Given::Line { channel: other, .. } if *other != channel => continue,
                Given::Line { text, .. } => text,
            };
            loop {
                let Some(Written { number, text: expected, whole }) = written.get(next) else {
                    return Err(format!("channel {channel}: a line too many, or too late: {}", show(text)));
                };
                next += 1;
                let torn = doubtful.contains(&(channel, *number));
                if text == expected || torn && is_fragment(text, expected) {
                    break;
                }
                if !torn {
                    return Err(format!("channel {channel}: instead of line {number} came {}", show(text)));
                }
                // Excused: of a line that began before what is wanted, the rest may go untold. (Where its place is lost,
                // time decides, and the rest bears the time of the beginning.)
                missed = missed.or(whole.then_some(*number));
            }
            if let Some(number) = missed.take()
                && !told
                && !history.gaps_come_late()
            {
                return Err(format!("channel {channel}: line {number} is missing, and no gap was told"));
            }
            told = false;
        }
        if let Some(Written { number, .. }) =
            written[next..].iter().find(|line| !doubtful.contains(&(channel, line.number)))
        {
            return Err(format!("channel {channel}: line {number} never came"));
        }
        if next < written.len() && history.gaps() == 0 && history.start < history.log.len() {
            return Err(format!("channel {channel}: lines at its end are missing, and no gap was told"));
        }
    }
    Ok(())
}

/// What is left of a long line when some of its parts are missing: they hold nothing but filler.
fn is_fragment(text: &[u8], line: &[u8]) -> bool {
    let filler = text.len() < line.len() && text.iter().all(|&byte| byte == b'x');
    !text.is_empty() && (filler || line.ends_with(text))
}

fn show(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned()
}
