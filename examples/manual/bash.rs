//! Completions for bash.

use super::command::{Command, Opt, Takes};

/// The script, which bash-completion loads by its name.
pub(crate) fn completions(commands: &[Command]) -> String {
    let names: Vec<&str> =
        commands.iter().map(|command| command.name.as_str()).filter(|n| !n.is_empty()).collect();
    let mut cases = String::new();
    for command in commands.iter().rev() {
        let name = if command.name.is_empty() { "*" } else { &command.name };
        cases.push_str(&format!("        {name})\n            case $previous in\n"));
        command.options.iter().for_each(|option| cases.push_str(&values(option)));
        let unknown = command.options.iter().filter(|option| matches!(option.takes, Takes::Else)).map(flags);
        let unknown: Vec<String> = unknown.collect();
        if !unknown.is_empty() {
            cases.push_str(&format!("                {}) return ;;\n", unknown.join(" | ")));
        }
        let words: Vec<String> = command.options.iter().map(|option| format!("--{}", option.long)).collect();
        cases.push_str(&format!(
            "            esac\n            words='{}'\n            ;;\n",
            words.join(" ")
        ));
    }
    format!(
        r#"# bash completion for docklog
_docklog() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words
    COMPREPLY=()
    # bash takes "--output=json" for three words.
    if [[ $word == = ]]; then
        word=
    elif [[ $previous == = ]] && ((COMP_CWORD > 2)); then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case ${{COMP_WORDS[1]}} in
{cases}    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W '{}' -- "$word")
    fi
}}
complete -F _docklog docklog
"#,
        names.join(" ")
    )
}

/// As the shell's `case` takes them.
fn flags(option: &Opt) -> String {
    option.short.map_or(String::new(), |short| format!("-{short} | ")) + "--" + &option.long
}

/// What can follow this option, as far as the shell can know.
fn values(option: &Opt) -> String {
    let (first, wanted) = match &option.takes {
        Takes::Nothing | Takes::Else => return String::new(),
        Takes::Words(words) => ("", format!("-W '{}'", words.join(" "))),
        Takes::File => ("compopt -o filenames; ", "-f".to_owned()),
        Takes::Folder => ("compopt -o filenames; ", "-d".to_owned()),
    };
    let flags = flags(option);
    format!(
        "                {flags}) {first}mapfile -t COMPREPLY < <(compgen {wanted} -- \"$word\"); return ;;\n"
    )
}
