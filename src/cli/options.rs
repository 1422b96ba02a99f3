//! The command line as data: what there is, and what it is for. Help is made of it.

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// `-n`, if there is a letter.
    pub short: Option<char>,
    /// `--tail`, without the dashes.
    pub long: &'static str,
    /// What its value is called; empty if it takes none.
    pub value: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
}

const fn opt(short: Option<char>, long: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { short, long, value, help }
}

/// All options, in the order of the help.
pub const OPTIONS: &[Opt] = &[
    opt(Some('n'), "tail", "N|all", "begin with the last N lines of each container"),
    opt(None, "since", "TIME", "begin with lines since TIME: 10m, 1h30m, RFC 3339, Unix seconds"),
    opt(None, "until", "TIME", "end with lines until TIME"),
    opt(None, "no-follow", "", "print what there is, then end"),
    opt(Some('a'), "all", "", "stopped containers too"),
    opt(None, "exclude", "PATTERN", "leave these containers out (repeatable)"),
    opt(None, "label", "K[=V]", "only containers with this label (repeatable: all of them)"),
    opt(None, "project", "NAME", "only this Compose project (repeatable: any of them)"),
    opt(None, "service", "NAME", "only this Compose service (repeatable: any of them)"),
    opt(None, "stdout", "", "only stdout"),
    opt(None, "stderr", "", "only stderr"),
    opt(Some('o'), "output", "FORMAT", "auto, pretty, json or raw; auto: pretty on a terminal, else json"),
    opt(None, "output-file", "PATH", "append JSON lines to this file instead of stdout"),
    opt(None, "state", "DIR", "keep a checkpoint here: a restart goes on where the last run ended"),
    opt(
        None,
        "rotate-every",
        "SPAN",
        "open each stream anew so often (5m; 0: never); SIGUSR1: all of them now",
    ),
    opt(None, "max-streams", "N", "so many streams open at a time; beyond it they take turns"),
    opt(Some('t'), "timestamps", "", "the time before each line (json always has it)"),
    opt(None, "no-color", "", "no colours for names (also by NO_COLOR)"),
    opt(None, "raw-control", "", "let control sequences of containers through to the terminal"),
    opt(None, "include-self", "", "follow the container that docklog itself runs in, too"),
    opt(Some('H'), "host", "URL", "the engine's socket, unix:///PATH (also by DOCKER_HOST)"),
    opt(None, "version", "", "print the version"),
    opt(Some('h'), "help", "", "print this"),
];

/// The help: fits a screen of 40 lines and 100 columns.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: docklog [OPTIONS] [PATTERN…]\n\n\
         Prints what every Docker container writes, as it is written. PATTERN selects by name: a glob over\n\
         the whole name, or /regex/ anywhere in it. Running containers: from now on; later ones: from their\n\
         first line.\n\n",
    );
    for option in OPTIONS {
        let short = option.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
        let names = format!("  {short}--{} {}", option.long, option.value);
        text.push_str(&format!("{names:<26} {}\n", option.help));
    }
    text.push_str(
        "\nExamples:\n\
         \x20 docklog                             everything, from now on\n\
         \x20 docklog 'api-*' /db/ --since 10m    two groups of containers, with their last ten minutes\n\
         \x20 docklog -n all --no-follow web >f   one container's whole log, as JSON lines\n\
         \x20 docklog --project shop -o raw | grep ERROR\n\
         \x20 docklog soak                        prove that it leaks and loses nothing (soak --help)\n\n\
         RUST_LOG=debug tells more on stderr. Ends with 0; 1: failure; 2: wrong usage.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_screen() {
        let help = help();
        assert!(help.lines().count() <= 40, "{} lines", help.lines().count());
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
