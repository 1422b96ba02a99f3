//! Where tests may write.

use std::fs;
use std::path::PathBuf;

/// A path where nothing is, beside the test program: what a test leaves there is no litter.
pub(super) fn folder(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let folder = program.parent().expect("its folder").join("tests").join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}
