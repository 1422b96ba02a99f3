//! Makes what the containers run: the generator, compiled to a static program, in an image that holds nothing else.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of the generator in the image.
pub(crate) const GENERATOR: &str = "/generator";

/// The image as a tar archive.
pub(crate) fn archive() -> &'static [u8] {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    ARCHIVE.get_or_init(|| tar(&[(GENERATOR.trim_start_matches('/'), fs::read(generator()).unwrap())]))
}

/// The compiled generator: kept beside this program, under a name that changes with its source.
fn generator() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (include_str!("generator.rs"), include_str!("pattern.rs")).hash(&mut hasher);
    let path = std::env::current_exe().unwrap().with_file_name(format!("generator-{:016x}", hasher.finish()));
    if path.exists() {
        return path;
    }
    // Compiled beside and then renamed: a broken-off run leaves no half program under the name.
    let new = path.with_extension(std::process::id().to_string());
    // The benchmark of the whole system uses this, too, from a crate further down.
    let roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut sources = roots.map(|root| root.join("tests/engine/generator.rs"));
    let source = sources.find(|path| path.exists()).unwrap();
    let status = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--crate-name=generator",
            "-O",
            "-C",
            "target-feature=+crt-static",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
            "-o",
        ])
        .arg(&new)
        .arg(source)
        .status()
        .unwrap();
    assert!(status.success(), "the generator does not compile");
    fs::rename(new, &path).unwrap();
    path
}

/// An archive (ustar) of executable files.
pub(crate) fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        archive.extend_from_slice(&header(name, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1_024, 0);
    archive
}

fn header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
