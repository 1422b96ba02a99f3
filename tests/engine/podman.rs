//! How a private Podman is started: a service for the API, beside which its containers live on by themselves.

use super::private::Engine;
use super::reaper;
use std::fs;
use std::process::Command;

/// The service, with all that it has in the engine's folder.
pub(crate) fn command(engine: &Engine) -> Command {
    let (folder, programs) = (engine.folder(), engine.version.programs());
    configure(engine);
    let at = |name: &str| folder.join(name).into_os_string();
    let mut command = Command::new(programs.join("podman"));
    command.arg("--tmpdir").arg(at("tmp")).arg("--runtime").arg(programs.join("runc"));
    command.arg("--conmon").arg(programs.join("conmon"));
    command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
    command.args(["system", "service", "--time", "0", &engine.host()]);
    command.env("CONTAINERS_CONF", at("containers.conf")).env("CONTAINERS_STORAGE_CONF", at("storage.conf"));
    command.env("HOME", folder);
    command
}

/// The machine may have a Podman, or none: nothing of its configuration is used.
fn configure(engine: &Engine) {
    let folder = engine.folder();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let (at, key, mark) = (folder.display(), reaper::MARK, engine.mark());
    write(
        "storage.conf",
        &format!("[storage]\ndriver = \"overlay\"\ngraphroot = \"{at}/data\"\nrunroot = \"{at}/run\"\n"),
    );
    // Podman's own limit of open files may be more than this machine lets anybody have; its locks would be the machine's, if they
    // were in shared memory; and by the mark the reaper finds what containers run.
    let limits = "default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]";
    write(
        "containers.conf",
        &format!("[containers]\n{limits}\nenv = [\"{key}={mark}\"]\n[engine]\nlock_type = \"file\"\n"),
    );
    fs::create_dir_all(folder.join(".config/containers")).unwrap();
    write(".config/containers/policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}");
}
