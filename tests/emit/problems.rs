//! The exact message for each problem in `fixtures/problems`: `snapshots/problems` holds it.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on files that the tests make"
)]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::command::{Outcome, genbackup, run};
use crate::executable::copy_of_genbackup;
use crate::snapshot::{self, Comparison};
use anyhow::{Context, Result, bail, ensure};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/problems")
}

/// The names of the problems.
fn problems() -> Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(directory())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    names
        .iter()
        .map(|name| Ok(name.strip_suffix(".toml").context("not a fleet file")?.to_owned()))
        .collect()
}

/// `genbackup check` in the directory of the problems, so that messages name the file alone. Each is checked
/// once.
fn check(problem: &str) -> Result<&'static Outcome> {
    static CHECKED: OnceLock<Result<BTreeMap<String, Outcome>>> = OnceLock::new();
    let check_all = || {
        let checked = problems()?.into_iter().map(|problem| {
            let file = format!("{problem}.toml");
            let outcome = run(genbackup()
                .args(["--fleet", &file, "check"])
                .current_dir(directory()))?;
            Ok((problem, outcome))
        });
        checked.collect()
    };
    match CHECKED.get_or_init(check_all) {
        Ok(checked) => checked.get(problem).context("no such problem"),
        Err(error) => bail!("{error:#}"),
    }
}

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    for problem in problems()? {
        let Outcome {
            status,
            stdout,
            stderr,
        } = check(&problem)?;
        let stdout = if stdout.is_empty() {
            String::new()
        } else {
            format!("--- standard output\n{stdout}--- standard error\n")
        };
        // A release needs no new snapshots.
        let stderr = stderr.replace(
            concat!("and this is ", env!("CARGO_PKG_VERSION"), "\n"),
            "and this is VERSION\n",
        );
        let text = format!("{status}\n{stdout}{stderr}");
        comparison.compare(&Path::new("problems").join(problem), &text)?;
    }
    Ok(comparison)
}

fn comparison() -> Result<&'static Comparison> {
    static COMPARISON: OnceLock<Result<Comparison>> = OnceLock::new();
    snapshot::once(&COMPARISON, compare_all)
}

#[test]
fn each_problem_is_reported_with_its_place_and_a_hint() -> Result<()> {
    assert_eq!(
        comparison()?.different,
        [] as [PathBuf; 0],
        "these differ, see above"
    );
    Ok(())
}

#[test]
fn no_snapshot_of_a_problem_is_an_orphan_or_missing() -> Result<()> {
    comparison()?.has_no_orphan_and_misses_none("problems")
}

#[test]
fn a_fleet_file_with_a_problem_writes_nothing() -> Result<()> {
    for problem in problems()? {
        let root = tempfile::tempdir()?;
        let out = root.path().join("out");
        let file = format!("{problem}.toml");
        let emit = run(genbackup()
            .args(["--fleet", &file, "emit", "--all", "--root"])
            .arg(&out)
            .current_dir(directory()))?;
        assert_eq!(emit.status.code(), Some(1), "{problem}: {}", emit.stderr);
        assert_eq!(emit.stdout, "", "{problem}");
        let message = check(&problem)?.stderr.trim_end();
        assert_eq!(
            emit.stderr,
            format!("{message}; nothing was written\n"),
            "{problem}"
        );
        assert!(!out.exists(), "{problem} wrote {}", out.display());
    }
    Ok(())
}

/// The places that a message names, each as the text of the file from there to the end of its line.
fn places(problem: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(directory().join(format!("{problem}.toml")))?;
    let lines: Vec<&str> = text.lines().collect();
    check(problem)?
        .stderr
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> "))
        .map(|place| {
            let place = place.split(' ').next().unwrap_or_default();
            let numbers: Vec<usize> = place.split(':').skip(1).flat_map(str::parse).collect();
            let [line, column] = numbers[..] else {
                bail!("`{place}` is no place");
            };
            let line = lines.get(line - 1).context("no such line")?;
            Ok(line.chars().skip(column - 1).collect())
        })
        .collect()
}

#[test]
fn all_problems_are_reported_in_the_order_of_their_places() -> Result<()> {
    let expected = [
        "colour =",
        "\"*-*-32\"",
        "\"four\"",
        "\"jakk\"",
        "\"mnt/storage/restic\"",
        "\"/nix/store/",
        "\"30 days\"",
        "0",
        "\"/dev/jak\"",
        "[ssh]",
        "22",
        "key-fil =",
        "\"srv\", ",
        "\"/dev/shm\", ",
        "7]",
        "\"größe \", ",
        "Ziz]",
        "\"jak\"",
        "\"ssh-ed25519 größe\"",
        "[]",
        "\"1h\"",
    ];
    let places = places("many-problems")?;
    for (place, expected) in places.iter().zip(expected) {
        assert!(place.starts_with(expected), "`{place}` is not `{expected}`");
    }
    assert_eq!(places.len(), expected.len(), "{places:#?}");
    Ok(())
}

#[test]
fn columns_are_counted_in_characters() -> Result<()> {
    let expected = ["\"größe\" =", "\"24\" ,", "\"srv/größe\"", "\"/tmp/größe\""];
    let places = places("problems-behind-wide-characters")?;
    for (place, expected) in places.iter().zip(expected) {
        assert!(place.starts_with(expected), "`{place}` is not `{expected}`");
    }
    assert_eq!(places.len(), expected.len(), "{places:#?}");
    Ok(())
}

#[test]
fn a_secret_in_the_fleet_file_is_not_printed() -> Result<()> {
    let mut secrets = 0;
    for problem in problems()? {
        let text = fs::read_to_string(directory().join(format!("{problem}.toml")))?;
        for secret in ["correct horse", "BEGIN OPENSSH", "b3BlbnNzaC1r"] {
            if text.contains(secret) {
                secrets += 1;
                assert!(!check(&problem)?.stderr.contains(secret), "{problem}: {secret}");
            }
        }
    }
    assert!(secrets >= 5, "only {secrets} secrets in fixtures/problems");
    Ok(())
}

#[test]
fn messages_do_not_speak_of_the_parser() -> Result<()> {
    for problem in problems()? {
        let message = &check(&problem)?.stderr;
        for word in [
            "expected",
            "struct ",
            "field",
            "variant",
            "sequence",
            "i64",
            "u16",
            "invalid type",
        ] {
            assert!(!message.contains(word), "{problem}: `{word}` in {message}");
        }
    }
    Ok(())
}

#[test]
fn the_fleets_of_the_fixtures_have_no_problem() -> Result<()> {
    for entry in fs::read_dir(directory().join("../fleets"))? {
        let file = entry?.path().join("fleet.toml");
        let check = run(genbackup().arg("--fleet").arg(&file).arg("check"))?;
        assert!(check.status.success(), "{}", check.stderr);
        assert_eq!(check.stderr, "");
        assert!(check.stdout.contains(": no problems, "), "{}", check.stdout);
    }
    Ok(())
}

/// `genbackup init` for a host, and then `genbackup check` of what it wrote.
fn init_and_check(host: &str) -> Result<()> {
    let root = tempfile::tempdir()?;
    // Its directory is made, too.
    let file = root.path().join("etc/genbackup/fleet.toml");
    let init = run(genbackup()
        .arg("--fleet")
        .arg(&file)
        .args(["init", "--host", host]))?;
    ensure!(init.status.success(), "{host}: {}", init.stderr);
    let check = run(genbackup().arg("--fleet").arg(&file).arg("check"))?;
    ensure!(check.status.success(), "{host}: {}", check.stderr);
    ensure!(
        check.stdout.contains("no problems, 1 host\n"),
        "{host}: {}",
        check.stdout
    );
    Ok(())
}

#[test]
fn check_accepts_what_init_writes() -> Result<()> {
    for host in ["jak", "1", "a-b", "web-1", &"a".repeat(63)] {
        init_and_check(host)?;
    }
    Ok(())
}

#[test]
fn check_accepts_what_init_writes_for_a_host_name_with_dots() -> Result<()> {
    init_and_check("db.example.net")
}

/// Ages that fit one calendar are false alerts with another.
#[test]
fn init_leaves_the_ages_to_the_schedule() -> Result<()> {
    let root = tempfile::tempdir()?;
    let file = root.path().join("fleet.toml");
    let init = run(genbackup()
        .arg("--fleet")
        .arg(&file)
        .args(["init", "--host", "jak"]))?;
    ensure!(init.status.success(), "{}", init.stderr);
    let text = fs::read_to_string(&file)?;
    let fleet: toml::Table = toml::from_str(&text)?;
    assert!(!fleet.contains_key("monitor"), "{text}");
    Ok(())
}

/// Its content is unknown, and a first backup that is partial looks like an error.
#[test]
fn init_lets_home_be_empty_on_another_machine() -> Result<()> {
    let root = tempfile::tempdir()?;
    let file = root.path().join("fleet.toml");
    let init = run(genbackup()
        .arg("--fleet")
        .arg(&file)
        .args(["init", "--host", "another-machine"]))?;
    ensure!(init.status.success(), "{}", init.stderr);
    let text = fs::read_to_string(&file)?;
    assert!(
        text.contains("\ninclude = [\"/etc\", \"/home\"]\n")
            && text.contains("\nmay-be-empty = [\"/home\"]\n"),
        "{text}"
    );
    Ok(())
}

#[test]
fn init_names_the_packages_that_this_host_lacks() -> Result<()> {
    let root = tempfile::tempdir()?;
    let file = root.path().join("fleet.toml");
    let init = run(genbackup()
        .arg("--fleet")
        .arg(&file)
        .args(["init", "--no-questions"])
        .env("PATH", root.path()))?;
    assert!(init.status.success(), "{}", init.stderr);
    assert!(
        init.stdout.contains("\n  apt install restic socat\n"),
        "{}",
        init.stdout
    );
    Ok(())
}

#[test]
fn init_asks_nobody_who_may_not_write_the_file() -> Result<()> {
    let root = tempfile::tempdir()?;
    fs::set_permissions(root.path(), Permissions::from_mode(0o755))?;
    let program = root.path().join("genbackup");
    copy_of_genbackup(&program)?;
    let init = run(Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .arg("--fleet")
        .arg(root.path().join("etc/genbackup/fleet.toml"))
        .arg("init"))?;
    assert_eq!(init.status.code(), Some(1));
    assert!(
        init.stderr.contains("Permission denied") && init.stderr.contains("hint: run `sudo genbackup init`"),
        "{}",
        init.stderr
    );
    Ok(())
}

#[test]
fn init_refuses_a_name_that_is_none() -> Result<()> {
    let root = tempfile::tempdir()?;
    for host in ["a b", "-a", "", "a_b", "\"]"] {
        let file = root.path().join("fleet.toml");
        let host = format!("--host={host}");
        let init = run(genbackup().arg("--fleet").arg(&file).args(["init", &host]))?;
        assert_eq!(init.status.code(), Some(1), "{host}");
        assert!(init.stderr.contains("is not a host name"), "{}", init.stderr);
        assert!(!file.exists(), "{host}");
    }
    Ok(())
}

#[test]
fn init_overwrites_nothing() -> Result<()> {
    let root = tempfile::tempdir()?;
    let file = root.path().join("fleet.toml");
    fs::write(&file, "mine")?;
    let init = run(genbackup()
        .arg("--fleet")
        .arg(&file)
        .args(["init", "--host", "jak"]))?;
    assert_eq!(init.status.code(), Some(1));
    assert!(init.stderr.contains("already exists"), "{}", init.stderr);
    assert_eq!(fs::read_to_string(&file)?, "mine");
    Ok(())
}

#[test]
fn a_fleet_file_that_cannot_be_read_is_named() -> Result<()> {
    let root = tempfile::tempdir()?;
    let file = root.path().join("fleet.toml");
    for text in [None, Some(b"host = \"\xff\"\n")] {
        if let Some(text) = text {
            fs::write(&file, text)?;
        }
        let check = run(genbackup().arg("--fleet").arg(&file).arg("check"))?;
        assert_eq!(check.status.code(), Some(1));
        assert!(
            check
                .stderr
                .starts_with(&format!("error: cannot read the fleet file {}", file.display())),
            "{}",
            check.stderr
        );
    }
    Ok(())
}
