//! Files of a machine.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::{Machine, quoted};
use crate::process::{command, output_of};

impl Machine {
    /// Writes a file, with the directories above it; owner and group are root. `mode` is for example `0o644`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_file(&self, path: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
        self.succeeds_with(
            &format!("install -D --mode={mode:04o} /dev/stdin {}", quoted(path)),
            bytes,
        )
        .map(drop)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_file(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let output = self.run(&format!("cat -- {}", quoted(path)))?;
        ensure!(
            output.status == 0,
            "{}: cannot read `{path}`: {}",
            self.name(),
            output.error_text()
        );
        Ok(output.stdout)
    }

    /// Copies what is under `directory` on this machine to the guest's `/`, with modes and links; root owns it all.
    /// Directories that are there already keep their modes.
    ///
    /// # Errors
    /// When it cannot be packed here or unpacked there.
    pub fn install_tree(&self, directory: &Path) -> anyhow::Result<()> {
        self.unpack(directory, &[PathBuf::from(".")])
    }

    /// Copies files and directories of this machine, by their absolute paths, to the same places of the guest; root owns
    /// them all.
    ///
    /// # Errors
    /// When one cannot be packed here or unpacked there.
    pub fn install_paths(&self, paths: &[PathBuf]) -> anyhow::Result<()> {
        let below_root = |path: &PathBuf| path.strip_prefix("/").map(Path::to_path_buf);
        let paths: Vec<PathBuf> = paths.iter().map(below_root).collect::<Result<_, _>>()?;
        self.unpack(Path::new("/"), &paths)
    }

    fn unpack(&self, directory: &Path, paths: &[PathBuf]) -> anyhow::Result<()> {
        let archive = tempfile::NamedTempFile::new()?;
        output_of(
            command("tar")
                .args([
                    "--create",
                    "--gzip",
                    "--owner=0",
                    "--group=0",
                    "--numeric-owner",
                    "--sort=name",
                ])
                .arg("--file")
                .arg(archive.path())
                .arg("--directory")
                .arg(directory)
                .args(paths),
        )?;
        let bytes = std::fs::read(archive.path())?;
        let unpack = "tar --extract --gzip --directory=/ --preserve-permissions --numeric-owner \
                      --no-overwrite-dir --keep-directory-symlink";
        self.succeeds_with(unpack, &bytes).map(drop)
    }

    /// Its public ed25519 host key, as in `known_hosts`: `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// When it has none yet.
    pub fn host_key(&self) -> anyhow::Result<String> {
        self.succeeds("cut --delimiter=' ' --fields=1,2 /etc/ssh/ssh_host_ed25519_key.pub")
    }
}
