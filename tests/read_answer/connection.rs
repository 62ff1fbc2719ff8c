//! Hosts that do not answer, or not to the end.

use anyhow::Result;

use crate::{Answer, SUMMARY, is};

#[test]
fn a_host_that_is_at_it_already_is_busy() -> Result<()> {
    let judged = Answer::of("busy\n").judged()?;
    is(&judged, "busy", "a backup of this host is running already");
    Ok(())
}

#[test]
fn a_host_that_refuses_says_why() -> Result<()> {
    let judged = Answer::of("refused the password is empty\n")
        .with_code(1)
        .judged()?;
    is(&judged, "failed", "the password is empty");
    Ok(())
}

#[test]
fn a_host_that_ssh_does_not_reach_is_unreachable() -> Result<()> {
    let complaint = "ssh: connect to host ziz port 50000: No route to host\r\n";
    let judged = Answer::of("").with_code(255).with_complaint(complaint).judged()?;
    assert_eq!(judged.0, "unreachable");
    assert_eq!(judged.1.as_str().map(str::trim_end), Some(complaint.trim_end()));
    Ok(())
}

#[test]
fn a_host_that_shows_another_key_is_unreachable_and_it_is_said_in_one_line() -> Result<()> {
    let complaint = "@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@\r\n\
                     Host key for ziz has changed and you have requested strict checking.\r\n\
                     Host key verification failed.\r\n";
    let judged = Answer::of("").with_code(255).with_complaint(complaint).judged()?;
    is(
        &judged,
        "unreachable",
        "it shows another host key than the fleet file has: it was installed anew, or another machine answers in its place",
    );
    Ok(())
}

#[test]
fn a_host_that_says_nothing_has_failed() -> Result<()> {
    let (status, why) = Answer::of("").judged()?;
    assert_eq!(status, "failed");
    assert!(
        why.as_str()
            .is_some_and(|why| why.contains("its journal says why")),
        "{why}"
    );
    Ok(())
}

#[test]
fn a_connection_that_ends_before_restic_does_is_interrupted() -> Result<()> {
    let text = format!("hello restic\n{SUMMARY}\n");
    let judged = Answer::of(text).judged()?;
    is(&judged, "interrupted", "the connection ended before restic did");
    // Cut off in the middle of a line.
    let judged = Answer::of("hello restic\nout {\"message_ty").judged()?;
    is(&judged, "interrupted", "the connection ended before restic did");
    Ok(())
}

#[test]
fn a_host_that_ssh_loses_in_mid_backup_is_unreachable() -> Result<()> {
    let complaint = "Timeout, server 10.0.0.2 not responding.\r\n";
    let text = format!("hello restic\n{SUMMARY}\n");
    let judged = Answer::of(text.clone())
        .with_code(255)
        .with_complaint(complaint)
        .judged()?;
    let why = "the connection broke before restic ended: Timeout, server 10.0.0.2 not responding.";
    is(&judged, "unreachable", why);
    let judged = Answer::of(text).with_code(255).judged()?;
    is(&judged, "unreachable", "the connection broke before restic ended");
    Ok(())
}

#[test]
fn a_host_that_takes_too_long_has_failed() -> Result<()> {
    for code in [124, 137] {
        for text in ["", "hello restic\n"] {
            let judged = Answer::of(text).with_code(code).judged()?;
            is(&judged, "failed", "it took longer than the time limit");
        }
    }
    Ok(())
}
