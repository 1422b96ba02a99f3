//! Completions for fish.

use super::command::{Command, Opt, Takes};

/// The script, which fish loads by its name.
pub(crate) fn completions(commands: &[Command]) -> String {
    let mut script = String::from("# fish completion for docklog\ncomplete -c docklog -f\n");
    let names: Vec<&str> =
        commands.iter().map(|command| command.name.as_str()).filter(|n| !n.is_empty()).collect();
    for command in commands {
        let here = if command.name.is_empty() {
            format!("not __fish_seen_subcommand_from {}", names.join(" "))
        } else {
            script.push_str(&format!(
                "complete -c docklog -n __fish_use_subcommand -a {} -d '{}'\n",
                command.name,
                quoted(&command.summary)
            ));
            format!("__fish_seen_subcommand_from {}", command.name)
        };
        for option in &command.options {
            script.push_str(&format!("complete -c docklog -n '{here}'{}\n", rule(option)));
        }
    }
    script
}

fn rule(option: &Opt) -> String {
    let short = option.short.map_or(String::new(), |short| format!(" -s {short}"));
    let takes = match &option.takes {
        Takes::Nothing => String::new(),
        Takes::Words(words) => format!(" -x -a '{}'", words.join(" ")),
        Takes::File => " -r -F".to_owned(),
        Takes::Folder => " -x -a '(__fish_complete_directories)'".to_owned(),
        Takes::Else => " -x".to_owned(),
    };
    format!("{short} -l {}{takes} -d '{}'", option.long, quoted(&option.help))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
