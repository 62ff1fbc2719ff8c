//! The rights of a kind of service, as a list of facts.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::rights::{capabilities, may_write, network, secrets, user};
use super::{Unit, distinct, hosts};
use crate::reference::exposure::{BOUNDS, RESTORE_BOUND};
use crate::repository::restic::sandbox_settings;

/// Secrets that a unit gets without a credential.
const PASSED_ON: [(&str, &str); 2] = [
    (
        "genbackup-backup@.service",
        "the password of the repository, which comes with each request",
    ),
    (
        "genbackup-sshd@.service",
        "the password of the repository, which it passes on with each request",
    ),
];

/// `places` are the paths of the fleet, each with its words.
pub(super) fn rights(
    kind: &str,
    units: &[Unit],
    places: &BTreeMap<&str, &'static str>,
) -> Result<Vec<(&'static str, String)>> {
    let bound = BOUNDS.into_iter().find(|(unit, _)| *unit == kind);
    let (_, bound) = bound.with_context(|| format!("{kind} has no bound of its exposure"))?;
    let is_hook = kind.contains("HOOK");
    let passed_on = PASSED_ON.into_iter().find(|(unit, _)| *unit == kind);
    let passed_on = passed_on.map(|(_, secret)| secret);
    let each = |of: &dyn Fn(&str) -> String| distinct(units, |unit| of(&unit.text), "; or ");
    Ok(vec![
        ("Host", hosts(units)),
        ("Runs as", each(&|text| user(text, is_hook))),
        ("Capabilities", each(&capabilities)),
        ("Network", each(&network)),
        ("May write", each(&|text| may_write(text, places))),
        ("Secrets", each(&|text| secrets(text, passed_on))),
        ("Exposure", exposure(bound)),
    ])
}

/// The rights of the unit in which `genbackup restore` runs restic.
pub(super) fn rights_of_a_restore() -> Vec<(&'static str, String)> {
    let own = ["User=restic", "LoadCredential=restic-password:"].map(str::to_owned);
    let lines: Vec<String> = own.into_iter().chain(sandbox_settings()).collect();
    let text = lines.join("\n");
    let target = "the target of the restore, and the locks of the repository";
    vec![
        ("Host", "the storage host".to_owned()),
        ("Runs as", user(&text, false)),
        ("Capabilities", capabilities(&text)),
        ("Network", network(&text)),
        ("May write", target.to_owned()),
        ("Secrets", secrets(&text, None)),
        ("Exposure", exposure(RESTORE_BOUND)),
    ]
}

fn exposure(tenths: u32) -> String {
    format!("at most {}.{}", tenths / 10, tenths % 10)
}
