//! The containers of the test: made, started, stopped, asked what they wrote, and removed, whatever happens.

use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;

use serde_json::{Value, json};

use super::engine_api::{Api, Failure};
use super::interrupt::Interrupt;
use super::ledger::Written;
use super::options::Options;
use super::{line, say_aside};

/// The label of all containers of the test. Its value is the id of the process that made them.
pub(super) const LABEL: &str = "docklog.soak";

/// Requests to the engine at a time: starting a container is work for all cores.
const AT_A_TIME: usize = 4;

/// So many beats per second does a container write in, if its rate allows: each costs it a process.
const BEATS: u32 = 10;

/// Records read from a log's end to find the last number of both streams; if one isn't there, all are read.
const END_OF_LOG: &str = "2000";

/// Containers that exist until this is dropped.
#[derive(Debug)]
pub(super) struct Workload {
    api: Api,
    names: Vec<String>,
    made: Mutex<Vec<String>>,
}

impl Workload {
    /// Makes the containers and starts them.
    ///
    /// # Errors
    /// If the engine refuses, or somebody interrupts.
    pub(super) fn start(api: Api, options: &Options, interrupt: &Interrupt) -> Result<Self, String> {
        let process = std::process::id();
        let name = |number| format!("docklog-soak-{process}-{number:02}");
        let names = (1..=options.containers).map(name).collect();
        let workload = Self { api, names, made: Mutex::default() };
        let spec = spec(options);
        // Made first, started then: they all begin at about the same time, and a missing image is found at once.
        workload.each(|name| {
            interrupt.check()?;
            workload.make(name, &spec, &options.image)
        })?;
        workload.each(|name| {
            interrupt.check()?;
            workload.post(&format!("/containers/{name}/start"))
        })?;
        Ok(workload)
    }

    /// The containers' names.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.names.iter().cloned()
    }

    /// Ends all containers at once; what they have written is then complete.
    ///
    /// # Errors
    /// If the engine refuses.
    pub(super) fn stop(&self) -> Result<(), String> {
        self.each(|name| self.post(&format!("/containers/{name}/stop?t=0")))
    }

    /// The last numbers that each container wrote, by the engine's own log.
    ///
    /// # Errors
    /// If the engine can't read a log, or it doesn't hold a line of each stream.
    pub(super) fn written(&self) -> Result<Vec<Written>, String> {
        let written = Mutex::new(Vec::new());
        self.each(|name| {
            let mut ends = self.last_numbers(name, END_OF_LOG)?;
            if ends.contains(&0) {
                ends = self.last_numbers(name, "all")?;
            }
            if ends.contains(&0) {
                return Err(format!(
                    "the engine's log of {name} holds no line of one of its streams: choose another --log-driver or --log-opt"
                ));
            }
            lock(&written).push((name.to_owned(), ends));
            Ok(())
        })?;
        Ok(written.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn last_numbers(&self, name: &str, tail: &str) -> Result<[u64; 2], String> {
        let path = format!("/containers/{name}/logs?follow=0&stdout=1&stderr=1&tail={tail}");
        let log = self.api.call("GET", &path, None).map_err(String::from)?;
        Ok(last_numbers(&log))
    }

    fn make(&self, name: &str, spec: &Value, image: &str) -> Result<(), String> {
        let made = self.api.call("POST", &format!("/containers/create?name={name}"), Some(spec));
        match made {
            Err(Failure::Refused(404, _)) => {
                return Err(format!(
                    "the engine has no image '{image}'. Fetch it with 'docker pull {image}', or name another one that has sh and sleep: --image"
                ));
            }
            Err(failure @ Failure::Refused(..)) => return Err(failure.into()),
            Err(Failure::Unanswered(text)) => {
                lock(&self.made).push(name.to_owned()); // perhaps: it must be removed if it was
                return Err(text);
            }
            Ok(_) => lock(&self.made).push(name.to_owned()),
        }
        Ok(())
    }

    fn post(&self, path: &str) -> Result<(), String> {
        self.api.call("POST", path, None).map(drop).map_err(String::from)
    }

    fn each(&self, act: impl Fn(&str) -> Result<(), String> + Sync) -> Result<(), String> {
        each(&self.names, act)
    }
}

impl Drop for Workload {
    /// Best effort: what can't be removed is named.
    fn drop(&mut self) {
        let made = std::mem::take(&mut *lock(&self.made));
        let left = Mutex::new(Vec::new());
        let removed = each(&made, |name| {
            match self.api.call("DELETE", &format!("/containers/{name}?force=1&v=1"), None) {
                Ok(_) | Err(Failure::Refused(404, _)) => {}
                Err(failure) => lock(&left).push((name.to_owned(), String::from(failure))),
            }
            Ok(())
        });
        if let Some((name, reason)) = lock(&left).first() {
            left_behind(&format_args!("{name}: {reason}"));
        }
        if let Err(reason) = removed {
            left_behind(&reason);
        }
    }
}

fn left_behind(reason: &dyn Display) {
    say_aside(&format!(
        "can't remove all containers of the test ({reason}). To do it by hand: docker rm -f $(docker ps -aq --filter label={LABEL}={})",
        std::process::id()
    ));
}

/// Acts on each name, a few at a time; the first failure ends it.
fn each(names: &[String], act: impl Fn(&str) -> Result<(), String> + Sync) -> Result<(), String> {
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    let work = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = act(name) {
                next.store(names.len(), Ordering::Relaxed);
                lock(&failure).get_or_insert(error);
            }
        }
    };
    scope(|threads| {
        for _ in 1..AT_A_TIME.min(names.len()) {
            // Where there is no thread to be had, this one does it all.
            let _ = std::thread::Builder::new().spawn_scoped(threads, work);
        }
        work();
    });
    failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
}

/// A lock that a thread held when it panicked is as good as any: what it guards is replaced whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How a container is to be made.
fn spec(options: &Options) -> Value {
    let mut host = json!({ "NetworkMode": "none" });
    if options.log_driver.is_some() || !options.log_opts.is_empty() {
        let settings: serde_json::Map<String, Value> =
            options.log_opts.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        host["LogConfig"] =
            json!({ "Type": options.log_driver.as_deref().unwrap_or(""), "Config": settings });
    }
    json!({
        "Image": options.image,
        "Entrypoint": ["sh", "-c"],
        "Cmd": [script(options.rate)],
        "StopSignal": "SIGKILL", // a shell as the first process of a container doesn't hear SIGTERM
        "Labels": { LABEL: std::process::id().to_string() },
        "HostConfig": host,
    })
}

/// Writes numbered lines at this rate, half of them on each stream. `echo` is a part of the shell and makes one write of
/// each line; only the pause may cost a process.
fn script(rate: u32) -> String {
    let pairs = (rate / (2 * BEATS)).max(1);
    let pause = f64::from(2 * pairs) / f64::from(rate);
    let [out, err] = line::TAGS;
    let filler = line::FILLER;
    format!(
        "i=0; end=0; while :; do end=$((end+{pairs})); \
         while [ $i -lt $end ]; do i=$((i+1)); echo \"{out} $i {filler}\"; echo \"{err} $i {filler}\" >&2; done; \
         sleep {pause:.3}; done"
    )
}

/// The highest number of each stream in a framed log; 0 if there is none.
fn last_numbers(log: &[u8]) -> [u64; 2] {
    let mut last = [0, 0];
    let mut rest = log;
    while let Some((&[_, _, _, _, a, b, c, d], after)) = rest.split_first_chunk::<8>() {
        let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let (payload, next) = after.split_at(size.min(after.len()));
        rest = next;
        let text = std::str::from_utf8(payload).unwrap_or_default();
        if let Some((stream, number)) = line::read(text.trim_end_matches('\n')) {
            last[stream] = number.max(last[stream]);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_keeps_the_rate() {
        assert!(script(100).contains("end+5)") && script(100).contains("sleep 0.100"));
        assert!(script(1000).contains("end+50)") && script(1000).contains("sleep 0.100"));
        assert!(script(30).contains("end+1)") && script(30).contains("sleep 0.067"));
        assert!(script(1).contains("end+1)") && script(1).contains("sleep 2.000"));
    }

    #[test]
    fn last_numbers_are_found_per_stream() {
        let mut log = Vec::new();
        for (stream, number) in [(0, 7), (0, 8), (1, 6), (1, 7)] {
            let text = line::write(stream, number) + "\n";
            log.extend_from_slice(&[[1, 2][stream], 0, 0, 0, 0, 0, 0]);
            log.push(u8::try_from(text.len()).expect("a short line"));
            log.extend_from_slice(text.as_bytes());
        }
        assert_eq!(last_numbers(&log), [8, 7]);
        assert_eq!(last_numbers(&log[..log.len() - 2]), [8, 6]);
        assert_eq!(last_numbers(b""), [0, 0]);
    }

    #[test]
    fn each_name_is_acted_on_once_until_one_fails() {
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let seen = Mutex::new(Vec::new());
        let see = |name: &str| {
            lock(&seen).push(name.to_owned());
            Ok(())
        };
        assert_eq!(each(&names, see), Ok(()));
        lock(&seen).sort_by_key(|name| name.parse::<u32>().ok());
        assert_eq!(*lock(&seen), names);
        assert_eq!(each(&names, |_| Err("no".to_owned())), Err("no".to_owned()));
    }
}
