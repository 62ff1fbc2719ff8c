//! Chromium's own protocol (the Chrome `DevTools` Protocol) through two pipes: JSON texts, each with a zero byte behind it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test may take, from the browser's start on; on a slow machine most of it is the start.
const DEADLINE: Duration = Duration::from_secs(45);
/// How long the browser may take to end before it is killed.
const END: Duration = Duration::from_secs(5);
/// Starts a program with its standard input and output where Chromium has its pipes.
const WITH_PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// A browser without a window. However a test ends, it ends, too.
pub(super) struct Browser {
    process: Child,
    requests: ChildStdin,
    message: Receiver<Value>,
    unasked: Vec<Value>,
    number: u64,
    end: Instant,
    _home: TempDir,
}

impl Browser {
    pub(super) fn start() -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut chromium = Command::new("sh");
        chromium
            .args(["-c", WITH_PIPES, "sh", "/usr/bin/chromium", "--headless=new"])
            .arg("--remote-debugging-pipe")
            // Root cannot use the browser's sandbox. The page is our own.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-extensions",
            ])
            .arg(format!(
                "--user-data-dir={}",
                home.path().join("profile").display()
            ))
            .arg("about:blank");
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
            chromium.env(variable, home.path());
        }
        chromium
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = chromium.spawn().context("cannot start a shell")?;
        let (requests, answers) = (process.stdin.take(), process.stdout.take());
        Ok(Self {
            process,
            requests: requests.context("no pipe to chromium")?,
            message: listen(answers.context("no pipe from chromium")?),
            unasked: Vec::new(),
            number: 0,
            end: Instant::now() + DEADLINE,
            _home: home,
        })
    }

    /// Asks for a method of the protocol, on a page or on the browser itself; its result.
    pub(super) fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value> {
        let number = self.send(session, method, parameters)?;
        loop {
            let mut message = self.next().with_context(|| format!("no answer to {method}"))?;
            if message["id"] != number {
                self.unasked.push(message);
                continue;
            }
            ensure!(message["error"].is_null(), "{method}: {}", message["error"]);
            return Ok(message["result"].take());
        }
    }

    /// The next event of this name that nobody has taken yet.
    pub(super) fn event(&mut self, name: &str) -> Result<Value> {
        loop {
            let is_it = |event: &Value| event["method"] == name;
            if let Some(index) = self.unasked.iter().position(is_it) {
                return Ok(self.unasked.remove(index)["params"].take());
            }
            let message = self.next().with_context(|| format!("no {name}"))?;
            self.unasked.push(message);
        }
    }

    /// All events of this name that came and that nobody has taken yet.
    pub(super) fn events(&mut self, name: &str) -> Vec<Value> {
        let taken = self.unasked.extract_if(.., |event| event["method"] == name);
        taken.map(|mut event| event["params"].take()).collect()
    }

    fn send(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Result<u64> {
        self.number += 1;
        let mut request = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = session {
            request["sessionId"] = json!(session);
        }
        let text = format!("{request}\0");
        let sent = self.requests.write_all(text.as_bytes());
        sent.context("cannot start chromium\n\nhint: `cargo xtask setup` installs it")?;
        Ok(self.number)
    }

    fn next(&mut self) -> Result<Value> {
        match self
            .message
            .recv_timeout(self.end.saturating_duration_since(Instant::now()))
        {
            Ok(message) => Ok(message),
            Err(RecvTimeoutError::Timeout) => bail!("the browser was not done in {DEADLINE:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("chromium has ended\n\nhint: `cargo xtask setup` installs it")
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if self.send(None, "Browser.close", &json!({})).is_ok() {
            self.end = Instant::now() + END;
            while self.next().is_ok() {}
        }
        // It may have ended, and then both fail.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// All that comes through a pipe, until the other side has closed it.
fn listen(pipe: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for text in BufReader::new(pipe).split(0) {
            let message = text.ok().and_then(|text| serde_json::from_slice(&text).ok());
            // The receiver is gone, or this is not JSON: the test that waits for it reports that.
            if message.is_none_or(|message| sender.send(message).is_err()) {
                return;
            }
        }
    });
    receiver
}
