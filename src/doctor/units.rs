//! Checks the emitted files, and the state of the units among them.

use std::collections::BTreeMap;

use super::apply::Apply;
use super::finding::Finding;
use crate::apply::{Changes, Place};
use crate::emit::plan::HostPlan;
use crate::emit::{Artifact, UNIT_DIRECTORY};
use crate::system::command::ask;

const PROPERTIES: &str =
    "--property=Id,LoadState,ActiveState,UnitFileState,Result,NeedDaemonReload,NextElapseUSecRealtime";
/// The number of files that are named.
const NAMED: usize = 3;

/// Compares the files with what `genbackup emit` would write.
pub(super) fn check_files(artifacts: &[Artifact], apply: Apply<'_>) -> Vec<Finding> {
    let check = "files";
    let place = Place::below("/");
    if !place.has_manifest() {
        return vec![if apply.system().is_nixos() {
            Finding::unknown(check, "not checked: NixOS builds them into the system")
        } else {
            Finding::failed(
                check,
                "none were written on this host",
                format!(
                    "run {apply}, which writes and applies them; most other failures may follow from this one"
                ),
            )
        }];
    }
    vec![match Changes::between(&place, artifacts) {
        Err(error) => Finding::of_error(check, &error),
        Ok(changes) if changes.changes_files() => {
            let paths: Vec<String> = changes.paths().map(|path| path.display().to_string()).collect();
            Finding::failed(
                check,
                format!("they differ from the fleet file: {}", few(&paths)),
                format!("run {} to see the difference, then {apply}", apply.diff()),
            )
        }
        Ok(_) => Finding::ok(check, format!("{} files match the fleet file", artifacts.len())),
    }]
}

fn few(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let first = first.join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Asks systemd about each emitted unit, and the NFS server.
pub(super) fn check(artifacts: &[Artifact], plan: &HostPlan<'_>, apply: Apply<'_>) -> Vec<Finding> {
    let mut units: Vec<String> = artifacts
        .iter()
        .filter_map(|artifact| artifact.path.strip_prefix(UNIT_DIRECTORY))
        // Any instance stands for its template.
        .map(|unit| unit.trim_start_matches('/').replace("@.", "@doctor."))
        .collect();
    if plan
        .coordinator
        .as_ref()
        .is_some_and(|plan| plan.remote.is_some())
    {
        units.push("nfs-server.service".to_owned());
    }
    let mut arguments = vec!["show", PROPERTIES, "--"];
    arguments.extend(units.iter().map(String::as_str));
    let answer = ask("systemctl", &arguments);
    let Some(output) = answer.output() else {
        return vec![Finding::unknown("units", answer.why("systemctl"))];
    };
    let shown: Vec<Shown<'_>> = output.split("\n\n").map(properties).collect();
    if shown.len() != units.len() {
        return vec![Finding::unknown("units", "systemctl printed other units")];
    }
    let mut findings: Vec<Finding> = units
        .iter()
        .zip(&shown)
        .map(|(unit, shown)| judge(unit, shown, apply))
        .collect();
    if shown
        .iter()
        .any(|shown| shown.get("NeedDaemonReload") == Some(&"yes"))
    {
        findings.push(Finding::failed(
            "systemd",
            "it has not read the units since they changed",
            "run `systemctl daemon-reload`",
        ));
    }
    findings
}

/// The properties of one unit.
type Shown<'s> = BTreeMap<&'s str, &'s str>;

fn properties(block: &str) -> Shown<'_> {
    block.lines().filter_map(|line| line.split_once('=')).collect()
}

fn judge(unit: &str, shown: &Shown<'_>, apply: Apply<'_>) -> Finding {
    let is = |property: &str| shown.get(property).copied().unwrap_or_default();
    let unit = unit.replace("@doctor.", "@.");
    match is("LoadState") {
        "loaded" => {}
        "masked" => {
            return Finding::failed(
                &unit,
                "it is masked, so it never starts",
                apply.system().unmask(&unit),
            );
        }
        "not-found" => {
            return Finding::failed(&unit, "systemd does not know it", format!("run {apply}"));
        }
        other => {
            let hint = format!("see `systemctl status '{unit}'`");
            return Finding::failed(&unit, format!("systemd cannot load it: {other}"), hint);
        }
    }
    if is("ActiveState") == "failed" {
        let hint = format!("see `systemctl status '{unit}'`");
        return Finding::failed(&unit, format!("it failed: {}", is("Result")), hint);
    }
    let kind = unit.rsplit('.').next().unwrap_or_default();
    let waits = matches!(kind, "timer" | "socket") || unit == "nfs-server.service";
    if !waits {
        return Finding::ok(&unit, "systemd has loaded it");
    }
    let enable = apply.system().enable(&unit);
    if is("ActiveState") != "active" {
        return Finding::failed(&unit, "it is not started", enable);
    }
    if matches!(is("UnitFileState"), "disabled" | "masked") {
        return Finding::failed(&unit, "it is active, but does not start at the next boot", enable);
    }
    match is("NextElapseUSecRealtime") {
        "" => Finding::ok(&unit, "it is active"),
        next => Finding::ok(&unit, format!("it elapses next at {next}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    /// What `systemctl show` of systemd 252 and 257 prints for a unit.
    fn shown(load: &str, active: &str, enabled: &str) -> String {
        format!(
            "Id=x\nLoadState={load}\nActiveState={active}\nUnitFileState={enabled}\nResult=exit-code\nNeedDaemonReload=no"
        )
    }

    #[test]
    fn hints_on_nixos_leave_enabling_to_it() {
        let hint = |load, active, enabled| {
            let shown = shown(load, active, enabled);
            judge("genbackup.timer", &properties(&shown), Apply::Rebuild)
                .hint
                .unwrap()
        };
        for (hint, command) in [
            (
                hint("loaded", "inactive", "enabled"),
                "`systemctl start genbackup.timer`",
            ),
            (hint("loaded", "active", "disabled"), "`nixos-rebuild switch`"),
            (hint("masked", "inactive", "masked"), "`enable = false`"),
            (hint("not-found", "inactive", ""), "`nixos-rebuild switch`"),
        ] {
            assert!(hint.contains(command), "{hint}");
            assert!(
                !hint.contains("systemctl enable") && !hint.contains("unmask"),
                "{hint}"
            );
        }
    }

    /// A unit, its state in systemd (load state, active state, enablement), and the expected finding.
    type Case = (&'static str, [&'static str; 3], State, &'static str);

    const CASES: &[Case] = &[
        (
            "genbackup.timer",
            ["loaded", "active", "enabled"],
            State::Ok,
            "active",
        ),
        (
            "genbackup.timer",
            ["loaded", "active", "linked"],
            State::Ok,
            "active",
        ),
        (
            "genbackup.timer",
            ["loaded", "inactive", "enabled"],
            State::Failed,
            "not started",
        ),
        (
            "genbackup-sshd.socket",
            ["loaded", "active", "disabled"],
            State::Failed,
            "next boot",
        ),
        (
            "genbackup-sshd.socket",
            ["loaded", "failed", "enabled"],
            State::Failed,
            "exit-code",
        ),
        (
            "genbackup.service",
            ["loaded", "inactive", "static"],
            State::Ok,
            "loaded",
        ),
        (
            "genbackup.service",
            ["loaded", "activating", "static"],
            State::Ok,
            "loaded",
        ),
        (
            "genbackup.service",
            ["loaded", "failed", "static"],
            State::Failed,
            "exit-code",
        ),
        (
            "genbackup.service",
            ["masked", "inactive", "masked"],
            State::Failed,
            "masked",
        ),
        (
            "genbackup.service",
            ["not-found", "inactive", ""],
            State::Failed,
            "know",
        ),
        (
            "genbackup.service",
            ["bad-setting", "inactive", ""],
            State::Failed,
            "bad-setting",
        ),
        (
            "genbackup-backup@doctor.service",
            ["loaded", "inactive", "static"],
            State::Ok,
            "loaded",
        ),
        (
            "mnt-jak.mount",
            ["loaded", "inactive", "static"],
            State::Ok,
            "loaded",
        ),
        (
            "nfs-server.service",
            ["loaded", "inactive", "enabled"],
            State::Failed,
            "not started",
        ),
    ];

    #[test]
    fn each_unit_is_loaded_and_what_waits_is_active_and_enabled() {
        for (unit, [load, active, enabled], state, word) in CASES {
            let text = shown(load, active, enabled);
            let finding = judge(unit, &properties(&text), Apply::Emit);
            assert!(
                finding.state == *state && finding.what.contains(word),
                "{unit}: {finding:?}"
            );
            assert!(!finding.check.contains("doctor"), "{finding:?}");
        }
    }

    #[test]
    fn a_timer_shows_when_it_starts_a_run() {
        let text =
            shown("loaded", "active", "enabled") + "\nNextElapseUSecRealtime=Wed 2026-11-25 12:00:00 UTC";
        let finding = judge("genbackup.timer", &properties(&text), Apply::Emit);
        assert_eq!(finding.what, "it elapses next at Wed 2026-11-25 12:00:00 UTC");
    }

    #[test]
    fn of_many_files_a_few_are_named() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(few(&names), "a, b, c and 2 more");
        assert_eq!(few(&names[..3]), "a, b, c");
    }
}
