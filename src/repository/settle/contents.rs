//! What index files claim about packs, in a form that can be compared.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A digest of the blobs that an index names in a pack: their types, hashes, places and lengths.
pub(super) type PackDigest = [u8; 32];

/// The packs that an index file names, each with the digest of its blobs.
pub(super) type Contents = BTreeMap<String, PackDigest>;

/// An index file, by restic's documentation of its format (doc/design.rst).
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    packs: Vec<Pack>,
}

#[derive(Deserialize)]
struct Pack {
    id: String,
    #[serde(default)]
    blobs: Vec<Blob>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Blob {
    offset: u64,
    length: u64,
    #[serde(default)]
    uncompressed_length: u64,
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// Reads an index file, as `restic cat index` prints it; `None` if it is none.
pub(super) fn of_index(text: &[u8]) -> Option<Contents> {
    let index: Index = serde_json::from_slice(text).ok()?;
    let packs = index.packs.into_iter();
    Some(packs.map(|pack| (pack.id, digest(pack.blobs))).collect())
}

fn digest(mut blobs: Vec<Blob>) -> PackDigest {
    blobs.sort_unstable();
    let mut digest = Sha256::new();
    for Blob {
        offset,
        length,
        uncompressed_length,
        kind,
        id,
    } in &blobs
    {
        digest.update(format!("{offset} {length} {uncompressed_length} {kind} {id}\n"));
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(blobs: &str) -> PackDigest {
        let text = format!(r#"{{"packs":[{{"id":"a","blobs":[{blobs}]}}]}}"#);
        of_index(text.as_bytes()).unwrap()["a"]
    }

    #[test]
    fn order_of_blobs_does_not_count_and_each_value_does() {
        let one = r#"{"id":"b","type":"data","offset":0,"length":9}"#;
        let two = r#"{"id":"c","type":"tree","offset":9,"length":9,"uncompressed_length":20}"#;
        let both = digest_of(&format!("{one},{two}"));
        assert_eq!(both, digest_of(&format!("{two},{one}")));
        for (from, to) in [
            ("\"c\"", "\"d\""),
            ("tree", "data"),
            (":9,\"u", ":8,\"u"),
            ("20", "21"),
        ] {
            assert_ne!(
                both,
                digest_of(&format!("{one},{}", two.replace(from, to))),
                "{from}"
            );
        }
        assert_ne!(both, digest_of(one));
    }

    #[test]
    fn what_is_no_index_has_no_contents() {
        for text in ["", "[7]", r#"{"packs":[{"blobs":[]}]}"#, r#"{"packs":7}"#] {
            assert_eq!(of_index(text.as_bytes()), None, "{text}");
        }
    }
}
