//! Files of a repository as an attacker with the password writes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::site::{PASSWORD, Site};
use crate::keys::{Keys, hex};

impl Site {
    fn keys(&self) -> Result<Keys> {
        Keys::of(&self.repository(), PASSWORD)
    }

    /// Writes a file whose name is its hash; the name.
    pub(super) fn store(&self, directory: &str, content: &[u8]) -> Result<String> {
        let name = hex(&Sha256::digest(content));
        let directory = match directory {
            "data" => self.repository().join("data").join(&name[..2]),
            other => self.repository().join(other),
        };
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(&name), content)?;
        Ok(name)
    }

    /// Writes a sealed index or snapshot; its name.
    pub(super) fn forge(&self, directory: &str, content: &Value) -> Result<String> {
        let sealed = self.keys()?.seal(content.to_string().as_bytes())?;
        self.store(directory, &sealed)
    }

    /// Writes a snapshot of a host with a time, and the tree of the newest honest one; its name.
    pub(super) fn forge_snapshot(&self, host: &str, time: jiff::Timestamp, tags: &[&str]) -> Result<String> {
        let tree = self.tree()?;
        self.forge(
            "snapshots",
            &json!({"time": time.to_string(), "tree": tree, "paths": ["/"], "hostname": host, "tags": tags}),
        )
    }

    /// The tree of the newest snapshot.
    fn tree(&self) -> Result<String> {
        let snapshots: Vec<Value> = serde_json::from_str(&self.restic(&["snapshots", "--json"])?)?;
        let newest = snapshots.last().context("no snapshot")?;
        Ok(newest["tree"].as_str().context("no tree")?.to_owned())
    }

    /// Every blob that the index names.
    pub(super) fn blobs(&self) -> Result<Vec<Value>> {
        let mut blobs = Vec::new();
        for index in self.names("index")? {
            let index: Value = serde_json::from_str(&self.restic(&["cat", "index", &index])?)?;
            let packs = index["packs"].as_array().into_iter().flatten();
            blobs.extend(packs.flat_map(|pack| pack["blobs"].as_array().cloned().unwrap_or_default()));
        }
        Ok(blobs)
    }

    /// Writes a pack of random bytes, and an index that claims that it holds every data blob. Its header claims the same,
    /// so its size is right. The names of both.
    pub(super) fn poison(&self) -> Result<(String, String)> {
        let (mut content, mut header, mut claimed) = (Vec::new(), Vec::new(), Vec::new());
        for blob in self.blobs()?.iter().filter(|blob| blob["type"] == "data") {
            let length = u32::try_from(blob["length"].as_u64().context("no length")?)?;
            let id = blob["id"].as_str().context("no id")?;
            let raw = blob["uncompressed_length"].as_u64();
            header.push(if raw.is_some() { 2 } else { 0 });
            header.extend(length.to_le_bytes());
            if let Some(raw) = raw {
                header.extend(u32::try_from(raw)?.to_le_bytes());
            }
            header.extend(
                (0..64)
                    .step_by(2)
                    .filter_map(|at| u8::from_str_radix(&id[at..at + 2], 16).ok()),
            );
            let mut claim = blob.clone();
            claim["offset"] = json!(content.len());
            claimed.push(claim);
            content.resize(content.len() + usize::try_from(length)?, 7);
        }
        let header = self.keys()?.seal(&header)?;
        content.extend(&header);
        content.extend(u32::try_from(header.len())?.to_le_bytes());
        let pack = self.store("data", &content)?;
        let index = self.forge("index", &json!({"packs": [{"id": pack, "blobs": claimed}]}))?;
        Ok((pack, index))
    }

    /// Changes one byte of a pack, and gives the pack the name of its new hash, as a client would upload it. The new name.
    pub(super) fn damage(&self, pack: &str) -> Result<String> {
        let path = self.pack(pack);
        let mut content = fs::read(&path)?;
        content[100] ^= 1;
        fs::remove_file(&path)?;
        self.store("data", &content)
    }

    /// Where a pack is.
    pub(super) fn pack(&self, name: &str) -> PathBuf {
        self.repository().join("data").join(&name[..2]).join(name)
    }

    /// Removes every file below a directory.
    pub(super) fn clear(&self, directory: &str) -> Result<()> {
        for name in self.names(directory)? {
            let below = if directory == "data" { &name[..2] } else { "" };
            let path = Path::new(directory).join(below).join(&name);
            fs::remove_file(self.repository().join(path))?;
        }
        Ok(())
    }
}
