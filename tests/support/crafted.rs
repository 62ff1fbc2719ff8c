//! A snapshot as an attacker with the password crafts it, in a repository that restic made: a directory that names a path
//! twice. What is written follows restic's documentation of its repository format (doc/design.rst).

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::keys::{Keys, hex};

/// One node of a crafted directory.
pub(crate) enum Node<'n> {
    /// A symbolic link to this target.
    Link(&'n str, &'n str),
    /// A file with this content.
    File(&'n str, &'n str),
    /// A file with this content, of which all others of this kind are hard links.
    Linked(&'n str, &'n str),
    /// A directory.
    Directory(&'n str, Vec<Node<'n>>),
}

/// A pack while it is filled.
#[derive(Default)]
struct Pack {
    content: Vec<u8>,
    header: Vec<u8>,
    blobs: Vec<Value>,
}

impl Pack {
    /// Adds a blob; its id.
    fn add(&mut self, keys: &Keys, kind: &str, text: &[u8]) -> Result<String> {
        let (id, sealed) = (Sha256::digest(text), keys.seal(text)?);
        let length = u32::try_from(sealed.len())?;
        self.blobs
            .push(json!({"id": hex(&id), "type": kind, "offset": self.content.len(), "length": length}));
        self.header.push(u8::from(kind == "tree"));
        self.header.extend(length.to_le_bytes());
        self.header.extend(id);
        self.content.extend(sealed);
        Ok(hex(&id))
    }

    /// Adds a directory and what is in it; the id of its tree.
    fn add_directory(&mut self, keys: &Keys, nodes: &[Node<'_>]) -> Result<String> {
        let common = |name: &str, kind: &str, mode: u32| {
            json!({"name": name, "type": kind, "mode": mode, "uid": 0, "gid": 0, "user": "root", "group": "root",
                   "mtime": "2026-11-20T04:00:00Z", "atime": "2026-11-20T04:00:00Z", "ctime": "2026-11-20T04:00:00Z",
                   "content": null})
        };
        let mut written = Vec::new();
        for node in nodes {
            written.push(match node {
                Node::Link(name, target) => {
                    let mut link = common(name, "symlink", 0o1_000_000_777);
                    link["linktarget"] = json!(target);
                    link
                }
                Node::File(name, text) | Node::Linked(name, text) => {
                    let mut file = common(name, "file", 0o644);
                    file["size"] = json!(text.len());
                    file["content"] = json!([self.add(keys, "data", text.as_bytes())?]);
                    if matches!(node, Node::Linked(..)) {
                        file["links"] = json!(2);
                        file["inode"] = json!(7);
                        file["device_id"] = json!(1);
                    }
                    file
                }
                Node::Directory(name, nodes) => {
                    let mut directory = common(name, "dir", 0o20_000_000_755);
                    directory["subtree"] = json!(self.add_directory(keys, nodes)?);
                    directory
                }
            });
        }
        let tree = format!("{}\n", json!({"nodes": written}));
        self.add(keys, "tree", tree.as_bytes())
    }
}

/// Writes a file whose name is its content's hash below a directory of the repository; the name.
fn store(directory: &Path, content: &[u8]) -> Result<String> {
    let id = hex(&Sha256::digest(content));
    fs::create_dir_all(directory)?;
    fs::write(directory.join(&id), content)?;
    Ok(id)
}

/// Adds a snapshot of a host, with the fleet's tag, whose root has these nodes; its id.
pub(crate) fn snapshot(repository: &Path, password: &str, host: &str, nodes: &[Node<'_>]) -> Result<String> {
    let keys = Keys::of(repository, password)?;
    let mut pack = Pack::default();
    let tree = pack.add_directory(&keys, nodes)?;
    let header = keys.seal(&pack.header)?;
    let length = u32::try_from(header.len())?.to_le_bytes();
    let content = [pack.content.as_slice(), &header, &length].concat();
    let first = hex(&Sha256::digest(&content)[..1]);
    let id = store(&repository.join("data").join(first), &content)?;
    let index = json!({"packs": [{"id": id, "blobs": pack.blobs}]});
    store(
        &repository.join("index"),
        &keys.seal(index.to_string().as_bytes())?,
    )?;
    let snapshot = json!({"time": "2026-11-20T04:00:00Z", "tree": tree, "paths": ["/"], "hostname": host,
                          "username": "root", "tags": ["genbackup"]});
    store(
        &repository.join("snapshots"),
        &keys.seal(snapshot.to_string().as_bytes())?,
    )
}
