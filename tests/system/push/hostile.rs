//! Clients that answer what no client should. What they send is bounded, and a terminal obeys none of it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tar::{Builder, Header};

use super::machine::{Lab, table};

const READY: &str = "echo genbackup-push ready; ";
/// Enough for the largest answers of two clients, and far less than a client can send in the time.
const MEMORY: u32 = 300_000;

/// Nothing but line ends and tabs, and what is printable.
fn is_harmless(text: &str) -> bool {
    text.chars()
        .all(|character| matches!(character, '\n' | '\t') || !character.is_control())
}

/// What is reported of a client that does this.
fn reported(far_end: &str) -> Result<String> {
    let lab = Lab::empty()?;
    lab.script("ziz", far_end)?;
    let pushed = lab.push_within(MEMORY, &["ziz"])?;
    ensure!(
        pushed.status.code() == Some(1),
        "{far_end}: {}: {}",
        pushed.status,
        pushed.stderr
    );
    let output = format!("{}{}", pushed.stdout, pushed.stderr);
    ensure!(
        is_harmless(&output) && output.len() < 20_000,
        "{far_end}: {} bytes: {output:?}",
        output.len()
    );
    assert_eq!(table(&pushed.stdout)[1][..2], ["ziz", "failed"], "{far_end}");
    Ok(pushed.stderr)
}

#[test]
fn a_client_that_sends_garbage_or_without_an_end_is_refused() -> Result<()> {
    for far_end in [
        "head --bytes=200000 /dev/urandom",
        "cat /dev/urandom",
        "yes",
        "cat /dev/zero",
        "timeout 2 cat /dev/zero >&2; exit 255",
        "timeout 2 yes $'\\e[2J' >&2; exit 255",
    ] {
        let stderr = reported(far_end)?;
        ensure!(stderr.starts_with("ziz: error: "), "{far_end}: {stderr}");
    }
    Ok(())
}

#[test]
fn an_answer_that_is_none_or_has_no_end_is_refused() -> Result<()> {
    for far_end in [
        "exit",
        "head --bytes=200000 /dev/urandom",
        "cat /dev/zero",
        "yes",
        "yes 0 9 9",
        "yes 0 0 0",
        "echo 0 16777216 0; cat /dev/zero",
        "echo 0 99999999999 0; cat /dev/zero",
        "echo 7 0 16777216; cat /dev/zero",
        "printf '1 0 9\\n\\e[2J\\e]0;x\\a'",
        "printf '0 \\e[2J 0\\n'",
    ] {
        let stderr = reported(&format!("{READY}{far_end}"))?;
        ensure!(stderr.starts_with("ziz: error: "), "{far_end}: {stderr}");
    }
    Ok(())
}

#[test]
fn a_client_without_an_end_keeps_no_other_waiting() -> Result<()> {
    let lab = Lab::new()?;
    lab.script("kai", &format!("{READY}cat /dev/zero"))?;
    let pushed = lab.push_within(MEMORY, &[])?;
    ensure!(pushed.status.code() == Some(1), "{}", pushed.stderr);
    assert_eq!(table(&pushed.stdout)[1], ["kai", "failed", "-", "-"]);
    assert_eq!(table(&pushed.stdout)[2][..2], ["ziz", "ok"]);
    assert_eq!(lab.tree("ziz")?, lab.emitted("ziz")?);
    Ok(())
}

/// A client that answers each request with these archives, one after the other.
fn answers(lab: &Lab, archives: &[Vec<u8>]) -> Result<()> {
    let mut script = vec![READY.to_owned()];
    for (number, archive) in archives.iter().enumerate() {
        let file = lab.file(&format!("archive-{number}"));
        fs::write(&file, archive)?;
        let file = file.to_str().context("no UTF-8")?;
        script.push(format!("echo 0 {} 0; cat {file};", archive.len()));
    }
    lab.script("ziz", &script.concat())
}

fn archive(files: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = Header::new_gnu();
        // The path as it is, even if it leads outside.
        let name = &mut header.as_old_mut().name;
        ensure!(path.len() < name.len(), "{path} is too long");
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        builder.append(&header, *text)?;
    }
    Ok(builder.into_inner()?)
}

#[test]
fn an_archive_that_leads_elsewhere_is_refused() -> Result<()> {
    let lab = Lab::empty()?;
    answers(&lab, &[archive(&[("../../etc/passwd", b"x")])?])?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.starts_with(
            "ziz: error: its answer is not a tar archive: `../../etc/passwd` is not below the root"
        ),
        "{complaint}"
    );
    Ok(())
}

#[test]
fn texts_and_names_of_a_client_are_printed_without_what_a_terminal_obeys() -> Result<()> {
    let lab = Lab::empty()?;
    let manifest = br#"{"files": {"etc/\u001b[2J\u202e": ["00"]}}"#;
    let first = archive(&[("etc/genbackup/manifest.json", manifest)])?;
    let second = archive(&[
        ("etc/genbackup/manifest.json", manifest),
        ("etc/\u{1b}[2J\u{202e}", b"x"),
        ("etc/genbackup/include", b"\x1b]0;title\x07\xff\n\tmine\n"),
    ])?;
    let archives = [first, second];
    answers(&lab, &archives)?;
    let (printed, complaint) = lab.refused(&["ziz", "--diff"])?;
    ensure!(
        printed.contains("\n-\\u{1b}]0;title\\u{7}\u{fffd}\n-\tmine\n") && is_harmless(&printed),
        "{printed:?}"
    );
    let note =
        "ziz: note: `/etc/\\u{1b}[2J\\u{202e}` is no longer needed, but was modified locally, so it stays\n";
    ensure!(
        complaint.starts_with(note) && is_harmless(&complaint),
        "{complaint:?}"
    );

    answers(&lab, &archives)?;
    let (_, complaint) = lab.refused(&["ziz"])?;
    ensure!(
        complaint.contains("\n-\\u{1b}]0;title\\u{7}\u{fffd}\n-\tmine\n") && is_harmless(&complaint),
        "{complaint:?}"
    );
    Ok(())
}

#[test]
fn a_large_text_in_the_place_of_ours_is_compared_in_time() -> Result<()> {
    let lab = Lab::empty()?;
    // Nothing like a page of recovery, and as many lines as a file may have that is compared.
    let text: String = (0..512 * 1024)
        .map(|number| if number % 7 < 3 { "x\n" } else { "\n\n" })
        .collect();
    let text = text.get(..1024 * 1024).context("it is shorter")?;
    let there = archive(&[("etc/genbackup/RECOVERY.md", text.as_bytes())])?;
    answers(&lab, &[archive(&[])?, there])?;
    let started = Instant::now();
    let (_, complaint) = lab.refused(&["ziz"])?;
    let what = "ziz: error: modified locally, or not written by genbackup: `/etc/genbackup/RECOVERY.md`";
    ensure!(complaint.starts_with(what), "{complaint:.300}");
    ensure!(complaint.contains(" more lines)\n") && complaint.contains("\nhint: put your changes"));
    ensure!(
        complaint.lines().count() < 300,
        "{} lines",
        complaint.lines().count()
    );
    ensure!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}
