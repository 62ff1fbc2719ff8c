//! Why a session ended, and what to do about it.

use std::time::Instant;

use crate::error::hinted;

use super::Session;
use super::link::Silence;

impl Session {
    pub(super) fn why(&self, silence: Silence) -> anyhow::Error {
        let destination = &self.destination;
        match silence {
            Silence::Late => hinted!(
                what("{destination} does not answer"),
                hint("check that host, then push again; no file there is half-written")
            ),
            Silence::Closed => {
                let complaint = self.link.complaint();
                broken(
                    destination,
                    if complaint.is_empty() {
                        "it was closed"
                    } else {
                        &complaint
                    },
                )
            }
            Silence::TooMuch => hinted!(
                what("{destination}: its login shell prints too much"),
                hint(
                    "check that `ssh {destination} true` prints \
                 nothing"
                )
            ),
        }
    }

    /// Why ssh, or what it started, ended before it was ready.
    pub(super) fn why_not_started(&mut self) -> anyhow::Error {
        let complaint = self.link.complaint();
        let status = self.link.end(Instant::now());
        let destination = &self.destination;
        let complaint = match status {
            Some(status) if complaint.is_empty() => format!("exit status {status}"),
            None if complaint.is_empty() => "it was closed".to_owned(),
            _ => complaint,
        };
        if complaint.contains("sudo:") {
            return hinted!(
                what("cannot become root on {destination}: {complaint}"),
                hint(
                    "log in as root, or as a user with \
                 passwordless sudo: change `push-to`, or the destination after `--remove`"
                )
            );
        }
        if status == Some(255) {
            return hinted!(
                what("cannot connect to {destination}: {complaint}"),
                hint(
                    "check that `ssh {destination} true` works \
                 without a question, or change `push-to`, or the destination after `--remove`"
                )
            );
        }
        hinted!(
            what("cannot start bash on {destination}: {complaint}"),
            hint("run `ssh {destination} bash --version` to see why")
        )
    }
}

pub(super) fn broken(destination: &str, why: &str) -> anyhow::Error {
    hinted!(
        what("the connection to {destination} broke: {why}"),
        hint("push again; no file is half-written")
    )
}
