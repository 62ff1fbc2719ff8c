//! Checks the NFS export of the storage host, and its mount on a client.

use super::finding::Finding;
use crate::emit::plan::{ClientPlan, CoordinatorPlan};
use crate::model::RemoteClients;
use crate::system::command::{Answer, ask, ask_with};
use crate::text::counted;

const CHECK: &str = "export";
/// The time limit of a mount in seconds. A mount waits for a server that does not answer.
const MOUNT_LIMIT: u32 = 30;

pub(super) fn check(plan: &CoordinatorPlan<'_>, remote: &RemoteClients) -> Vec<Finding> {
    let addresses: Vec<String> = remote
        .clients
        .values()
        .map(|client| client.address.to_string())
        .collect();
    vec![judge(
        &ask("exportfs", &["-s"]),
        plan.repository.path.as_str(),
        &addresses,
    )]
}

/// Judges the list of exportfs(8), which has a line for each directory and client: `DIRECTORY  CLIENT(OPTIONS)`.
fn judge(answer: &Answer, path: &str, addresses: &[String]) -> Finding {
    let Some(output) = answer.output() else {
        return Finding::unknown(CHECK, answer.why("exportfs"));
    };
    let to: Vec<&str> = output
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(path)?;
            let client = rest.strip_prefix([' ', '\t'])?.trim_start();
            Some(client.split_once('(').map_or(client, |(client, _)| client))
        })
        .collect();
    let hint = "mount its file system, then run `exportfs -ra`; nothing is exported while it is not mounted";
    if to.is_empty() {
        return Finding::failed(CHECK, format!("{path} is not exported"), hint);
    }
    // exportfs may show another form of a host name, but not of an IP address.
    let is_number = |address: &&String| address.parse::<std::net::IpAddr>().is_ok();
    let forgotten: Vec<&str> = addresses
        .iter()
        .filter(is_number)
        .map(String::as_str)
        .filter(|address| !to.contains(address))
        .collect();
    if !forgotten.is_empty() {
        return Finding::failed(
            CHECK,
            format!("{path} is not exported to {}", forgotten.join(", ")),
            hint,
        );
    }
    if to.len() < addresses.len() {
        let what = format!("{path} is exported to {} of {} hosts", to.len(), addresses.len());
        return Finding::failed(CHECK, what, hint);
    }
    let hosts = counted(to.len(), "host");
    Finding::ok(CHECK, format!("{path} is exported to {hosts}"))
}

/// Mounts the repository as a backup does. systemd unmounts it afterwards.
pub(super) fn check_mount(plan: &ClientPlan<'_>) -> Finding {
    let unit = plan.repository.mount_unit_name();
    let storage = plan
        .connection
        .as_ref()
        .map_or_else(String::new, |connection| connection.storage.to_string());
    judge_mount(
        &ask_with("systemctl", &["start", "--", &unit], "", MOUNT_LIMIT),
        &unit,
        &storage,
    )
}

fn judge_mount(answer: &Answer, unit: &str, storage: &str) -> Finding {
    let check = "mount";
    let hint = format!("see `systemctl status '{unit}'`; on {storage}, run `genbackup doctor`");
    match answer {
        Answer::Exited { code: 0, .. } => {
            Finding::ok(check, format!("the repository of {storage} can be mounted"))
        }
        Answer::Exited { .. } => Finding::failed(
            check,
            format!(
                "the repository of {storage} cannot be mounted: {}",
                answer.why("systemctl")
            ),
            hint,
        ),
        Answer::TooLate => Finding::failed(check, format!("{storage} does not answer"), hint),
        Answer::NotThere => Finding::unknown(check, answer.why("systemctl")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn exited(code: i32, output: &str, complaint: &str) -> Answer {
        Answer::Exited {
            code,
            output: output.to_owned(),
            complaint: complaint.to_owned(),
        }
    }

    #[test]
    fn the_repository_is_exported_to_each_client() {
        // nfs-utils 2.6.2 (Debian 12) and 2.8.3 (Debian 13) write the same lines.
        let two = "/mnt/storage/restic  10.0.0.2(sync,wdelay,hide,no_subtree_check,anonuid=850,sec=sys,rw,secure)\n\
                   /mnt/storage/restic  ziz.example.net(sync,rw)\n/srv/other  kai(ro)\n";
        let addresses = |list: &[&str]| list.iter().map(|&address| address.to_owned()).collect::<Vec<_>>();
        for (output, wanted, state) in [
            (two, &["10.0.0.2", "ziz"][..], State::Ok),
            (two, &["10.0.0.3", "ziz"], State::Failed),
            (two, &["10.0.0.2", "ziz", "kai"], State::Failed),
            ("/mnt/storage/restic-old  ziz(rw)\n", &["ziz"], State::Failed),
            ("", &["ziz"], State::Failed),
        ] {
            let finding = judge(&exited(0, output, ""), "/mnt/storage/restic", &addresses(wanted));
            assert_eq!(finding.state, state, "{finding:?}");
        }
        let finding = judge(&Answer::NotThere, "/mnt/storage/restic", &addresses(&["ziz"]));
        assert_eq!(finding.state, State::Unknown);
    }

    #[test]
    fn a_mount_that_fails_is_reported_with_its_reason() {
        let failed = exited(1, "", "Job failed. See \"journalctl -xe\" for details.\n");
        let finding = judge_mount(&failed, "mnt-jak.mount", "jak");
        assert!(
            finding.state == State::Failed && finding.what.contains("Job failed"),
            "{finding:?}"
        );
        assert_eq!(judge_mount(&exited(0, "", ""), "a", "jak").state, State::Ok);
        assert_eq!(judge_mount(&Answer::TooLate, "a", "jak").state, State::Failed);
    }
}
