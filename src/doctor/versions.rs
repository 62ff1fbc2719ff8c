//! Checks the programs that our units and scripts start, and their versions.

use std::fmt::Display;

use super::apply::Apply;
use super::finding::Finding;
use crate::emit::plan::HostPlan;
use crate::model::{Refusal, ResticVersion, SystemdVersion};
use crate::system::command::{Answer, ask, is_there};
use crate::system::nixos::System;

pub(super) fn check(plan: &HostPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    // On NixOS, units and scripts name programs of the Nix store, which are not in PATH.
    if System::here().is_nixos() {
        return vec![Finding::unknown(
            "programs",
            "not checked: NixOS builds them into the system",
        )];
    }
    let versions = plan.versions;
    let mut findings = vec![
        judge::<ResticVersion>("restic", &ask("restic", &["version"]), &versions.restic, apply),
        judge::<SystemdVersion>(
            "systemd",
            &ask("systemctl", &["--version"]),
            &versions.systemd,
            apply,
        ),
    ];
    for (program, package) in needed(plan) {
        findings.push(judge_presence(program, is_there(program), package));
    }
    findings
}

/// The Debian packages that the units of this host need, and that are not installed.
pub(crate) fn missing_packages(plan: &HostPlan<'_>) -> Vec<&'static str> {
    if System::here().is_nixos() {
        return Vec::new();
    }
    let missing = needed_programs(plan)
        .into_iter()
        .filter(|(program, _)| !is_there(program));
    missing.map(|(_, package)| package).collect()
}

/// All programs that the units of a host start, restic included, each with Debian's package.
pub(crate) fn needed_programs(plan: &HostPlan<'_>) -> Vec<(&'static str, &'static str)> {
    let is_remote = plan.client.as_ref().is_some_and(|plan| plan.connection.is_some());
    let own_sshd = is_remote.then_some(("sshd", "openssh-server"));
    [("restic", "restic")]
        .into_iter()
        .chain(needed(plan))
        .chain(own_sshd)
        .collect()
}

/// The programs that the host needs in addition to restic and systemd, and the package of each.
fn needed(plan: &HostPlan<'_>) -> impl Iterator<Item = (&'static str, &'static str)> {
    let has_remote = plan
        .coordinator
        .as_ref()
        .is_some_and(|plan| plan.remote.is_some());
    let is_remote = plan.client.as_ref().is_some_and(|plan| plan.connection.is_some());
    let needed = [
        (true, "socat", "socat"),
        (has_remote, "ssh", "openssh-client"),
        (has_remote, "exportfs", "nfs-kernel-server"),
        (is_remote, "mount.nfs4", "nfs-common"),
    ];
    needed
        .into_iter()
        .filter(|(is_needed, ..)| *is_needed)
        .map(|(_, program, package)| (program, package))
}

/// Judges a first line such as `restic 0.18.0 compiled with …` or `systemd 257 (257.8-1~deb13u2)`.
fn judge<V: TryFrom<String, Error = Refusal> + PartialOrd + Display>(
    program: &str,
    answer: &Answer,
    at_least: &V,
    apply: Apply<'_>,
) -> Finding {
    let Some(output) = answer.output() else {
        return match answer {
            Answer::NotThere => Finding::failed(
                program,
                "it is not installed",
                format!("run `apt install {program}`"),
            ),
            _ => Finding::unknown(program, answer.why(program)),
        };
    };
    // A development version has a suffix after its number.
    let word = output.split_whitespace().nth(1).unwrap_or_default();
    let number = word.split(['-', '~', '+']).next().unwrap_or_default();
    match V::try_from(number.to_owned()) {
        Ok(version) if version >= *at_least => {
            Finding::ok(program, format!("{version}; the fleet needs {at_least} or later"))
        }
        Ok(version) => Finding::failed(
            program,
            format!("{version} is older than {at_least}, which the emitted files need"),
            format!(
                "write the installed version into its `minimum-versions`, then run {apply}; or install a later version"
            ),
        ),
        Err(refusal) => Finding::failed(program, refusal.what, refusal.hint),
    }
}

fn judge_presence(program: &str, is_there: bool, package: &str) -> Finding {
    if is_there {
        Finding::ok(program, "it is installed")
    } else {
        Finding::failed(
            program,
            "it is not installed",
            format!("run `apt install {package}`"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn exited(output: &str) -> Answer {
        Answer::Exited {
            code: 0,
            output: output.to_owned(),
            complaint: String::new(),
        }
    }

    #[test]
    fn a_version_is_at_least_the_one_that_the_fleet_asks_for() {
        let restic = |text: &str| ResticVersion::try_from(text.to_owned()).unwrap();
        for (output, at_least, state) in [
            (
                "restic 0.14.0 compiled with go1.19.8 on linux/amd64\n",
                "0.14",
                State::Ok,
            ),
            (
                "restic 0.18.0 compiled with go1.24.4 on linux/amd64\n",
                "0.16",
                State::Ok,
            ),
            ("restic 0.18.0-dev (compiled manually)\n", "0.18", State::Ok),
            (
                "restic 0.14.0 compiled with go1.19.8 on linux/amd64\n",
                "0.16",
                State::Failed,
            ),
            (
                "restic 0.12.1 compiled with go1.15.9 on linux/amd64\n",
                "0.14",
                State::Failed,
            ),
            ("odd\n", "0.14", State::Failed),
        ] {
            let finding = judge::<ResticVersion>("restic", &exited(output), &restic(at_least), Apply::Emit);
            assert_eq!(finding.state, state, "{finding:?}");
        }
        let systemd = |text: &str| SystemdVersion::try_from(text.to_owned()).unwrap();
        for (output, at_least, state) in [
            ("systemd 252 (252.38-1~deb12u1)\n+PAM\n", "252", State::Ok),
            ("systemd 257 (257.8-1~deb13u2)\n+PAM\n", "257", State::Ok),
            ("systemd 252 (252.38-1~deb12u1)\n", "257", State::Failed),
        ] {
            let finding =
                judge::<SystemdVersion>("systemd", &exited(output), &systemd(at_least), Apply::Emit);
            assert_eq!(finding.state, state, "{finding:?}");
        }
    }

    #[test]
    fn what_is_not_installed_is_named_with_its_package() {
        let finding = judge_presence("mount.nfs4", false, "nfs-common");
        assert_eq!(finding.hint.unwrap(), "run `apt install nfs-common`");
        let finding = judge("restic", &Answer::TooLate, &ResticVersion::OLDEST, Apply::Emit);
        assert_eq!(finding.state, State::Unknown);
    }
}
