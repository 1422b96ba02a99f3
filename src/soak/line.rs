//! The lines of the containers: numbered per stream, so that a reader can tell whether one is missing, and of known
//! content, so that it can tell whether one was damaged.

/// How a line begins, by stream: stdout, stderr.
pub(super) const TAGS: [&str; 2] = ["out", "err"];

/// How a line ends: makes it as long as log lines are. A shell leaves it as it is between double quotes.
pub(super) const FILLER: &str = "GET /orders/4711 200 17ms 10.0.3.44 'curl/8.5.0' trace=7f3a9c01d2e4b586";

/// A line, without its newline.
pub(super) fn write(stream: usize, number: u64) -> String {
    format!("{} {number} {FILLER}", TAGS[stream & 1])
}

/// Its stream and number, if it is whole.
pub(super) fn read(line: &str) -> Option<(usize, u64)> {
    let (tag, rest) = line.split_once(' ')?;
    let (number, filler) = rest.split_once(' ')?;
    let stream = TAGS.iter().position(|known| *known == tag)?;
    (filler == FILLER).then_some((stream, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_can_be_read() {
        assert_eq!(read(&write(0, 17)), Some((0, 17)));
        assert_eq!(read(&write(1, 1_000_000)), Some((1, 1_000_000)));
        assert!((75..=85).contains(&write(0, 17).len()));
    }

    #[test]
    fn a_damaged_line_is_no_line() {
        let line = write(0, 17);
        for damaged in [&line[1..], &line[..line.len() - 1], "out 17", "log 17 x", &format!("{line}{line}")] {
            assert_eq!(read(damaged), None, "{damaged}");
        }
    }
}
