//! What should have come out, compared with what did.

use std::collections::BTreeSet;

use super::history::{Given, History};

/// The lines of a channel, as written, from the first that is wanted.
fn written(history: &History, channel: usize) -> Vec<(usize, Vec<u8>)> {
    let mut lines: Vec<(usize, Vec<u8>, bool)> = Vec::new();
    for (at, entry) in history.log.iter().enumerate().filter(|(_, entry)| entry.channel == channel) {
        match lines.last_mut().filter(|line| line.0 == entry.line) {
            Some(line) => {
                line.1.extend_from_slice(&entry.text);
                line.2 |= at >= history.wanted_from;
            }
            None => lines.push((entry.line, entry.text.clone(), at >= history.wanted_from)),
        }
    }
    lines.into_iter().filter(|line| line.2).map(|line| (line.0, line.1)).collect()
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

/// Numbers of the lines of a channel that came late. They were skipped, and came once.
fn late(
    history: &History,
    channel: usize,
    written: &[(usize, Vec<u8>)],
    doubtful: &BTreeSet<(usize, usize)>,
) -> Result<BTreeSet<usize>, String> {
    let mut numbers = BTreeSet::new();
    for given in &history.given {
        let Given::Late { channel: of, text } = given else { continue };
        if *of != channel {
            continue;
        }
        let number = written.iter().find(|(_, line)| line == text).map(|line| line.0);
        match number.filter(|number| doubtful.contains(&(channel, *number))) {
            Some(number) if numbers.insert(number) => {}
            _ => return Err(format!("channel {channel}: foreign, or twice late: {}", show(text))),
        }
    }
    Ok(numbers)
}

/// Every line once and in order, but for those that were deleted or skipped: these come late, or there is a gap.
pub fn check(history: &History) -> Result<(), String> {
    let doubtful: BTreeSet<(usize, usize)> = history.doubtful.iter().copied().collect();
    let all = whole(history);
    for channel in 0..2 {
        let mut written = written(history, channel);
        let late = late(history, channel, &written, &doubtful)?;
        written.retain(|line| !late.contains(&line.0));
        let mut next = 0;
        // A gap was told since the last line; and the line before has been missed.
        let mut told = false;
        let mut missed: Option<usize> = None;
        // The line of which a part has come, because the engine had skipped the rest.
        let mut torn: Option<usize> = None;
        for given in &all {
            let text = match given {
                Given::Gap => {
                    told = true;
                    continue;
                }
                Given::Line { channel: of, text, .. } if *of == channel => text,
                Given::Line { .. } | Given::Late { .. } => continue,
            };
            loop {
                let Some((number, expected)) = written.get(next) else {
                    return Err(format!("channel {channel}: a line too many, or too late: {}", show(text)));
                };
                let doubted = doubtful.contains(&(channel, *number));
                let fragment = doubted && text != expected && is_fragment(text, expected);
                if fragment && history.skips() && torn != Some(next) {
                    torn = Some(next); // it may come again, whole
                    break;
                }
                next += 1;
                if text == expected || fragment && !history.skips() {
                    break;
                }
                if !doubted {
                    return Err(format!("channel {channel}: instead of line {number} came {}", show(text)));
                }
                if torn != Some(next - 1) {
                    missed = Some(*number);
                }
            }
            if let Some(number) = missed.take()
                && !told
                && !history.gaps_come_late()
            {
                return Err(format!("channel {channel}: line {number} is missing, and no gap was told"));
            }
            told = false;
        }
        let next = next + usize::from(torn == Some(next));
        if let Some((number, _)) = written[next..].iter().find(|line| !doubtful.contains(&(channel, line.0)))
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
