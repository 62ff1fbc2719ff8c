//! The fleet files of the chapters for users of other tools: `check` accepts each, and `emit` writes its files.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on files of the book"
)]

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::{genbackup, run};

/// The tools that have a chapter.
const TOOLS: [&str; 3] = ["borgmatic", "nixpkgs", "resticprofile"];

/// The fleet file of a chapter.
fn fleet_file(tool: &str) -> Result<String> {
    let chapter = format!("docs/src/how-to/coming-from-{tool}.md");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&chapter))?;
    let block = text.split_once("\n<!-- test: fleet file -->\n```toml\n");
    let block = block.and_then(|(_, rest)| rest.split_once("\n```\n"));
    let (block, _) = block.with_context(|| format!("{chapter} has no fleet file"))?;
    Ok(format!("{block}\n"))
}

#[test]
fn each_translated_fleet_file_is_accepted_and_emitted() -> Result<()> {
    for tool in TOOLS {
        let text = fleet_file(tool)?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("fleet.toml");
        fs::write(&file, &text)?;
        let with = |words: &[&str]| run(genbackup().arg("--fleet").arg(&file).args(words));
        let checked = with(&["check"])?;
        assert!(
            checked.status.success(),
            "{text}{}{}",
            checked.stdout,
            checked.stderr
        );
        let root = directory.path().join("hosts");
        let emitted = with(&["emit", "--all", "--root", &root.to_string_lossy()])?;
        assert!(emitted.status.success(), "{text}{emitted:?}");
        let unit = root.join("attic/etc/systemd/system/genbackup-backup@.service");
        assert!(unit.exists(), "{text}{emitted:?}");
    }
    Ok(())
}
