//! What a person should know of a change, with what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// What a person should know of a change. Its text names what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// There is a manifest, and it does not distinguish our files from others.
    ManifestUnreadable {
        /// The manifest.
        manifest: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file that is no longer needed was changed by hand.
    Stays(PathBuf),
    /// A unit goes, and a link that enables it stays: such links are the admin's.
    StillEnabled {
        /// The unit's name.
        unit: String,
        /// What would be enabled, but no longer exists.
        link: PathBuf,
        /// The root of the system that the link belongs to.
        root: PathBuf,
    },
    /// A unit goes, and the admin's drop-ins for it stay.
    StillDroppedIn {
        /// The unit's name.
        unit: String,
        /// The directory of drop-ins.
        directory: PathBuf,
    },
    /// A unit has come that nothing enables, on a host where the others have been for longer.
    NotEnabled {
        /// The unit's name.
        unit: String,
        /// The root of the system that it belongs to.
        root: PathBuf,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManifestUnreadable { manifest, why } => write!(
                formatter,
                "cannot read `{}`, so nothing is deleted: {why}; restore it from a backup, or replace it with `--force` \
                 and delete the files that are no longer needed yourself",
                manifest.display()
            ),
            Self::Stays(path) => write!(
                formatter,
                "`{}` is no longer needed, but was modified locally, so it stays",
                path.display()
            ),
            Self::StillEnabled { unit, link, root } => {
                write!(
                    formatter,
                    "{unit} is removed, but its link `{}` stays: run ",
                    link.display()
                )?;
                systemctl(formatter, "disable", unit, root)
            }
            Self::StillDroppedIn { unit, directory } => write!(
                formatter,
                "{unit} is removed, so the drop-ins in `{}` have no effect",
                directory.display()
            ),
            Self::NotEnabled { unit, root } => {
                write!(formatter, "{unit} is new, but not enabled: run ")?;
                systemctl(formatter, "enable", unit, root)
            }
        }
    }
}

/// The command that does it: on the running system at once, elsewhere when that is booted.
fn systemctl(formatter: &mut fmt::Formatter<'_>, verb: &str, unit: &str, root: &Path) -> fmt::Result {
    if root == Path::new("/") {
        write!(formatter, "`systemctl {verb} --now {unit}`")
    } else {
        write!(formatter, "`systemctl --root={} {verb} {unit}`", root.display())
    }
}
