//! What a client has of the files that a push writes or removes, as it reports it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use tar::{Archive, EntryType};

use super::session::Session;
use crate::apply::{Files, Found, NEITHER, is_directory, link_to};

/// Reports files: the names come on standard input, each with a NUL behind it, and an archive goes to
/// standard output. The archive also has what an interrupted call left next to them, the links that enable
/// units, and the drop-ins of units.
const REPORT: &str = include_str!("report.bash");
/// The largest file that is compared, in bytes. The files of genbackup are far smaller.
const LARGEST: u64 = 1024 * 1024;

/// What a client has of the files that it was asked for. Paths begin with `/`.
#[derive(Debug, Default)]
pub(super) struct There {
    entries: BTreeMap<PathBuf, Entry>,
    directories: BTreeSet<PathBuf>,
}

#[derive(Debug)]
enum Entry {
    File {
        text: Vec<u8>,
        mode: u32,
        owner: u32,
    },
    Link {
        target: PathBuf,
        owner: u32,
    },
    /// Another kind of file, or a file that is too large. The bytes stand for its text.
    Other(&'static [u8]),
}

impl There {
    /// Asks for these files, without a leading `/`.
    ///
    /// # Errors
    /// When the client does not answer, or with what is no archive.
    pub(super) fn ask(
        session: &mut Session,
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
    ) -> Result<Self> {
        let mut input = Vec::new();
        for path in paths {
            input.extend_from_slice(path.as_ref().as_os_str().as_encoded_bytes());
            input.push(0);
        }
        let answer = session.run(REPORT, &input)?;
        if answer.status != 0 {
            bail!("it cannot read its files: {}", answer.complaint);
        }
        Self::read(&answer.output).context("its answer is not a tar archive")
    }

    fn read(archive: &[u8]) -> Result<Self> {
        let mut there = Self::default();
        for entry in Archive::new(Cursor::new(archive)).entries()? {
            let entry = entry?;
            let Some(path) = absolute(&entry.path()?) else {
                bail!("`{}` is not below the root", entry.path()?.display());
            };
            let header = entry.header();
            let owner = u32::try_from(header.uid()?).unwrap_or(u32::MAX);
            let value = match header.entry_type() {
                EntryType::Directory => {
                    there.directories.insert(path);
                    continue;
                }
                EntryType::Regular | EntryType::Continuous if entry.size() > LARGEST => {
                    Entry::Other(b"(a large file)\n")
                }
                EntryType::Regular | EntryType::Continuous => {
                    let mode = header.mode()? & 0o7777;
                    let mut text = Vec::new();
                    entry.take(LARGEST).read_to_end(&mut text)?;
                    Entry::File { text, mode, owner }
                }
                EntryType::Symlink => Entry::Link {
                    target: entry.link_name()?.unwrap_or_default().into_owned(),
                    owner,
                },
                _ => Entry::Other(NEITHER),
            };
            there
                .directories
                .extend(path.ancestors().skip(1).map(Path::to_path_buf));
            there.entries.insert(path, value);
        }
        Ok(there)
    }
}

/// A path of the archive, with `/` before it; none where it leads elsewhere.
fn absolute(path: &Path) -> Option<PathBuf> {
    let mut absolute = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => absolute.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(absolute)
}

impl Files for There {
    fn look(&self, path: &Path) -> Result<Option<Found>> {
        let found = |text: Vec<u8>, mode, regular, owner| Found {
            text,
            mode,
            regular,
            owner,
        };
        Ok(match self.entries.get(path) {
            Some(Entry::File { text, mode, owner }) => Some(found(text.clone(), *mode, true, *owner)),
            Some(Entry::Link { target, owner }) => Some(found(link_to(target), 0o777, false, *owner)),
            Some(Entry::Other(text)) => Some(found(text.to_vec(), 0, false, 0)),
            None if self.directories.contains(path) => return Err(is_directory(path)),
            None => None,
        })
    }

    fn entries(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        let all = self.entries.keys().chain(&self.directories);
        let within = all.filter(|path| path.parent() == Some(directory));
        let once: BTreeSet<&PathBuf> = within.collect();
        Ok(once.into_iter().cloned().collect())
    }

    fn target(&self, link: &Path) -> Option<PathBuf> {
        match self.entries.get(link) {
            Some(Entry::Link { target, .. }) => Some(target.clone()),
            _ => None,
        }
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.directories.contains(path)
    }

    fn owner(&self) -> u32 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn header(kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    #[test]
    fn files_links_and_directories_are_found_at_their_paths() {
        let text = b"[Unit]\n";
        let archive = archive(|builder| {
            let name = "etc/systemd/system/a.service";
            let mut file = header(EntryType::Regular, text.len() as u64);
            builder.append_data(&mut file, name, &text[..]).unwrap();
            let mut link = header(EntryType::Symlink, 0);
            let name = "etc/systemd/system/timers.target.wants/a.timer";
            builder
                .append_link(&mut link, name, "/etc/systemd/system/a.timer")
                .unwrap();
            let mut directory = header(EntryType::Directory, 0);
            builder
                .append_data(&mut directory, "etc/systemd/system/a.service.d/", &b""[..])
                .unwrap();
        });
        let there = There::read(&archive).unwrap();
        let units = Path::new("/etc/systemd/system");
        let found = there.look(&units.join("a.service")).unwrap().unwrap();
        assert_eq!(
            (found.text.as_slice(), found.mode, found.regular, found.owner),
            (&text[..], 0o644, true, 0)
        );
        assert!(there.look(&units.join("b.service")).unwrap().is_none());
        assert!(there.is_directory(&units.join("a.service.d")));
        let wants = units.join("timers.target.wants");
        let expected = [units.join("a.service"), units.join("a.service.d"), wants.clone()];
        assert_eq!(there.entries(units).unwrap(), expected);
        assert_eq!(
            there.target(&wants.join("a.timer")).unwrap(),
            units.join("a.timer")
        );
        let directory = there.look(&wants).map(|_| ()).unwrap_err().to_string();
        assert!(
            directory.contains("is a directory, but must be a file"),
            "{directory}"
        );
    }

    #[test]
    fn what_is_cut_off_or_leads_elsewhere_is_no_answer() {
        let whole = archive(|builder| {
            let mut file = header(EntryType::Regular, 3);
            builder.append_data(&mut file, "etc/a", &b"abc"[..]).unwrap();
        });
        assert!(There::read(&whole).is_ok());
        assert!(There::read(&whole[..513]).is_err());
        let mut elsewhere = header(EntryType::Regular, 0);
        elsewhere.as_old_mut().name[..8].copy_from_slice(b"../etc/a");
        elsewhere.set_cksum();
        let mut archive = tar::Builder::new(Vec::new());
        archive.append(&elsewhere, &b""[..]).unwrap();
        let archive = archive.into_inner().unwrap();
        assert!(There::read(&archive).is_err());
    }

    #[test]
    fn a_large_file_is_not_read_and_is_not_ours() {
        let size = LARGEST + 1;
        let archive = archive(|builder| {
            let mut file = header(EntryType::Regular, size);
            builder
                .append_data(&mut file, "etc/a", std::io::repeat(b'x').take(size))
                .unwrap();
            let mut file = header(EntryType::Fifo, 0);
            builder.append_data(&mut file, "etc/b", &b""[..]).unwrap();
        });
        let there = There::read(&archive).unwrap();
        for (path, text) in [
            ("/etc/a", &b"(a large file)\n"[..]),
            ("/etc/b", b"(neither a file nor a link)\n"),
        ] {
            let found = there.look(Path::new(path)).unwrap().unwrap();
            assert_eq!((found.regular, found.text.as_slice()), (false, text), "{path}");
        }
    }

    #[test]
    fn what_a_client_reports_of_a_name_twice_counts_once() {
        let archive = archive(|builder| {
            for text in [&b"one"[..], b"two"] {
                let mut file = header(EntryType::Regular, 3);
                builder.append_data(&mut file, "etc/a", text).unwrap();
            }
        });
        let there = There::read(&archive).unwrap();
        assert_eq!(there.look(Path::new("/etc/a")).unwrap().unwrap().text, b"two");
        assert_eq!(
            there.entries(Path::new("/etc")).unwrap(),
            [PathBuf::from("/etc/a")]
        );
    }
}
