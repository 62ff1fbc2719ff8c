//! What `genbackup doctor` reports on a host whose programs are fakes: every check, also when others fail,
//! and in time.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, and the programs that it asks are fakes"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::executable::executable;

/// The storage host of the fleet `post` with these fakes, each a line of sh.
fn doctor(fakes: &[(&str, &str)], arguments: &[&str]) -> Result<Outcome> {
    let fleet = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/post/fleet.toml");
    doctor_of(&fleet, fakes, arguments)
}

fn doctor_of(fleet: &Path, fakes: &[(&str, &str)], arguments: &[&str]) -> Result<Outcome> {
    let directory = tempfile::tempdir()?;
    for (name, line) in fakes {
        let program = directory.path().join(name);
        executable(&program, &format!("#!/bin/sh\n{line}\n"))?;
    }
    let path = std::env::var("PATH").context("no PATH")?;
    let runs: TempDir = tempfile::tempdir()?;
    run(genbackup()
        .arg("--fleet")
        .arg(fleet)
        .args(["doctor", "--host", "jak", "--runs"])
        .arg(runs.path().join("none"))
        .args(arguments)
        .env("PATH", format!("{}:{path}", directory.path().display()))
        .env_remove("CLICOLOR_FORCE"))
}

/// The user nobody, of Debian.
const NOBODY: u32 = 65_534;

const FAKES: [(&str, &str); 7] = [
    ("getent", "echo restic:x:850:850::/:/usr/sbin/nologin"),
    ("restic", "echo restic 0.18.0 compiled with go"),
    (
        "systemctl",
        "case $1 in --version) echo 'systemd 257 (257.8)';; *) exit 1;; esac",
    ),
    ("timedatectl", "echo NTPSynchronized=yes"),
    ("exportfs", "echo odd >&2; exit 1"),
    ("socat", "true"),
    ("ssh", A_CLIENT),
];
/// Answers a request only while its input is open: socat on the client ends the conversation when the input
/// ends.
const A_CLIENT: &str = r#"exec bash -c '
    read -r request; read -r -t 1 more
    (($? > 128)) && [[ $request == "genbackup/1 doctor" ]] && echo refused unknown request'"#;

fn findings(outcome: &Outcome) -> Result<Vec<(String, String)>> {
    let all: Value = serde_json::from_str(&outcome.stdout)?;
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = all.as_array().context("no list")?.iter();
    Ok(all
        .map(|finding| (word(finding, "check"), word(finding, "state")))
        .collect())
}

#[test]
fn every_check_is_made_although_others_fail() -> Result<()> {
    let outcome = doctor(&FAKES, &["--json"])?;
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stderr);
    let findings = findings(&outcome)?;
    for (check, state) in [
        ("files", "failed"),
        ("user restic", "ok"),
        ("restic", "ok"),
        ("systemd", "ok"),
        ("units", "unknown"),
        ("clock", "ok"),
        ("password file", "failed"),
        ("ssh key", "failed"),
        ("ssh key pair", "unknown"),
        ("file system", "failed"),
        ("repository", "unknown"),
        ("room for snapshots", "unknown"),
        ("export", "unknown"),
        ("ssh to kai", "ok"),
        ("ssh to ziz", "ok"),
        ("last jak", "warning"),
    ] {
        let wanted = (check.to_owned(), state.to_owned());
        assert!(findings.contains(&wanted), "{wanted:?} in {findings:#?}");
    }
    Ok(())
}

#[test]
fn the_worst_comes_first_with_its_hint_and_nothing_that_a_terminal_obeys() -> Result<()> {
    let mut fakes = FAKES;
    fakes[6] = ("ssh", "printf '\\033[2Jodd\\n' >&2; exit 255");
    let outcome = doctor(&fakes, &[])?;
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stderr);
    let states: Vec<&str> = outcome
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .filter_map(|line| line.split("  ").next())
        .map(str::trim_end)
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
        .collect();
    let rank = |state: &&str| {
        ["failed", "warning", "unknown", "ok"]
            .iter()
            .position(|known| known == state)
    };
    assert!(states.is_sorted_by_key(rank) && states.len() > 10, "{states:?}");
    assert!(
        outcome
            .stdout
            .contains("failed   ssh to ziz: it gives no answer: \\u{1b}[2Jodd\n"),
        "{}",
        outcome.stdout
    );
    // Most other failures follow from it.
    assert!(
        outcome.stdout.starts_with(
            "failed   files: none were written on this host\n         hint: run `genbackup emit --now`"
        ),
        "{}",
        outcome.stdout
    );
    // A repository that is made while nothing is mounted is below the mount point.
    assert!(
        outcome
            .stdout
            .contains("failed   file system: nothing is mounted at /mnt/storage\n")
            && !outcome.stdout.contains("restic init")
            && !outcome.stdout.contains("genbackup-init.service"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("         hint: on ziz, see `journalctl"),
        "{}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains('\u{1b}'), "{:?}", outcome.stdout);
    Ok(())
}

#[test]
fn a_program_that_never_ends_costs_its_own_time_and_hides_nothing() -> Result<()> {
    let mut fakes = FAKES;
    fakes[3] = ("timedatectl", "exec sleep 600");
    fakes[4] = ("exportfs", "exec sleep 600");
    let start = Instant::now();
    let outcome = doctor(&fakes, &["--json"])?;
    // The two were waited for at the same time.
    assert!(start.elapsed() < Duration::from_secs(55), "{:?}", start.elapsed());
    let findings = findings(&outcome)?;
    for (check, state) in [("clock", "unknown"), ("export", "unknown"), ("ssh to ziz", "ok")] {
        let wanted = (check.to_owned(), state.to_owned());
        assert!(findings.contains(&wanted), "{wanted:?} in {findings:#?}");
    }
    Ok(())
}

#[test]
fn a_fault_of_this_host_has_a_hint_for_this_host() -> Result<()> {
    let mut fakes = FAKES;
    for (line, expected) in [
        (
            "echo \"Can't open user config file /etc/genbackup/ssh_config: No such file or directory\" >&2; exit 255",
            "failed   ssh to ziz: /etc/genbackup/ssh_config is missing on this host\n         hint: run `genbackup emit --now` on this host\n",
        ),
        (
            "echo 'Load key \"/etc/genbackup/ssh_ed25519\": Permission denied' >&2; echo 'restic@ziz: Permission denied (publickey).' >&2; exit 255",
            "unknown  ssh to ziz: cannot read this host's own key; see the check `ssh key`\n",
        ),
    ] {
        fakes[6] = ("ssh", line);
        let outcome = doctor(&fakes, &[])?;
        assert!(outcome.stdout.contains(expected), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("hint: on ziz"), "{}", outcome.stdout);
    }
    Ok(())
}

#[test]
fn a_hook_has_its_user_its_program_and_where_it_writes() -> Result<()> {
    let directory = tempfile::tempdir_in("/var/lib")?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let at = |name: &str| directory.path().join(name);
    for (name, mode) in [("own", 0o700), ("open", 0o777), ("roots", 0o755)] {
        fs::create_dir(at(name))?;
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode))?;
    }
    std::os::unix::fs::chown(at("own"), Some(NOBODY), Some(NOBODY))?;
    fs::write(at("script"), "#!/bin/sh\n")?;
    let fleet =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets/post/fleet.toml"))?;
    let here = directory.path().display();
    let fleet = fleet.replace(
        "[hosts.jak]\ninclude = [\"/etc\", \"/home\"]\n",
        &format!(
            "[hosts.jak]\ninclude = [\"/etc\", \"{here}\"]\n\
             before.works = {{ user = \"nobody\", command = [\"/bin/true\"], writes = [\"{here}/own\", \"{here}/open\"] }}\n\
             before.roots = {{ user = \"root\", command = [\"/bin/true\"], writes = [\"{here}/roots\", \"{here}/own\"] }}\n\
             before.lost = {{ user = \"no-such-user\", command = [\"/bin/true\"], writes = [\"{here}/own\"] }}\n\
             before.bad = {{ user = \"nobody\", command = [\"{here}/script\"], writes = [\"{here}/roots\", \"{here}/none\"] }}\n\
             after.none = {{ user = \"nobody\", command = [\"/no such program\"] }}\n"
        ),
    );
    fs::write(at("fleet.toml"), fleet)?;
    let mut fakes = FAKES;
    // As it is here.
    fakes[0] = ("getent", "exec /usr/bin/getent \"$@\"");
    let outcome = doctor_of(&at("fleet.toml"), &fakes, &["--json"])?;
    let all: Value = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    let found: Vec<String> = all
        .as_array()
        .context("no list")?
        .iter()
        .filter(|finding| {
            finding["check"]
                .as_str()
                .is_some_and(|check| check.starts_with("hook "))
        })
        .map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap_or_default();
            [word("check"), word("state"), word("what"), word("hint")]
                .join("|")
                .replace(&here.to_string(), "HERE")
        })
        .collect();
    assert_eq!(
        found,
        [
            "hook before-bad|failed|nobody may not run HERE/script|run `chmod a+rx HERE/script`, and let nobody enter the directories above it",
            "hook before-bad|failed|nobody may not write to HERE/roots|run `chown nobody: HERE/roots`, or name another directory in `writes`",
            "hook before-bad|failed|HERE/none, which it writes, is missing|run `install -d -o nobody -m 0700 HERE/none`",
            "hook before-lost|failed|its user no-such-user is missing|make the user, or name another one in the fleet file",
            // Root without a capability is a user like any other.
            "hook before-roots|failed|root may not write to HERE/own|run `chown root: HERE/own`, or name another directory in `writes`",
            "hook before-works|ok|its user, its program and the paths that it writes are in order|",
            "hook after-none|failed|its program /no such program is missing|install it, or name another one in `command`",
        ]
    );
    Ok(())
}

/// A repository of user 12345, as far as doctor looks at one, and the fleet file of its storage host.
fn repository() -> Result<TempDir> {
    let directory = tempfile::tempdir_in("/var/lib")?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let here = directory.path().display();
    fs::write(
        directory.path().join("fleet.toml"),
        format!(
            "[schedule]\ncalendar = \"*-*-* 04:00:00\"\n[repository]\nhost = \"jak\"\npath = \"{here}/my repo\"\n\
             password-file = \"{here}/password\"\nkeep = \"7 daily\"\nuid = 12345\n[hosts.jak]\ninclude = [\"/etc\"]\n"
        ),
    )?;
    fs::write(directory.path().join("password"), "secret\n")?;
    let root = directory.path().join("my repo");
    for file in [
        "config",
        "keys/a",
        "data/00/b",
        "data/00/c",
        "data/01/d",
        "locks/e",
    ] {
        let path = root.join(file);
        fs::create_dir_all(path.parent().context("no parent")?)?;
        fs::write(&path, "")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
    }
    let chown = Path::new("/usr/bin/chown");
    run(std::process::Command::new(chown)
        .args(["-R", "12345:12345"])
        .arg(&root))?;
    Ok(directory)
}

/// The findings of one check: state, what, hint.
fn findings_of(directory: &TempDir, fakes: &[(&str, &str)], check: &str) -> Result<Vec<[String; 3]>> {
    let outcome = doctor_of(&directory.path().join("fleet.toml"), fakes, &["--json"])?;
    let all: Value = serde_json::from_str(&outcome.stdout).with_context(|| outcome.stderr.clone())?;
    let here = directory.path().display().to_string();
    Ok(all
        .as_array()
        .context("no list")?
        .iter()
        .filter(|finding| finding["check"] == check)
        .map(|finding| {
            ["state", "what", "hint"]
                .map(|key| finding[key].as_str().unwrap_or_default().replace(&here, "HERE"))
        })
        .collect())
}

#[test]
fn a_file_of_root_in_the_repository_is_named_and_the_hint_fixes_it() -> Result<()> {
    let directory = repository()?;
    let root = directory.path().join("my repo");
    let found_now = || findings_of(&directory, &FAKES, "files of the repository");
    // config, keys, a, data, 00, b, c, 01, d, locks, e.
    assert_eq!(found_now()?, [["ok", "all 11 belong to user restic", ""]]);
    for file in ["data/00/b", "data/01", "locks/e"] {
        std::os::unix::fs::chown(root.join(file), Some(0), Some(0))?;
    }
    fs::set_permissions(root.join("data/00/c"), fs::Permissions::from_mode(0o040))?;
    fs::set_permissions(root.join("data/00"), fs::Permissions::from_mode(0o500))?;
    let found = found_now()?;
    let [[state, foreign, chown], [_, closed, chmod]] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(state, "failed");
    assert!(
        foreign.starts_with("3 files and directories of other users than restic: ")
            && ["data/00/b of user 0", "data/01 of user 0", "locks/e of user 0"]
                .iter()
                .all(|file| foreign.contains(file)),
        "{found:?}"
    );
    assert!(
        closed.starts_with("2 files and directories closed to user restic: ")
            && closed.contains("data/00/c with mode 0040")
            && closed.contains("data/00 with mode 0500"),
        "{found:?}"
    );
    // As somebody would type them, with the user that this machine does not have.
    for hint in [chown, chmod] {
        let command = hint.split('`').nth(1).context("no command")?;
        let command = command
            .replace("restic:restic", "12345:12345")
            .replace("HERE", &directory.path().display().to_string());
        let done = run(std::process::Command::new("bash").args(["-c", &command]))?;
        assert!(done.status.success(), "{command}: {done:?}");
    }
    assert_eq!(found_now()?, [["ok", "all 11 belong to user restic", ""]]);
    Ok(())
}

/// User restic cannot open the password file, which is root's.
#[test]
fn the_hint_runs_restic_as_its_user_with_the_password() -> Result<()> {
    let directory = repository()?;
    let here = directory.path().display().to_string();
    fs::set_permissions(
        directory.path().join("password"),
        fs::Permissions::from_mode(0o400),
    )?;
    std::os::unix::fs::chown(directory.path().join("my repo/config"), Some(0), Some(0))?;
    let found = findings_of(&directory, &FAKES, "files of the repository")?;
    let [[_, _, hint]] = &found[..] else {
        panic!("{found:?}")
    };
    let command = hint.split('`').nth(3).context("no command")?;
    assert!(command.ends_with(" COMMAND"), "{command}");
    // The machine of the test does not have the user.
    let command = command
        .replace("=restic", "=12345")
        .replace("--init-groups", "--clear-groups")
        .replace("HERE", &here);
    executable(
        &directory.path().join("restic"),
        "#!/bin/sh\nid --user; echo \"$3\"; cat \"$5\"\n",
    )?;
    let done = run(std::process::Command::new("bash")
        .args(["-c", &command])
        .env("PATH", format!("{here}:/usr/sbin:/usr/bin:/sbin:/bin")))?;
    assert_eq!(
        done.stdout,
        format!("12345\n{here}/my repo\nsecret\n"),
        "{command}: {done:?}"
    );
    Ok(())
}

#[test]
fn a_directory_above_that_is_closed_to_restic_is_named() -> Result<()> {
    let directory = repository()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
    let found = findings_of(&directory, &FAKES, "files of the repository")?;
    assert_eq!(
        found[0],
        [
            "failed",
            "user restic cannot reach the repository: HERE is closed to it",
            "run `chmod o+x -- HERE`, or move the repository, for example below /srv"
        ]
    );
    Ok(())
}

#[test]
fn a_repository_of_another_user_has_both_ways_out() -> Result<()> {
    let directory = repository()?;
    std::os::unix::fs::chown(directory.path().join("my repo"), Some(34), Some(34))?;
    let found = findings_of(&directory, &FAKES, "repository")?;
    let [[state, what, hint]] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(state, "failed");
    assert_eq!(what, "HERE/my repo belongs to user 34, but user restic is 12345");
    assert!(
        hint.contains("`chown -R restic:restic -- $'HERE/my repo'`") && hint.contains("`uid = 34`"),
        "{hint}"
    );
    assert_eq!(
        findings_of(&directory, &FAKES, "files of the repository")?,
        [[""; 3]; 0]
    );
    Ok(())
}

#[test]
fn snapshots_by_rustic_are_named_with_the_danger() -> Result<()> {
    let directory = repository()?;
    let with = |time: &str, program: &str| {
        let list = format!(
            r#"[{{"time":"{time}","hostname":"ziz","id":"0123456789abcdef","program_version":"{program}"}}]"#
        );
        let script = format!("case $* in version) echo restic 0.18.0;; *) echo '{list}';; esac");
        let mut fakes = FAKES;
        fakes[1] = ("restic", Box::leak(script.into_boxed_str()));
        findings_of(&directory, &fakes, "rustic")
    };
    let now = jiff::Timestamp::now();
    let today = now.to_string();
    assert_eq!(with(&today, "restic 0.18.0")?, [[""; 3]; 0]);
    let found = with(&today, "rustic v0.9.4")?;
    let [[state, what, hint]] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(state, "warning");
    assert!(
        what.starts_with("rustic made 1 of 1 snapshots; the newest is 01234567 of ziz, "),
        "{what}"
    );
    assert!(
        hint.starts_with("rustic takes no lock: prune can delete data"),
        "{hint}"
    );
    // A snapshot from years ago is no danger any more.
    assert_eq!(with("2020-01-01T00:00:00Z", "rustic 0.4.4")?[0][0], "ok");
    Ok(())
}
