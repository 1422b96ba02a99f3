//! The help: made of the table of settings.

use crate::config::keys::KEYS;

/// The commands beside docklog itself, and what each is for. Each has a `--help` of its own.
pub const COMMANDS: &[(&str, &str)] = &[
    ("check", "what would be done with these options and this configuration, and why"),
    ("status", "how a running docklog fares"),
    ("top", "the same again and again, with the busiest streams first"),
    ("soak", "prove that it leaks and loses nothing"),
];

/// The help: fits a screen of 48 lines and 100 columns.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: docklog [OPTIONS] [PATTERN…]\n\
         Prints what every Docker container writes, as it is written. PATTERN selects by name: a glob over\n\
         the whole name, or /regex/ anywhere in it. Running containers: from now on; later ones: from their\n\
         first line.\n\n",
    );
    for key in KEYS.iter().filter(|key| !key.long.is_empty()) {
        let short = key.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
        let names = format!("  {short}--{} {}", key.long, key.value);
        text.push_str(&format!("{names:<26} {}\n", key.help));
    }
    text.push_str(
        "\nExamples:\n\
         \x20 docklog 'api-*' /db/ --since 10m    two groups of containers, with their last ten minutes\n\
         \x20 docklog -n all --no-follow web >f   one container's whole log, as JSON lines\n\
         \x20 docklog --project shop -o raw | grep ERROR\n\
         Other commands (--help each):\n",
    );
    for (name, summary) in COMMANDS {
        text.push_str(&format!("  docklog {name:<8} {summary}\n"));
    }
    text.push_str("RUST_LOG=debug tells more on stderr. Ends with 0; 1: failure; 2: wrong usage.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_screen() {
        let help = help();
        assert!(help.lines().count() <= 48, "{} lines", help.lines().count());
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
