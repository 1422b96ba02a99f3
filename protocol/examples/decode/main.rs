//! Decodes the raw bytes of a response with this crate, so that it goes through the same kit as any other decoder.
//!
//! ```text
//! DOCKLOG_KIND=logs DOCKLOG_TIMESTAMPS=1 decode <vectors/d28-logs-nontty-ts.resp
//! cargo run --example conformance -- target/debug/examples/decode
//! ```
//!
//! Prints one JSON object; `vectors/README.md` says what was asked by which variable, and what the object holds.

mod asked;
mod decode;
mod shape;

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let printed = decode::decode(&asked::Asked::from_environment(), io::stdin().lock())
        .and_then(|found| writeln!(io::stdout().lock(), "{found}"));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decode: {error}");
            ExitCode::FAILURE
        }
    }
}
