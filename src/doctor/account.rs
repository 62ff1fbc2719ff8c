//! Checks user restic: its IDs on the storage host, its shell on a client.

use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::apply::Apply;
use super::finding::Finding;
use crate::emit::plan::HostPlan;
use crate::system::command::{Answer, ask};

const CHECK: &str = "user restic";
const SHELL: &str = "shell of user restic";
/// Programs that refuse each command. sshd starts the forced command with the shell of the user.
const NO_SHELLS: [&str; 3] = ["nologin", "false", "true"];

pub(super) fn check(plan: &HostPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    let uid = plan
        .coordinator
        .as_ref()
        .map(|coordinator| coordinator.repository.uid);
    let is_remote = plan
        .client
        .as_ref()
        .is_some_and(|client| client.connection.is_some());
    if uid.is_none() && !is_remote {
        return Vec::new();
    }
    let answer = ask("getent", &["passwd", "restic"]);
    let mut findings = vec![judge(&answer, uid, apply)];
    if is_remote && let Some(line) = answer.output() {
        findings.push(judge_shell(line, is_program, apply));
    }
    findings
}

fn is_program(shell: &str) -> bool {
    Path::new(shell).is_file() && access(shell, AccessFlags::X_OK).is_ok()
}

/// Judges the line of passwd(5). On the storage host, it compares the user and group IDs with `repository.uid`.
fn judge(answer: &Answer, uid: Option<u32>, apply: Apply<'_>) -> Finding {
    let Some(line) = answer.output() else {
        return match answer {
            // getent(1): the name is not known.
            Answer::Exited { code: 2, .. } => Finding::failed(
                CHECK,
                "the user is missing",
                format!("run {apply}, which makes it"),
            ),
            _ => Finding::unknown(CHECK, answer.why("getent")),
        };
    };
    let ids: Vec<u32> = line
        .split(':')
        .skip(2)
        .take(2)
        .filter_map(|id| id.parse().ok())
        .collect();
    match (ids.as_slice(), uid) {
        ([user, group], Some(uid)) if *user != uid || *group != uid => Finding::failed(
            CHECK,
            format!("its user and group IDs are {user} and {group}, but `repository.uid` is {uid}"),
            how_to_agree(*user, *group, uid, apply),
        ),
        ([user, _], _) => Finding::ok(CHECK, format!("its user ID is {user}")),
        _ => Finding::unknown(CHECK, "getent prints no user"),
    }
}

/// How the IDs and `repository.uid` become equal: the user keeps its ID, because files belong to it.
fn how_to_agree(user: u32, group: u32, uid: u32, apply: Apply<'_>) -> String {
    let group = if user == group {
        String::new()
    } else if apply.system().is_nixos() {
        // NixOS keeps the ID of a group that exists.
        "remove the line of the group `restic` from /etc/group; ".to_owned()
    } else {
        format!("run `groupmod --gid {user} restic && usermod --gid restic restic`; ")
    };
    let fleet = if user == uid {
        String::new()
    } else {
        format!("write `uid = {user}` into [repository]; ")
    };
    format!("{group}{fleet}then run {apply}: NFS maps clients to this ID")
}

/// Judges the shell in the line of passwd(5). An empty one is /bin/sh.
fn judge_shell(line: &str, is_program: impl Fn(&str) -> bool, apply: Apply<'_>) -> Finding {
    let shell = match line.trim_end().split(':').nth(6) {
        None => return Finding::unknown(SHELL, "getent prints no user"),
        Some("") => "/bin/sh",
        Some(shell) => shell,
    };
    let name = shell.rsplit('/').next().unwrap_or(shell);
    let why = if NO_SHELLS.contains(&name) {
        "refuses each command"
    } else if is_program(shell) {
        return Finding::ok(SHELL, format!("it is {shell}"));
    } else {
        "is not a program on this host"
    };
    let hint = if apply == Apply::Rebuild {
        format!("run {apply}")
    } else {
        "run `usermod --shell /bin/sh restic`".to_owned()
    };
    Finding::failed(
        SHELL,
        format!("{shell} {why}, so sshd cannot start a backup with it"),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_shell_runs_the_command_of_sshd() {
        let is_program = |shell: &str| shell != "/bin/zsh";
        for (shell, state) in [
            ("/bin/sh", State::Ok),
            ("", State::Ok),
            ("/usr/sbin/nologin", State::Failed),
            ("/bin/false", State::Failed),
            ("/bin/zsh", State::Failed),
        ] {
            let line = format!("restic:x:850:850:Backups with restic:/:{shell}\n");
            let finding = judge_shell(&line, is_program, Apply::Emit);
            assert_eq!(finding.state, state, "{finding:?}");
            let hint = finding.hint.unwrap_or_default();
            assert_eq!(
                hint == "run `usermod --shell /bin/sh restic`",
                state == State::Failed
            );
        }
    }

    #[test]
    fn ids_that_differ_have_the_steps_that_make_them_equal() {
        let group = |id| format!("run `groupmod --gid {id} restic && usermod --gid restic restic`; ");
        let fleet = "write `uid = 998` into [repository]; ";
        let nixos = "remove the line of the group `restic` from /etc/group; ".to_owned();
        for (apply, ids, steps) in [
            (Apply::Emit, "998:998", fleet.to_owned()),
            (Apply::Emit, "850:100", group(850)),
            (Apply::Emit, "998:997", group(998) + fleet),
            (Apply::Rebuild, "998:998", fleet.to_owned()),
            (Apply::Rebuild, "998:997", nixos + fleet),
        ] {
            let hint = format!("{steps}then run {apply}: NFS maps clients to this ID");
            let line = Answer::Exited {
                code: 0,
                output: format!("restic:x:{ids}::/:/usr/sbin/nologin\n"),
                complaint: String::new(),
            };
            assert_eq!(judge(&line, Some(850), apply).hint, Some(hint));
        }
    }

    #[test]
    fn the_user_is_there_with_the_repository_s_ids() {
        let exited = |code, output: &str| Answer::Exited {
            code,
            output: output.to_owned(),
            complaint: String::new(),
        };
        let line = "restic:x:850:850:Backups with restic:/:/usr/sbin/nologin\n";
        for (answer, uid, state) in [
            (exited(0, line), Some(850), State::Ok),
            (exited(0, line), None, State::Ok),
            (exited(0, line), Some(851), State::Failed),
            (
                exited(0, "restic:x:850:100::/:/bin/sh\n"),
                Some(850),
                State::Failed,
            ),
            (exited(0, "odd\n"), None, State::Unknown),
            (exited(2, ""), Some(850), State::Failed),
            (Answer::TooLate, Some(850), State::Unknown),
        ] {
            assert_eq!(
                judge(&answer, uid, Apply::Emit).state,
                state,
                "{answer:?} {uid:?}"
            );
        }
    }
}
