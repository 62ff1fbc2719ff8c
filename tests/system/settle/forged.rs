//! Files of a repository as an attacker with the password writes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::site::{PASSWORD, Site};
use crate::keys::{Keys, hex};

/// A pack while it is filled.
#[derive(Default)]
struct Pack {
    content: Vec<u8>,
    header: Vec<u8>,
    blobs: Vec<Value>,
}

impl Pack {
    /// Adds a blob as an index names it, with any bytes in its place.
    fn add(&mut self, blob: Value, bytes: &[u8]) -> Result<()> {
        let raw = blob["uncompressed_length"].as_u64();
        let kind = u8::from(blob["type"] == "tree");
        self.header.push(kind + if raw.is_some() { 2 } else { 0 });
        self.header.extend(u32::try_from(bytes.len())?.to_le_bytes());
        if let Some(raw) = raw {
            self.header.extend(u32::try_from(raw)?.to_le_bytes());
        }
        let id = blob["id"].as_str().context("no id")?;
        let id = (0..id.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&id[at..at + 2], 16));
        self.header.extend(id.collect::<Result<Vec<u8>, _>>()?);
        self.content.extend(bytes);
        self.blobs.push(blob);
        Ok(())
    }

    /// Adds a sound blob; its id.
    fn add_sound(&mut self, keys: &Keys, kind: &str, text: &[u8]) -> Result<String> {
        let (id, sealed) = (hex(&Sha256::digest(text)), keys.seal(text)?);
        let (offset, length) = (self.content.len(), sealed.len());
        self.add(
            json!({"id": id, "type": kind, "offset": offset, "length": length}),
            &sealed,
        )?;
        Ok(id)
    }

    /// Writes the pack; its entry for an index.
    fn stored(mut self, site: &Site) -> Result<Value> {
        let header = site.keys()?.seal(&self.header)?;
        self.content.extend(&header);
        self.content.extend(u32::try_from(header.len())?.to_le_bytes());
        let id = site.store("data", &self.content)?;
        Ok(json!({"id": id, "blobs": self.blobs}))
    }
}

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

    /// Attacks prune: a pack that claims to hold every data blob holds garbage in their places. One further blob of it is
    /// sound, and a snapshot needs it, so prune prefers this pack to those that hold the others. The names of the pack and
    /// of the index that names it.
    pub(super) fn poison(&self) -> Result<(String, String)> {
        let keys = self.keys()?;
        let mut pack = Pack::default();
        for mut claim in self.blobs()?.into_iter().filter(|blob| blob["type"] == "data") {
            let length = claim["length"].as_u64().context("no length")?;
            let garbage = vec![7; usize::try_from(length)?];
            claim["offset"] = json!(pack.content.len());
            pack.add(claim, &garbage)?;
        }
        let bait = pack.add_sound(&keys, "data", b"bait")?;
        let node = json!({"name": "bait", "type": "file", "mode": 420, "size": 4, "content": [bait],
                          "mtime": "2026-11-20T04:00:00Z", "atime": "2026-11-20T04:00:00Z",
                          "ctime": "2026-11-20T04:00:00Z"});
        let mut trees = Pack::default();
        let tree = format!("{}\n", json!({"nodes": [node]}));
        let tree = trees.add_sound(&keys, "tree", tree.as_bytes())?;
        let (poison, trees) = (pack.stored(self)?, trees.stored(self)?);
        let id = poison["id"].as_str().context("no id")?.to_owned();
        let index = self.forge("index", &json!({"packs": [poison, trees]}))?;
        let time = jiff::Timestamp::now().to_string();
        self.forge(
            "snapshots",
            &json!({"time": time, "tree": tree, "paths": ["/"], "hostname": "kai", "tags": ["genbackup"]}),
        )?;
        Ok((id, index))
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
