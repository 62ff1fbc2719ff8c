//! What one connection may use at most: bytes and files of the repository, memory, and time.
//!
//! Memory is bounded by what a client can have in this process at once, all together less than 64 MiB:
//!
//! | what | at most |
//! | --- | --- |
//! | bodies of uploads | `BUFFERED` |
//! | parts of files and lists on their way out, read and queued | `REQUESTS` times twice `CHUNK` |
//! | headers | `STREAMS` times `HEADERS` |
//! | small frames of bodies | h2's budget for them, half of `WINDOW` |

use std::time::Duration;

use super::name::Kind;

/// Streams that a client may have open. Before it knows the limit, restic's HTTP library opens up to 100, and ends with an
/// error above the limit.
pub(super) const STREAMS: u32 = 100;
/// Requests in progress, with those whose stream the client has already reset.
pub(super) const REQUESTS: usize = 128;
/// Bytes of all header fields of a request.
pub(super) const HEADERS: u32 = 8 << 10;
/// Bytes of one frame.
pub(super) const FRAME: u32 = 64 << 10;
/// Bytes that a client may send before they are written, on one stream.
pub(super) const STREAM_WINDOW: u32 = 1 << 20;
/// Bytes that a client may send before they are written, on all streams.
pub(super) const WINDOW: u32 = 4 << 20;
/// Bytes of bodies in memory. A client that resets its streams gets its window back before the bytes are written.
pub(super) const BUFFERED: u64 = 8 << 20;
/// Bytes of a file or list that are read at once, and bytes of a stream that wait for the socket.
pub(super) const CHUNK: usize = 64 << 10;
/// Streams that a client may reset before they were accepted; more end the connection.
pub(super) const RESETS: usize = 16;
/// Protocol errors of streams; more end the connection.
pub(super) const ERRORS: usize = 64;
/// Locks that a connection may hold; restic holds two while it refreshes one.
pub(super) const LOCKS: usize = 16;
/// Threads that read, write and hash files.
pub(super) const THREADS: usize = 4;

/// The most bytes of one file. A pack is at most 128 MiB and one blob, which is larger than a pack only if a directory has
/// a million entries. restic closes an index at 50,000 blobs, about 8 MiB.
pub(super) fn largest(kind: Kind) -> u64 {
    match kind {
        Kind::Data => 256 << 20,
        Kind::Index => 64 << 20,
        Kind::Snapshots => 16 << 20,
        Kind::Locks | Kind::Keys => 64 << 10,
    }
}

/// The limits of a connection.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that it may add; `None` without a limit.
    pub budget: Option<u64>,
    /// Bytes of the file system that stay free.
    pub reserve: u64,
    /// Snapshots that it may add.
    pub snapshots: usize,
    /// How long a body may bring or take no byte.
    pub(crate) idle: Duration,
    /// The time between two pings.
    pub(crate) ping: Duration,
    /// How long the client may send nothing at all, not even the answer to a ping.
    pub(crate) silence: Duration,
}

impl Limits {
    /// These limits, with the times that fit restic: it sends bodies without a pause, but shares a slow line.
    #[must_use]
    pub fn new(budget: Option<u64>, reserve: u64, snapshots: usize) -> Self {
        Self {
            budget,
            reserve,
            snapshots,
            idle: Duration::from_secs(120),
            ping: Duration::from_secs(10),
            silence: Duration::from_secs(25),
        }
    }
}
