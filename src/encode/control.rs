//! A log line must not take over a terminal: control characters are shown instead of obeyed. Colours (SGR sequences,
//! ECMA-48 §8.3.117) are kept, for they change nothing but looks.

/// Appends `text` with its control characters made visible: `^[` for ESC and so on, `\x9b` for bytes that aren't UTF-8,
/// `\u{202e}` for characters that turn the writing direction. Tabs stay, and so do colours. Returns true if a colour was
/// kept, so that the caller can end it.
pub fn show(text: &[u8], out: &mut Vec<u8>) -> bool {
    let mut coloured = false;
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        let mut rest = valid;
        while let Some(c) = rest.chars().next() {
            let sgr = sgr_length(rest.as_bytes());
            if sgr > 0 {
                coloured = true;
                out.extend_from_slice(&rest.as_bytes()[..sgr]);
                rest = &rest[sgr..];
                continue;
            }
            character(c, out);
            rest = &rest[c.len_utf8()..];
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
    coloured
}

fn character(c: char, out: &mut Vec<u8>) {
    match c {
        '\t' => out.push(b'\t'),
        '\0'..='\x1f' => out.extend_from_slice(&[b'^', c as u8 + b'@']),
        '\x7f' => out.extend_from_slice(b"^?"),
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            out.extend_from_slice(format!("\\u{{{:x}}}", c as u32).as_bytes());
        }
        _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Length of the SGR sequence (`ESC [ digits ; digits … m`) that the bytes begin with, or 0. No terminal needs more than
/// a few parameters.
fn sgr_length(bytes: &[u8]) -> usize {
    const LONGEST: usize = 64;
    let Some(rest) = bytes.strip_prefix(b"\x1b[") else { return 0 };
    let parameters =
        rest.iter().take(LONGEST).take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')).count();
    if rest.get(parameters) == Some(&b'm') { 2 + parameters + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> (String, bool) {
        let mut out = Vec::new();
        let coloured = show(text, &mut out);
        (String::from_utf8(out).expect("what is shown is UTF-8"), coloured)
    }

    #[test]
    fn text_tabs_and_colours_stay() {
        assert_eq!(shown("grün\tok €".as_bytes()), ("grün\tok €".to_owned(), false));
        assert_eq!(shown(b"\x1b[1;31mred\x1b[0m"), ("\x1b[1;31mred\x1b[0m".to_owned(), true));
        assert_eq!(shown(b"\x1b[38:5:200mx"), ("\x1b[38:5:200mx".to_owned(), true));
    }

    #[test]
    fn everything_that_could_command_the_terminal_is_shown() {
        assert_eq!(shown(b"\x1b[2J\x1b]0;title\x07\r\x00\x7f").0, "^[[2J^[]0;title^G^M^@^?");
        assert_eq!(shown("a\u{9b}2J\u{202e}b".as_bytes()).0, "a\\u{9b}2J\\u{202e}b");
        assert_eq!(shown(b"\x9b2J\xff").0, "\\x9b2J\\xff");
        assert_eq!(shown(b"\x1b[31").0, "^[[31");
        assert_eq!(shown(b"\x1b[?25lm").0, "^[[?25lm");
    }

    #[test]
    fn no_input_leaves_a_control_byte_but_tab_and_colours() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let (text, _) = shown(&[b'a', first, second, b'z']);
                assert!(
                    text.chars().all(|c| c == '\t' || !c.is_control()),
                    "{first:02x} {second:02x}: {text:?}"
                );
            }
        }
    }
}
