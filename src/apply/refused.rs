//! Why a change is refused.

use std::path::PathBuf;

use crate::error::{Hinted, hinted};
use crate::model::Release;

/// Refuses files that a newer genbackup wrote: this one may not know all that they need.
pub(super) fn of_newer(roots: &[(PathBuf, Release)]) -> anyhow::Error {
    let newest = roots.iter().map(|(_, release)| *release).max();
    let newest = newest.map_or_else(String::new, |release| release.to_string());
    let roots: Vec<String> = roots.iter().map(|(root, _)| root.display().to_string()).collect();
    hinted!(
        what(
            "genbackup {newest} wrote the files below {}, and this is {}",
            roots.join(", "),
            Release::this()
        ),
        hint(
            "install genbackup {newest} here; `--force` \
         writes the files of this older version"
        )
    )
}

/// Refuses files that we may not overwrite, each with its difference.
pub(super) fn foreign(files: &[(PathBuf, String)]) -> anyhow::Error {
    let (paths, differences): (Vec<String>, Vec<&str>) = files
        .iter()
        .map(|(path, difference)| (path.display().to_string(), difference.as_str()))
        .unzip();
    let differences = differences.concat();
    let what = format!(
        "modified locally, or not written by genbackup: `{}`\n\n{differences}",
        paths.join("`, `")
    );
    anyhow::Error::new(Hinted::new(
        what.trim_end_matches('\n'),
        "put your changes into the fleet file or, for a unit, into a drop-in (`systemctl edit`); `--force` overwrites the \
         files",
    ))
}
