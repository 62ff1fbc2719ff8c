//! The fleets of `fixtures/fleets`, staged by the program under test.

#![expect(
    clippy::disallowed_methods,
    reason = "some readers are not root, so they are let in"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, bail, ensure};
use genbackup::config::file::read;
use genbackup::config::resolve::resolve;
use genbackup::model::Fleet;
use tempfile::TempDir;

use crate::command::{genbackup, run};

/// All fleets, each host's files below `DIRECTORY/FLEET/HOST`.
pub(crate) struct Stage {
    /// Removes the files in the end.
    directory: TempDir,
    /// The fleets by their names.
    pub(crate) fleets: Vec<(String, Fleet)>,
}

/// One host of a fleet and the directory that its files are staged in.
pub(crate) struct Host<'s> {
    pub(crate) fleet: &'s Fleet,
    pub(crate) name: &'s str,
    pub(crate) root: PathBuf,
}

impl Stage {
    /// The stage that other tests read at the moment, or a new one. Nobody changes its files.
    pub(crate) fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = shared.upgrade() {
            return Ok(stage);
        }
        let stage = Arc::new(Self::new()?);
        *shared = Arc::downgrade(&stage);
        Ok(stage)
    }

    /// A separate stage, whose files a test may change.
    pub(crate) fn new() -> Result<Self> {
        // In memory: bringing files to a disk takes its time, and shows nothing here.
        let directory = tempfile::tempdir_in("/dev/shm")?;
        // Some readers refuse to be root, so others may look in.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), readable)?;
        let mut fleets = Vec::new();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets");
        for entry in std::fs::read_dir(fixtures)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let file = entry.path().join("fleet.toml");
            let emit = run(genbackup()
                .arg("--fleet")
                .arg(&file)
                .args(["emit", "--all", "--root"])
                .arg(directory.path().join(&name)))?;
            ensure!(emit.status.success(), "{name}: {}", emit.stderr);
            match resolve(read("fleet.toml", &std::fs::read_to_string(&file)?)) {
                Ok(fleet) => fleets.push((name, fleet)),
                Err(problems) => bail!("{name}: {problems:?}"),
            }
        }
        ensure!(!fleets.is_empty(), "there is no fleet in fixtures/fleets");
        Ok(Self { directory, fleets })
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        self.fleets.iter().flat_map(move |(fleet_name, fleet)| {
            fleet.host_names().map(move |host| Host {
                fleet,
                name: host.as_str(),
                root: self.directory.path().join(fleet_name).join(host.as_str()),
            })
        })
    }
}

impl Host<'_> {
    /// The file at a path of this host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// All files of one directory of this host.
    pub(crate) fn files(&self, directory: &str) -> Result<Vec<PathBuf>> {
        let directory = self.path(directory);
        let entries = std::fs::read_dir(&directory).with_context(|| format!("no {}", directory.display()))?;
        let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        ensure!(!files.is_empty(), "{} is empty", directory.display());
        Ok(files)
    }

    pub(crate) fn units(&self) -> Result<Vec<PathBuf>> {
        self.files("etc/systemd/system")
    }

    pub(crate) fn services(&self) -> Result<Vec<PathBuf>> {
        let mut units = self.units()?;
        units.retain(|unit| unit.extension().is_some_and(|extension| extension == "service"));
        Ok(units)
    }

    /// The scripts: what has the first line of one.
    pub(crate) fn scripts(&self) -> Result<Vec<PathBuf>> {
        let mut scripts = Vec::new();
        for file in self.files("usr/local/libexec/genbackup")? {
            if std::fs::read_to_string(&file)?.starts_with("#!") {
                scripts.push(file);
            }
        }
        ensure!(!scripts.is_empty(), "{} has no script", self.name);
        Ok(scripts)
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}
