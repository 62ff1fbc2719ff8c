//! What a program prints on its standard error, and the part of it that is reported.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::text::bounded;

/// Bytes that are kept, from its end.
const KEPT: usize = 4096;
/// Lines that are reported.
const LINES: usize = 4;
/// Characters of each.
const LONGEST_LINE: usize = 200;
/// How long its end is waited for. A connection that ssh keeps open in the background may never close it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a program prints on its standard error.
#[derive(Debug)]
pub(super) struct Complaint {
    kept: Arc<Mutex<Vec<u8>>>,
    /// Nothing is ever sent: it is closed when no more comes.
    end: Receiver<()>,
}

impl Complaint {
    pub(super) fn of(from: Option<impl Read + Send + 'static>) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let (sender, end) = channel();
        if let Some(from) = from {
            let kept = Arc::clone(&kept);
            thread::spawn(move || {
                keep_end(from, &kept);
                drop(sender);
            });
        }
        Self { kept, end }
    }

    /// Its last lines, once it has ended.
    pub(super) fn text(&self) -> String {
        let _: Result<(), RecvTimeoutError> = self.end.recv_timeout(PATIENCE);
        let kept = self.kept.lock().map(|kept| kept.clone()).unwrap_or_default();
        last_lines(&kept)
    }
}

fn keep_end(mut from: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        let Ok(mut kept) = kept.lock() else { return };
        kept.extend_from_slice(&buffer[..size]);
        let too_many = kept.len().saturating_sub(KEPT);
        kept.drain(..too_many);
    }
}

/// The last lines of what a program printed, as one line without control characters: the reason is at its end.
pub(crate) fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines
        .rev()
        .take(LINES)
        .map(|line| bounded(line.trim_end_matches('.'), LONGEST_LINE))
        .collect();
    lines.reverse();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_complaint_is_reported() {
        let text = format!("{}\n\nHost key verification failed.\r\n", "a banner\n".repeat(10));
        assert_eq!(
            last_lines(text.as_bytes()),
            "a banner; a banner; a banner; Host key verification failed"
        );
    }

    #[test]
    fn control_characters_are_escaped_and_long_lines_cut() {
        assert_eq!(last_lines(b"\x1b[2J\xff"), "\\u{1b}[2J\u{fffd}");
        let long = last_lines("x".repeat(100_000).as_bytes());
        assert_eq!(long.chars().count(), LONGEST_LINE);
        assert_eq!(last_lines(b" \n\n"), "");
    }

    #[test]
    fn only_the_end_is_kept() {
        let kept = Mutex::new(Vec::new());
        let text = [vec![b'x'; 100_000], b"\nlast".to_vec()].concat();
        keep_end(text.as_slice(), &kept);
        let kept = kept.lock().unwrap();
        assert_eq!(kept.len(), KEPT);
        assert!(kept.ends_with(b"\nlast"));
    }
}
