//! Runs programs that report the state of the system, with a time limit and a limit of their output.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts the programs that doctor asks"
)]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use nix::unistd::{AccessFlags, access};

/// The time limit of a program in seconds. All programs start at once: a single processor that also runs a backup takes
/// more than ten seconds to read restic from the disk.
pub(crate) const SOON: u32 = 30;
/// The number of characters of a line that are shown.
const LONGEST_LINE: usize = 300;
/// The number of bytes that are read from standard output and from standard error.
const MOST: u64 = 1 << 16;

/// The answer of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The program ended.
    Exited {
        /// Its exit status.
        code: i32,
        /// Its standard output.
        output: String,
        /// Its standard error.
        complaint: String,
    },
    /// The program is missing, or cannot be started.
    NotThere,
    /// It did not end in time.
    TooLate,
}

impl Answer {
    /// The standard output of a program that succeeded.
    pub(crate) fn output(&self) -> Option<&str> {
        match self {
            Self::Exited { code: 0, output, .. } => Some(output),
            _ => None,
        }
    }

    /// Why there is no output.
    pub(crate) fn why(&self, program: &str) -> String {
        match self {
            Self::Exited { code, complaint, .. } => match last_line(complaint) {
                Some(line) => format!("{program}: {line}"),
                None => format!("{program} ended with exit status {code}"),
            },
            Self::NotThere => format!("the program {program} is missing"),
            Self::TooLate => format!("{program} did not answer in time"),
        }
    }
}

/// The last line of an error message, shortened.
pub(crate) fn last_line(complaint: &str) -> Option<String> {
    let line = complaint.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(LONGEST_LINE).collect())
}

/// True if the program is in a directory of `PATH`.
pub(crate) fn is_there(program: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&directories).any(|directory| {
        let path = directory.join(program);
        path.is_file() && access(&path, AccessFlags::X_OK).is_ok()
    })
}

/// Runs a program.
pub(crate) fn ask(program: &str, arguments: &[&str]) -> Answer {
    ask_with(program, arguments, "", SOON)
}

/// Runs a program with an input and a time limit in seconds.
pub(crate) fn ask_with(program: &str, arguments: &[&str], input: &str, seconds: u32) -> Answer {
    asked(program, arguments, input, seconds).unwrap_or(Answer::NotThere)
}

fn asked(program: &str, arguments: &[&str], input: &str, seconds: u32) -> io::Result<Answer> {
    // timeout(1) ends the program and what it started, so this function need not wait with a limit.
    let mut child = Command::new("timeout")
        .args(["--kill-after=2", &seconds.to_string(), program])
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        // ssh gets the key on the command line, because doctor has no credentials of a service.
        .env("CREDENTIALS_DIRECTORY", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let complaints = child.stderr.take();
    let complaints = std::thread::spawn(move || some_of(complaints));
    let mut stdin = child.stdin.take().filter(|_| !input.is_empty());
    if let Some(stdin) = &mut stdin {
        // A program that reads no input has ended, and reports why.
        drop(stdin.write_all(input.as_bytes()));
    }
    let output = some_of(child.stdout.take());
    // Only now: the other side of ssh ends the conversation at the end of its input.
    drop(stdin);
    let complaint = complaints.join().unwrap_or_default();
    Ok(match child.wait()?.code() {
        Some(124 | 137) => Answer::TooLate,
        Some(126 | 127) => Answer::NotThere,
        // No code means a signal, such as SIGPIPE after the limit of the output.
        code => Answer::Exited {
            code: code.unwrap_or(-1),
            output,
            complaint,
        },
    })
}

fn some_of(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // After an error, what was read before is used.
        drop(stream.take(MOST).read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_answers_or_is_missing_or_too_late() {
        let answer = ask_with("head", &["--lines=1"], "in and out\n", SOON);
        assert_eq!(answer.output(), Some("in and out\n"));
        // An empty input ends at once.
        assert_eq!(ask("cat", &[]).output(), Some(""));
        assert_eq!(ask("no-such-program-here", &[]), Answer::NotThere);
        assert!(is_there("cat") && !is_there("no-such-program-here"));
        assert_eq!(ask_with("sleep", &["60"], "", 1), Answer::TooLate);
        let answer = ask("ls", &["/no such file"]);
        assert!(
            answer.output().is_none() && answer.why("ls").contains("No such file"),
            "{answer:?}"
        );
    }

    #[test]
    fn too_much_output_is_cut_off() {
        let answer = ask_with("yes", &[], "", 5);
        let Answer::Exited { output, .. } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(u64::try_from(output.len()).unwrap(), MOST);
    }
}
