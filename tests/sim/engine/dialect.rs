//! What sets engines apart on the wire: one table, asked by the rest.

/// Whose API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Docker 20.10.
    Docker20,
    /// Docker 28.
    Docker28,
    /// Docker 29.0: like 28 for our purposes, but it refuses every version prefix below 1.44.
    Docker29,
    /// Podman 4.3.
    Podman,
}

impl Dialect {
    /// Highest API version.
    pub fn api(self) -> (u32, u32) {
        match self {
            Dialect::Docker20 | Dialect::Podman => (1, 41),
            Dialect::Docker28 => (1, 51),
            Dialect::Docker29 => (1, 52),
        }
    }

    /// Lowest API version.
    pub fn api_min(self) -> (u32, u32) {
        match self {
            Dialect::Docker20 => (1, 12),
            Dialect::Docker28 | Dialect::Podman => (1, 24),
            Dialect::Docker29 => (1, 44),
        }
    }

    /// The product's version, as in `/version`.
    pub fn version(self) -> &'static str {
        match self {
            Dialect::Docker20 => "20.10.24",
            Dialect::Docker28 => "28.5.2",
            Dialect::Docker29 => "29.0.0",
            Dialect::Podman => "4.3.1",
        }
    }

    /// Podman, in all its ways.
    pub fn is_podman(self) -> bool {
        self == Dialect::Podman
    }

    /// `since` finds the first message that late and sends everything after it (24.0 and later); the others compare
    /// each message.
    pub fn since_only_finds_the_first(self) -> bool {
        matches!(self, Dialect::Docker28 | Dialect::Docker29)
    }

    /// What its readers do when log files are rotated or spoilt, beyond what one would expect.
    pub fn quirks(self) -> Quirks {
        let old = self == Dialect::Docker20;
        let new = matches!(self, Dialect::Docker28 | Dialect::Docker29);
        Quirks {
            rotation_repeats: old,
            rotation_stops_the_slow: old,
            rotation_outruns_the_slow: new,
            truncation_deafens: new,
            corruption_ends_follows: new,
        }
    }

    /// The `local` driver forgets the newline of a split line's last part (before 29.0).
    pub fn local_drops_last_newline(self) -> bool {
        matches!(self, Dialect::Docker20 | Dialect::Docker28)
    }

    /// The longest part of a line.
    pub fn part_limit(self) -> usize {
        if self.is_podman() { 8192 } else { 16384 }
    }

    /// The `Server` header.
    pub fn server(self) -> String {
        match self {
            Dialect::Podman => "Libpod/4.3.1 (linux)".into(),
            _ => format!("Docker/{} (linux)", self.version()),
        }
    }

    /// Content type of a log answer, by what the request asked for.
    pub fn log_type(self, tty: bool, asked: (u32, u32)) -> Option<&'static str> {
        match self {
            Dialect::Docker20 => None,
            Dialect::Podman if tty => Some("text/plain; charset=utf-8"),
            Dialect::Podman => Some("application/octet-stream"),
            // Below 1.42 the type says "raw" even of a multiplexed answer.
            _ if tty || asked < (1, 42) => Some("application/vnd.docker.raw-stream"),
            _ => Some("application/vnd.docker.multiplexed-stream"),
        }
    }
}

/// What readers of logs do when files are rotated or spoilt. All false: they go on with the next message that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// A follow that has gone over to a new file reads its beginning twice (20.10).
    pub rotation_repeats: bool,
    /// A follow that is still in a file when the next but one is begun stays there for good (20.10).
    pub rotation_stops_the_slow: bool,
    /// A follow that comes to the end of its file goes on with the newest, and leaves out those between; the first message after that
    /// may come twice (23.0 and later).
    pub rotation_outruns_the_slow: bool,
    /// A truncation leaves follows deaf, those of before and those of later, until the file is rotated or opened anew
    /// (23.0 and later).
    pub truncation_deafens: bool,
    /// What is no message ends a follow as if the container had ended (23.0 and later).
    pub corruption_ends_follows: bool,
}
