//! Why a request fails, and the status with which it is answered.

use std::fmt;
use std::io;

use http::StatusCode;
use nix::errno::Errno;

/// Why a request fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No name of a repository.
    Unknown,
    /// No such file.
    Missing,
    /// Keys, the configuration and a new repository cannot be written.
    ReadOnly,
    /// Only locks can be removed.
    Remove,
    /// The lock was made by somebody else.
    OthersLock,
    /// The method is not allowed for this name.
    Method,
    /// Too many header fields.
    Headers,
    /// A range that is not in the file, or of another form.
    Range,
    /// The content is not what the name is the hash of.
    Hash,
    /// A file of this name exists and has other content.
    Differs,
    /// More bytes than a file of this kind can have.
    TooLarge,
    /// More bytes than this connection may add.
    Budget,
    /// The file system has no more space to give.
    Space,
    /// More snapshots than this connection may add.
    Snapshots,
    /// More locks than this connection may hold.
    Locks,
    /// More at once than this process keeps in memory.
    Busy,
    /// The client sent or took no byte for too long.
    Silent,
    /// The client ended the request. There is no answer.
    Left,
    /// An error of the file system.
    Failed(String),
}

impl Refusal {
    /// The status of the answer. `Left` has none that anybody reads.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Unknown | Self::Missing => StatusCode::NOT_FOUND,
            Self::ReadOnly
            | Self::Remove
            | Self::OthersLock
            | Self::Differs
            | Self::Snapshots
            | Self::Locks => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Headers => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Range => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Hash | Self::Left => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Budget | Self::Space => StatusCode::INSUFFICIENT_STORAGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Silent => StatusCode::REQUEST_TIMEOUT,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// True for what an honest restic does in the normal course: it asks for files that do not exist, and ends requests.
    pub(super) fn is_normal(&self) -> bool {
        matches!(self, Self::Missing | Self::Left)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unknown => "this is no name of a repository",
            Self::Missing => "there is no such file",
            Self::ReadOnly => "a client cannot add keys or create a repository",
            Self::Remove => "a client can remove only locks",
            Self::OthersLock => "this connection did not make the lock",
            Self::Method => "the method is not allowed",
            Self::Headers => "the request has too many header fields",
            Self::Range => "the file has no such range",
            Self::Hash => "the content does not have the hash that is its name",
            Self::Differs => "the file exists with other content; check the repository",
            Self::TooLarge => "the file is too large for its kind",
            Self::Budget => "the byte budget of this connection is used up",
            Self::Space => "the file system has too little free space",
            Self::Snapshots => "this connection has added all the snapshots that it may",
            Self::Locks => "this connection holds too many locks",
            Self::Busy => "too much is in progress",
            Self::Silent => "the client sent or took nothing for too long",
            Self::Left => "the client ended the request",
            Self::Failed(why) => return formatter.write_str(why),
        })
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        match errno {
            // A link, a FIFO or a socket in the place of a file is no file of a repository.
            Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENXIO => Self::Missing,
            Errno::ENOSPC | Errno::EDQUOT => Self::Space,
            Errno::EFBIG => Self::TooLarge,
            errno => Self::Failed(errno.desc().to_lowercase()),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Errno::from_raw(errno).into(),
            None => Self::Failed(error.to_string()),
        }
    }
}
