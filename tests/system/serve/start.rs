//! What stops a server before its first request.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::Result;

use super::*;

/// What a server prints that does not start.
fn complaint(site: &Site) -> Result<String> {
    let (child, connection) = site.connect(&[])?;
    drop(connection);
    let ended = ended(child)?;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    Ok(ended
        .stderr
        .replace(&site.repository().display().to_string(), "/r"))
}

#[test]
fn standard_input_has_to_be_a_socket() -> Result<()> {
    let site = Site::new()?;
    let ended = ended(site.server(&[]).stdin(Stdio::null()).spawn()?)?;
    assert_eq!(
        ended.stderr,
        "error: standard input is no UNIX socket\n\nhint: let systemd start this verb, by a socket unit with `Accept=yes`\n"
    );
    Ok(())
}

#[test]
fn only_a_whole_repository_is_served() -> Result<()> {
    for missing in ["config", "keys", "data", "locks"] {
        let site = Site::new()?;
        let place = site.repository().join(missing);
        let away = site.path("away");
        fs::rename(&place, &away)?;
        let expected = "error: the directory /r holds no repository\n\nhint: see `ls /r`: `config`, `data`, `index`, `keys`, `locks` and `snapshots` belong there\n";
        assert_eq!(complaint(&site)?, expected, "{missing}");
        // A link to elsewhere is no part of the repository.
        symlink(&away, &place)?;
        assert_eq!(complaint(&site)?, expected, "{missing}");
    }
    let site = Site::new()?;
    fs::remove_dir_all(site.repository())?;
    assert!(complaint(&site)?.starts_with("error: cannot open the repository /r: ENOENT"));
    Ok(())
}

#[test]
fn a_file_system_without_unnamed_files_is_named() -> Result<()> {
    let site = Site::new()?;
    let script = r#"mount -t mqueue none "$1/locks" && shift && exec "$@""#;
    let (ours, theirs) = UnixStream::pair()?;
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(site.repository())
        .arg(env!("CARGO_BIN_EXE_genbackup"))
        .arg("serve-repository")
        .arg(site.repository())
        .stdin(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()?;
    drop(ours);
    let ended = ended(child)?;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("O_TMPFILE"), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("\nhint: move the repository to a local file system")
    );
    Ok(())
}
