//! Reads the progress of a host from the last of restic's status messages that a run passes on.
//!
//! The answer is untrusted input: only a bounded part of the file is read, and only numbers are used.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use bytesize::ByteSize;
use jiff::SignedDuration;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use serde::Deserialize;

use crate::model::HostName;
use crate::status::span;

/// The number of bytes that are read at the end of an answer. A line has about two hundred.
const END: u64 = 8 << 10;

/// restic's message `status`, as of version 0.14. restic omits fields that are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    pub(crate) total_files: u64,
    pub(crate) files_done: u64,
    pub(crate) total_bytes: u64,
    pub(crate) bytes_done: u64,
    pub(crate) seconds_remaining: u64,
}

impl Progress {
    /// The part of the bytes that is backed up, in percent.
    pub(crate) fn percent(&self) -> u128 {
        u128::from(self.bytes_done.min(self.total_bytes)) * 100 / u128::from(self.total_bytes.max(1))
    }

    /// The remaining time, if restic knows it.
    pub(crate) fn left(&self) -> Option<String> {
        match i64::try_from(self.seconds_remaining) {
            Ok(seconds @ 1..) => Some(format!("{} left", span(SignedDuration::from_secs(seconds)))),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> String {
        format!("{} of {}", ByteSize(self.bytes_done), ByteSize(self.total_bytes))
    }

    pub(crate) fn files(&self) -> String {
        format!("{} of {} files", self.files_done, self.total_files)
    }
}

#[derive(Deserialize)]
struct Kind<'l> {
    #[serde(borrow)]
    message_type: &'l str,
}

/// The last progress that the host reported; `None` if there is none that can be read.
pub(crate) fn progress(directory: &Path, host: &str) -> Option<Progress> {
    // The name comes from a record, and must not be a path.
    let host = HostName::try_from(host.to_owned()).ok()?;
    let path = directory.join(format!("{host}.answer"));
    // Neither follows a link nor waits for a pipe in place of the file.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let mut file = File::from(open(&path, flags, Mode::empty()).ok()?);
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() {
        return None;
    }
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(END)))
        .ok()?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end).ok()?;
    last(&end)
}

/// The last complete line that is a status.
fn last(end: &[u8]) -> Option<Progress> {
    let whole = end.iter().rposition(|byte| *byte == b'\n')?;
    let mut lines = end.get(..whole)?.rsplit(|byte| *byte == b'\n');
    lines.find_map(of_line)
}

fn of_line(line: &[u8]) -> Option<Progress> {
    let message = std::str::from_utf8(line).ok()?.strip_prefix("out ")?;
    let Kind { message_type } = serde_json::from_str(message).ok()?;
    (message_type == "status")
        .then(|| serde_json::from_str(message).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As restic 0.14 and 0.18 write it, without the names of files.
    const STATUS: &str = r#"out {"message_type":"status","seconds_elapsed":1,"seconds_remaining":11,"percent_done":0.14,"total_files":9,"files_done":1,"total_bytes":510000000,"bytes_done":74371971}"#;

    #[test]
    fn the_last_whole_status_counts() {
        let end =
            format!("tail of a line\n{STATUS}\nout restic printed something\nout {{\"message_type\":\"sta");
        let progress = last(end.as_bytes()).unwrap();
        assert_eq!((progress.files_done, progress.total_files), (1, 9));
        assert_eq!(
            (progress.bytes_done, progress.total_bytes),
            (74_371_971, 510_000_000)
        );
        assert_eq!(progress.seconds_remaining, 11);
    }

    #[test]
    fn what_is_no_status_is_none() {
        for text in [
            "",
            "hello restic 0.18.0\n",
            "out {\"message_type\":\"status\",\"total_files\":-1}\n",
            "out {\"message_type\":\"status\",\"total_files\":\"many\"}\n",
            "out [\"status\",1,2,3,4,5]\n",
            "out {\"message_type\":\"summary\",\"total_files\":1}\n",
            "out \u{1b}[2J\n",
            STATUS,
        ] {
            assert_eq!(last(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_path_as_name_and_a_pipe_as_answer_are_skipped() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(progress(directory.path(), "../../etc/passwd"), None);
        nix::unistd::mkfifo(&directory.path().join("kai.answer"), Mode::S_IRWXU).unwrap();
        assert_eq!(progress(directory.path(), "kai"), None);
    }
}
