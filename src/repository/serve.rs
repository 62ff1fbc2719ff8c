//! Serves a repository to one client over one connection, as `genbackup serve-repository`: the client can read it and add
//! to it, and can change or remove nothing that exists. It needs the directory alone: no password and no network.
//!
//! restic takes the connection for that of `rclone serve restic --stdio`: HTTP/2 without TLS, and restic's REST protocol,
//! version 1 and 2. A new file becomes visible when its content has the hash that is its name, and is on the disk.
//!
//! | module | its one job |
//! | --- | --- |
//! | `request` | what a request asks for: restic's names and methods, nothing else |
//! | `refusal` | why a request fails, and with which status |
//! | `name` | the names of files in a repository |
//! | `directory` | the directory of a repository, without following links |
//! | `temporary` | a new file, which has no name yet |
//! | `upload` | adds one file |
//! | `transfer` | sends files, sizes and lists |
//! | `listing` | the names in a directory, as JSON |
//! | `claim` | what uploads claim of the budget and of the memory |
//! | `ledger` | what the connection has added, and its locks, which end with it |
//! | `limits` | what a connection may use at most |
//! | `socket` | the connection, and when the client was last heard |
//! | `session` | accepts requests, and pings the client |
//! | `log` | the lines of the journal |

mod claim;
mod directory;
mod ledger;
mod limits;
mod listing;
mod log;
mod name;
mod refusal;
mod request;
mod session;
mod socket;
mod temporary;
mod transfer;
mod upload;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level::pipe};

use self::directory::Repository;
use self::ledger::Ledger;
use self::limits::THREADS;
use self::log::Log;
use crate::error::fail;
use crate::system::journal;
use crate::text::{bounded, counted};

pub use self::limits::Limits;
pub use self::name::Kind;

/// What all requests of a connection share.
#[derive(Debug)]
struct Served {
    repository: Repository,
    limits: Limits,
    ledger: Ledger,
    log: Log,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client ended it, cleanly or not.
    Client,
    /// The client sent nothing any more.
    Silent,
    /// A signal ended this process.
    Stopped,
    /// The client broke the protocol, or the connection failed.
    Broken(String),
}

impl End {
    fn of(error: &h2::Error) -> Self {
        match error.get_io() {
            Some(error) => Self::broken(error),
            None => Self::Broken(error.to_string()),
        }
    }

    fn broken(error: &io::Error) -> Self {
        match error.kind() {
            // A client that was killed.
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Self::Client,
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => formatter.write_str("the client ended the connection"),
            Self::Silent => formatter.write_str("the client did not answer any more"),
            Self::Stopped => formatter.write_str("a signal stopped genbackup"),
            Self::Broken(why) => write!(formatter, "the connection failed: {}", bounded(why, 200)),
        }
    }
}

/// What a connection did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The number of files that it added, without locks.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of the files are snapshots.
    pub snapshots: usize,
    /// The number of requests that were refused.
    pub refused: u64,
    /// How it ended.
    pub end: End,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            bytes,
            snapshots,
            refused,
            end,
        } = self;
        write!(
            formatter,
            "added {}, {bytes} bytes ({}), {}; refused {}; {end}",
            counted(*files, "file"),
            ByteSize(*bytes),
            counted(*snapshots as u64, "snapshot"),
            counted(*refused, "request"),
        )
    }
}

/// Serves the repository to the client at the other end of standard input, until the connection ends or a signal comes.
///
/// # Errors
/// When standard input is no UNIX socket, when the directory holds no repository, or when nothing can be added to it.
pub(crate) fn serve_standard_input(repository: &Path, limits: &Limits) -> Result<Summary> {
    let connection = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .context("cannot use standard input")?;
    let connection = UnixStream::from(connection);
    if connection.local_addr().is_err() {
        fail!(
            what("standard input is no UNIX socket"),
            hint("let systemd start this verb, by a socket unit with `Accept=yes`")
        );
    }
    let (stop, signalled) = UnixStream::pair().context("cannot wait for signals")?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        let signalled = signalled.try_clone().context("cannot wait for signals")?;
        pipe::register(signal, signalled).context("cannot wait for signals")?;
    }
    // A file above `LimitFSIZE=` is an error of its upload, and not the end of this process with its locks left.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).context("cannot wait for signals")?;
    serve(connection, Some(stop), repository, limits, |line| {
        journal::warn(line);
    })
}

/// Serves a repository over a connection until this ends, or until `stop` can be read. The locks that the client made are
/// then removed. `print` gets a line about each refusal, up to a number.
///
/// # Errors
/// When the directory holds no repository, when nothing can be added to it, or when there are no threads.
pub fn serve(
    connection: UnixStream,
    stop: Option<UnixStream>,
    repository: &Path,
    limits: &Limits,
    print: fn(&str),
) -> Result<Summary> {
    let served = Arc::new(Served {
        repository: Repository::open(repository)?,
        limits: limits.clone(),
        ledger: Ledger::new(limits),
        log: Log::new(print),
    });
    let locks = Locks(Arc::clone(&served));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(THREADS)
        .build()
        .context("cannot start")?;
    let end = runtime
        .block_on(session::run(connection, stop, Arc::clone(&served)))
        .context("cannot use the connection")?;
    // Waits for uploads that are just adding their files: no lock appears after this.
    drop(runtime);
    drop(locks);
    let added = served.ledger.total();
    Ok(Summary {
        files: added.files,
        bytes: added.bytes,
        snapshots: added.snapshots,
        refused: served.log.count(),
        end,
    })
}

/// Removes the locks that the client made, however its connection ends.
struct Locks(Arc<Served>);

impl Drop for Locks {
    fn drop(&mut self) {
        for name in self.0.ledger.remove_locks(&self.0.repository) {
            self.0
                .log
                .warn(&format!("cannot remove the lock {}", name.as_str()));
        }
    }
}
