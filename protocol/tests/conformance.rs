//! The conformance kit on decoders that are known: the Python one, this crate, and some that are wrong on purpose.
//!
//! Where `python3` is missing, its tests are reported as ignored, with the reason; with `DOCKLOG_REQUIRE_ENGINES=1`
//! they fail.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

#[path = "../examples/decode/asked.rs"]
mod asked;
#[path = "../examples/decode/decode.rs"]
mod decode;
#[path = "../examples/conformance/kit/mod.rs"]
mod kit;
#[path = "../examples/decode/shape.rs"]
mod shape;

use kit::{Cut, Manifest, Options, Vector};

/// A word after which this program is no test but a decoder: the kit needs a process.
const DECODE: &str = "decode";

/// A test that needs an interpreter.
type InPython = fn(&str) -> Result<(), Failed>;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(DECODE) {
        let found = decode::decode(&asked::Asked::from_environment(), io::stdin().lock()).expect("decoded");
        writeln!(io::stdout().lock(), "{found}").expect("printed");
        return ExitCode::SUCCESS;
    }
    if cfg!(miri) {
        eprintln!("not tried: the kit needs processes, and Miri has none");
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![
        Trial::test("this_crate_passes", this_crate_passes),
        Trial::test("every_read_gets_one_piece", every_read_gets_one_piece),
        Trial::test("a_decoder_that_hangs_is_ended", a_decoder_that_hangs_is_ended),
        Trial::test("a_decoder_that_fails_or_prints_nonsense_is_told", a_decoder_that_fails_is_told),
    ];
    let python = python();
    let required = std::env::var("DOCKLOG_REQUIRE_ENGINES").is_ok_and(|value| value == "1");
    if let Err(reason) = &python {
        eprintln!("tests of the Python decoder {}: {reason}", if required { "fail" } else { "are ignored" });
    }
    let tests: [(_, InPython); 3] = [
        ("the_python_decoder_passes", the_python_decoder_passes),
        ("a_broken_rule_is_named", a_broken_rule_is_named),
        ("what_is_made_of_the_vectors_is_not_stale", what_is_made_of_the_vectors_is_not_stale),
    ];
    for (name, test) in tests {
        let python = python.clone();
        let ignored = python.is_err() && !required;
        trials.push(Trial::test(name, move || test(&python?)).with_ignored_flag(ignored));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The interpreter itself: a wrapper before it may cost more than the run.
fn python() -> Result<String, String> {
    let code = "import sys; assert sys.version_info >= (3, 9), 'Python 3.9 is needed'; print(sys.executable)";
    let output =
        Command::new("python3").args(["-c", code]).output().map_err(|error| format!("python3: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> Manifest {
    let manifest = Manifest::load(&folder().join("vectors")).expect("a manifest that is not stale");
    assert!(manifest.vectors.len() > 200, "only {} vectors", manifest.vectors.len());
    manifest
}

/// Tests run side by side, so each runs two decoders at a time.
fn options(command: String, cuts: &[Cut]) -> Options {
    Options { command, cuts: cuts.to_vec(), ignored: Vec::new(), jobs: 2, limit: Duration::from_secs(60) }
}

/// What the kit prints about a decoder, and which vectors failed.
fn run(command: String, cuts: &[Cut], vectors: &[&Vector], manifest: &Manifest) -> (String, Vec<String>) {
    report(&options(command, cuts), vectors, manifest)
}

fn report(options: &Options, vectors: &[&Vector], manifest: &Manifest) -> (String, Vec<String>) {
    let report = kit::run(vectors, options).expect("a shell");
    let mut printed = Vec::new();
    report.print(&manifest.rules, true, &mut printed).expect("a Vec takes all");
    (String::from_utf8(printed).expect("text"), report.failed().into_iter().map(str::to_owned).collect())
}

fn all(manifest: &Manifest) -> Vec<&Vector> {
    manifest.vectors.iter().collect()
}

fn only<'a>(manifest: &'a Manifest, name: &str) -> Vec<&'a Vector> {
    manifest.vectors.iter().filter(|vector| vector.name == name).collect()
}

fn in_python(python: &str, decoder: &Path) -> String {
    format!("exec '{python}' -I -S '{}'", decoder.display())
}

fn this_crate_passes() -> Result<(), Failed> {
    let manifest = manifest();
    let program = std::env::current_exe()?;
    let command = format!("exec '{}' {DECODE}", program.display());
    let (printed, failed) = run(command, &Cut::ALL, &all(&manifest), &manifest);
    assert!(failed.is_empty(), "{printed}");
    Ok(())
}

fn the_python_decoder_passes(python: &str) -> Result<(), Failed> {
    let manifest = manifest();
    let command = in_python(python, &folder().join("examples/decoder.py"));
    let (printed, failed) = run(command, &[Cut::Hostile], &all(&manifest), &manifest);
    assert!(failed.is_empty(), "{printed}");
    Ok(())
}

/// A rule, a line of the decoder that obeys it, and what breaks it.
const BROKEN: [(&str, &str, &str); 2] = [
    ("W-36", r#"if held and body.end == "complete":"#, "if False:"),
    // An empty size line is taken for the last chunk: the end of the log is lost without a word.
    ("W-21", r#"elif char == "\r" and not first and place != "blanks":"#, r#"elif char == "\r":"#),
];

/// Of the decoder with one line replaced, vectors of the rule fail and no others: so the report names the rule. To be
/// quick, only with the vectors that were made up to break decoders.
fn a_broken_rule_is_named(python: &str) -> Result<(), Failed> {
    let manifest = manifest();
    let made_up: Vec<_> = manifest.vectors.iter().filter(|vector| vector.name.starts_with("x-")).collect();
    let right = std::fs::read_to_string(folder().join("examples/decoder.py"))?;
    for (rule, line, broken) in BROKEN {
        assert_eq!(right.matches(line).count(), 1, "{line}");
        let wrong = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("decoder-without-{rule}.py"));
        std::fs::write(&wrong, right.replace(line, broken))?;
        let (printed, failed) = run(in_python(python, &wrong), &[Cut::Whole], &made_up, &manifest);
        assert!(!failed.is_empty(), "{rule} is broken, and nothing failed");
        let proves = |vector: &&&Vector| vector.rules.iter().any(|found| found == rule);
        let (failed, proofs): (Vec<_>, _) = (
            made_up.iter().filter(|vector| failed.contains(&vector.name)).collect(),
            made_up.iter().filter(proves).count(),
        );
        for vector in &failed {
            assert!(proves(vector), "{} failed:\n{printed}", vector.name);
        }
        let told = format!("\n{rule}: {} of {proofs}\n", proofs - failed.len());
        assert!(printed.contains(&told), "{told} is missing in:\n{printed}");
        // The rest of the report is of rules whose vectors need this one.
        let mut named: Vec<_> = failed.iter().flat_map(|vector| &vector.rules).map(String::as_str).collect();
        named.sort_unstable();
        named.dedup();
        let told = format!("\nrules with vectors that failed: {}\n", named.join(" "));
        assert!(printed.ends_with(&told), "{told} is missing in:\n{printed}");
    }
    Ok(())
}

fn what_is_made_of_the_vectors_is_not_stale(python: &str) -> Result<(), Failed> {
    for script in ["expect.py", "manifest.py"] {
        let script = folder().join("vectors").join(script);
        let output = Command::new(python).arg(&script).arg("--check").output()?;
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&said));
    }
    Ok(())
}

/// `dd` counts reads, those that filled its buffer and those that did not.
fn every_read_gets_one_piece() -> Result<(), Failed> {
    let manifest = manifest();
    let vector = only(&manifest, "x-frame-type");
    let command = "LC_ALL=C dd bs=65536 2>&1 >/dev/null | grep ' in$' >&2; exit 1";
    let told = format!("exit status: 1: 0+{} records in\n", vector[0].response.len());
    let (printed, _) = run(command.into(), &[Cut::Bytes], &vector, &manifest);
    assert!(cfg!(not(target_os = "linux")) || printed.contains(&told), "{told} is missing in:\n{printed}");
    Ok(())
}

fn a_decoder_that_hangs_is_ended() -> Result<(), Failed> {
    let manifest = manifest();
    let vectors = only(&manifest, "x-tty-one-chunk");
    let begin = Instant::now();
    // One that reads nothing, and one that reads all; the shell has a child of its own.
    for command in ["sleep 60; true", "cat >/dev/null; sleep 60; true"] {
        let limit = Duration::from_millis(300);
        let options = Options { limit, ..options(command.into(), &Cut::ALL) };
        let (printed, failed) = report(&options, &vectors, &manifest);
        assert_eq!(failed, ["x-tty-one-chunk"]);
        assert!(printed.contains("it did not end within 0.3 s"), "{printed}");
    }
    assert!(begin.elapsed() < Duration::from_secs(30));
    Ok(())
}

fn a_decoder_that_fails_is_told() -> Result<(), Failed> {
    let manifest = manifest();
    let vectors = only(&manifest, "x-204");
    let cases = [
        ("exec /nonexistent/decoder", "/nonexistent/decoder: not found"),
        ("true", "its output is not a JSON object"),
        ("cat", "its output is not a JSON object"),
        ("cat >/dev/null; echo '{}'", "end: expected {\"end\":\"complete\"}, got none"),
        ("echo oh dear >&2; false", "exit status: 1: oh dear"),
    ];
    for (command, told) in cases {
        let (printed, failed) = run(command.into(), &[Cut::Whole], &vectors, &manifest);
        assert!(printed.contains(told), "{told} is missing in:\n{printed}");
        assert_eq!(failed, ["x-204"]);
    }
    Ok(())
}
