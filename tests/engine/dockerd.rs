//! How a private Docker daemon is started.

use super::private::Engine;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The daemon, with all that it has in the engine's folder, namespaces and control group.
pub(crate) fn command(engine: &Engine) -> Command {
    let (folder, mark) = (engine.folder().display(), engine.mark());
    let mut command = Command::new(engine.version.programs().join("dockerd"));
    command.args(["-H", &engine.host(), "--pidfile", &format!("{folder}/pid")]);
    command.args(["--data-root", &format!("{folder}/data"), "--exec-root", &format!("{folder}/exec")]);
    command.args(["--cgroup-parent", &format!("/{mark}"), "--containerd-namespace", mark]);
    command.args(["--containerd-plugins-namespace", &format!("{mark}-plugins")]);
    command.args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--bridge=none"]);
    command.args(["--iptables=false", "--ip6tables=false", "--userland-proxy=false"]);
    command.args(engine.flags);
    command
}

/// Where nobody reaps zombies, a daemon takes the dead one's process for alive.
pub(crate) fn forget_the_dead(folder: &Path) {
    for stale in ["pid", "exec/containerd/containerd.pid"] {
        let _ = fs::remove_file(folder.join(stale));
    }
}
