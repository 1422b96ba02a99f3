//! The manual and the completions, as examples/manual makes them: nothing that can be said to docklog is missing.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

#[path = "../examples/manual/bash.rs"]
mod bash;
#[path = "../examples/manual/command.rs"]
mod command;
#[path = "../examples/manual/fish.rs"]
mod fish;
#[path = "../examples/manual/man.rs"]
mod man;
#[path = "../examples/manual/zsh.rs"]
mod zsh;

use std::io;
use std::process::Command;

use docklog::config::keys::KEYS;

fn commands() -> Vec<command::Command> {
    let help = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_docklog")).args([name, "--help"]).output()?;
        assert!(output.status.success(), "docklog {name} --help: {output:?}");
        String::from_utf8(output.stdout).map_err(io::Error::other)
    };
    command::all(help).unwrap()
}

#[test]
fn each_option_of_each_command_is_in_the_manual_and_in_all_completions() {
    let commands = commands();
    let page = man::program(&commands).replace("\\-", "-");
    let (bash, zsh, fish) =
        (bash::completions(&commands), zsh::completions(&commands), fish::completions(&commands));
    for command in &commands {
        assert!(!command.options.is_empty(), "docklog {} has options", command.name);
        for option in &command.options {
            let (long, value) = (&option.long, &option.value);
            assert!(!option.help.is_empty() && !long.is_empty(), "{} --{long}", command.name);
            assert!(page.contains(&format!("\\fB--{long}\\fR")), "--{long}");
            assert!(value.is_empty() || page.contains(&format!("\\fI{value}\\fR")), "--{long} {value}");
            assert!(bash.contains(&format!("--{long}")), "--{long}");
            assert!(zsh.contains(&format!("'*--{long}")), "--{long}");
            assert!(fish.contains(&format!(" -l {long} ")), "--{long}");
            if let Some(short) = option.short {
                assert!(page.contains(&format!("\\fB-{short}\\fR, \\fB--{long}\\fR")), "-{short}");
                assert!(zsh.contains(&format!("'*-{short}")), "-{short}");
                assert!(fish.contains(&format!(" -s {short} -l {long} ")), "-{short}");
            }
        }
    }
}

#[test]
fn each_key_of_the_configuration_is_in_its_manual_below_its_table() {
    let page = man::configuration();
    for key in KEYS.iter().filter(|key| !key.path.is_empty()) {
        let (table, short) = key.path.split_once('.').unwrap();
        let (_, section) = page.split_once(&format!("\n.SH [{table}]\n")).unwrap();
        let section = section.split("\n.SH").next().unwrap();
        assert!(section.contains(&format!(".TP\n\\fB{short}\\fR = ")), "{}", key.path);
    }
}

#[test]
fn no_line_of_a_page_is_taken_for_a_macro() {
    for page in [man::program(&commands()), man::configuration()] {
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            let name: String = line.chars().skip(1).take_while(|c| !c.is_whitespace()).collect();
            assert!(["TH", "SH", "PP", "TP", "BR", "B", "I", "IR", "RB", "br"].contains(&&*name), "{line}");
        }
    }
}

/// What bash offers for the last of these words.
fn completed(words: &[&str]) -> String {
    let typed: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "compopt() {{ :; }}\n{}\nCOMP_WORDS=({}) COMP_CWORD={}\n_docklog\necho \"${{COMPREPLY[@]}}\"",
        bash::completions(&commands()),
        typed.join(" "),
        words.len() - 1
    );
    let output = Command::new("bash").args(["--norc", "-euc", &script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(completed(&["docklog", "so"]), "soak");
    assert_eq!(completed(&["docklog", "--no-f"]), "--no-follow");
    assert_eq!(completed(&["docklog", "web", "--tim"]), "--timestamps");
    assert_eq!(completed(&["docklog", "--output", "p"]), "pretty");
    assert_eq!(completed(&["docklog", "--output", "=", "r"]), "raw");
    assert_eq!(completed(&["docklog", "--output", "="]), "auto pretty json raw");
    assert_eq!(completed(&["docklog", "-o", "j"]), "json");
    assert_eq!(completed(&["docklog", "--tail", "-"]), "", "a number can't be guessed");
    assert_eq!(completed(&["docklog", "soak", "--sim"]), "--simulate");
    assert_eq!(completed(&["docklog", "soak", "--no-f"]), "", "no option of soak");
    assert_eq!(completed(&["docklog", "-c", "/etc/hostn"]), "/etc/hostname");
}
