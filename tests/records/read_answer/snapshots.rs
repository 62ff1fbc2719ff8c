//! What restic made of it: whole, in part, or not at all.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Answer, SUMMARY, is};

#[test]
fn a_backup_without_a_hitch_is_ok_and_restic_s_summary_is_untouched() -> Result<()> {
    let text = format!("hello restic 0.18.0 compiled with go\n{SUMMARY}\nexit 0\n");
    let (events, last) = Answer::of(text).events()?;
    assert_eq!(events.len(), 1);
    let summary = json!({"message_type": "summary", "files_new": 3, "snapshot_id": "1a2b3c4d"});
    assert_eq!(events[0]["message"], summary);
    assert_eq!(last["status"], "ok");
    assert_eq!(last["why"], Value::Null);
    assert_eq!(last["exit-code"], 0);
    assert_eq!(last["restic-version"], "restic 0.18.0 compiled with go");
    assert_eq!(
        (&last["missing-count"], &last["unreadable-count"]),
        (&json!(0), &json!(0))
    );
    assert!(
        last["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0),
        "{last}"
    );
    Ok(())
}

#[test]
fn files_that_restic_cannot_read_make_it_partial_and_are_named() -> Result<()> {
    let error = |item: &str, during: &str| {
        let error = json!({"message_type": "error", "error": {"message": "permission denied"},
            "during": during, "item": item});
        format!("out {error}\n")
    };
    let text = format!(
        "hello restic\n{}{}{}{SUMMARY}\nexit 3\n",
        error("/etc/a \"b\"", "scan"),
        error("/etc/a \"b\"", "archival"),
        error("/etc/größe\n", "archival")
    );
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(last["why"], "unreadable: /etc/a \"b\", /etc/größe\\u{0a}");
    assert_eq!(last["unreadable"], json!(["/etc/a \"b\"", "/etc/größe\\u{0a}"]));
    assert_eq!(last["unreadable-count"], 2);
    assert_eq!(last["exit-code"], 3);
    Ok(())
}

#[test]
fn a_missing_path_makes_it_partial_though_restic_is_content() -> Result<()> {
    let text = format!("hello restic\nmissing /srv/my files\n{SUMMARY}\nexit 0\n");
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(last["missing"], json!(["/srv/my files"]));
    assert_eq!(last["missing-count"], 1);
    assert_eq!(last["why"], "missing: /srv/my files");
    Ok(())
}

#[test]
fn an_exit_status_of_3_without_a_snapshot_is_a_failure() -> Result<()> {
    is(
        &Answer::of("hello restic\nexit 3\n").judged()?,
        "failed",
        "restic exited with 3",
    );
    Ok(())
}

#[test]
fn a_missing_path_and_no_snapshot_is_a_failure() -> Result<()> {
    let (status, _) = Answer::of("hello restic\nmissing /srv\nexit 0\n").judged()?;
    assert_eq!(status, "failed");
    Ok(())
}

#[test]
fn the_error_of_restic_is_the_reason() -> Result<()> {
    for (printed, why) in [
        (
            r#"out {"message_type":"exit_error","code":11,"message":"unable to create lock"}"#,
            "unable to create lock",
        ),
        (
            "out Fatal: wrong password or no key found",
            "Fatal: wrong password or no key found",
        ),
        (r#"out {"message_type":"error","error":{},"item":"/a"}"#, "{}"),
        (
            r#"out {"message_type":"error","error":"disk quota exceeded","item":"/a"}"#,
            "disk quota exceeded",
        ),
        ("out null", "null"),
        ("out [1]", "[1]"),
    ] {
        let judged = Answer::of(format!("hello restic\n{printed}\nexit 1\n")).judged()?;
        let (status, printed) = judged;
        assert_eq!(status, "failed");
        let printed = printed.as_str().context("no reason")?;
        assert!(
            printed.contains(&format!("restic exited with 1: {why}")),
            "{printed}"
        );
    }
    Ok(())
}

/// With the exit codes of restic 0.17 and later, and with the texts of restic 0.14.
#[test]
fn frequent_failures_are_reported_in_plain_words() -> Result<()> {
    for (code, printed, meaning) in [
        (
            10,
            "out Fatal: repository does not exist",
            "there is no repository in the directory",
        ),
        (
            1,
            "out Fatal: unable to open config file: stat /r/config: no such file or directory",
            "there is no repository in the directory",
        ),
        (11, "out whatever", "another process has locked the repository"),
        // restic 0.14 puts a trace of its calls between what is wrong and what it was about to do.
        (
            1,
            "out write /r/locks/49-tmp-1: no space left on device\n\
             out github.com/restic/restic/internal/backend/local.(*Local).Save\n\
             out \t/build/local.go:170\n\
             out unable to create lock in backend",
            "the repository's file system is full: restic exited with 1: write /r/locks/49-tmp-1: no space left on \
             device",
        ),
        (
            1,
            "out unable to create lock in backend: repository is already locked by PID 1 on kai by root\n\
             out the `unlock` command can be used to remove stale locks",
            "another process has locked the repository for longer than `lock-wait`: restic exited with 1: \
             unable to create lock in backend: repository is already locked by PID 1 on kai by root",
        ),
        (
            12,
            "out whatever",
            "the password file does not contain the password of this repository",
        ),
        (
            1,
            "out Fatal: wrong password or no key found",
            "the password file does not contain",
        ),
        (
            1,
            "out Fatal: unable to save snapshot: write /r/data: no space left on device",
            "the repository's file system is full",
        ),
    ] {
        let (status, why) = Answer::of(format!("hello restic\n{printed}\nexit {code}\n")).judged()?;
        assert_eq!(status, "failed");
        assert!(
            why.as_str().is_some_and(|why| why.starts_with(meaning)),
            "{code}: {printed}: {why}"
        );
    }
    // Not every failure has a meaning.
    is(
        &Answer::of("hello restic\nexit 2\n").judged()?,
        "failed",
        "restic exited with 2",
    );
    Ok(())
}

#[test]
fn a_directory_that_became_empty_and_a_disk_that_is_away_make_it_partial() -> Result<()> {
    let text = format!("hello restic\nmissing /a\nempty /srv/b c\nunmounted /srv/d\n{SUMMARY}\nexit 0\n");
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(last["why"], "missing: /a; empty: /srv/b c; not mounted: /srv/d");
    assert_eq!(
        (&last["empty"], &last["empty-count"]),
        (&json!(["/srv/b c"]), &json!(1))
    );
    assert_eq!(
        (&last["unmounted"], &last["unmounted-count"]),
        (&json!(["/srv/d"]), &json!(1))
    );
    // A failure names them as well: they may be its reason.
    let (status, why) = Answer::of("hello restic\nmissing /a\nexit 1\n").judged()?;
    assert_eq!(
        (status.as_str(), why),
        ("failed", json!("restic exited with 1; missing: /a"))
    );
    Ok(())
}

#[test]
fn a_host_with_a_wrong_clock_is_reported() -> Result<()> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs();
    let last_event = |clock: u64| {
        Answer::of(format!("hello restic\n{SUMMARY}\nclock {clock}\nexit 0\n"))
            .events()
            .map(|(_, last)| last)
    };
    for near in [now - 200, now, now + 200] {
        let last = last_event(near)?;
        assert_eq!(
            (&last["status"], &last["clock-off"]),
            (&json!("ok"), &Value::Null),
            "{near}"
        );
    }
    let year = 31_536_000;
    for (far, word) in [(now + year, "ahead"), (now - year, "behind"), (0, "behind")] {
        let last = last_event(far)?;
        assert_eq!(last["status"], "partial", "{last}");
        let why = last["why"].as_str().context("no reason")?;
        assert!(why.starts_with("its clock is ") && why.contains(word), "{why}");
        let off = last["clock-off"].as_f64().context("no number")?;
        assert_eq!(off > 0.0, far > now, "{off}");
    }
    // What is no time is no clock.
    for clock in ["", "-1", "1e999", "9999999999999999", "now"] {
        let text = format!("hello restic\n{SUMMARY}\nclock {clock}\nexit 0\n");
        let (_, last) = Answer::of(text).events()?;
        assert_eq!(
            (&last["status"], &last["clock-off"]),
            (&json!("ok"), &Value::Null),
            "{clock}"
        );
    }
    Ok(())
}

#[test]
fn a_symbolic_link_that_is_included_makes_it_partial_and_is_named() -> Result<()> {
    let text = format!("hello restic\nlink /home/me/documents -> /data/documents\n{SUMMARY}\nexit 0\n");
    let (_, last) = Answer::of(text).events()?;
    assert_eq!(last["status"], "partial");
    assert_eq!(
        (&last["links"], &last["links-count"]),
        (&json!(["/home/me/documents -> /data/documents"]), &json!(1))
    );
    assert_eq!(
        last["why"],
        "symbolic link, saved only as a link (include its target): /home/me/documents -> /data/documents"
    );
    Ok(())
}

#[test]
fn a_snapshot_without_a_file_is_partial_unless_every_include_may_be_empty() -> Result<()> {
    let summary =
        |files: u64| format!("out {{\"message_type\":\"summary\",\"total_files_processed\":{files}}}");
    let judged = |text: &str| Answer::of(format!("hello restic\n{text}\nexit 0\n")).judged();
    is(&judged(&summary(0))?, "partial", "the snapshot contains no files");
    is(
        &judged(&format!("empty /srv\n{}", summary(0)))?,
        "partial",
        "empty: /srv; the snapshot contains no files",
    );
    assert_eq!(judged(&format!("no-files\n{}", summary(0)))?.0, "ok");
    assert_eq!(judged(&summary(1))?.0, "ok");
    Ok(())
}

/// What each version prints when it gets SIGINT: 0.14, 0.18 and 0.19.
#[test]
fn a_restic_that_was_stopped_by_a_signal_is_interrupted() -> Result<()> {
    for (printed, code) in [
        ("out \u{1b}[2Ksignal interrupt received, cleaning up", 130),
        (
            "out \u{1b}[2Ksignal interrupt received, cleaning up\n\
             out {\"message_type\":\"exit_error\",\"code\":1,\"message\":\"Fatal: unable to save snapshot: context canceled\"}",
            1,
        ),
        (
            "out \rsignal interrupt received, cleaning up \n\
             out {\"message_type\":\"exit_error\",\"code\":130,\"message\":\"Fatal: unable to save snapshot: context canceled\"}",
            130,
        ),
    ] {
        let judged = Answer::of(format!("hello restic\n{printed}\nexit {code}\n")).judged()?;
        is(&judged, "interrupted", "a signal on the host stopped restic");
    }
    Ok(())
}

#[test]
fn a_line_of_json_that_was_cut_off_is_not_restic_s_last_word() -> Result<()> {
    for cut in [
        "{\"mess",
        "{\"message_type\":\"status\",\"percent_done\":0.5,\"tot",
    ] {
        let text = format!("hello restic\nout Fatal: no room\nout {cut}\nexit 1\n");
        is(
            &Answer::of(text).judged()?,
            "failed",
            "restic exited with 1: Fatal: no room",
        );
        let text = format!("hello restic\nout {cut}\nexit 137\n");
        is(
            &Answer::of(text).judged()?,
            "failed",
            "restic was killed, most likely because memory ran out (`memory-limit`): restic exited with 137",
        );
    }
    Ok(())
}

#[test]
fn a_reason_ends_before_the_first_frame_of_a_stack_trace() -> Result<()> {
    // restic 0.14, whose user may not write into the repository.
    let lines = "hello restic\n\
        out open /r/locks/41b0-tmp-1: permission denied\n\
        out github.com/restic/restic/internal/backend/local.(*Local).Save\n\
        out \tgithub.com/restic/restic/internal/backend/local/local.go:153\n\
        out github.com/restic/restic/internal/backend/limiter.rateLimitedBackend.Save\n\
        out \tgithub.com/restic/restic/internal/backend/limiter/limiter_backend.go:30\n\
        out main.glob..func2\n\
        out \tgithub.com/restic/restic/cmd/restic/cmd_backup.go:74\n\
        out runtime.goexit\n\
        out \truntime/asm_amd64.s:1594\n\
        out unable to create lock in backend\nexit 1\n";
    let why =
        "restic exited with 1: unable to create lock in backend: open /r/locks/41b0-tmp-1: permission denied";
    is(&Answer::of(lines).judged()?, "failed", why);
    let message = json!({"message_type": "exit_error", "code": 1,
        "message": "Fatal: no\ngithub.com/restic/restic/internal.(*A).B\n\t/build/a.go:1\nmain.main\n\t/b.go:2"});
    let judged = Answer::of(format!("hello restic\nout {message}\nexit 1\n")).judged()?;
    is(&judged, "failed", "restic exited with 1: Fatal: no");
    Ok(())
}
