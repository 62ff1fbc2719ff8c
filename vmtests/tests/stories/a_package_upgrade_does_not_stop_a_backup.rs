//! Without this, an upgrade of Debian in the night costs a backup, or the forget and prune after it.

use anyhow::ensure;
use vmtests::lab::Lab;
use vmtests::package::{self, Older};

use crate::a_package_and_a_run;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let package = package::package()?;
    let before = a_package_and_a_run::begin(lab, Older::of(&package)?.path().as_path())?;
    let version = "dpkg-query --show --showformat='${Version}' genbackup";
    assert_eq!(lab.jak.succeeds(version)?, "0.0.1-1");

    let printed = package::install(&lab.jak, &package)?;
    ensure!(lab.jak.succeeds(version)? != "0.0.1-1", "{printed}");
    ensure!(printed.contains("'genbackup emit --now'"), "{printed}");
    assert_eq!(a_package_and_a_run::processes(lab)?, before);

    let record = a_package_and_a_run::finish(lab)?;
    for phase in ["forget", "prune"] {
        let phase = record.phase(phase)?;
        ensure!(phase["status"] == "ok", "{phase}");
    }
    Ok(())
}
