//! Checks the connection from the storage host to each client: its host key, our key, and its backup socket.

use std::collections::BTreeMap;
use std::thread;

use super::apply::Apply;
use super::finding::Finding;
use crate::model::{HostName, RemoteClient, RemoteClients};
use crate::system::command::{Answer, ask_with, last_line};

/// An unknown request, which each client refuses, so that nothing is backed up.
const REQUEST: &str = "genbackup/1 doctor\n";
/// How a client answers it; scripts of 0.1.0 have the second text.
const REFUSED: [&str; 2] = ["refused unknown request", "refused this is no request"];
/// What nologin(8) prints.
const NO_LOGIN: &str = "account is currently not available";
const CONFIG: &str = "/etc/genbackup/ssh_config";
// The time limits in seconds for the answer of a host, and for the connection.
const LIMIT: u32 = 60;
const CONNECT: &str = "ConnectTimeout=30";

/// Checks all clients in parallel.
pub(super) fn check_all(storage: &HostName, remote: &RemoteClients, apply: Apply<'_>) -> Vec<Finding> {
    let asked: Vec<(&str, Finding, Option<String>)> = thread::scope(|scope| {
        let asked: Vec<_> = remote
            .clients
            .iter()
            .map(|(name, client)| {
                (
                    name.as_str(),
                    scope.spawn(move || check(remote, name, client, apply)),
                )
            })
            .collect();
        let lost = |name| {
            (
                Finding::unknown(
                    format!("ssh to {name}"),
                    "the check panicked: this is a bug in genbackup",
                ),
                None,
            )
        };
        asked
            .into_iter()
            .map(|(name, thread)| {
                let (finding, kernel) = thread.join().unwrap_or_else(|_| lost(name));
                (name, finding, kernel)
            })
            .collect()
    });
    let here = nix::unistd::gethostname()
        .ok()
        .map(|name| name.to_string_lossy().into_owned());
    let mut kernels = vec![(storage.as_str(), here.as_deref())];
    kernels.extend(asked.iter().map(|(name, _, kernel)| (*name, kernel.as_deref())));
    let names = judge_names(storage.as_str(), &kernels);
    asked
        .into_iter()
        .map(|(_, finding, _)| finding)
        .chain(names)
        .collect()
}

/// Judges the known host names of the kernels. restic removes a lock at once if the lock has its own host name and the
/// process of the lock is not running. A client with the storage host's name is refused. Two clients with the same name
/// are not, because each of them can claim any name.
fn judge_names(storage: &str, kernels: &[(&str, Option<&str>)]) -> Vec<Finding> {
    let check = "kernel host names";
    let mut hosts_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (host, kernel) in kernels {
        if let Some(kernel) = kernel {
            hosts_of.entry(kernel).or_default().push(host);
        }
    }
    let findings: Vec<Finding> = hosts_of
        .iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .map(|(kernel, hosts)| {
            let what = format!(
                "{} have the same kernel host name {kernel}, so restic confuses their locks",
                hosts.join(" and ")
            );
            let hint = "give each machine a unique name: `hostnamectl hostname NAME`";
            if hosts.contains(&storage) {
                Finding::failed(check, what, hint)
            } else {
                Finding::warning(check, what, hint)
            }
        })
        .collect();
    if findings.is_empty() {
        let known = kernels.iter().filter(|(_, kernel)| kernel.is_some()).count();
        return vec![Finding::ok(
            check,
            format!("no two are equal ({known} of {} are known)", kernels.len()),
        )];
    }
    findings
}

/// The kernel's host name in an answer. Clients of an older release do not send it.
fn kernel_name(answer: &Answer) -> Option<String> {
    let Answer::Exited { output, .. } = answer else {
        return None;
    };
    let name = output.lines().find_map(|line| line.strip_prefix("kernel "))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._()-".contains(c);
    ((1..=64).contains(&name.len()) && name.chars().all(is_plain)).then(|| name.to_owned())
}

fn check(
    remote: &RemoteClients,
    name: &HostName,
    client: &RemoteClient,
    apply: Apply<'_>,
) -> (Finding, Option<String>) {
    let identity = format!("IdentityFile=\"{}\"", remote.key_file.as_str().replace('%', "%%"));
    let arguments = ["-F", CONFIG, "-o", &identity, "-o", CONNECT, "--", name.as_str()];
    let answer = ask_with("ssh", &arguments, REQUEST, LIMIT);
    let finding = judge(
        &answer,
        name.as_str(),
        remote.port,
        client.may_be_absent.is_some(),
        apply,
    );
    (finding, kernel_name(&answer))
}

fn judge(answer: &Answer, name: &str, port: u16, may_be_absent: bool, apply: Apply<'_>) -> Finding {
    let check = format!("ssh to {name}");
    let (output, complaint) = match answer {
        Answer::Exited {
            output, complaint, ..
        } => (output, complaint),
        Answer::NotThere => return Finding::unknown(check, answer.why("ssh")),
        Answer::TooLate => return away(check, "it does not answer in time", may_be_absent),
    };
    if REFUSED.iter().any(|refused| output.starts_with(refused)) {
        return Finding::ok(
            check,
            "its host key is right, it accepts our key, and it answers requests",
        );
    }
    let mentions = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    // nologin(8) answers instead of the forced command.
    if [output, complaint].iter().any(|text| text.contains(NO_LOGIN)) {
        return Finding::failed(
            check,
            "the shell of its user restic refuses each command",
            format!("on {name}, run `usermod --shell /bin/sh restic`; on NixOS `nixos-rebuild switch`"),
        );
    }
    if mentions(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED"]) {
        return Finding::failed(
            check,
            "it shows another host key than the one in the fleet file",
            format!(
                "find out why; if it was reinstalled, write its new key into `host-key`, then run {apply}"
            ),
        );
    }
    if mentions(&["Can't open user config file"]) {
        return Finding::failed(
            check,
            format!("{CONFIG} is missing on this host"),
            format!("run {apply} on this host"),
        );
    }
    // Checked before `Permission denied`, which follows if our key cannot be read.
    if mentions(&["Load key", "not accessible"]) {
        return Finding::unknown(check, "cannot read this host's own key; see the check `ssh key`");
    }
    if mentions(&["Permission denied"]) {
        return Finding::failed(
            check,
            "it refuses our key",
            format!("run `genbackup push {name}`; on {name}, see `journalctl -u 'genbackup-sshd*'`"),
        );
    }
    if mentions(&["Connection refused"]) {
        return Finding::failed(
            check,
            format!("nothing listens on its port {port}"),
            format!("run `genbackup push {name}`, which starts its genbackup-sshd.socket"),
        );
    }
    if mentions(&[
        "timed out",
        "No route to host",
        "Could not resolve",
        "unreachable",
    ]) {
        return away(check, "it is unreachable", may_be_absent);
    }
    Finding::failed(
        check,
        match last_line(complaint) {
            Some(line) => format!("it gives no answer: {line}"),
            None => "it gives no answer".to_owned(),
        },
        format!("on {name}, see `journalctl -u 'genbackup-*'`"),
    )
}

fn away(check: String, what: &str, may_be_absent: bool) -> Finding {
    let hint = "check that it is on, and that its `address` is right";
    if may_be_absent {
        Finding::warning(check, format!("{what}, which `may-be-absent` allows"), hint)
    } else {
        Finding::failed(check, what, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn equal_kernel_names_are_named_with_their_hosts() {
        let kernels = [
            ("jak", Some("debian")),
            ("kai", Some("kai")),
            ("ziz", Some("debian")),
            ("old", None),
        ];
        // Only the storage host's own name is refused.
        for (storage, state) in [("jak", State::Failed), ("kai", State::Warning)] {
            assert_eq!(judge_names(storage, &kernels)[0].state, state, "{storage}");
        }
        let findings = judge_names("jak", &kernels);
        let [finding] = &findings[..] else {
            panic!("{findings:?}")
        };
        assert!(
            finding
                .what
                .starts_with("jak and ziz have the same kernel host name debian"),
            "{finding:?}"
        );
        let findings = judge_names("jak", &[("jak", Some("jak")), ("kai", None), ("ziz", None)]);
        assert_eq!(findings[0].state, State::Ok, "{findings:?}");
        let exited = |output: &str| Answer::Exited {
            code: 1,
            output: output.to_owned(),
            complaint: String::new(),
        };
        let name_in = |output: &str| kernel_name(&exited(output));
        assert_eq!(
            name_in("refused unknown request: …\nkernel kai\n"),
            Some("kai".to_owned())
        );
        assert_eq!(name_in("refused unknown request: …\n"), None);
        assert_eq!(name_in("kernel \u{1b}[2J\n"), None);
    }

    #[test]
    fn each_end_of_a_connection_has_its_words() {
        let exited = |output: &str, complaint: &str| Answer::Exited {
            code: 255,
            output: output.to_owned(),
            complaint: complaint.to_owned(),
        };
        // OpenSSH 9.2 (Debian 12) and 10.0 (Debian 13).
        for (answer, state, word) in [
            (
                exited("refused unknown request: …\n", ""),
                State::Ok,
                "its host key is right",
            ),
            (
                exited("refused this is no request that I know\n", ""),
                State::Ok,
                "its host key is right",
            ),
            (
                exited(
                    "",
                    "@@@\r\nWARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\r\nHost key verification failed.\r\n",
                ),
                State::Failed,
                "another host key",
            ),
            (
                exited(
                    "",
                    "No ED25519 host key is known for ziz and you have requested strict checking.\r\nHost key verification failed.\r\n",
                ),
                State::Failed,
                "another host key",
            ),
            (
                exited("", "restic@10.0.0.2: Permission denied (publickey).\r\n"),
                State::Failed,
                "our key",
            ),
            (
                exited(
                    "",
                    "Warning: Identity file /k not accessible: No such file or directory.\nrestic@10.0.0.2: Permission denied (publickey).\r\n",
                ),
                State::Unknown,
                "own key",
            ),
            (
                exited(
                    "",
                    "Can't open user config file /etc/genbackup/ssh_config: No such file or directory\r\n",
                ),
                State::Failed,
                "on this host",
            ),
            (
                exited("", "ssh: connect to host ziz port 50000: Connection refused\r\n"),
                State::Failed,
                "port 50000",
            ),
            (
                exited(
                    "",
                    "ssh: connect to host ziz port 50000: Connection timed out\r\n",
                ),
                State::Failed,
                "unreachable",
            ),
            (
                exited(
                    "",
                    "ssh: Could not resolve hostname ziz: Name or service not known\r\n",
                ),
                State::Failed,
                "unreachable",
            ),
            (
                exited("", "Connection closed by 10.0.0.2 port 50000\r\n"),
                State::Failed,
                "closed",
            ),
            (exited("", ""), State::Failed, "no answer"),
            (
                exited("This account is currently not available.\n", ""),
                State::Failed,
                "shell of its user",
            ),
            (Answer::TooLate, State::Failed, "in time"),
            (Answer::NotThere, State::Unknown, "is missing"),
        ] {
            let finding = judge(&answer, "ziz", 50_000, false, Apply::Emit);
            assert!(
                finding.state == state && finding.what.contains(word),
                "{finding:?}"
            );
        }
        assert_eq!(
            judge(&Answer::TooLate, "ziz", 1, true, Apply::Emit).state,
            State::Warning
        );
    }
}
