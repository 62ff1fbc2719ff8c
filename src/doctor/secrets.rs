//! Checks the files that hold a secret: they exist, only root can read them, and they match the fleet file.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;

use super::apply::Apply;
use super::finding::{Finding, State};
use crate::emit::plan::{ClientPlan, CoordinatorPlan};
use crate::model::{Fleet, PublicKey, password};
use crate::notify::deliver::WebAddress;
use crate::system::command::{Answer, ask};
use crate::system::nixos::SecretTool;

/// The file at the path of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Secret {
    Missing,
    Unknown(String),
    There { mode: u32, owner: u32, size: u64 },
}

pub(super) fn check_storage(plan: &CoordinatorPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    let password = plan.repository.password_file.as_str();
    let mut findings = vec![judge("password file", password, &look(password))];
    // A missing or empty file is already reported.
    if let Ok(text) = std::fs::read(password)
        && !text.is_empty()
    {
        findings.push(judge_password(password, &text));
    }
    if let Some(remote) = plan.remote {
        let key = remote.key_file.as_str();
        let hint = format!(
            "write its public key into `ssh.public-key`, then run {apply} here and `genbackup push` for the clients"
        );
        findings.push(judge("ssh key", key, &look(key)));
        findings.push(judge_pair(
            "ssh key pair",
            &derived(key),
            &remote.public_key,
            &hint,
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
    let hint = "if it was changed on purpose, write the new public key into `host-key`, then run `genbackup emit --now` on \
                the storage host, or `nixos-rebuild switch` there if it runs NixOS";
    vec![
        judge("host key", key, &look(key)),
        judge_pair("host key pair", &derived(key), &client.host_key, hint),
    ]
}

/// Checks that restic and a client read the same password. restic removes a byte order mark and trims the whole text; a
/// client gets the first line.
fn judge_password(path: &str, text: &[u8]) -> Finding {
    let check = "password";
    match password::ambiguity(text) {
        None => Finding::ok(check, "restic and the clients read the same password"),
        Some(problem) => Finding::failed(
            check,
            format!("{path} {problem}, so restic and the clients would read different passwords"),
            "write the password into it as one line of plain text",
        ),
    }
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
        Err(error) => Secret::Unknown(error.to_string()),
    }
}

fn judge(check: &str, path: &str, secret: &Secret) -> Finding {
    let tool = SecretTool::of(path);
    // The hint for a person who writes the file, unless a tool does.
    let write = |hint: &'static str| tool.map_or(hint, SecretTool::write).to_owned();
    let close = |hint: String| tool.map_or(hint, |tool| tool.close().to_owned());
    match secret {
        Secret::Missing => Finding::failed(
            check,
            format!("{path} is missing"),
            write("unlock or mount its file system, or name another file in the fleet file"),
        ),
        Secret::Unknown(why) => Finding::unknown(check, format!("{path}: {why}")),
        Secret::There { size: 0, .. } => Finding::failed(
            check,
            format!("{path} is empty"),
            write("write the secret into it"),
        ),
        Secret::There { mode, .. } if mode & 0o077 != 0 => Finding::failed(
            check,
            format!("not only its owner has access to {path}: its mode is {mode:04o}"),
            close(format!(
                "run `chmod 600 {}`; replace the secret if others may have read it",
                quoted(path)
            )),
        ),
        Secret::There { owner, .. } if *owner != 0 => Finding::failed(
            check,
            format!("{path} belongs to user {owner}, and not to root"),
            close(format!("run `chown root: {}`", quoted(path))),
        ),
        Secret::There { .. } => Finding::ok(check, format!("{path} exists, for root only")),
    }
}

/// Checks the address in a file that is otherwise in order.
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

/// A path, quoted for a shell.
pub(super) fn quoted(path: &str) -> String {
    let quoted: Vec<u8> = shell_quote::Bash::quote_vec(path);
    String::from_utf8_lossy(&quoted).into_owned()
}

/// The public key of a private key, without asking for a passphrase.
fn derived(path: &str) -> Answer {
    ask("ssh-keygen", &["-y", "-P", "", "-f", path])
}

fn judge_pair(check: &str, answer: &Answer, public_key: &PublicKey, hint: &str) -> Finding {
    let Some(output) = answer.output() else {
        return Finding::unknown(check, answer.why("ssh-keygen"));
    };
    match PublicKey::try_from(output.trim().to_owned()) {
        Ok(key) if key.without_comment() == public_key.without_comment() => {
            Finding::ok(check, "it matches the fleet file")
        }
        Ok(key) => Finding::failed(
            check,
            format!(
                "its fingerprint is {}, but the fleet file has {}",
                key.fingerprint(),
                public_key.fingerprint()
            ),
            hint,
        ),
        Err(_) => Finding::unknown(check, "ssh-keygen prints no key"),
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
            (there(0o400, 0, 33), State::Ok, "for root only"),
            (there(0o600, 0, 33), State::Ok, "for root only"),
            (there(0o640, 0, 33), State::Failed, "0640"),
            (there(0o604, 0, 33), State::Failed, "0604"),
            (there(0o600, 1000, 33), State::Failed, "user 1000"),
            (there(0o600, 0, 0), State::Failed, "empty"),
            (Secret::Missing, State::Failed, "missing"),
            (Secret::Unknown("denied".to_owned()), State::Unknown, "denied"),
        ] {
            let finding = judge("password file", "/a file", &secret);
            assert_eq!(finding.state, state, "{secret:?}");
            assert!(finding.what.contains(word), "{finding:?}");
        }
        let finding = judge("password file", "/a file", &there(0o644, 0, 1));
        assert!(finding.hint.unwrap().contains("chmod 600 $'/a file'"));
    }

    #[test]
    fn a_secret_of_a_tool_is_corrected_in_the_configuration() {
        let there = |mode, owner, size| Secret::There { mode, owner, size };
        for (path, option) in [
            ("/run/secrets/password", "`sops.secrets`"),
            ("/run/agenix/password", "`age.secrets`"),
        ] {
            for secret in [
                Secret::Missing,
                there(0o400, 0, 0),
                there(0o440, 0, 33),
                there(0o400, 1000, 33),
            ] {
                let hint = judge("password file", path, &secret).hint.unwrap();
                assert!(
                    hint.contains(option) && hint.contains("nixos-rebuild switch"),
                    "{hint}"
                );
            }
        }
    }

    /// The same texts as in `tests/system/run_backups.rs`, where the scripts and restic judge them.
    #[test]
    fn a_password_file_of_two_readings_is_named() {
        for text in [
            &b"secret\n"[..],
            b"secret",
            b"secret\r\n",
            b"  two words \t\n",
            b"secret\n\n \n",
            b"gr\xc3\xbc\xc3\x9fe\n",
            b"not \xff utf-8\n",
        ] {
            assert_eq!(judge_password("/a file", text).state, State::Ok, "{text:?}");
        }
        for (text, problem) in [
            (&b"\xef\xbb\xbfsecret\n"[..], "byte order mark"),
            (b"\xff\xfes\0e\0", "byte order mark"),
            (b"secret\nsecond\n", "more than one line"),
            (b"\nsecret\n", "begins with an empty line"),
            (b"secret\xc2\xa0\n", "white space"),
            (b"\xe3\x80\x80secret\n", "white space"),
            (b"secret \r\n", "white space"),
            (b"secret\x0b\n", "white space"),
            (b"sec\0ret\n", "NUL"),
            (b" \r\n\n", "nothing but white space"),
        ] {
            let finding = judge_password("/a file", text);
            assert_eq!(finding.state, State::Failed, "{text:?}");
            assert!(finding.what.contains(problem), "{text:?}: {finding:?}");
            assert!(
                !finding.what.contains("secret") && !finding.what.contains("ret"),
                "{finding:?}"
            );
        }
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
        // A file that everybody can read is reported first.
        let open = Finding::failed("address of team", "its mode is 0644", "chmod");
        assert!(judge_form(open, || read("")).what.contains("0644"));
    }

    #[test]
    fn a_pair_is_the_one_of_the_fleet_file() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD";
        let wanted = PublicKey::try_from(format!("{key} jak")).unwrap();
        let exited = |output: String| Answer::Exited {
            code: 0,
            output,
            complaint: String::new(),
        };
        for (answer, state) in [
            (exited(format!("{key}\n")), State::Ok),
            (exited(key.replace("IKUt", "IKUu")), State::Failed),
            (exited("odd".to_owned()), State::Unknown),
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
