//! A client's systemd, by the client's own systemctl.

use anyhow::{Result, anyhow};

use super::session::{Session, last_lines};
use crate::apply::live::{Acted, Action, Enablement, Loaded, Systemd};
use crate::error::fail;
use crate::text::bounded;

/// Lines of a system tool that are reported.
const MOST: usize = 20;
/// Characters of each.
const LONGEST_LINE: usize = 300;
/// Reloads, then restarts each unit that is an argument. Prints the errors of each, with a NUL behind them.
/// It is one script, so that a lost connection cannot separate the two: nothing would show later that a
/// restart is missing.
const RELOAD: &str = "systemctl daemon-reload || exit
for unit; do
    message=$(systemctl try-restart -- \"$unit\" 2>&1) && message= || message=${message:-exit status $?}
    printf '%s\\0' \"$message\"
done";

/// A client's systemd and system tools. Names of units and files are genbackup's own or come from a client's
/// manifest. So they are handed over on standard input and never stand in a script.
#[derive(Debug)]
pub(super) struct Systemctl<'s>(pub(super) &'s mut Session);

impl Systemctl<'_> {
    /// Runs a script whose arguments are these words: its exit status, output and complaint.
    pub(super) fn ask(&mut self, script: &str, words: &[&str]) -> Result<(u8, String, String), String> {
        let script = format!("mapfile -d '' -t words\nset -- \"${{words[@]}}\"\n{script}");
        let mut input = Vec::new();
        for word in words {
            input.extend_from_slice(word.as_bytes());
            input.push(0);
        }
        let answer = self
            .0
            .run(&script, &input)
            .map_err(|error| format!("{error:#}"))?;
        let output = String::from_utf8_lossy(&answer.output).into_owned();
        Ok((answer.status, output, answer.complaint))
    }

    /// The output of a script that has to succeed.
    fn succeeds(&mut self, script: &str, words: &[&str]) -> Result<String, String> {
        match self.ask(script, words)? {
            (0, output, _) => Ok(output),
            (status, _, complaint) if complaint.is_empty() => Err(format!("exit status {status}")),
            (.., complaint) => Err(complaint),
        }
    }

    /// Runs a system tool on files; what it printed.
    fn tool(&mut self, command: &str, files: &[&str]) -> Result<Vec<String>> {
        let script = format!("timeout --kill-after=2 60 {command} \"$@\" 2>&1");
        let (status, output, _) = self.ask(&script, files).map_err(|why| anyhow!(why))?;
        if status == 0 {
            let lines = output.lines().filter(|line| !line.trim().is_empty());
            return Ok(lines.take(MOST).map(|line| bounded(line, LONGEST_LINE)).collect());
        }
        let program = command.split(' ').next().unwrap_or(command);
        let command = format!("{command} {}", files.join(" "));
        if [124, 137].contains(&status) {
            fail!(
                what("{program} did not end within 60 s"),
                hint("run `{command}` on that host to see where it hangs")
            );
        }
        let why = match last_lines(output.as_bytes()) {
            why if why.is_empty() => format!("exit status {status}"),
            why => why,
        };
        fail!(
            what("{program} failed: {why}"),
            hint("run `{command}` again on that host")
        )
    }
}

impl Systemd for Systemctl<'_> {
    fn loaded(&mut self, unit: &str) -> Result<Loaded, String> {
        let script = "systemctl show --property=ActiveState,LoadState,NeedDaemonReload -- \"$1\"";
        let output = self.succeeds(script, &[unit])?;
        let has = |line: &str| output.lines().any(|it| it == line);
        let state = output.lines().find_map(|line| line.strip_prefix("ActiveState="));
        let state = state.ok_or_else(|| "systemctl does not report its state".to_owned())?;
        Ok(Loaded {
            is_running: !["inactive", "failed"].contains(&state),
            is_stale: has("NeedDaemonReload=yes") || has("LoadState=not-found"),
        })
    }

    fn enablement(&mut self, unit: &str) -> Result<Enablement, String> {
        let (status, output, complaint) = self.ask("systemctl is-enabled -- \"$1\"", &[unit])?;
        match output.trim() {
            "" if complaint.is_empty() => Err(format!("exit status {status}")),
            "" => Err(complaint),
            "enabled" => Ok(Enablement::Enabled),
            "masked" | "masked-runtime" => Ok(Enablement::Masked),
            _ => Ok(Enablement::NotEnabled),
        }
    }

    fn enable(&mut self, unit: &str) -> Result<(), String> {
        // As by D-Bus: the reload is another step.
        self.succeeds("systemctl --no-reload --quiet enable -- \"$1\"", &[unit])
            .map(drop)
    }

    fn disable(&mut self, unit: &str) -> Result<bool, String> {
        let was_enabled = self.enablement(unit) == Ok(Enablement::Enabled);
        self.succeeds("systemctl --no-reload --quiet disable -- \"$1\"", &[unit])?;
        Ok(was_enabled)
    }

    fn reload(&mut self, outdated: &[&str]) -> Result<Vec<Acted>, String> {
        let output = self.succeeds(RELOAD, outdated)?;
        let mut messages = output.split('\0');
        let restarts = outdated.iter().map(|_| match messages.next() {
            None => Err("the client did not report the result".to_owned()),
            Some("") => Ok(None),
            Some(complaint) => Ok(Some(last_lines(complaint.as_bytes()))),
        });
        Ok(restarts.collect())
    }

    fn is_any_running(&mut self, pattern: &str) -> Result<bool, String> {
        let script = "systemctl list-units --plain --no-legend --state=active,activating,deactivating,reloading -- \"$1\"";
        let output = self.succeeds(script, &[pattern])?;
        Ok(!output.trim().is_empty())
    }

    fn act(&mut self, action: Action, unit: &str) -> Acted {
        let verb = match action {
            Action::Start => "start",
            Action::Stop => "stop",
            Action::TryRestart => "try-restart",
        };
        match self.ask(&format!("systemctl {verb} -- \"$1\""), &[unit])? {
            (0, ..) => Ok(None),
            (.., complaint) if complaint.is_empty() => {
                Ok(Some(format!("see `systemctl status {unit}` on that host")))
            }
            (.., complaint) => Ok(Some(complaint)),
        }
    }

    fn make_users(&mut self, files: &[&str]) -> Result<Vec<String>> {
        self.tool("systemd-sysusers", files)
    }

    fn make_directories(&mut self, files: &[&str]) -> Result<Vec<String>> {
        self.tool("systemd-tmpfiles --create", files)
    }

    fn is_lost(&self) -> bool {
        !self.0.is_sound()
    }
}
