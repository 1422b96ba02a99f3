//! Decodes the raw bytes of a logs response, so that another decoder can be held against this crate.
//!
//! ```text
//! decode [--tty] [--timestamps] <response
//! {"channel":"stdout","time":"2026-11-23T20:21:33.567020949Z","part":false,"text":"out1"}
//! {"end":"complete"}
//! ```
//!
//! One JSON object per record, with `text_base64` for `text` where it is not UTF-8; then how the response ended:
//! `complete`, `truncated` with the number of bytes that came, or `error` with the offset and the reason. Bytes after
//! a complete response are ignored.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docklog_protocol::{Error, Finished, Format, Progress, Record, Session, Truncated};
use serde_json::Value;

fn main() -> ExitCode {
    let (mut format, mut timestamps) = (Format::Multiplexed, false);
    for option in std::env::args().skip(1) {
        match option.as_str() {
            "--tty" => format = Format::Tty,
            "--timestamps" => timestamps = true,
            _ => {
                eprintln!("usage: decode [--tty] [--timestamps] <response");
                return ExitCode::from(2);
            }
        }
    }
    match decode(Session::new(format, timestamps), io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decode: {error}");
            ExitCode::FAILURE
        }
    }
}

fn decode(mut session: Session, mut input: impl Read, output: impl Write) -> io::Result<()> {
    let mut output = io::BufWriter::new(output);
    let mut written = Ok(());
    let mut print = |record: Record<'_>| {
        if written.is_ok() {
            written = writeln!(output, "{}", line(&record));
        }
    };
    let mut buffer = vec![0; 64 * 1024];
    let ended = loop {
        let len = input.read(&mut buffer)?;
        match session.feed(&buffer[..len], &mut print) {
            Ok(Progress::More) if len > 0 => {}
            Ok(_) => break Ok(session.finish(&mut print)),
            Err(error) => break Err(error),
        }
    };
    written?;
    writeln!(output, "{}", end(ended))?;
    output.flush()
}

/// A record as JSON, its keys in a fixed order.
fn line(record: &Record<'_>) -> String {
    let time = record.stamp.map_or(String::new(), |stamp| format!(r#""time":"{}","#, stamp.raw));
    let text = match std::str::from_utf8(record.text) {
        Ok(text) => format!(r#""text":{}"#, Value::from(text)),
        Err(_) => format!(r#""text_base64":"{}""#, STANDARD.encode(record.text)),
    };
    format!(r#"{{"channel":"{}",{time}"part":{},{text}}}"#, record.channel.as_str(), record.part)
}

fn end(ended: Result<Result<Finished, Truncated>, Error>) -> String {
    let error =
        |at: u64, reason: String| format!(r#"{{"end":"error","at":{at},"reason":{}}}"#, Value::from(reason));
    match ended {
        Ok(Ok(Finished::Complete)) => r#"{"end":"complete"}"#.to_owned(),
        Ok(Ok(Finished::Refused(refusal))) => error(0, refusal.to_string()),
        Ok(Err(Truncated { at })) => format!(r#"{{"end":"truncated","at":{at}}}"#),
        Err(Error { layer, at, reason }) => error(at, format!("{layer}: {reason}")),
    }
}
