//! Every limit of the program, in one place, each with its reason. Those of the wire are in
//! [`docklog_protocol::limits`].

use std::time::Duration;

/// The one read buffer, shared by all connections. A Unix socket holds about 200 KB at most, mostly far less, so that a
/// larger buffer would seldom be filled.
pub const READ_BUFFER: usize = 64 * 1024;

/// Events taken from the kernel at a time.
pub const EVENTS: usize = 256;

/// Bytes read from one connection before the others get their turn.
pub const READ_PER_TURN: usize = 64 * 1024;

/// Encoded lines gathered before the outlet gets its turn, in bytes: enough for large writes, and little enough to keep
/// allocated.
pub const BATCH: usize = 64 * 1024;

/// Elements for which a buffer may keep room in any case.
pub const KEPT: usize = 1024;

/// The largest batch that is sent at once (`batch_size`): it is compressed in one go, while the loop stands still.
pub const BATCH_MOST: usize = 1024 * 1024;

/// Sinks at a time.
pub const SINKS: usize = 16;

/// Least that can be set for the log bytes held between the engine's sockets and the sinks (`limits.memory`): room for what one
/// read brings, several times.
pub const MEMORY_LEAST: usize = 512 * 1024;

/// Of that, the sinks that may lose lines hold together one part in so many, before they lose them.
pub const SHARE: usize = 4;

/// What one stream may still read when the memory is used up by frames that were cut in two: finishing one is the only
/// way to get memory back.
pub const LAST_PERMIT: usize = 20 * 1024;

/// Bytes written to an outlet before the loop goes on. A regular file is never "full", so this is what bounds a turn.
pub const OUTLET_PER_TURN: usize = 1024 * 1024;

/// Where there is no journal, or no room on the disk: from one try to write to the next.
pub const OUTLET_AGAIN: Duration = Duration::from_secs(1);

/// Our own messages waiting for a stalled stderr. What doesn't fit is dropped and counted.
pub const MESSAGES: usize = 64 * 1024;

/// Longest span that `--max-latency` takes: log data gathers for it in the sockets, where engines wait for us.
pub const LATENCY_MOST: Duration = Duration::from_secs(1);

/// Records that are older than this and two of the longest holds together show that their stream is behind: it catches up, or its
/// engine waits for us.
pub const LATE: Duration = Duration::from_millis(100);

/// Longest hold for a stream that is behind.
pub const HOLD_OF_LATE: Duration = Duration::from_millis(1);

/// Chunks that a Unix socket of default size queues before the engine has to wait (measured: 278 of up to 300 bytes; W-84).
pub const SOCKET_CHUNKS: u32 = 278;

/// Bytes that a Unix socket of default size queues when chunks are large (13 of 16 KiB).
pub const SOCKET_BYTES: usize = 200_000;

/// Descriptors that aren't sessions: discovery, inspects, outlets, epoll, files; and what our own HTTP needs.
pub const OTHER_DESCRIPTORS: usize = 72 + HTTP_CONNECTIONS;

/// The same for each sink: its files, or its connection and a look-up.
pub const SINK_DESCRIPTORS: usize = FILES_OPEN + 4;

/// Connections opened per turn: 1,000 streams must not come as one storm.
pub const OPENS_PER_TURN: usize = 64;

/// Log requests whose head is awaited at a time. Beyond it a slow engine would only queue them.
pub const OPENING: usize = 256;

/// Entries in the catalogue of containers. Beyond it new containers are named and counted as not followed.
pub const CONTAINERS: usize = 50_000;

/// Longest value of a label, an image or a name from a label that records carry: they bear it on each line. Engines allow
/// labels of any length.
pub const FIELD: usize = 1024;

/// Time for an answer to `/version`, the list, or the head of the events (W-83).
pub const ANSWER: Duration = Duration::from_secs(15);

/// Time for the answer to an inspect. A stream waits for it; afterwards its format is taken from its first bytes.
pub const INSPECT: Duration = Duration::from_secs(5);

/// First pause before something that failed is tried again; doubles up to [`RETRY_MOST`].
pub const RETRY_FIRST: Duration = Duration::from_millis(100);

/// Longest pause before the engine, or a stream, is tried again.
pub const RETRY_MOST: Duration = Duration::from_secs(15);

/// History follows a response's head at once. A session without a record for so long has shown that there is none.
pub const HISTORY_COMES: Duration = Duration::from_secs(1);

/// How often a log is asked for in vain: that of a stopped container, or any with `--no-follow`.
pub const TRIES: u32 = 4;

/// A session isn't closed in the middle of a line until it has lasted so long.
pub const AMID: Duration = Duration::from_secs(60);

/// So long a follow whose head hasn't come counts as one that is being opened.
pub const PLACE: Duration = Duration::from_secs(5);

/// Event streams shorter than this, one after another, and how many of them it takes to do without.
pub const EVENTS_SHORT: Duration = Duration::from_secs(10);
/// See [`EVENTS_SHORT`].
pub const EVENTS_TRIES: u32 = 5;

/// A second signal so soon after the first is the same request (coreutils `timeout` signals the child, then its group).
pub const SAME_SIGNAL: Duration = Duration::from_millis(20);

/// First pause before `connect` is repeated after EAGAIN (the engine's backlog is full); doubles, up to 16 times as long.
pub const BACKLOG_RETRY: Duration = Duration::from_millis(20);

/// So many full backlogs in a row are told.
pub const BUSY_TOLD: u32 = 8;

/// A log response may end up to 74 ms (seen) before the `die` event of its container (W-71): so long a container that is said
/// to run isn't asked again.
pub const DIE_MAY_FOLLOW: Duration = Duration::from_millis(500);

/// A follow ends within milliseconds of its container (Podman: within some 20 s). One that is silent for so long after is
/// closed, and the log is looked at once more.
pub const END_COMES: Duration = Duration::from_secs(25);

/// The catalogue is compared with the engine's list this often, because engines drop events for slow readers without a
/// word (W-76).
pub const RECONCILE: Duration = Duration::from_secs(60);

/// The same, where the events are refused (a socket proxy) and the list is all there is.
pub const RECONCILE_WITHOUT_EVENTS: Duration = Duration::from_secs(2);

/// First window of a resumed stream, in engine messages: more than a stream writes in the moment of a rotation. Grows by
/// [`WINDOW_GROWTH`].
pub const WINDOW: u64 = 64;

/// The same after a longer absence of the engine, or of docklog.
pub const WINDOW_AFTER_RESTART: u64 = 1024;

/// Stamps of stdout and stderr of one container may be out of order by so many seconds (W-46; seen: 1.9).
pub const CHANNELS_DIFFER: i64 = 10;

/// Records whose repetition is recognised, per channel of an engine that repeats (most seen: 1,640 in several rotations).
pub const RECENT: usize = 2048;

/// How long a session lasts, unless set.
pub const LEASE: Duration = Duration::from_secs(5 * 60);

/// The shortest lease that can be set: a session needs a moment to find its place.
pub const SHORTEST_LEASE: Duration = Duration::from_millis(100);

/// Longest lease of a stream whose log was truncated: its follow may be deaf.
pub const SHORT_LEASE: Duration = Duration::from_secs(10);

/// A run's last line without newline is known again behind those of runs before it if it isn't longer than that (Podman).
pub const LAST_WORDS: usize = 1024;

/// A session for which an engine had to search its whole log lasts so many times as long as that took: a hundredth of its time, for
/// each log. But no longer than [`LONGEST_SEARCH`], for a follow may have become deaf.
pub const LEASE_PER_SEARCH: u32 = 100;

/// See [`LEASE_PER_SEARCH`].
pub const LONGEST_SEARCH: Duration = Duration::from_secs(3600);

/// A line that a session should have brought so long before it was closed is one that it has missed.
pub const OVERDUE: Duration = Duration::from_secs(2);

/// Where streams take turns: a session's least life, once it is live.
pub const TURN: Duration = Duration::from_secs(1);

/// So long a follow may wait for memory before it is closed. An engine's log file can be full in less than a second.
pub const PARK: Duration = Duration::from_millis(250);

/// So long another session may: as long as it is open, the engine can't delete the files that it reads.
pub const SNAPSHOT: Duration = Duration::from_secs(30);

/// Streams that catch up at a time after memory was short.
pub const CATCHING_UP: usize = 4;

/// From a settled line to the checkpoint that says so: what may come twice after kill -9, where the output can't be cut.
pub const SAVE: Duration = Duration::from_secs(1);

/// The largest checkpoint that is read: 50,000 containers have less than 20 MB.
pub const CHECKPOINT: u64 = 64 << 20;

/// The largest configuration file that is read.
pub const CONFIGURATION: u64 = 1 << 20;

/// Mistakes in a configuration file that are told at a time: a screen of them.
pub const MISTAKES: usize = 20;

/// Characters of one of them.
pub const MISTAKE: usize = 400;

/// The `local` driver's `max-size` unless set.
pub const LOCAL_FILE: u64 = 20 << 20;

/// From one audit of a stream to the next.
pub const AUDIT: Duration = Duration::from_secs(1);

/// The same for the audit of a pause, which reads little: from the line before it on.
pub const AUDIT_OF_PAUSE: Duration = Duration::from_millis(200);

/// Bytes that an engine writes to its log file beside the text of a record.
pub const RECORD_OVERHEAD: u64 = 80;

/// The most that an engine can log, in bytes per millisecond (64 MB/s: none was seen to reach it): a follow that is late
/// by less than a file takes can't have skipped one.
pub const LOGGED_PER_MILLISECOND: u64 = 64 * 1024;

/// How many of the longest times without a line are remembered of a channel: an audit looks there for lines that were skipped. (An
/// engine skips whole files; on a busy machine a file of 200 kB was written in 3 ms, and a dozen pauses of a second were longer.)
pub const HOLES: usize = 16;

/// The pace of a log is measured over records without a pause that fill this part of a file (one in so many): fewer tell too little.
pub const BURST: u64 = 16;

/// And over so many bytes at the least.
pub const BURST_LEAST: u64 = 16 << 10;

/// Factor by which a window grows when its first record isn't known.
pub const WINDOW_GROWTH: u64 = 16;

/// Beyond this a window is the whole log.
pub const WINDOW_MOST: u64 = 300_000;

/// With `--until` in the future: lines stamped before it may arrive this much later (W-56: a silent follow would stay).
pub const UNTIL_GRACE: Duration = Duration::from_millis(300);

/// From SIGTERM to the end, whatever the outlets do. Users were promised one second.
pub const STOP: Duration = Duration::from_millis(900);

/// The same where lines are sent to other machines, which need their time to answer. Below `TimeoutStopSec` of our unit.
pub const STOP_SENDING: Duration = Duration::from_secs(5);

/// Time constant of a stream's rate: after twice as long, six sevenths of the mean are of that time.
pub const RATE_MEAN: Duration = Duration::from_secs(5);

/// A stream's mean rate is carried on this often, so that it costs nothing per line.
pub const RATE_STEP: Duration = Duration::from_secs(1);

/// A running container whose stream hasn't brought the present for so long makes docklog unready.
pub const NOT_READY: Duration = Duration::from_secs(30);

/// Streams named as the reason for that.
pub const NOT_READY_NAMED: usize = 10;

/// Connections of our own HTTP at a time. One monitor and a few people need a handful.
pub const HTTP_CONNECTIONS: usize = 32;

/// One more is let in at the cost of the one that has stood still longest, if that is for at least so long: who only
/// connects can't lock out a monitor, and a flood of such moves no faster than this.
pub const HTTP_STILL: Duration = Duration::from_millis(100);

/// A connection's time for a request and its answer, from its first byte or the answer before to the last piece: covers
/// clients that send or read too slowly, and those that do nothing.
pub const HTTP_PATIENCE: Duration = Duration::from_secs(10);

/// Longest head of a request, and most headers in it. A browser's has less than 2 KiB. It is also what hyper buffers.
pub const HTTP_HEAD: usize = 8 * 1024;
/// See [`HTTP_HEAD`].
pub const HTTP_HEADERS: usize = 64;

/// Bytes that are read from a client, or a receiver of lines, at a time.
pub const HTTP_READ: usize = 2 * 1024;

/// And in one step, before others get theirs.
pub const HTTP_READ_PER_STEP: usize = 64 * 1024;

/// Bytes rendered of an answer at a time (and the rest of the line): all that is held of it, however long it is.
pub const HTTP_PIECE: usize = 16 * 1024;

/// Connections of our own HTTP that get a step in one turn, with one piece each: the logs come first.
pub const HTTP_STEPS_PER_TURN: usize = 8;

/// Clients accepted in one turn.
pub const HTTP_ACCEPTS_PER_TURN: usize = 16;

/// After a failed accept (descriptors ran out, most often), which isn't told when it could work again.
pub const HTTP_ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Of what a client has sent beyond its last request so much is read before its connection is closed, for bytes left
/// unread would turn the close into a reset, which may overtake the answer.
pub const HTTP_LEFTOVERS: usize = 64 * 1024;

/// Columns that the aligned container names of the pretty output may take.
pub const NAME_COLUMNS: usize = 32;

/// `docklog check`: containers that are inspected, at the most; a question each.
pub const CHECKED: usize = 1000;

/// `docklog status`: the largest `/state` that is read: 50,000 streams have some 20 MB.
pub const STATE_READ: u64 = 64 << 20;

/// `docklog soak`: containers at the most, and lines per second of each.
pub const SOAK_CONTAINERS: usize = 999;
/// See [`SOAK_CONTAINERS`].
pub const SOAK_RATE: u32 = 100_000;

/// `docklog soak`: time for the engine to answer. Starting many containers on a small machine takes its time.
pub const SOAK_ANSWER: Duration = Duration::from_secs(120);

/// `docklog soak`: time until each stream has brought its first line.
pub const SOAK_OPEN: Duration = Duration::from_secs(60);

/// `docklog soak`: time for the last lines to arrive, once the containers have ended.
pub const SOAK_LAST: Duration = Duration::from_secs(30);

/// `docklog soak`: time for docklog to tell its counts. It does so in the next turn of its loop.
pub const SOAK_COUNTS: Duration = Duration::from_secs(2);

/// `docklog soak`: time for docklog to end after SIGTERM. It promises one second; a busy machine may need more.
pub const SOAK_END: Duration = Duration::from_secs(5);

/// Longest line of an entry for Loki, which refuses longer ones by default (`max_line_size`). Lines are no longer, either;
/// but one that must be escaped is, and leaves in parts.
pub const LOKI_LINE: usize = 256 * 1024;

/// Bytes of what each entry for Loki says of its container; what doesn't fit is left out. Loki refuses entries that have more
/// than 64 KiB of structured metadata, and a container chooses the values of its labels.
pub const LOKI_METADATA: usize = 32 * 1024;

/// Fields of that. Loki refuses entries that have more than 128.
pub const LOKI_FIELDS: usize = 100;

/// Containers whose last times for Loki are known. Beyond it all are forgotten; it costs a duplicate only where an
/// engine stamps the lines before and after that alike.
pub const LOKI_CLOCKS: usize = 4096;

/// Names: what is read of /etc/hosts and of /etc/resolv.conf at a lookup. A hosts file of entries made by people has a few KB; one with
/// a block list has megabytes, and its own entries stand first.
pub const NAMES_FILE: u64 = 256 * 1024;

/// Names: the longest datagram from a nameserver that is read, and what it is told where it may send more than 512 bytes
/// (`options edns0`). Longer ones would be cut into fragments on their way.
pub const NAMES_PACKET: usize = 1232;

/// Names: nameservers that are asked, as in resolv.conf(5).
pub const NAMES_SERVERS: usize = 3;

/// Names: search domains that are tried. Clusters have three to six.
pub const NAMES_SEARCH: usize = 8;

/// Names: the most dots that `ndots` can ask for, as in resolv.conf(5).
pub const NAMES_DOTS: usize = 15;

/// Names: how long an answer is awaited unless resolv.conf says otherwise, and the most that it can say (resolv.conf(5)).
pub const NAMES_TIMEOUT: Duration = Duration::from_secs(5);
/// See [`NAMES_TIMEOUT`].
pub const NAMES_TIMEOUT_MOST: Duration = Duration::from_secs(30);

/// Names: how often each nameserver is asked unless resolv.conf says otherwise, and the most that it can say (resolv.conf(5)).
pub const NAMES_ATTEMPTS: u32 = 2;
/// See [`NAMES_ATTEMPTS`].
pub const NAMES_ATTEMPTS_MOST: u32 = 5;

/// Names: once there are addresses of one family, those of the other are awaited for so long. RFC 8305 thinks of 50 ms;
/// nobody is in a hurry here, and a distant nameserver may have to ask around.
pub const NAMES_OTHER_FAMILY: Duration = Duration::from_millis(250);

/// Names: aliases (CNAME) that are followed in an answer. Real ones have two or three; a loop has no end.
pub const NAMES_CHAIN: usize = 16;

/// Names: addresses of a name that are kept. Nobody would try more of them in a row.
pub const NAMES_ADDRESSES: usize = 16;

/// Names: what a lookup has found holds at least so long, whatever the nameserver says: a TTL of 0 must not mean a lookup
/// per connection.
pub const NAMES_HOLD_LEAST: Duration = Duration::from_secs(1);

/// Names: and at the most so long. Docker's own nameserver says ten minutes, but a container made anew has a new address at once.
pub const NAMES_HOLD_MOST: Duration = Duration::from_secs(60);

/// Names: what went wrong with a lookup: so many different things are told, and so many characters of what a name or a system call
/// says.
pub const NAMES_TOLD: usize = 6;
/// See [`NAMES_TOLD`].
pub const NAMES_TEXT: usize = 300;

/// Bytes of a log file's name: the system takes 255, and what a rotated one bears at its end must have room.
pub const FILE_NAME: usize = 220;

/// Bytes of a file sink's path template, and components in it that are made of names: no path that comes out of it is
/// longer than the system takes (4096).
pub const TEMPLATE: usize = 1024;
/// See [`TEMPLATE`].
pub const TEMPLATE_PARTS: usize = 8;

/// Fixed bytes in a component of a template that has a placeholder: names need the rest.
pub const TEMPLATE_TEXT: usize = 100;

/// Log files of one sink that are open at a time. The least recently written one is closed for another.
pub const FILES_OPEN: usize = 64;

/// Log files of one sink that the checkpoint holds: each costs its save some 150 bytes. Beyond it those that were written
/// least recently are forgotten, and count as foreign files with an end when a line comes for them.
pub const FILES_KNOWN: usize = 10_000;

/// A log file that nobody has written to for so long is forgotten in the same way, unless it will be rotated by its age.
pub const FILE_IDLE: Duration = Duration::from_secs(3600);

/// Rotated files of one sink that are remembered, at 32 bytes each. Retention doesn't see what is beyond it.
pub const FILES_ROTATED: usize = 100_000;

/// Bytes of a rotated file that are compressed at a time: some two milliseconds.
pub const GZIP_STEP: usize = 64 * 1024;

/// Compressed bytes that are written before they are synced to the disk: how long that takes grows with them.
pub const GZIP_SYNC: usize = 2 << 20;

/// After compressing, deleting or rotating a file has failed: until it is tried again.
pub const FILES_AGAIN: Duration = Duration::from_secs(60);

/// What a file sink has to say at a time; what is beyond it is counted.
pub const FILES_TOLD: usize = 10;

/// Time for a TCP connection to a receiver, per address: two lost packets (1 s and 2 s until they are sent again) and slow
/// answers fit in; behind a firewall that answers nothing, the next address gets its chance.
pub const PUSH_DIAL: Duration = Duration::from_secs(5);

/// A connection to a receiver that has been idle for longer isn't used again: firewalls forget those that are silent, without
/// a word, and the request would find that out only when its time is over.
pub const PUSH_KEPT: Duration = Duration::from_secs(60);

/// Longest pause that a receiver can ask for (Retry-After): what it has said before it was mended is soon looked at again.
pub const PUSH_LATER: Duration = Duration::from_secs(5 * 60);

/// A sink that takes nothing is told about so often at the most, where a receiver takes turns between taking and refusing.
pub const PUSH_TOLD: Duration = Duration::from_secs(60);

/// Of an answer's body so much is looked at. Loki names ten of the lines that it has ignored before it says how many they were.
pub const PUSH_ANSWER: usize = 8 * 1024;

/// Of the rest so much is read, to keep the connection for the next request; with more to come it is closed.
pub const PUSH_DRAIN: usize = 64 * 1024;

/// Longest head of an answer, and most headers in it. It is also what hyper buffers.
pub const PUSH_HEAD: usize = 16 * 1024;
/// See [`PUSH_HEAD`].
pub const PUSH_HEADERS: usize = 100;

/// Characters of a receiver's words in a message.
pub const PUSH_REASON: usize = 300;

/// What an encrypted connection holds of a request: four TLS records, so that a write to the socket is worth its while.
pub const PUSH_ENCRYPTED: usize = 64 * 1024;

/// TLS sessions remembered for a target, to shorten the next handshake; it has one connection.
pub const PUSH_SESSIONS: usize = 2;

/// Steps of one sink in a turn, before the others and the logs go on.
pub const PUSH_STEPS: usize = 32;

/// How hard bodies are compressed, of gzip's levels 1 to 9: the loop stands still for it. 256 KiB of JSON lines become 35 KB in
/// 0.4 ms (level 1: 48 KB in 0.2 ms; 3: 33 KB in 0.6 ms; 6: 31 KB in 1.1 ms).
pub const PUSH_LEVEL: u32 = 2;
