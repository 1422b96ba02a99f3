//! The program. All of it is in the library, so that tests and the demo can run it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = docklog::cli::run_with(std::env::args_os().skip(1).collect());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
