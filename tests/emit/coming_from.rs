//! The fleet files of docs/coming-from.md: each is one that `check` accepts, and from which files are emitted.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on files of the page"
)]

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::command::{genbackup, run};

/// The blocks of TOML of the page.
fn fleet_files() -> Result<Vec<String>> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coming-from.md"))?;
    let blocks = page.split("```toml\n").skip(1);
    Ok(blocks
        .filter_map(|block| Some(block.split_once("\n```")?.0.to_owned() + "\n"))
        .collect())
}

#[test]
fn each_fleet_file_of_the_page_is_accepted_and_emitted() -> Result<()> {
    let files = fleet_files()?;
    assert_eq!(files.len(), 3, "resticprofile, borgmatic, nixpkgs");
    for text in files {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("fleet.toml");
        fs::write(&file, &text)?;
        let with = |words: &[&str]| run(genbackup().arg("--fleet").arg(&file).args(words));
        let checked = with(&["check"])?;
        assert!(
            checked.status.success(),
            "{text}{}{}",
            checked.stdout,
            checked.stderr
        );
        let root = folder.path().join("hosts");
        let emitted = with(&["emit", "--all", "--root", &root.to_string_lossy()])?;
        assert!(emitted.status.success(), "{text}{emitted:?}");
        let unit = root.join("attic/etc/systemd/system/genbackup-backup@.service");
        assert!(unit.exists(), "{text}{emitted:?}");
    }
    Ok(())
}
