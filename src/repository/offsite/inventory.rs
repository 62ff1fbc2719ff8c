//! Which files a repository, or its copy, has.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::name::{Name, Part};

/// The files of a repository with their sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    files: BTreeMap<Name, u64>,
}

/// A copy, as rclone listed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The files of a repository.
    pub inventory: Inventory,
    /// Paths of anything else, without the locks of restic.
    pub strangers: Vec<String>,
    /// Whether an upload that was cut off left files that do not have their names yet.
    pub has_incoming: bool,
}

impl Inventory {
    /// Reads the directory of a repository. What is written last is read first, so all that a listed snapshot needs is
    /// listed, also while backups go on. A part that is missing is empty.
    ///
    /// # Errors
    /// When a directory exists and cannot be read.
    pub(crate) fn of_directory(repository: &Path) -> io::Result<Self> {
        let mut inventory = Self::default();
        for part in Part::ALL.into_iter().rev() {
            let path = repository.join(part.directory());
            if part == Part::Config {
                match fs::symlink_metadata(&path) {
                    Ok(file) if file.is_file() => inventory.add(Name::Config, file.len()),
                    Ok(_) => {}
                    Err(error) => there(error)?,
                }
            } else {
                inventory.read(repository, &path)?;
            }
        }
        Ok(inventory)
    }

    fn read(&mut self, repository: &Path, directory: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return there(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.read(repository, &path)?;
                continue;
            }
            let relative = path.strip_prefix(repository).ok().and_then(Path::to_str);
            let Some(name) = relative.and_then(Name::parse) else {
                continue;
            };
            match entry.metadata() {
                Ok(file) => self.add(name, file.len()),
                // A prune, by hand, removes files meanwhile.
                Err(error) => there(error)?,
            }
        }
        Ok(())
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, name: Name, size: u64) {
        self.files.insert(name, size);
    }

    /// The size of a file; `None` when it does not exist.
    #[must_use]
    pub(crate) fn size(&self, name: Name) -> Option<u64> {
        self.files.get(&name).copied()
    }

    /// Its files with their sizes, in the order of their parts.
    pub(crate) fn files(&self) -> impl Iterator<Item = (Name, u64)> {
        self.files.iter().map(|(name, size)| (*name, *size))
    }

    /// The files of a part.
    pub(crate) fn part(&self, part: Part) -> impl Iterator<Item = (Name, u64)> {
        self.files().filter(move |(name, _)| name.part() == part)
    }

    /// How many files a part has.
    #[must_use]
    pub(crate) fn count(&self, part: Part) -> usize {
        self.part(part).count()
    }

    /// True when there is no file.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Listed {
    /// Reads lines of `rclone lsf --format sp --separator ;`: the size of a file, and its path.
    ///
    /// # Errors
    /// The first line of another form.
    pub(crate) fn parse(lines: &str) -> Result<Self, String> {
        let mut listed = Self::default();
        for line in lines.lines() {
            let read = line
                .split_once(';')
                .and_then(|(size, path)| Some((size.parse().ok()?, path)));
            let (size, path): (u64, &str) = read.ok_or_else(|| line.to_owned())?;
            match Name::parse(path) {
                Some(name) => listed.inventory.add(name, size),
                None if path.starts_with("locks/") => {}
                None => listed.strangers.push(path.to_owned()),
            }
        }
        Ok(listed)
    }
}

/// A missing file or directory is no error.
fn there(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply;

    fn digits(digit: char) -> String {
        std::iter::repeat_n(digit, 64).collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its directories")]
    fn rclone_lists_a_directory_as_it_is_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let paths = [
            "config".to_owned(),
            format!("keys/{}", digits('a')),
            format!("data/bb/{}", digits('b')),
            format!("index/{}", digits('c')),
            format!("snapshots/{}", digits('d')),
        ];
        let strangers = ["README".to_owned(), format!("index/{}.partial", digits('e'))];
        let locks = [format!("locks/{}", digits('f'))];
        let mut lines = String::new();
        for (size, path) in paths.iter().chain(&strangers).chain(&locks).enumerate() {
            let file = directory.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            apply::replace(&file, "x".repeat(size).as_bytes()).unwrap();
            lines.extend([format!("{size};{path}\n")]);
        }
        let listed = Listed::parse(&lines).unwrap();
        assert_eq!(listed.strangers, strangers);
        assert_eq!(
            listed.inventory,
            Inventory::of_directory(directory.path()).unwrap()
        );
        assert_eq!(listed.inventory.files().count(), paths.len());
    }

    #[test]
    fn a_missing_directory_has_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let inventory = Inventory::of_directory(&directory.path().join("missing")).unwrap();
        assert!(inventory.is_empty());
    }

    #[test]
    fn a_line_without_a_size_is_refused() {
        for line in ["config", "x;config", ";config", "-1;config"] {
            assert_eq!(Listed::parse(line).unwrap_err(), line);
        }
    }
}
