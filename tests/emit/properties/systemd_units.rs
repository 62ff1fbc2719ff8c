//! What systemd understood of many units at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use crate::command::run;

/// Units for systemd to read, and what it has to show for each.
#[derive(Debug, Default)]
pub(crate) struct Units {
    files: BTreeMap<String, String>,
    /// The units that are loaded; an instance is not its template.
    loaded: BTreeSet<String>,
    /// Unit, key, and the whole value.
    expected: Vec<(String, &'static str, String)>,
}

impl Units {
    /// A unit file.
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        self.files.insert(file.to_owned(), text.to_owned());
    }

    /// Expects that systemd shows exactly this value for a key of a unit.
    pub(crate) fn expect(&mut self, unit: &str, key: &'static str, value: &str) {
        self.loaded.insert(unit.to_owned());
        self.expected.push((unit.to_owned(), key, value.to_owned()));
    }

    /// Lets systemd load the units, and compares. A target wants them all, so that one start is enough.
    pub(crate) fn read(&self) -> Result<()> {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        // systemd refuses to be root here.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        for (name, text) in &self.files {
            std::fs::write(directory.path().join(name), text).with_context(|| format!("{name:?}"))?;
        }
        // A mount is loaded because a path needs it.
        let wanted = self.loaded.iter().map(String::as_str);
        let wanted: Vec<&str> = wanted
            .filter(|unit| unit.strip_suffix(".mount").is_none())
            .collect();
        let wanted = format!("[Unit]\nWants={}\n", wanted.join("\nWants="));
        std::fs::write(directory.path().join("all.target"), wanted)?;
        let shown = run(Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(["/lib/systemd/systemd", "--test", "--system", "--log-level=err"])
            .arg("--unit=all.target")
            .env("SYSTEMD_UNIT_PATH", format!("{}:", directory.path().display()))
            .env("LC_ALL", "C.UTF-8"))?;
        ensure!(shown.status.success(), "{}", shown.stderr);
        let understood = Understood::new(&shown.stdout);
        for (unit, key, value) in &self.expected {
            let answer = understood.has(unit, key, value);
            answer.map_err(|answer| anyhow!("{answer}\n{}", shown.stderr))?;
        }
        Ok(())
    }
}

/// The values that systemd shows, by unit and key.
struct Understood<'s>(BTreeMap<(&'s str, &'s str), Vec<&'s str>>);

impl<'s> Understood<'s> {
    fn new(shown: &'s str) -> Self {
        let mut values = BTreeMap::<_, Vec<_>>::new();
        let mut unit = "";
        for line in shown.lines().map(str::trim_start) {
            if let Some(name) = line.strip_prefix("-> Unit ") {
                unit = name.trim_end_matches(':');
            } else if let Some((key, value)) = line.split_once(": ") {
                // Behind a dependency it names the origin, and behind a condition that it was not tested.
                let (value, _) = value.rsplit_once(" (origin-").unwrap_or((value, ""));
                let value = value.strip_suffix(" untested").unwrap_or(value);
                values.entry((unit, key)).or_default().push(value);
            }
        }
        Self(values)
    }

    fn has(&self, unit: &str, key: &str, value: &str) -> Result<()> {
        let found = self.0.get(&(unit, key)).map(Vec::as_slice).unwrap_or_default();
        ensure!(
            found.contains(&value),
            "{key} of {unit} is {found:?} instead of {value:?}"
        );
        Ok(())
    }
}
