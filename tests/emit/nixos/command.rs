//! What the command refuses on NixOS, which it recognizes by a file.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::{Outcome, run};

/// The command with the fleet of the post, as on NixOS.
fn on_nixos(arguments: &[&str]) -> Result<Outcome> {
    // Files that it should not have written do not stay.
    let script = "mount -t tmpfs none /etc
        mount -t tmpfs none /usr/local
        touch /etc/NIXOS
        exec \"$@\"";
    run(Command::new("unshare")
        .args(["--mount", "--propagation=private", "bash", "-euc", script, "bash"])
        .arg(env!("CARGO_BIN_EXE_genbackup"))
        .arg("--fleet")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/post/fleet.toml"))
        .args(arguments))
}

#[test]
fn emit_names_the_commands_of_nixos_instead_of_its_own() -> Result<()> {
    for arguments in [
        &["emit", "--host", "jak"][..],
        &["emit", "--host", "jak", "--diff"],
        &["emit", "--host", "jak", "--force"],
        &["emit", "--now"],
    ] {
        let refused = on_nixos(arguments)?;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        for (word, is_named) in [
            ("`nixos-rebuild switch`", true),
            ("genbackup emit", false),
            ("--force", false),
        ] {
            assert_eq!(
                refused.stderr.contains(word),
                is_named,
                "{arguments:?}: {}",
                refused.stderr
            );
        }
    }
    Ok(())
}

#[test]
fn emit_writes_another_tree_on_nixos() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let root = directory.path().to_str().unwrap_or_default();
    let written = on_nixos(&["emit", "--host", "jak", "--root", root])?;
    ensure!(written.status.success(), "{}", written.stderr);
    assert!(
        directory
            .path()
            .join("etc/systemd/system/genbackup.timer")
            .exists()
    );
    Ok(())
}
