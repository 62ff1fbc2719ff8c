//! Files that hold a secret: there, for root alone, and the ones that the fleet file means.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;

use super::ask::{Answer, ask};
use super::finding::{Finding, State};
use crate::deliver::WebAddress;
use crate::model::{Fleet, PublicKey};
use crate::plan::{ClientPlan, CoordinatorPlan};

/// What is at the path of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Secret {
    Missing,
    NotToldToUs(String),
    There { mode: u32, owner: u32, size: u64 },
}

pub(super) fn check_storage(plan: &CoordinatorPlan<'_>) -> Vec<Finding> {
    let password = plan.repository.password_file.as_str();
    let mut findings = vec![judge("password file", password, &look(password))];
    if let Some(remote) = plan.remote {
        let key = remote.key_file.as_str();
        let hint = "write its public key into `ssh.public-key`, then `genbackup emit` on all hosts";
        findings.push(judge("ssh key", key, &look(key)));
        findings.push(judge_pair(
            "ssh key pair",
            &derived(key),
            &remote.public_key,
            hint,
        ));
    }
    for (name, service, file) in plan.watching.addresses() {
        let file = file.as_str();
        let found = judge(&format!("address of {name}"), file, &look(file));
        findings.push(judge_form(found, || {
            WebAddress::read(Path::new(file), file, service)
        }));
    }
    findings
}

pub(super) fn check_client(fleet: &Fleet, plan: &ClientPlan<'_>) -> Vec<Finding> {
    let Some(client) = fleet
        .remote
        .as_ref()
        .and_then(|remote| remote.clients.get(plan.name))
    else {
        return Vec::new();
    };
    let key = client.host_key_file.as_str();
    let hint = "where it was changed on purpose, write the new public key into `host-key`, then `genbackup emit` on \
                the storage host";
    vec![
        judge("host key", key, &look(key)),
        judge_pair("host key pair", &derived(key), &client.host_key, hint),
    ]
}

fn look(path: &str) -> Secret {
    match std::fs::metadata(path) {
        Ok(found) => Secret::There {
            mode: found.mode() & 0o7777,
            owner: found.uid(),
            size: found.len(),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Secret::Missing
        }
        Err(error) => Secret::NotToldToUs(error.to_string()),
    }
}

fn judge(check: &str, path: &str, secret: &Secret) -> Finding {
    match secret {
        Secret::Missing => Finding::failed(
            check,
            format!("{path} is missing"),
            "its file system may be locked or not mounted: unlock it; or name another in the fleet file",
        ),
        Secret::NotToldToUs(why) => Finding::unknown(check, format!("{path}: {why}")),
        Secret::There { size: 0, .. } => {
            Finding::failed(check, format!("{path} is empty"), "write the secret into it")
        }
        Secret::There { mode, .. } if mode & 0o077 != 0 => Finding::failed(
            check,
            format!("others than its owner may use {path}: its mode is {mode:04o}"),
            format!("`chmod 600 {}`; then think about who has read it", quoted(path)),
        ),
        Secret::There { owner, .. } if *owner != 0 => Finding::failed(
            check,
            format!("{path} belongs to user {owner}, and not to root"),
            format!("`chown root: {}`", quoted(path)),
        ),
        Secret::There { .. } => Finding::ok(check, format!("{path} is there, for root alone")),
    }
}

/// Of a file that is there for root alone: that the address in it is one of its service.
fn judge_form(found: Finding, read: impl FnOnce() -> Result<WebAddress>) -> Finding {
    if found.state != State::Ok {
        return found;
    }
    match read() {
        Ok(_) => found,
        Err(why) => Finding::failed(
            &found.check,
            format!("{why:#}"),
            "write the address into the first line of the file",
        ),
    }
}

/// A path for a shell.
pub(super) fn quoted(path: &str) -> String {
    let quoted: Vec<u8> = shell_quote::Bash::quote_vec(path);
    String::from_utf8_lossy(&quoted).into_owned()
}

/// The public key of a private one; a passphrase is not asked for.
fn derived(path: &str) -> Answer {
    ask("ssh-keygen", &["-y", "-P", "", "-f", path])
}

fn judge_pair(check: &str, answer: &Answer, public_key: &PublicKey, hint: &str) -> Finding {
    let Some(output) = answer.output() else {
        return Finding::unknown(check, answer.why("ssh-keygen"));
    };
    match PublicKey::try_from(output.trim().to_owned()) {
        Ok(key) if key.without_comment() == public_key.without_comment() => {
            Finding::ok(check, "it is the one of the fleet file")
        }
        Ok(key) => Finding::failed(
            check,
            format!(
                "its fingerprint is {}, and the fleet file has {}",
                key.fingerprint(),
                public_key.fingerprint()
            ),
            hint,
        ),
        Err(_) => Finding::unknown(check, "ssh-keygen says something else than a key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageService, WebService};

    #[test]
    fn a_secret_is_there_and_for_root_alone() {
        let there = |mode, owner, size| Secret::There { mode, owner, size };
        for (secret, state, word) in [
            (there(0o400, 0, 33), State::Ok, "for root alone"),
            (there(0o600, 0, 33), State::Ok, "for root alone"),
            (there(0o640, 0, 33), State::Failed, "0640"),
            (there(0o604, 0, 33), State::Failed, "0604"),
            (there(0o600, 1000, 33), State::Failed, "user 1000"),
            (there(0o600, 0, 0), State::Failed, "empty"),
            (Secret::Missing, State::Failed, "missing"),
            (Secret::NotToldToUs("denied".to_owned()), State::Unknown, "denied"),
        ] {
            let finding = judge("password file", "/a file", &secret);
            assert_eq!(finding.state, state, "{secret:?}");
            assert!(finding.what.contains(word), "{finding:?}");
        }
        let finding = judge("password file", "/a file", &there(0o644, 0, 1));
        assert!(finding.hint.unwrap().contains("chmod 600 $'/a file'"));
    }

    #[test]
    fn an_address_is_one_of_its_service() {
        let telegram = WebService::Messages(MessageService::Telegram);
        let read = |line: &str| WebAddress::parse(line, telegram).map_err(anyhow::Error::msg);
        let good = "https://api.telegram.org/bot1:secret/sendMessage?chat_id=1";
        for (line, state) in [
            (good, State::Ok),
            ("https://api.telegram.org/bot1:secret", State::Failed),
        ] {
            let finding = judge_form(Finding::ok("address of team", "it is there"), || read(line));
            assert_eq!(finding.state, state, "{finding:?}");
            assert!(!format!("{finding:?}").contains("secret"), "{finding:?}");
        }
        // A file that everybody can read is said first.
        let open = Finding::failed("address of team", "its mode is 0644", "chmod");
        assert!(judge_form(open, || read("")).what.contains("0644"));
    }

    #[test]
    fn a_pair_is_the_one_of_the_fleet_file() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD";
        let wanted = PublicKey::try_from(format!("{key} jak")).unwrap();
        let said = |output: String| Answer::Said {
            code: 0,
            output,
            complaint: String::new(),
        };
        for (answer, state) in [
            (said(format!("{key}\n")), State::Ok),
            (said(key.replace("IKUt", "IKUu")), State::Failed),
            (said("odd".to_owned()), State::Unknown),
            (Answer::NotThere, State::Unknown),
        ] {
            assert_eq!(
                judge_pair("pair", &answer, &wanted, "").state,
                state,
                "{answer:?}"
            );
        }
    }
}
