//! Hosts that do not answer, or not to the end.

use anyhow::Result;
use genbackup::runs::coordinate::judge::How;

use super::{Answer, SUMMARY, is};

#[test]
fn a_host_that_is_at_it_already_is_busy() -> Result<()> {
    let judged = Answer::of("busy\n").judged()?;
    is(&judged, "busy", "another backup of this host is running");
    Ok(())
}

#[test]
fn a_host_that_refuses_gives_the_reason() -> Result<()> {
    let judged = Answer::of("refused received an empty password\n").judged()?;
    is(&judged, "failed", "received an empty password");
    Ok(())
}

#[test]
fn a_host_that_ssh_does_not_reach_is_unreachable() -> Result<()> {
    let complaint = "ssh: connect to host ziz port 50000: No route to host\r\n";
    let judged = Answer::of("")
        .after(How::SshFailed)
        .with_complaint(complaint)
        .judged()?;
    is(&judged, "unreachable", complaint.trim_end());
    Ok(())
}

/// The server of OpenSSH no longer brings the client along in Debian testing.
#[test]
fn a_missing_program_is_not_taken_for_an_answer() -> Result<()> {
    let complaint = "run-backups: line 36: exec: ssh: not found\n";
    let judged = Answer::of("")
        .after(How::NoProgram)
        .with_complaint(complaint)
        .judged()?;
    is(
        &judged,
        "failed",
        "a program for the connection is missing, on this host (`genbackup doctor` names it) or on that one \
         (`genbackup push ziz` names it): run-backups: line 36: exec: ssh: not found",
    );
    Ok(())
}

/// OpenSSH 9.2 and 10.0. A host that may be absent must not count as absent when it answers.
#[test]
fn only_silence_is_unreachable_and_each_refusal_is_a_failure() -> Result<()> {
    for (complaint, status) in [
        (
            "ssh: connect to host ziz port 50000: Connection timed out",
            "unreachable",
        ),
        (
            "ssh: connect to host ziz port 50000: Network is unreachable",
            "unreachable",
        ),
        (
            "ssh: Could not resolve hostname ziz: Temporary failure in name resolution",
            "unreachable",
        ),
        (
            "Connection timed out during banner exchange\r\nConnection to 10.0.0.2 port 50000 timed out",
            "unreachable",
        ),
        ("restic@10.0.0.2: Permission denied (publickey).", "failed"),
        (
            "Received disconnect from 10.0.0.2 port 50000:2: Too many authentication failures",
            "failed",
        ),
        (
            "Unable to negotiate with 10.0.0.2 port 50000: no matching host key type found. Their offer: ssh-rsa",
            "failed",
        ),
        (
            "Unable to negotiate with 10.0.0.2 port 50000: no matching key exchange method found.",
            "failed",
        ),
        (
            "kex_exchange_identification: Connection closed by remote host",
            "failed",
        ),
        (
            "kex_exchange_identification: read: Connection reset by peer",
            "failed",
        ),
        (
            "ssh: connect to host ziz port 50000: Connection refused",
            "failed",
        ),
        (
            "No ED25519 host key is known for ziz\r\nHost key verification failed.",
            "failed",
        ),
        // Errors of the storage host itself: no client was asked.
        (
            "Can't open user config file /etc/genbackup/ssh_config: No such file or directory",
            "failed",
        ),
        (
            "bind 10.0.0.1: Cannot assign requested address\r\nssh: connect to host ziz port 50000: failure",
            "failed",
        ),
        ("", "failed"),
    ] {
        let judged = Answer::of("")
            .after(How::SshFailed)
            .with_complaint(format!("{complaint}\r\n"))
            .judged()?;
        assert_eq!(judged.0, status, "{complaint}: {}", judged.1);
        let why = judged.1.as_str().unwrap_or_default();
        assert!(!why.contains(char::is_control), "{why:?}");
    }
    Ok(())
}

/// A client needs no `genbackup` command.
#[test]
fn a_refused_key_names_the_push_of_that_client() -> Result<()> {
    let complaint = "restic@10.0.0.2: Permission denied (publickey).";
    let judged = Answer::of("")
        .after(How::SshFailed)
        .with_complaint(complaint)
        .judged()?;
    is(
        &judged,
        "failed",
        "it does not accept the storage host's ssh key; run `genbackup push ziz`, or see `genbackup doctor`: \
         restic@10.0.0.2: Permission denied (publickey).",
    );
    Ok(())
}

#[test]
fn a_client_of_the_storage_host_s_kernel_name_has_failed() -> Result<()> {
    let text = |kernel: &str| format!("hello restic\nkernel {kernel}\n{SUMMARY}\nexit 0\n");
    is(
        &Answer::of(text("jak")).judged()?,
        "failed",
        "its kernel host name jak is also that of jak, so restic confuses the locks of both hosts; give one of them \
         another name: `hostnamectl hostname NAME`",
    );
    // restic compares the whole name, and a client of an older release sends none.
    for kernel in ["ziz", "jak.lan", "JAK", ""] {
        assert_eq!(Answer::of(text(kernel)).judged()?.0, "ok", "{kernel}");
    }
    Ok(())
}

#[test]
fn a_host_with_another_key_fails_with_one_line() -> Result<()> {
    let complaint = "@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@\r\n\
                     Host key for ziz has changed and you have requested strict checking.\r\n\
                     Host key verification failed.\r\n";
    let judged = Answer::of("")
        .after(How::SshFailed)
        .with_complaint(complaint)
        .judged()?;
    is(
        &judged,
        "failed",
        "its host key is not the one in the fleet file: it was reinstalled, or another machine answers at its address",
    );
    Ok(())
}

#[test]
fn a_silent_host_has_failed() -> Result<()> {
    let (status, why) = Answer::of("").judged()?;
    assert_eq!(status, "failed");
    assert!(
        why.as_str().is_some_and(|why| why.contains("see its journal")),
        "{why}"
    );
    Ok(())
}

#[test]
fn a_connection_that_ends_before_restic_does_is_interrupted() -> Result<()> {
    let text = format!("hello restic\n{SUMMARY}\n");
    let judged = Answer::of(text).judged()?;
    is(
        &judged,
        "interrupted",
        "the connection closed before restic finished",
    );
    // Cut off in the middle of a line.
    let judged = Answer::of("hello restic\nout {\"message_ty").judged()?;
    is(
        &judged,
        "interrupted",
        "the connection closed before restic finished",
    );
    Ok(())
}

#[test]
fn a_host_that_ssh_loses_in_mid_backup_is_unreachable() -> Result<()> {
    let complaint = "Timeout, server 10.0.0.2 not responding.\r\n";
    let text = format!("hello restic\n{SUMMARY}\n");
    let judged = Answer::of(text.clone())
        .after(How::SshFailed)
        .with_complaint(complaint)
        .judged()?;
    let why = "the connection broke before restic finished: Timeout, server 10.0.0.2 not responding.";
    is(&judged, "unreachable", why);
    let judged = Answer::of(text).after(How::SshFailed).judged()?;
    is(
        &judged,
        "unreachable",
        "the connection broke before restic finished",
    );
    Ok(())
}

#[test]
fn a_host_that_takes_too_long_has_failed() -> Result<()> {
    for text in ["", "hello restic\n"] {
        let judged = Answer::of(text).after(How::TimeLimit).judged()?;
        is(&judged, "failed", "its backup took longer than `time-limit`");
    }
    Ok(())
}
