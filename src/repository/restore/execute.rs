//! Restores what is planned.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Result;

use super::Plan;
use crate::apply::Privacy;
use crate::error::fail;
use crate::repository::restic::{Confinement, Failed, Line, Restic, Wish, can_confine};
use crate::runs::complaint::Cause;
use crate::text::harmless;

/// How the files are restored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Whether files that are there are overwritten.
    pub(crate) overwrite: bool,
    /// Whether the restored files are read again, and compared with the snapshot.
    pub(crate) verify: bool,
    /// What keeps restic from writing elsewhere.
    pub(crate) confinement: Confinement,
    /// How often restic reports its progress in a second.
    pub(crate) reports_a_second: &'static str,
}

/// What is reported while the restore is in progress.
pub(crate) enum Step {
    /// restic cannot write its lock, for this reason: forget and prune do not wait for the restore.
    WithoutLock(String),
    /// Others can read the target, which keeps its mode.
    OthersMayLook(PathBuf),
    /// restic starts now.
    Starts,
    /// restic printed something.
    Line(Line),
}

/// How restic ended.
pub(crate) struct Outcome<'p> {
    target: &'p Path,
    status: ExitStatus,
}

impl Plan {
    /// Restores the files.
    ///
    /// # Errors
    /// When nothing was restored: a path comes twice, the target cannot be made, or restic cannot be started.
    pub(crate) fn execute(
        &self,
        restic: &Restic<'_>,
        manner: Manner,
        mut hear: impl FnMut(Step),
    ) -> Result<Outcome<'_>> {
        let Manner {
            overwrite,
            verify,
            confinement,
            reports_a_second,
        } = manner;
        let version = Restic::version()?;
        self.each_once(restic, |_| Ok(()))?;
        let takes_lock = if restic.is_of_a_copy() {
            // Forget and prune are about the repository.
            false
        } else if let Some(why) = restic.cannot_lock()? {
            hear(Step::WithoutLock(why));
            false
        } else {
            true
        };
        let (target, privacy) = self.place.make()?;
        if privacy == Privacy::OthersMayLook {
            hear(Step::OthersMayLook(target.to_owned()));
        }
        let wish = Wish {
            snapshot: &self.snapshot.id,
            paths: &self.paths,
            target,
            overwrite,
            verify,
            takes_lock,
            confinement,
            reports_a_second,
        };
        hear(Step::Starts);
        let status = restic.restore(version, &wish, |line| hear(Step::Line(line)))?;
        Ok(Outcome { target, status })
    }
}

impl Outcome<'_> {
    /// Whether all files were restored. `complaints` are the error messages of restic.
    ///
    /// # Errors
    /// [`Failed`], with restic's exit status, when some were not.
    pub(crate) fn judge(&self, complaints: &[String]) -> Result<()> {
        if self.status.success() {
            return Ok(());
        }
        let failed = Failed::of(self.status, complaints);
        let hint = if failed.known_cause() == Some(Cause::Locked) {
            "forget or prune is running; try again when it has ended"
        } else {
            "fix the cause, then restore to a new directory; the files restored before the error are kept"
        };
        let target = harmless(&self.target.to_string_lossy());
        let message = format!("the restore to {target} is incomplete");
        Err(anyhow::Error::new(Failed {
            hint: Some(hint.to_owned()),
            ..failed
        })
        .context(message))
    }
}

/// What confines restic: a unit of systemd, or nothing where an administrator asks for that.
///
/// # Errors
/// When systemd does not run.
pub(crate) fn confinement(without: bool) -> Result<Confinement> {
    if without {
        return Ok(Confinement::None);
    }
    if !can_confine() {
        fail!(
            what(
                "systemd is not running (/run/systemd/system is missing), so nothing confines restic to the target"
            ),
            hint(
                "\
             add `--no-sandbox` to restore without a sandbox; a crafted snapshot can then write anywhere on this \
             machine\n      see /etc/genbackup/RECOVERY.md for the commands for restic alone"
            )
        );
    }
    Ok(Confinement::Unit)
}
