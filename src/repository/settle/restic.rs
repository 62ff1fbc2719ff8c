//! Starts restic without a cache, and separates its verdict about files from trouble of this host.

#![expect(clippy::disallowed_methods, reason = "this module starts restic")]

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::runs::complaint::{Cause, Complaint, exit_status, explained};

/// The most bytes of standard output and of standard error that are read. An index of 50,000 blobs has some 10 MB.
const MOST: u64 = 256 << 20;
/// Messages about this host, in lower case: they are no verdict about a file.
const TROUBLE: [&str; 4] = [
    "input/output error",
    "cannot allocate memory",
    "out of memory",
    "permission denied",
];

/// restic, and how it opens the repository.
#[derive(Debug, Clone)]
pub struct Restic {
    /// The program.
    pub program: OsString,
    /// The file with the password of the repository.
    pub password_file: PathBuf,
    /// The key that the password opens. Without it, restic tries all keys.
    pub key_hint: Option<String>,
}

/// restic's verdict about the files that it read: it is content, or it objects.
pub(super) type Answer = Result<Vec<u8>, Objection>;

/// What restic printed before it failed.
#[derive(Debug)]
pub(super) struct Objection {
    output: String,
    why: String,
}

impl Objection {
    /// Why, in one line.
    pub(super) fn why(&self) -> &str {
        &self.why
    }

    /// The first line that names a file.
    pub(super) fn about(&self, name: &str) -> Option<&str> {
        self.output
            .lines()
            .find(|line| line.contains(name))
            .map(str::trim)
    }
}

impl Restic {
    /// Writes the index of a repository anew, from the headers of its packs. `restic repair index` exists since 0.16.
    pub(super) fn write_index(&self, repository: &Path) -> Result<Answer> {
        match self.run(repository, &["repair", "index"])? {
            Err(objection) if objection.output.contains("unknown command \"repair\"") => {
                self.run(repository, &["rebuild-index"])
            }
            answer => Ok(answer),
        }
    }

    /// Runs restic on a repository; its standard output, or its objection.
    ///
    /// # Errors
    /// When restic cannot judge the files: it is missing, it was killed, the password is wrong, the disk is full or fails.
    pub(super) fn run(&self, repository: &Path, arguments: &[&str]) -> Result<Answer> {
        let mut command = Command::new(&self.program);
        command
            .args(["--no-cache", "--no-lock", "--quiet", "--repo"])
            .arg(repository)
            .args(self.key_hint.iter().flat_map(|key| ["--key-hint", key]))
            .args(arguments)
            .env("RESTIC_PASSWORD_FILE", &self.password_file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let errors = child.stderr.take();
        let errors = thread::spawn(move || read(errors));
        let output = read(child.stdout.take());
        let is_whole = u64::try_from(output.len()).is_ok_and(|length| length < MOST);
        if !is_whole {
            child.kill().context("cannot stop restic")?;
        }
        let errors = errors.join().unwrap_or_default();
        let status = child.wait().map(exit_status).context("cannot wait for restic")?;
        if !is_whole {
            let why = format!("restic prints more than {} MiB about it", MOST >> 20);
            let output = String::new();
            return Ok(Err(Objection { output, why }));
        }
        if status == 0 {
            return Ok(Ok(output));
        }
        judged(status, &output, &errors)
    }
}

/// Whether a failure is about the files that restic read.
fn judged(status: i32, output: &[u8], errors: &[u8]) -> Result<Answer> {
    let errors = String::from_utf8_lossy(errors);
    let mut complaint = Complaint::default();
    errors.lines().for_each(|line| complaint.add(line));
    let message = complaint.message();
    let lower = errors.to_lowercase();
    let is_trouble = TROUBLE.iter().any(|text| lower.contains(text));
    // restic exits with 1 after an error, and with 2 after a panic, which a crafted file may cause.
    if is_trouble || !matches!(status, 1 | 2) || Cause::of(status, &message).is_some() {
        bail!("cannot settle: {}", explained(status, &message));
    }
    let why = if message.is_empty() {
        format!("restic exited with {status}")
    } else {
        message
    };
    let output = format!("{}\n{errors}", String::from_utf8_lossy(output));
    Ok(Err(Objection { output, why }))
}

fn read(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // After an error, what was read before is used.
        drop(stream.take(MOST).read_to_end(&mut bytes));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_this_host_is_no_verdict_about_a_file() {
        for (status, text) in [
            (1, "Fatal: wrong password or no key found"),
            (12, ""),
            (137, ""),
            (143, ""),
            (130, ""),
            (1, "write /r/index/a: no space left on device"),
            (1, "pack abc: read /r/data/ab/abc: input/output error"),
            (2, "fatal error: runtime: out of memory"),
            (1, "Load(<index/abc>): open /r/index/abc: permission denied"),
        ] {
            assert!(judged(status, b"", text.as_bytes()).is_err(), "{status} {text}");
        }
        for (status, text) in [
            (1, "ciphertext verification failed"),
            (2, "panic: runtime error: slice bounds out of range"),
        ] {
            let answer = judged(status, b"", text.as_bytes()).unwrap();
            assert_eq!(answer.unwrap_err().why(), text);
        }
    }
}
