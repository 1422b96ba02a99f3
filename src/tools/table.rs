//! Tables for people, and the one way to stdout: nothing that comes from outside may command the terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::encode::show;
use crate::limits;

/// Rows under a head. Columns are as wide as their widest cell, up to a limit; the last one is as long as it is. Those whose
/// head begins with a space are numbers, and stand to the right.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|cell| cell.trim().len());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count()).min(limits::NAME_COLUMNS);
        }
    }
    let head = head.map(str::to_owned);
    let right: Vec<bool> = head.iter().map(|cell| cell.starts_with(' ')).collect();
    let mut text = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(&right) {
            let cell = cell.trim();
            let _ = if *right { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A whole number with separators: `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes to stdout; the exit code, unless that fails. A reader that has had enough is no failure.
pub(super) fn print(text: &str, code: i32) -> i32 {
    match write(b"", text) {
        Ok(()) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(_) => 1,
    }
}

/// Writes to stdout, after `before`, which may command the terminal; the text can't.
pub(super) fn write(before: &[u8], text: &str) -> io::Result<()> {
    let mut shown = before.to_vec();
    for line in text.lines() {
        if show(line.as_bytes(), &mut shown) {
            shown.extend_from_slice(b"\x1b[0m");
        }
        shown.push(b'\n');
    }
    io::stdout().write_all(&shown)?;
    io::stdout().flush()
}

/// Says what went wrong. Without stderr there is nobody left to tell.
pub(super) fn complain(command: &str, error: &str, code: i32) -> i32 {
    let _ = writeln!(io::stderr(), "docklog {command}: {error}");
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_numbers_stand_to_the_right() {
        let rows = [["web".to_owned(), "7".to_owned()], ["database".to_owned(), "1234".to_owned()]];
        assert_eq!(table(["NAME", " LINES"], &rows), "NAME      LINES\nweb           7\ndatabase   1234\n");
    }

    #[test]
    fn numbers_can_be_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }
}
