//! A private nginx before a receiver, as people have one.

use super::private::engines;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn program() -> PathBuf {
    engines().join("nginx")
}

/// Why it can't be started here, if it can't.
pub(crate) fn missing() -> Option<String> {
    let reason = || format!("there is no {}; .ci/engines installs it", program().display());
    (!program().exists()).then(reason)
}

/// It ends with the test.
pub(crate) struct Nginx {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Nginx {
    /// One that passes all requests on to this port. It closes connections after a few requests, or a second.
    pub(crate) fn start(folder: &Path, upstream: u16) -> Self {
        // Nothing else gets the port between here and nginx's own bind: the kernel deals them out in turn.
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {kind};\n"))
            .concat();
        let text = format!(
            "daemon off;\npid nginx.pid;\nerror_log nginx.log;\nworker_processes 1;\nuser root;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n  access_log off;\n{temporary}  \
             upstream receiver {{ server 127.0.0.1:{upstream} max_fails=0; keepalive 4; }}\n  \
             server {{\n    listen 127.0.0.1:{port};\n    keepalive_requests 5;\n    keepalive_timeout 1s;\n    \
             client_max_body_size 1m;\n    location / {{\n      proxy_pass http://receiver;\n      \
             proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n    }}\n  }}\n}}\n"
        );
        let folder = folder.join("nginx");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("nginx.conf"), text).unwrap();
        let nginx = Self { child: launch(&folder), folder, port };
        nginx.wait();
        nginx
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// It ends as it should: requests under way are answered. For a while nobody listens.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGQUIT);
        self.child.wait().unwrap();
    }

    /// Starts it again, on the same port.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(&self.folder);
        self.wait();
    }

    /// New workers take the place of the old, which finish what they are at.
    pub(crate) fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
            assert!(Instant::now() < deadline, "nginx doesn't start: {}", log());
            sleep(Duration::from_millis(20));
        }
    }
}

fn launch(folder: &Path) -> Child {
    let stderr = File::create(folder.join("stderr")).unwrap();
    Command::new(program())
        .arg("-p")
        .arg(folder)
        .args(["-c", "nginx.conf", "-e", "nginx.log"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends its workers.
        self.signal(Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
