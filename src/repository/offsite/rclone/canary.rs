//! What rclone does with a canary and its versions.

use std::process::Command;

use anyhow::Result;

use super::answer::Failed;
use super::{NO_DIRECTORY, Rclone};

/// rclone's exit status for a file that does not exist.
const NO_FILE: i32 = 4;
/// The option that shows versions as files, by the kind of the remote.
const VERSIONS: [(&str, &str); 2] = [("s3", "--s3-versions"), ("b2", "--b2-versions")];

impl Rclone<'_> {
    /// Uploads a small text, also in the place of another one.
    ///
    /// # Errors
    /// When rclone fails.
    pub(in crate::repository::offsite) fn write(&self, path: &str, text: &str) -> Result<()> {
        let mut command = self.command("rcat");
        command.arg(self.remote.below(path));
        self.run(command, text)?.output("upload the canary")?;
        Ok(())
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// When rclone fails.
    pub(in crate::repository::offsite) fn remove(&self, path: &str) -> Result<()> {
        let mut command = self.command("deletefile");
        command.arg(self.remote.below(path));
        self.run(command, "")?.output("delete the canary")?;
        Ok(())
    }

    /// The names of the versions of a file in a directory; none where the remote has no versions.
    ///
    /// # Errors
    /// When rclone fails.
    pub(in crate::repository::offsite) fn versions(
        &self,
        directory: &str,
        name: &str,
    ) -> Result<Vec<String>> {
        let Some(option) = self.option_for_versions()? else {
            return Ok(Vec::new());
        };
        let mut command = self.command("lsf");
        command
            .args([option, "--files-only"])
            .arg(self.remote.below(directory));
        let answer = self.run(command, "")?;
        if answer.status == Some(NO_DIRECTORY) {
            return Ok(Vec::new());
        }
        let output = answer.output("list the versions of the canary")?;
        let lines = String::from_utf8_lossy(&output).into_owned();
        let version = format!("{name}-v");
        let versions = lines
            .lines()
            .filter(|line| *line == name || line.starts_with(&version));
        Ok(versions.map(str::to_owned).collect())
    }

    /// Deletes a version of a directory, for good.
    ///
    /// # Errors
    /// When rclone fails.
    pub(in crate::repository::offsite) fn remove_version(
        &self,
        directory: &str,
        version: &str,
    ) -> Result<()> {
        let command = self.on_version("delete", directory, version)?;
        self.run(command, "")?.output("delete a version of the canary")?;
        Ok(())
    }

    /// The content of a small file; `None` when it does not exist.
    ///
    /// # Errors
    /// When rclone fails.
    pub(in crate::repository::offsite) fn content(&self, path: &str) -> Result<Option<String>> {
        let mut command = self.command("cat");
        command.arg(self.remote.below(path));
        self.content_of(command)
    }

    /// The content of a version in a directory; nothing when it does not exist.
    ///
    /// # Errors
    /// When rclone fails.
    pub(in crate::repository::offsite) fn content_of_version(
        &self,
        directory: &str,
        version: &str,
    ) -> Result<Option<String>> {
        let command = self.on_version("cat", directory, version)?;
        self.content_of(command)
    }

    /// rclone 1.60 finds no version by its path, only in its directory.
    fn on_version(&self, verb: &str, directory: &str, version: &str) -> Result<Command> {
        let mut command = self.command(verb);
        command
            .args(self.option_for_versions()?)
            .args(["--include", &format!("/{version}")])
            .arg(self.remote.below(directory));
        Ok(command)
    }

    fn content_of(&self, command: Command) -> Result<Option<String>> {
        let answer = self.run(command, "")?;
        if matches!(answer.status, Some(NO_DIRECTORY | NO_FILE)) {
            return Ok(None);
        }
        match answer.output("read the canary") {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            // A marker of a deletion cannot be read: S3 answers with an error.
            Err(error) if error.downcast_ref::<Failed>().is_some_and(is_of_a_marker) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn option_for_versions(&self) -> Result<Option<&'static str>> {
        let kind = self.kind()?;
        let known = VERSIONS.iter().find(|(known, _)| *known == kind);
        Ok(known.map(|(_, option)| *option))
    }
}

fn is_of_a_marker(failed: &Failed) -> bool {
    let why = failed.why.as_deref().unwrap_or_default();
    ["MethodNotAllowed", "405"].iter().any(|sign| why.contains(sign))
}
