//! Starts the programs that know, each with its time and a bound on what it may say.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that starts what doctor asks"
)]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use nix::unistd::{AccessFlags, access};

/// Seconds that a program on this machine may take. All are asked at once: one processor that is busy with a backup, too,
/// reads restic from its disk in more than ten.
pub(super) const SOON: u32 = 30;
/// Characters of a line that is shown.
const LONGEST_LINE: usize = 300;
/// Bytes of what a program may say on each of its two outputs.
const MOST: u64 = 1 << 16;

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The program ended.
    Said {
        /// Its exit status.
        code: i32,
        /// Its standard output.
        output: String,
        /// Its standard error.
        complaint: String,
    },
    /// There is no such program, or it can't be started.
    NotThere,
    /// It did not end in time.
    TooLate,
}

impl Answer {
    /// The standard output of a program that was content.
    pub(super) fn output(&self) -> Option<&str> {
        match self {
            Self::Said { code: 0, output, .. } => Some(output),
            _ => None,
        }
    }

    /// Why there is no output.
    pub(super) fn why(&self, program: &str) -> String {
        match self {
            Self::Said { code, complaint, .. } => match last_line(complaint) {
                Some(line) => format!("{program}: {line}"),
                None => format!("{program} ended with exit status {code}"),
            },
            Self::NotThere => format!("there is no program {program}"),
            Self::TooLate => format!("{program} did not answer in time"),
        }
    }
}

/// What a program complained of last, as much of it as somebody reads.
pub(super) fn last_line(complaint: &str) -> Option<String> {
    let line = complaint.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(LONGEST_LINE).collect())
}

/// Whether there is such a program where one is looked for.
pub(super) fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| {
        let path = folder.join(program);
        path.is_file() && access(&path, AccessFlags::X_OK).is_ok()
    })
}

/// Asks a program on this machine.
pub(super) fn ask(program: &str, arguments: &[&str]) -> Answer {
    ask_with(program, arguments, "", SOON)
}

/// Asks with some input, and for so many seconds.
pub(super) fn ask_with(program: &str, arguments: &[&str], input: &str, seconds: u32) -> Answer {
    asked(program, arguments, input, seconds).unwrap_or(Answer::NotThere)
}

fn asked(program: &str, arguments: &[&str], input: &str, seconds: u32) -> io::Result<Answer> {
    // timeout(1) ends it, and what it has started; so nobody has to wait here for two things at once.
    let mut child = Command::new("timeout")
        .args(["--kill-after=2", &seconds.to_string(), program])
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        // The key is named on the command line; the file that services have is not there.
        .env("CREDENTIALS_DIRECTORY", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let complaints = child.stderr.take();
    let complaints = std::thread::spawn(move || some_of(complaints));
    let mut stdin = child.stdin.take().filter(|_| !input.is_empty());
    if let Some(stdin) = &mut stdin {
        // Who reads nothing of it has ended, and says why.
        drop(stdin.write_all(input.as_bytes()));
    }
    let output = some_of(child.stdout.take());
    // Until here: to the other side of ssh, the end of its input is the end of the conversation.
    drop(stdin);
    let complaint = complaints.join().unwrap_or_default();
    Ok(match child.wait()?.code() {
        Some(124 | 137) => Answer::TooLate,
        Some(126 | 127) => Answer::NotThere,
        // A signal, such as that of the pipe of which nobody reads more.
        code => Answer::Said {
            code: code.unwrap_or(-1),
            output,
            complaint,
        },
    })
}

fn some_of(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is all that there is.
        drop(stream.take(MOST).read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_something_or_is_not_there_or_too_late() {
        let said = ask_with("head", &["--lines=1"], "in and out\n", SOON);
        assert_eq!(said.output(), Some("in and out\n"));
        // What has no input has its end at once.
        assert_eq!(ask("cat", &[]).output(), Some(""));
        assert_eq!(ask("no-such-program-here", &[]), Answer::NotThere);
        assert!(is_there("cat") && !is_there("no-such-program-here"));
        assert_eq!(ask_with("sleep", &["60"], "", 1), Answer::TooLate);
        let said = ask("ls", &["/no such file"]);
        assert!(
            said.output().is_none() && said.why("ls").contains("No such file"),
            "{said:?}"
        );
    }

    #[test]
    fn whoever_says_too_much_is_cut_off() {
        let said = ask_with("yes", &[], "", 5);
        let Answer::Said { output, .. } = said else {
            panic!("{said:?}")
        };
        assert_eq!(u64::try_from(output.len()).unwrap(), MOST);
    }
}
