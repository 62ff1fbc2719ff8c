//! Checks the hooks of this host: their users, their programs, and the paths that they write.

use std::path::Path;

use super::finding::Finding;
use super::secrets::quoted;
use crate::emit::plan::ClientPlan;
use crate::model::Hook;
use crate::system::command::{Answer, ask};
use crate::system::nixos::System;

/// What a user may do with a file or a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Missing,
    Refused,
    Usable,
    Unknown(String),
}

pub(super) fn check(plan: &ClientPlan<'_>, system: System) -> Vec<Finding> {
    let hooks = plan.source.hooks.all();
    hooks
        .flat_map(|(kind, hook)| check_hook(&format!("hook {}-{}", kind.word(), hook.name), hook, system))
        .collect()
}

fn check_hook(check: &str, hook: &Hook, system: System) -> Vec<Finding> {
    let Hook {
        name: _,
        user,
        program,
        arguments: _,
        writes,
        network: _,
        time_limit: _,
    } = hook;
    let (user, program) = (user.as_str(), program.as_str());
    let group = match group(&ask("getent", &["passwd", user])) {
        Ok(Some(group)) => group,
        Ok(None) => {
            return vec![Finding::failed(
                check,
                format!("its user {user} is missing"),
                system.make_user(user),
            )];
        }
        Err(why) => return vec![Finding::unknown(check, why)],
    };
    let found = look(user, &group, "-x", program);
    let mut findings: Vec<Finding> = judge_program(check, user, program, &found, system)
        .into_iter()
        .collect();
    for path in writes {
        let path = path.as_str();
        findings.extend(judge_written(check, user, path, &look(user, &group, "-w", path)));
    }
    if findings.is_empty() {
        let what = "its user, its program and the paths that it writes are in order";
        findings.push(Finding::ok(check, what));
    }
    findings
}

/// The group in the line of passwd(5); `None` if there is no such user.
fn group(answer: &Answer) -> Result<Option<String>, String> {
    match (answer, answer.output()) {
        (_, Some(line)) => match line.split(':').nth(3) {
            Some(group) => Ok(Some(group.to_owned())),
            None => Err("getent prints no user".to_owned()),
        },
        // getent(1): the name is not known.
        (Answer::Exited { code: 2, .. }, None) => Ok(None),
        (answer, None) => Err(answer.why("getent")),
    }
}

/// Tests access as the user and without capabilities, like the hook. So modes, ACLs and the directories above count.
fn look(user: &str, group: &str, may: &str, path: &str) -> Found {
    if !Path::new(path).exists() {
        return Found::Missing;
    }
    let (user, group) = (format!("--reuid={user}"), format!("--regid={group}"));
    let without = ["--init-groups", "--bounding-set=-all", "--inh-caps=-all"];
    let [groups, bounding, inherited] = without;
    let arguments = [
        &user, &group, groups, bounding, inherited, "--", "test", may, path,
    ];
    judge_access(&ask("setpriv", &arguments))
}

/// Judges test(1), started by setpriv(1). setpriv exits with 127 if it may not change the user.
fn judge_access(answer: &Answer) -> Found {
    match answer {
        Answer::Exited { code: 0, .. } => Found::Usable,
        Answer::Exited {
            code: 1, complaint, ..
        } if complaint.is_empty() => Found::Refused,
        answer => Found::Unknown(answer.why("setpriv")),
    }
}

fn judge_program(check: &str, user: &str, program: &str, found: &Found, system: System) -> Option<Finding> {
    Some(match found {
        Found::Usable => return None,
        Found::Missing => Finding::failed(
            check,
            format!("its program {program} is missing"),
            system.install(program),
        ),
        Found::Refused => Finding::failed(
            check,
            format!("{user} may not run {program}"),
            format!(
                "run `chmod a+rx {}`, and let {user} enter the directories above it",
                quoted(program)
            ),
        ),
        Found::Unknown(why) => Finding::unknown(check, format!("{program}: {why}")),
    })
}

fn judge_written(check: &str, user: &str, path: &str, found: &Found) -> Option<Finding> {
    Some(match found {
        Found::Usable => return None,
        Found::Missing => Finding::failed(
            check,
            format!("{path}, which it writes, is missing"),
            format!("run `install -d -o {user} -m 0700 {}`", quoted(path)),
        ),
        Found::Refused => Finding::failed(
            check,
            format!("{user} may not write to {path}"),
            format!(
                "run `chown {user}: {}`, or name another directory in `writes`",
                quoted(path)
            ),
        ),
        Found::Unknown(why) => Finding::unknown(check, format!("{path}: {why}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(code: i32, output: &str, complaint: &str) -> Answer {
        Answer::Exited {
            code,
            output: output.to_owned(),
            complaint: complaint.to_owned(),
        }
    }

    #[test]
    fn a_user_is_there_or_not_or_nothing_is_known_of_it() {
        let line = "postgres:x:110:118::/var/lib/postgresql:/bin/bash\n";
        assert_eq!(group(&exited(0, line, "")), Ok(Some("118".to_owned())));
        assert_eq!(group(&exited(2, "", "")), Ok(None));
        assert!(group(&exited(0, "odd\n", "")).is_err());
        assert!(group(&Answer::TooLate).is_err());
    }

    #[test]
    fn a_missing_program_has_a_hint_for_its_system() {
        for (system, hint) in [
            (System::Other, "install it, or name another one in `command`"),
            (
                System::NixOs,
                "add its package to `environment.systemPackages`, and write `/run/current-system/sw/bin/pg_dumpall` into \
                 `command`",
            ),
        ] {
            let program = "/usr/bin/pg_dumpall";
            let finding = judge_program("hook", "postgres", program, &Found::Missing, system);
            assert_eq!(finding.and_then(|finding| finding.hint).as_deref(), Some(hint));
        }
    }

    #[test]
    fn who_may_not_ask_as_somebody_else_knows_nothing() {
        assert_eq!(judge_access(&exited(0, "", "")), Found::Usable);
        assert_eq!(judge_access(&exited(1, "", "")), Found::Refused);
        let refused = exited(127, "", "setpriv: setresuid failed: Operation not permitted");
        for answer in [
            refused,
            exited(1, "", "setpriv: odd"),
            Answer::NotThere,
            Answer::TooLate,
        ] {
            assert!(matches!(judge_access(&answer), Found::Unknown(_)), "{answer:?}");
        }
    }
}
