//! Checks user restic.

use super::apply::Apply;
use super::ask::{Answer, ask};
use super::finding::Finding;
use crate::plan::HostPlan;

const CHECK: &str = "user restic";

pub(super) fn check(plan: &HostPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    let uid = plan
        .coordinator
        .as_ref()
        .map(|coordinator| coordinator.repository.uid);
    if uid.is_none()
        && plan
            .client
            .as_ref()
            .is_none_or(|client| client.connection.is_none())
    {
        return Vec::new();
    }
    vec![judge(&ask("getent", &["passwd", "restic"]), uid, apply)]
}

/// Judges the line of passwd(5). On the storage host, it compares the user and group IDs with `repository.uid`.
fn judge(answer: &Answer, uid: Option<u32>, apply: Apply<'_>) -> Finding {
    let Some(line) = answer.output() else {
        return match answer {
            // getent(1): the name is not known.
            Answer::Said { code: 2, .. } => Finding::failed(
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
            "write its ID into `repository.uid`, or change the IDs with `usermod` and `groupmod`; NFS maps clients to them",
        ),
        ([user, _], _) => Finding::ok(CHECK, format!("its user ID is {user}")),
        _ => Finding::unknown(CHECK, "getent prints no user"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn the_user_is_there_with_the_repository_s_ids() {
        let said = |code, output: &str| Answer::Said {
            code,
            output: output.to_owned(),
            complaint: String::new(),
        };
        let line = "restic:x:850:850:Backups with restic:/:/usr/sbin/nologin\n";
        for (answer, uid, state) in [
            (said(0, line), Some(850), State::Ok),
            (said(0, line), None, State::Ok),
            (said(0, line), Some(851), State::Failed),
            (said(0, "restic:x:850:100::/:/bin/sh\n"), Some(850), State::Failed),
            (said(0, "odd\n"), None, State::Unknown),
            (said(2, ""), Some(850), State::Failed),
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
