//! What is read from the record of a run, whatever is in it.

#![expect(clippy::disallowed_methods, reason = "the tests make directories of records")]

mod interleaved;

use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use genbackup::runs::record::{self, BadLine, LINE_LIMIT, Lines, Phase, Reason, Run, Status};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/records")
}

fn text(name: &str) -> Result<Vec<u8>> {
    std::fs::read(directory().join(format!("{name}.jsonl"))).with_context(|| name.to_owned())
}

fn read(record: &[u8]) -> Result<Run> {
    Ok(Run::read("20261123T060640Z".parse()?, record)?)
}

fn run(name: &str) -> Result<Run> {
    read(&text(name)?)
}

fn statuses(run: &Run) -> Vec<(&str, String)> {
    let status = |host: &record::HostRun| host.status().to_string();
    run.hosts
        .iter()
        .map(|(name, host)| (name.as_str(), status(host)))
        .collect()
}

fn bad(number: u64, reason: Reason) -> Vec<BadLine> {
    vec![BadLine { number, reason }]
}

fn all_ok() -> Vec<(&'static str, String)> {
    ["jak", "kai", "ziz"].map(|host| (host, "ok".to_owned())).to_vec()
}

#[test]
fn a_good_night_is_recorded_completely() -> Result<()> {
    let run = run("a-good-night")?;
    assert!(run.is_finished());
    assert_eq!(run.id.start().to_string(), "2026-11-23T06:06:40Z");
    assert_eq!(run.end.context("no end")?.to_string(), "2026-11-23T06:07:08Z");
    assert_eq!(run.versions["genbackup"], "0.1.0");
    assert_eq!(statuses(&run), all_ok());
    let kai = &run.hosts["kai"];
    assert_eq!(kai.start.context("no start")?.to_string(), "2026-11-23T06:06:43Z");
    assert_eq!(
        kai.summary.as_ref().context("no summary")?["data_added_packed"],
        3_004_474
    );
    let finished = kai.finished.as_ref().context("no end")?;
    assert_eq!((finished.seconds, finished.exit_code), (Some(9.01), Some(0)));
    let forget = run.phases[&Phase::Forget]
        .finished
        .as_ref()
        .context("no end of forget")?;
    assert_eq!((forget.kept, forget.removed), (Some(3), Some(0)));
    assert_eq!(*run.phases[&Phase::Prune].status(), Status::Ok);
    assert_eq!((run.unknown_events, run.bad_lines.count), (0, 0));
    Ok(())
}

#[test]
fn an_interrupted_night_is_not_finished_and_its_hosts_are_not_ok() -> Result<()> {
    let run = run("a-night-that-was-interrupted")?;
    assert!(!run.is_finished());
    let status = |status: &str| status.to_owned();
    let expected = [
        ("jak", status("ok")),
        ("kai", status("interrupted")),
        ("ziz", status("interrupted")),
    ];
    assert_eq!(statuses(&run), expected);
    assert!(run.hosts["kai"].start.is_some(), "kai's turn had come");
    assert!(run.hosts["ziz"].start.is_none(), "ziz's turn had not come");
    assert_eq!(run.bad_lines.count, 0);
    Ok(())
}

#[test]
fn a_last_line_that_is_cut_off_is_counted_and_costs_nothing_else() -> Result<()> {
    let run = run("a-last-line-that-is-cut-off")?;
    assert_eq!(run.bad_lines.first, bad(7, Reason::CutOff));
    assert!(run.hosts["kai"].summary.is_some(), "the line before is good");
    assert_eq!(*run.hosts["kai"].status(), Status::Interrupted);
    Ok(())
}

#[test]
fn a_whole_last_line_without_its_newline_is_a_good_line() -> Result<()> {
    let mut whole = run("a-good-night")?;
    assert_eq!(run("a-last-line-without-its-newline")?, whole);
    // Cut off anywhere else, that line is not.
    let mut record = text("a-last-line-without-its-newline")?;
    whole.end = None;
    loop {
        record.pop();
        if record.ends_with(b"\n") {
            break;
        }
        whole.bad_lines = record::BadLines {
            count: 1,
            first: bad(15, Reason::CutOff),
        };
        assert_eq!(read(&record)?, whole);
    }
    Ok(())
}

#[test]
fn bytes_that_are_not_utf_8_cost_their_own_line_only() -> Result<()> {
    let run = run("a-line-that-is-not-utf-8")?;
    assert_eq!(run.bad_lines.first, bad(6, Reason::NotUtf8));
    assert_eq!(run.hosts["kai"].summary, None);
    assert_eq!(statuses(&run), all_ok());
    assert!(run.is_finished());
    Ok(())
}

#[test]
fn a_record_of_a_later_version_is_read_and_what_is_unknown_is_not_ok() -> Result<()> {
    let run = run("a-record-of-a-later-version")?;
    assert_eq!(
        (run.bad_lines.count, run.unknown_events, run.unknown_fields),
        (0, 3, 4)
    );
    assert_eq!(run.versions["genbackup"], "3.0.0");
    assert_eq!(
        statuses(&run),
        [("jak", "ok".to_owned()), ("kai", "quarantined".to_owned())]
    );
    assert_eq!(
        *run.hosts["kai"].status(),
        Status::Unknown("quarantined".to_owned())
    );
    let jak = run.hosts["jak"].finished.as_ref().context("no end")?;
    assert_eq!(
        (&jak.empty[..], jak.empty_count, jak.clock_off),
        (&["/srv/films".to_owned()][..], 1, None)
    );
    assert_eq!(run.warnings, ["the repository's file system is 91% full"]);
    let forget = run.phases[&Phase::Forget]
        .finished
        .as_ref()
        .context("no end of forget")?;
    assert_eq!(forget.why.as_deref(), Some("the repository is locked by kai"));
    assert_eq!(*run.phases[&Phase::Drill].status(), Status::Ok);
    Ok(())
}

#[test]
fn texts_from_a_host_stay_in_their_own_fields() -> Result<()> {
    let run = run("a-host-that-sends-odd-texts")?;
    assert_eq!(run.bad_lines.count, 0);
    assert_eq!(run.end.context("no end")?.to_string(), "2026-11-23T06:06:50Z");
    assert_eq!(
        statuses(&run),
        [("jak", "ok".to_owned()), ("ziz", "failed".to_owned())]
    );
    let ziz = run.hosts["ziz"].finished.as_ref().context("no end")?;
    assert_eq!(
        ziz.why.as_deref(),
        Some(
            "restic exited with 0.5: \u{1b}]0;all is well\u{7}\u{1b}[2J\u{1b}[31mok\r\0\u{202e}\u{7f}\u{85}\n\
             {\"event\":\"run-finished\"}"
        )
    );
    assert_eq!((ziz.exit_code, ziz.missing.len()), (None, 2));
    assert_eq!(
        run.hosts["ziz"].summary.as_ref().context("no summary")?["snapshot_id"],
        7
    );
    Ok(())
}

#[test]
fn a_line_of_the_limit_is_read_and_one_byte_more_is_too_long() -> Result<()> {
    let line = |length: usize| {
        let start = r#"{"event":"warning","time":"2026-11-23T06:06:53Z","why":""#;
        let mut line = start.as_bytes().to_vec();
        line.resize(length - 2, b'x');
        line.extend(b"\"}");
        line
    };
    let good = b"\n{\"event\":\"run-finished\",\"time\":\"2026-11-23T06:06:53Z\"}".as_slice();
    for (record, warnings, bad_lines) in [
        (line(LINE_LIMIT), 1, vec![]),
        (line(LINE_LIMIT + 1), 0, bad(1, Reason::TooLong)),
        ([&line(LINE_LIMIT)[..], good].concat(), 1, vec![]),
        (
            [&line(LINE_LIMIT + 1)[..], good].concat(),
            0,
            bad(1, Reason::TooLong),
        ),
        (
            [&line(LINE_LIMIT + 2)[..], good].concat(),
            0,
            bad(1, Reason::TooLong),
        ),
        (
            [&line(3 * LINE_LIMIT)[..], good].concat(),
            0,
            bad(1, Reason::TooLong),
        ),
    ] {
        let run = read(&record)?;
        assert_eq!((run.warnings.len(), &run.bad_lines.first), (warnings, &bad_lines));
        assert_eq!(run.is_finished(), record.ends_with(good));
    }
    Ok(())
}

/// A disk that gives a good line and then fails.
struct FailingDisk(Cursor<Vec<u8>>);

impl Read for FailingDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk fails")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_disk_that_fails_is_an_error_and_the_end() -> Result<()> {
    let disk = FailingDisk(Cursor::new(text("a-good-night")?));
    let lines: Vec<_> = Lines::of(BufReader::new(disk)).collect();
    assert_eq!(lines.len(), 16);
    let error = lines.into_iter().next_back().context("no line")?.unwrap_err();
    assert_eq!(error.to_string(), "the disk fails");
    Ok(())
}

#[test]
fn runs_are_listed_oldest_first_and_other_files_are_skipped() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for name in [
        "20261123T060640Z.jsonl",
        "20251123T060640Z.jsonl",
        "20261124T060640Z.jsonl~",
        "20261124T060640Z.json",
        "20261124T060640Z",
        "20261341T060640Z.jsonl",
        "notes.txt",
        ".jsonl",
    ] {
        std::fs::copy(good_night(), directory.path().join(name))?;
    }
    std::fs::create_dir(directory.path().join("20271123T060640Z.jsonl"))?;
    let runs = record::list(directory.path())?;
    let names: Vec<String> = runs.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["20251123T060640Z", "20261123T060640Z"]);
    let run = Run::read(runs[0], record::open(directory.path(), runs[0])?)?;
    assert_eq!(statuses(&run), all_ok());
    let missing = record::list(&directory.path().join("absent")).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("cannot read the directory of the records, "),
        "{missing}"
    );
    Ok(())
}

fn good_night() -> PathBuf {
    directory().join("a-good-night.jsonl")
}
