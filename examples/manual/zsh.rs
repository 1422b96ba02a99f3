//! Completions for zsh.

use super::command::{Command, Opt, Takes};

/// The function, which zsh loads by its name, `_docklog`.
pub(crate) fn completions(commands: &[Command]) -> String {
    let mut cases = String::new();
    for command in commands.iter().filter(|command| !command.name.is_empty()) {
        let words: Vec<String> = command.options.iter().map(spec).collect();
        cases.push_str(&format!(
            "    {})\n        shift words; ((CURRENT--))\n        _arguments -s {}\n        ;;\n",
            command.name,
            words.join(" \\\n            ")
        ));
    }
    let own = commands.iter().filter(|command| command.name.is_empty()).flat_map(|command| &command.options);
    let own: Vec<String> = own.map(spec).collect();
    let names = commands.iter().filter(|command| !command.name.is_empty());
    let names: Vec<String> =
        names.map(|command| format!("'{}:{}'", command.name, quoted(&command.summary))).collect();
    format!(
        "#compdef docklog\nlocal -a commands=({})\ncase $words[2] in\n{cases}    *)\n        \
         ((CURRENT == 2)) && [[ $words[2] != -* ]] && _describe command commands\n        \
         _arguments -s {} \\\n            '*:pattern: '\n        ;;\nesac\n",
        names.join(" "),
        own.join(" \\\n            ")
    )
}

/// An option as `_arguments` takes it.
fn spec(option: &Opt) -> String {
    let value = option.value.to_lowercase();
    let action = match &option.takes {
        Takes::Nothing => String::new(),
        Takes::Words(words) => format!(":{value}:({})", words.join(" ")),
        Takes::File => format!(":{value}:_files"),
        Takes::Folder => format!(":{value}:_files -/"),
        Takes::Else => format!(":{}:", quoted(&value)),
    };
    let (help, long) = (quoted(&option.help), &option.long);
    let equals = if matches!(option.takes, Takes::Nothing) { "" } else { "=" };
    match option.short {
        Some(short) => {
            let plus = if equals.is_empty() { "" } else { "+" };
            format!("'*-{short}{plus}[{help}]{action}' '*--{long}{equals}[{help}]{action}'")
        }
        None => format!("'*--{long}{equals}[{help}]{action}'"),
    }
}

/// Within single quotes, brackets and colons mean something to `_arguments`.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
}
