//! Names from outside, made fit to be names of files. A container's name may come from a label, so it may be anything; what
//! is made of it is one component of a path, and no other container's:
//!
//! | a value has | then |
//! |---|---|
//! | `/`, a control character, a `.` or `-` at its beginning | `_` stands there |
//! | `~` | `_` stands there, for `~` means: this was changed |
//! | nothing at all | it is `none`; one that really is `none` counts as changed |
//! | been changed | `~` and twelve digits of a hash of the whole value follow |
//!
//! So two values give one name only if they have one hash, too. A component that is too long is cut, and gets the hash of
//! the whole of it in the same way.

use crate::limits;

/// What stands for a field that a container doesn't have.
const NONE: &str = "none";

/// What a mark of change takes: `~` and digits.
const MARK: usize = 13;

/// Appends a value to a component.
pub(super) fn push_safe(component: &mut String, value: &str) {
    if value.is_empty() {
        return component.push_str(NONE);
    }
    let start = component.len();
    for (at, c) in value.char_indices() {
        let harmful = c.is_control() || matches!(c, '/' | '~') || at == 0 && matches!(c, '.' | '-');
        component.push(if harmful { '_' } else { c });
    }
    if value == NONE || component.get(start..) != Some(value) {
        push_mark(component, value);
    }
}

/// Cuts a component that is too long for a file's name, between characters. Its last `kept` bytes stay, for they are what
/// the template ends in.
pub(super) fn shorten(component: &mut String, kept: usize) {
    if component.len() <= limits::FILE_NAME {
        return;
    }
    let ending = component.split_off(component.len() - kept);
    let room = limits::FILE_NAME - MARK - kept;
    let cut = (0..=room).rev().find(|at| component.is_char_boundary(*at)).unwrap_or_default();
    let whole = std::mem::take(component);
    component.push_str(&whole[..cut]);
    push_mark(component, &whole);
    component.push_str(&ending);
}

/// `~` and the hash of what was changed.
pub(super) fn push_mark(component: &mut String, value: &str) {
    // FNV-1a: the same on every machine and in every version, for files are found again by it.
    let hash = value.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    component.push_str(&format!("~{:012x}", (hash ^ hash >> 48) & 0xffff_ffff_ffff));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn safe(value: &str) -> String {
        let mut component = String::new();
        push_safe(&mut component, value);
        component
    }

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["web-1", "shop_db.2", "Straße 7", "nginx:1.25"] {
            assert_eq!(safe(name), name);
        }
        assert_eq!(safe(""), "none");
    }

    #[test]
    fn changed_ones_never_change_and_are_no_others() {
        assert_eq!(safe("a/b"), "a_b~c31904682941", "files are found again by it");
        let mut values: Vec<String> = ["a/b", "a_b", "a~b", "/ab", "_ab", ".ab", "-ab", "~", "none", ""]
            .into_iter()
            .map(str::to_owned)
            .collect();
        values.extend(
            ["a\u{0}b", "a\u{1b}b", "a\u{9b}b", ".", "..", "...", "../../etc/passwd"].map(str::to_owned),
        );
        values.extend(values.clone().iter().map(|value| safe(value)));
        values.sort();
        values.dedup();
        let names: BTreeSet<_> = values.iter().map(|value| safe(value)).collect();
        assert_eq!(names.len(), values.len(), "{names:?}");
    }

    #[test]
    fn long_ones_are_cut_between_characters_and_keep_their_ending() {
        let shortened = |text: String| {
            let mut component = text;
            component.push_str(".log");
            shorten(&mut component, 4);
            component
        };
        let names: BTreeSet<_> =
            ["x", "y"].iter().map(|end| shortened(format!("{}{end}", "é".repeat(500)))).collect();
        assert_eq!(names.len(), 2, "they differ beyond the cut");
        for name in names {
            assert!(name.ends_with(".log") && name.len() <= limits::FILE_NAME, "{name}");
            assert!(name.len() >= limits::FILE_NAME - 1 && name.starts_with("éé"), "{name}");
        }
    }
}
