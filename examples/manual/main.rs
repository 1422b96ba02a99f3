//! Writes the manual pages and the shells' completions into a folder: `cargo run --example manual -- FOLDER`. All of them
//! are made of what the program itself says: the table of settings, and the help of its commands.

mod bash;
mod command;
mod fish;
mod man;
mod zsh;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

/// Set for a child that is to be docklog, so that its help can be read.
const AS_DOCKLOG: &str = "DOCKLOG_MANUAL_HELP";

fn main() -> ExitCode {
    let typed: Vec<OsString> = env::args_os().skip(1).collect();
    if env::var_os(AS_DOCKLOG).is_some() {
        return ExitCode::from(u8::try_from(docklog::cli::run_with(typed)).unwrap_or(1));
    }
    let folder = match &typed[..] {
        [folder] if !folder.as_encoded_bytes().starts_with(b"-") => folder,
        _ => {
            eprintln!("usage: manual FOLDER");
            return ExitCode::from(2);
        }
    };
    match write(Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: {}: {error}", Path::new(folder).display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let commands = command::all(help)?;
    fs::create_dir_all(folder)?;
    for (name, text) in [
        ("docklog.1", man::program(&commands)),
        ("docklog.toml.5", man::configuration()),
        ("docklog.bash", bash::completions(&commands)),
        ("_docklog", zsh::completions(&commands)),
        ("docklog.fish", fish::completions(&commands)),
    ] {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// What docklog prints as the help of this command.
fn help(command: &str) -> io::Result<String> {
    let output = Command::new(env::current_exe()?).env(AS_DOCKLOG, "1").args([command, "--help"]).output()?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(io::Error::other),
        false => Err(io::Error::other(format!("docklog {command} --help: {}", output.status))),
    }
}
