//! Reads the output and the messages of a connection, in bounded memory.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};

use super::answer::{LINE_LIMIT, LONGEST_LINE};

/// The most bytes of ssh's messages that are kept, which include the standard error of the host.
const COMPLAINT_LIMIT: u64 = 4096;

/// What a connection passes on.
pub(super) enum Received {
    /// A line of the output, without its newline.
    Line { line: Vec<u8>, is_cut: bool },
    /// The output has ended; if it reached the limit, it was cut off there.
    OutputEnded { cut_off_at: Option<u64> },
    /// The messages of the process have ended.
    ComplaintEnded,
    /// The process has ended.
    Exited,
}

/// Passes on the lines of an output up to a limit of bytes. Then the output is closed, which ends the host's side.
pub(super) fn read_lines(output: impl Read, limit: u64, to: &SyncSender<Received>) {
    let mut output = BufReader::with_capacity(LONGEST_LINE, output);
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut line, mut is_cut) = (Vec::new(), false);
    let mut lines = 0;
    while left > 0 {
        let chunk = match output.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        if chunk.is_empty() {
            break;
        }
        let chunk = chunk.get(..left).unwrap_or(chunk);
        let end = memchr::memchr(b'\n', chunk);
        let (part, used) = end.map_or((chunk, chunk.len()), |end| {
            (chunk.get(..end).unwrap_or_default(), end + 1)
        });
        let kept = part.get(..LONGEST_LINE - line.len());
        is_cut |= kept.is_some_and(|kept| kept.len() < part.len());
        line.extend_from_slice(kept.unwrap_or(part));
        output.consume(used);
        left -= used;
        if end.is_some() {
            let line = std::mem::take(&mut line);
            let is_cut = std::mem::take(&mut is_cut);
            lines += 1;
            // The rest is read, but nobody looks at it.
            if lines <= LINE_LIMIT && to.send(Received::Line { line, is_cut }).is_err() {
                return;
            }
        }
    }
    if !line.is_empty() {
        drop(to.send(Received::Line { line, is_cut }));
    }
    drop(output);
    drop(to.send(Received::OutputEnded {
        cut_off_at: (left == 0).then_some(limit),
    }));
}

/// Keeps the start of the messages, and reads the rest, so that the process need not wait.
pub(super) fn read_complaint(mut messages: impl Read, kept: &Mutex<Vec<u8>>, to: &SyncSender<Received>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = messages.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = usize::try_from(COMPLAINT_LIMIT).unwrap_or_default() - kept.len();
        kept.extend_from_slice(buffer.get(..count.min(room)).unwrap_or_default());
    }
    drop(to.send(Received::ComplaintEnded));
}
