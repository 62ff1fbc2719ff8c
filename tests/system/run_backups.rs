//! What `run-backups` makes of its hosts' answers: the record, and its exit status.
//!
//! The script runs as emitted, with real jq and bash. The way to a host is a fake: a program in place of ssh that
//! gives the answer which a test has written down for that host.

#![expect(
    clippy::disallowed_methods,
    reason = "the script runs as systemd would run it, in folders of the test's own"
)]

mod side_by_side;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use crate::command::{Outcome, run};
use crate::scripts::{LIBEXEC, Scripts};

/// A storage host that is no client itself, since its own socket is not at hand, and two clients.
const FLEET: &str = r#"
[schedule]
calendar = "daily"

[repository]
host = "jak"
path = "/mnt/storage/restic"
password-file = "/etc/genbackup/restic-password"
keep = "30 daily"

[nfs]
mount = "/mnt/jak"

[ssh]
key-file = "/etc/genbackup/ssh_ed25519"
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD"

[hosts.jak]

[hosts.kai]
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxUXkZEgcb3wgNBcnPrKZ2JyaEKnEbKHUFXJ2xUYIvG"
include = ["/etc"]

[hosts.ziz]
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"
include = ["/etc"]
"#;
const WELL: &str = "hello restic 0.18.0\nout {\"message_type\":\"summary\"}\nexit 0\n";
/// The storage host's restic is only asked what it is.
const RESTIC: &str =
    "#!/bin/bash\n[[ $* == version ]] && echo restic 0.18.0 compiled with go1.24.4 on linux/amd64\n";
/// Says what the file of the host's name says, and reads the request, which holds the password.
const CONNECTION: &str = "#!/bin/bash\nread -r _; read -r _\ncat \"$ANSWERS/${!#}\"\n";

/// The storage host's files, and the folders that systemd would give to its script.
struct Night {
    scripts: Scripts,
}

impl Night {
    /// A run in which hosts have these kernel host names, and the storage host `storage`; what each host hears of names.
    fn hears_kernel_names<const N: usize>(&self, kernels: [(&str, &str); N]) -> Result<Vec<String>> {
        let listens = "#!/bin/bash\nread -r _; read -r _; IFS= read -r third\n\
                       echo \"$third\" >\"$ANSWERS/${!#}.heard\"\ncat \"$ANSWERS/${!#}\"\n";
        self.program("ssh", listens)?;
        self.program("uname", "#!/bin/bash\necho storage\n")?;
        for (host, kernel) in kernels {
            self.answers(host, &format!("kernel {kernel}\n{WELL}"))?;
        }
        self.run()?;
        kernels
            .iter()
            .map(|(host, _)| {
                let file = self.path("answers").join(format!("{host}.heard"));
                fs::read_to_string(&file).with_context(|| format!("{host} was not asked"))
            })
            .collect()
    }

    fn new() -> Result<Self> {
        Self::of(FLEET)
    }

    fn of(fleet_text: &str) -> Result<Self> {
        let night = Self {
            scripts: Scripts::emitted(tempfile::tempdir_in("/dev/shm")?, fleet_text)?,
        };
        for folder in ["state", "scratch", "credentials", "answers"] {
            fs::create_dir(night.path(folder))?;
        }
        for credential in ["restic-password", "ssh-key"] {
            fs::write(night.path("credentials").join(credential), "secret\n")?;
        }
        night.program("ssh", CONNECTION)?;
        // systemd's own version is no part of this.
        night.program("systemctl", "#!/bin/bash\necho systemd 257\n")?;
        night.program("restic", RESTIC)?;
        night.scripts.moved("run-backups", &[(LIBEXEC, &LIBEXEC[1..])])?;
        Ok(night)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scripts.path(name)
    }

    fn script(&self, name: &str) -> PathBuf {
        self.scripts.script(name)
    }

    fn program(&self, name: &str, text: &str) -> Result<()> {
        self.scripts.program(name, text)
    }

    fn answers(&self, host: &str, answer: &str) -> Result<()> {
        Ok(fs::write(self.path("answers").join(host), answer)?)
    }

    fn run(&self) -> Result<Outcome> {
        self.run_with(&[])
    }

    fn run_with(&self, variables: &[(&str, &str)]) -> Result<Outcome> {
        self.run_script("run-backups", variables)
    }

    fn run_script(&self, script: &str, variables: &[(&str, &str)]) -> Result<Outcome> {
        run(&mut self.command(script, variables))
    }

    fn command(&self, script: &str, variables: &[(&str, &str)]) -> Command {
        let mut bash = self.scripts.bash(script);
        bash.env("ANSWERS", self.path("answers"))
            .env("STATE_DIRECTORY", self.path("state"))
            .env("RUNTIME_DIRECTORY", self.path("scratch"))
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"))
            .envs(variables.iter().copied());
        bash
    }

    /// The events of the one record.
    fn record(&self) -> Result<Vec<Value>> {
        let mut records = fs::read_dir(self.path("state/runs"))?;
        let record = records.next().context("no record")??;
        let text = fs::read_to_string(record.path())?;
        Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// How each host ended, in the order of their names: answers are judged side by side.
    fn ends(&self) -> Result<Vec<Value>> {
        let mut ends = self.record()?;
        ends.retain(|event| event["event"] == "host-finished");
        ends.sort_by_key(|event| event["host"].to_string());
        Ok(ends)
    }

    fn statuses(&self) -> Result<Vec<(String, String)>> {
        let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let ends = self.ends()?;
        let statuses = ends
            .iter()
            .map(|event| (text(event, "host"), text(event, "status")));
        Ok(statuses.collect())
    }
}

#[test]
fn the_exit_status_is_that_of_the_worst_host() -> Result<()> {
    let partial = WELL.replace("out", "missing /srv/gone\nout");
    for (kai, ziz, status) in [
        (WELL, WELL, 0),
        (&partial, WELL, 3),
        (WELL, &partial, 3),
        (&partial, "busy\n", 1),
        ("busy\n", &partial, 1),
        ("", WELL, 1),
    ] {
        let night = Night::new()?;
        night.answers("kai", kai)?;
        night.answers("ziz", ziz)?;
        let ended = night.run()?;
        assert_eq!(ended.status.code(), Some(status), "{kai}{ziz}: {}", ended.stderr);
        assert_eq!(night.statuses()?.len(), 2, "{}", ended.stderr);
        // Each host has its line in the journal.
        assert!(
            ended.stdout.contains("kai: ") && ended.stdout.contains("ziz: "),
            "{}",
            ended.stdout
        );
        // Forget and prune are to go on with this record.
        let handed_over = fs::read_to_string(night.path("state/current"))?;
        assert!(
            night
                .path("state/runs")
                .join(format!("{}.jsonl", handed_over.trim()))
                .exists()
        );
    }
    Ok(())
}

#[test]
fn the_storage_host_s_versions_are_recorded_and_a_restic_that_does_not_answer_costs_nothing() -> Result<()> {
    let well = "restic 0.18.0 compiled with go1.24.4 on linux/amd64".into();
    for (restic, expected) in [
        (RESTIC, well),
        ("#!/bin/bash\nexit 127\n", Value::Null),
        ("#!/bin/bash\nexec sleep 600\n", Value::Null),
        ("#!/bin/bash\necho complaint >&2\nexit 1\n", Value::Null),
    ] {
        let night = Night::new()?;
        night.answers("kai", WELL)?;
        night.answers("ziz", &WELL.replace("\nout", "\nsystemd systemd 252\nout"))?;
        night.program("restic", restic)?;
        let ended = night.run()?;
        assert_eq!(ended.status.code(), Some(0), "{restic}: {}", ended.stderr);
        let record = night.record()?;
        assert_eq!(record[0]["versions"]["restic"], expected, "{restic}");
        assert_eq!(record[0]["versions"]["systemd"], "systemd 257");
        let ends = night.ends()?;
        let systemds: Vec<&Value> = ends.iter().map(|event| &event["systemd-version"]).collect();
        assert_eq!(systemds, [&Value::Null, &"systemd 252".into()]);
    }
    Ok(())
}

#[test]
fn a_host_whose_answer_can_not_be_judged_is_not_well() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    // As when memory ends: jq fails for the first host, and for no other.
    let jq = "#!/bin/bash\n[[ $* != *read-answer.jq*kai* ]] || exit 5\nexec /usr/bin/jq \"$@\"\n";
    night.program("jq", jq)?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(night.statuses()?, [("ziz".to_owned(), "ok".to_owned())]);
    Ok(())
}

#[test]
fn an_event_that_jq_can_not_write_leaves_no_half_line() -> Result<()> {
    let night = Night::new()?;
    night.program(
        "jq",
        "#!/bin/bash\n[[ $* != *ARGS.positional* ]] || exit 5\nexec /usr/bin/jq \"$@\"\n",
    )?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(night.record()?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_missing_secret_is_named_and_nobody_is_asked() -> Result<()> {
    for (credential, file) in [
        ("restic-password", "/etc/genbackup/restic-password"),
        ("ssh-key", "/etc/genbackup/ssh_ed25519"),
    ] {
        let night = Night::new()?;
        // What systemd puts in the place of a file that is not there.
        fs::write(night.path("credentials").join(credential), "\n")?;
        night.program("ssh", "#!/bin/bash\ntouch \"$ANSWERS/asked\"\n")?;
        let ended = night.run()?;
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("{file} is missing or empty")),
            "{}",
            ended.stderr
        );
        let failed = ["kai", "ziz"].map(|host| (host.to_owned(), "failed".to_owned()));
        assert_eq!(night.statuses()?, failed);
        assert!(!night.path("answers/asked").exists());
    }
    Ok(())
}

#[test]
fn a_run_that_can_not_be_recorded_asks_every_host_and_fails() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    let asks = format!("{CONNECTION}echo \"${{!#}}\" >>\"$ANSWERS/asked\"\n");
    night.program("ssh", &asks)?;
    // The lock is the first that a record needs; a disk that is full is what a story has.
    night.program("flock", "#!/bin/bash\n[[ $1 == --timeout ]] || exit 1\n")?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("cannot write the record"),
        "{}",
        ended.stderr
    );
    let asked = fs::read_to_string(night.path("answers/asked"))?;
    assert_eq!(asked.lines().collect::<Vec<_>>(), ["kai", "ziz"]);
    assert_eq!(
        fs::read_to_string(night.path("state/current"))?,
        "",
        "nothing is handed over"
    );
    Ok(())
}

#[test]
fn what_a_host_says_can_be_read_while_it_says_it_by_the_group_and_nobody_else() -> Result<()> {
    let night = Night::new()?;
    let said = r#"{"message_type":"status","total_bytes":9}"#;
    night.answers("ziz", WELL)?;
    // The connection itself looks at what has come through, before it says more.
    let looks = format!(
        "#!/bin/bash\nread -r _; read -r _\n[[ ${{!#}} == kai ]] || exec cat \"$ANSWERS/${{!#}}\"\n\
         printf 'out %s\\n' '{said}'\nfor ((n = 0; n < 100; n++)); do\n\
         if grep --quiet status \"$RUNTIME_DIRECTORY/kai.answer\"; then\n\
         stat --format=%a \"$RUNTIME_DIRECTORY/kai.answer\" >\"$ANSWERS/mode\"\n\
         printf '%s' '{WELL}'\nexit\nfi\nsleep 0.1\ndone\nexit 1\n"
    );
    night.program("ssh", &looks)?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(night.path("answers/mode"))?, "640\n");
    // Nothing of it is in the record, which the group reads as well.
    let record = night.record()?;
    assert!(
        !record
            .iter()
            .any(|event| event.to_string().contains("status\":\"status"))
    );
    for file in fs::read_dir(night.path("state/runs"))? {
        assert_eq!(file?.metadata()?.permissions().mode() & 0o777, 0o640);
    }
    Ok(())
}

#[test]
fn hosts_that_somebody_chose_are_asked_alone_and_others_are_refused() -> Result<()> {
    let night = Night::new()?;
    night.answers("ziz", WELL)?;
    let ended = night.run_with(&[("GENBACKUP_HOSTS", "ziz")])?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(night.statuses()?, [("ziz".to_owned(), "ok".to_owned())]);
    let started = &night.record()?[0];
    assert_eq!(started["hosts"], serde_json::json!(["ziz"]));
    assert_eq!(started["chosen"], true);
    assert!(started.get("invocation").is_none(), "systemd did not start it");
    for (chosen, complaint) in [
        (
            "ziz_zzz",
            "no run started: zzz is not a host that is backed up; these are: kai ziz\n",
        ),
        (
            "$(id)",
            "no run started: \\$\\(id\\) is not a host that is backed up; these are: kai ziz\n",
        ),
        (
            "*",
            "no run started: \\* is not a host that is backed up; these are: kai ziz\n",
        ),
        ("", "no run started: no host is named\n"),
    ] {
        let night = Night::new()?;
        let ended = night.run_with(&[("GENBACKUP_HOSTS", chosen)])?;
        assert_eq!(ended.status.code(), Some(1), "{chosen}");
        assert_eq!(ended.stderr, complaint);
        assert!(
            !night
                .path("state/runs")
                .read_dir()
                .is_ok_and(|mut runs| runs.next().is_some())
        );
    }
    Ok(())
}

#[test]
fn a_host_with_a_schedule_of_its_own_is_in_no_run_but_those_that_name_it() -> Result<()> {
    let own = format!("{FLEET}\n[hosts.kai.schedule]\ncalendar = \"Sun 12:00\"\n");
    for (chosen, asked, is_chosen) in [
        (None, &["ziz"][..], Value::Null),
        (Some("kai"), &["kai"], true.into()),
        (Some("ziz_kai"), &["kai", "ziz"], true.into()),
    ] {
        let night = Night::of(&own)?;
        night.answers("kai", WELL)?;
        night.answers("ziz", WELL)?;
        let variables = chosen.map(|chosen| ("GENBACKUP_HOSTS", chosen));
        let ended = night.run_with(variables.as_slice())?;
        assert_eq!(ended.status.code(), Some(0), "{chosen:?}: {}", ended.stderr);
        let started = &night.record()?[0];
        assert_eq!(started["hosts"], serde_json::json!(asked), "{chosen:?}");
        assert_eq!(started["chosen"], is_chosen, "{chosen:?}");
    }
    Ok(())
}

/// In the place of flock: its first calls find that somebody else holds the lock. It writes down what it was asked.
fn busy_lock(night: &Night, times: usize, then: &str) -> Result<()> {
    let flock = format!(
        "#!/bin/bash\n[[ $1 == --timeout || $1 == --unlock ]] || exec /usr/bin/flock \"$@\"\n\
         echo \"$1\" >>\"$ANSWERS/asked\"\n\
         if [[ $1 == --unlock ]]; then\n{then}\nfi\n\
         (($(wc --lines <\"$ANSWERS/asked\") > {times}))\n"
    );
    night.program("flock", &flock)
}

#[test]
fn a_run_waits_for_another_to_its_end_and_for_forget_and_prune_no_longer_than_for_a_lock() -> Result<()> {
    for (current, is_patient) in [(Some("at-work\n"), true), (None, false)] {
        let night = Night::new()?;
        night.answers("kai", WELL)?;
        night.answers("ziz", WELL)?;
        busy_lock(&night, 3, "exit")?;
        if let Some(current) = current {
            fs::write(night.path("state/current"), current)?;
        }
        let ended = night.run()?;
        let status = if is_patient { "ok" } else { "failed" };
        let ends = ["kai", "ziz"].map(|host| (host.to_owned(), status.to_owned()));
        assert_eq!(night.statuses()?, ends, "{}", ended.stderr);
        let asked = fs::read_to_string(night.path("answers/asked"))?;
        assert_eq!(asked.lines().count(), if is_patient { 4 } else { 1 });
    }
    Ok(())
}

#[test]
fn forget_and_prune_of_the_run_before_come_first_and_end_its_record() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    fs::write(night.path("state/current"), "20261123T040000Z\n")?;
    // They take it away as soon as the lock is theirs.
    busy_lock(&night, 0, "rm \"$STATE_DIRECTORY/current\"; exit")?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let asked = fs::read_to_string(night.path("answers/asked"))?;
    let asked: Vec<&str> = asked.lines().collect();
    assert_eq!(asked, ["--timeout", "--unlock", "--timeout"]);
    Ok(())
}

#[test]
fn only_the_name_of_a_record_blames_a_clock() -> Result<()> {
    for (name, is_blamed) in [
        ("notes.jsonl", false),
        ("99999999T999999Z.jsonl", false),
        ("x20991231T235959Z.jsonl", false),
        ("20991231T235959Z.jsonl", true),
    ] {
        let night = Night::new()?;
        night.answers("kai", WELL)?;
        night.answers("ziz", WELL)?;
        let runs = night.path("state/runs");
        fs::create_dir_all(&runs)?;
        fs::write(runs.join(name), "{}\n")?;
        let ended = night.run()?;
        let is_said = ended.stderr.contains("this host's clock is or was wrong");
        assert_eq!(is_said, is_blamed, "{name}: {}", ended.stderr);
    }
    Ok(())
}

/// Takes the names of these seconds for others, as `genbackup record` does: where nobody has them.
const OTHERS: &str = "for ago in 0 1 2; do (set -C; echo other >\
                      \"$STATE_DIRECTORY/runs/$(date --utc --date=\"$ago seconds ago\" +%Y%m%dT%H%M%SZ).jsonl\"); done 2>/dev/null\n";

#[test]
fn whatever_is_recorded_meanwhile_a_run_has_a_record_of_its_own_and_no_clock_is_blamed() -> Result<()> {
    // Before it has a name, and after.
    for (program, then) in [
        // Seconds that begin meanwhile are later than a name that it may have had already.
        ("find", "exec /usr/bin/find \"$@\""),
        ("systemctl", "echo systemd 257"),
    ] {
        let night = Night::new()?;
        night.answers("kai", WELL)?;
        night.answers("ziz", WELL)?;
        let others = format!("#!/bin/bash\nsleep 1.1\n{OTHERS}{then}\n");
        night.program(program, &others)?;
        let ended = night.run()?;
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
        let run = fs::read_to_string(night.path("state/current"))?;
        let mut others = 0;
        for file in fs::read_dir(night.path("state/runs"))? {
            let file = file?;
            let text = fs::read_to_string(file.path())?;
            if file.file_name().to_string_lossy() == format!("{}.jsonl", run.trim()) {
                assert!(text.starts_with("{\"event\":\"run-started\""), "{text}");
                assert!(!text.contains("other") && !text.contains("yet to come"), "{text}");
            } else {
                assert_eq!(text, "other\n");
                others += 1;
            }
        }
        assert!(others > 0);
    }
    Ok(())
}

#[test]
fn a_run_names_the_time_of_its_unit_by_which_it_is_found() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    let invocation = "5b0c2f4e6a7d48d0a1f20c0ffee0beef";
    let ended = night.run_with(&[("INVOCATION_ID", invocation)])?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let started = &night.record()?[0];
    assert_eq!(started["event"], "run-started");
    assert_eq!(started["invocation"], invocation);
    Ok(())
}

#[test]
fn a_run_whose_turn_does_not_come_says_who_is_at_work() -> Result<()> {
    let why = "forget and prune of the previous run have been running for more than ";
    let night = Night::new()?;
    // The turn does not come, and the record can be written.
    night.program(
        "flock",
        "#!/bin/bash\n[[ $1 != --timeout ]] || exit 1\nexec /usr/bin/flock \"$@\"\n",
    )?;
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.starts_with(why), "{}", ended.stderr);
    let ends = night.ends()?;
    let whys: Vec<&str> = ends.iter().filter_map(|event| event["why"].as_str()).collect();
    assert_eq!(whys.len(), 2);
    assert!(whys.iter().all(|said| said.starts_with(why)), "{whys:?}");
    Ok(())
}

/// What restic and a client read differently, and what they read alike; `true` where it is refused.
const PASSWORD_FILES: [(&[u8], bool); 18] = [
    (b"secret\n", false),
    (b"secret", false),
    (b"secret\r\n", false),
    (b"  two words \t\n", false),
    (b"secret\n\n \n", false),
    (b"gr\xc3\xbc\xc3\x9fe\n", false),
    (b"not \xff utf-8\n", false),
    (b"\xef\xbb\xbfsecret\n", true),
    (b"\xff\xfes\0e\0", true),
    (b"secret\nsecond\n", true),
    (b"\nsecret\n", true),
    (b"secret\xc2\xa0\n", true),
    (b"\xe3\x80\x80secret\n", true),
    (b"secret \r\n", true),
    (b"secret\x0b\n", true),
    (b"sec\0ret\n", true),
    (b" \r\n\n", true),
    (b"", true),
];

#[test]
fn a_password_file_of_two_readings_is_refused_by_name_wherever_it_is_read() -> Result<()> {
    let init = FLEET
        .replace("[hosts.jak]\n", "[hosts.jak]\ninclude = [\"/etc\"]\n")
        .replace(
            "path = \"/mnt/storage/restic\"\n",
            "path = \"/mnt/storage/restic\"\nfile-system = \"/mnt/storage\"\ninitialize = true\n",
        );
    for (text, is_refused) in PASSWORD_FILES {
        for script in ["run-backups", "maintain-repository", "init-repository"] {
            let night = Night::of(&init)?;
            fs::write(night.path("credentials/restic-password"), text)?;
            let repository = night.path("repository");
            fs::create_dir(&repository)?;
            let path = night.script(script);
            let here = fs::read_to_string(&path)?.replace(
                "/mnt/storage/restic",
                repository.to_str().context("a folder's name")?,
            );
            fs::write(&path, here)?;
            // Whoever is asked with it, or for it.
            let asked = "#!/bin/bash\n[[ $* == version ]] || touch \"$ANSWERS/asked\"\nexit 1\n";
            for program in ["ssh", "restic", "socat"] {
                night.program(program, asked)?;
            }
            let ended = night.run_script(script, &[])?;
            let said = format!("{script} of {text:?}: {}{}", ended.stdout, ended.stderr);
            assert_eq!(ended.status.code(), Some(1), "{said}");
            assert_eq!(night.path("answers/asked").exists(), !is_refused, "{said}");
            assert_eq!(
                said.contains("the password file /etc/genbackup/restic-password "),
                is_refused,
                "{said}"
            );
        }
    }
    Ok(())
}

/// That those which are taken are read alike, and those which are refused would not be, by the restic that is installed.
#[test]
fn restic_and_a_client_read_the_same_of_what_is_taken() -> Result<()> {
    let folder = tempfile::tempdir_in("/dev/shm")?;
    for (number, (text, is_refused)) in PASSWORD_FILES.into_iter().enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let (file, repository) = (folder.path().join("file"), folder.path().join(number.to_string()));
        fs::write(&file, text)?;
        // As root's restic reads it, and as a client's script hands it on.
        let client =
            "head --lines=1 \"$1\" | { read -r password; printf '%s\\n' \"$password\"; } 2>/dev/null |
            restic --no-cache --repo \"$2\" cat config";
        let made = run(Command::new("restic")
            .args(["--no-cache", "init", "--repo"])
            .arg(&repository)
            .arg("--password-file")
            .arg(&file))?;
        ensure!(made.status.success(), "{}", made.stderr);
        let opened = run(Command::new("/bin/bash")
            .args(["-c", client, "bash"])
            .args([&file, &repository])
            .env("LC_ALL", "C"))?;
        assert_eq!(
            opened.status.success(),
            !is_refused,
            "{text:?}: {}",
            opened.stderr
        );
    }
    Ok(())
}

#[test]
fn each_host_hears_the_storage_host_s_kernel_name_and_an_equal_one_fails() -> Result<()> {
    let night = Night::new()?;
    let heard = night.hears_kernel_names([("kai", "storage"), ("ziz", "ziz")])?;
    assert_eq!(heard, ["names jak=storage\n"; 2]);
    let ends = [("kai", "failed"), ("ziz", "ok")].map(|(host, status)| (host.to_owned(), status.to_owned()));
    assert_eq!(night.statuses()?, ends);
    let text = night
        .record()?
        .iter()
        .map(ToString::to_string)
        .collect::<String>();
    assert!(
        text.contains("its kernel host name storage is also that of jak"),
        "{text}"
    );
    Ok(())
}

/// In either order: the one that claims the name may be asked before the other, or after it.
#[test]
fn a_host_that_claims_another_client_s_kernel_name_changes_nothing_for_that_client() -> Result<()> {
    for (claims, name) in [("kai", "ziz"), ("ziz", "kai")] {
        let night = Night::new()?;
        let heard = night.hears_kernel_names(["kai", "ziz"].map(|host| (host, name)))?;
        assert_eq!(heard, ["names jak=storage\n"; 2], "{claims} claims {name}");
        let ends = ["kai", "ziz"].map(|host| (host.to_owned(), "ok".to_owned()));
        assert_eq!(night.statuses()?, ends, "{claims} claims {name}");
    }
    Ok(())
}

/// The storage host is a client of its own, with its own name.
#[test]
fn a_storage_host_is_not_refused_for_having_its_own_name() -> Result<()> {
    let night = Night::of(&FLEET.replace("[hosts.jak]\n", "[hosts.jak]\ninclude = [\"/etc\"]\n"))?;
    for program in ["ssh", "socat"] {
        let listens = "#!/bin/bash\nread -r _; read -r _; read -r third\necho \"$third\" >>\"$ANSWERS/heard\"\n\
                       cat \"$ANSWERS/answer\"\n";
        night.program(program, listens)?;
    }
    let script = fs::read_to_string(night.script("run-backups"))?.replace("/usr/bin/socat", "socat");
    fs::write(night.script("run-backups"), script)?;
    night.program("uname", "#!/bin/bash\necho storage\n")?;
    night.answers("answer", &format!("kernel storage\n{WELL}"))?;
    let ended = night.run()?;
    // The others are taken for it.
    let ends = [("jak", "ok"), ("kai", "failed"), ("ziz", "failed")];
    let ends = ends.map(|(host, status)| (host.to_owned(), status.to_owned()));
    assert_eq!(night.statuses()?, ends, "{}", ended.stderr);
    let heard = fs::read_to_string(night.path("answers/heard"))?;
    assert_eq!(heard.lines().next(), Some("names"));
    Ok(())
}

#[test]
fn a_run_that_is_stopped_says_so_in_its_record_at_once() -> Result<()> {
    let night = Night::new()?;
    // The first host is at it until the test has seen that; systemd sends the signal to all of them.
    night.program("ssh", "#!/bin/bash\ntouch \"$ANSWERS/asked\"\nexec sleep 600\n")?;
    let mut child = night.command("run-backups", &[]).process_group(0).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !night.path("answers/asked").exists() {
        ensure!(Instant::now() < deadline, "no host was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
    // systemd sends it until it finds no more processes that have not had it.
    let group = Pid::from_raw(child.id().cast_signed());
    let ended = loop {
        match child.try_wait()? {
            Some(ended) => break ended,
            None => killpg(group, Signal::SIGTERM)?,
        }
        ensure!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(ended.signal(), Some(15), "{ended}");
    let record = night.record()?;
    let last = record.last().context("no event")?;
    assert_eq!(
        (&last["event"], &last["why"]),
        (&"run-stopped".into(), &"the run was stopped".into())
    );
    assert_eq!(fs::read_to_string(night.path("state/current"))?, "at-work\n");
    Ok(())
}

#[test]
fn forget_and_prune_that_are_late_still_come_first() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    fs::write(night.path("state/current"), "20261123T040000Z\n")?;
    // They take it away at the sixtieth time, more than 5 s later.
    busy_lock(
        &night,
        0,
        "(($(grep --count unlock <\"$ANSWERS/asked\") < 56)) || rm -f \"$STATE_DIRECTORY/current\"; exit 0",
    )?;
    let ended = night.run()?;
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    let asked = fs::read_to_string(night.path("answers/asked"))?;
    assert_eq!(asked.lines().filter(|line| *line == "--unlock").count(), 56);
    Ok(())
}

#[test]
fn a_record_whose_forget_and_prune_never_come_ends_and_nothing_waits_for_them() -> Result<()> {
    let night = Night::new()?;
    night.answers("kai", WELL)?;
    night.answers("ziz", WELL)?;
    fs::create_dir(night.path("state/runs"))?;
    let before = night.path("state/runs/20261123T040000Z.jsonl");
    fs::write(
        &before,
        "{\"event\":\"run-started\",\"time\":\"2026-11-23T04:00:00Z\",\"run\":\"20261123T040000Z\",\"hosts\":[]}\n",
    )?;
    let current = night.path("state/current");
    fs::write(&current, "20261123T040000Z\n")?;
    // Left for longer than lock-wait.
    fs::File::options()
        .write(true)
        .open(&current)?
        .set_modified(std::time::SystemTime::now() - Duration::from_secs(2 * 3600))?;
    let start = Instant::now();
    let ended = night.run()?;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let text = fs::read_to_string(before)?;
    let events: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(events[1]["event"], "warning");
    assert_eq!(
        events[1]["why"],
        "forget and prune of the run 20261123T040000Z did not start; see `journalctl --unit=genbackup-maintain.service`"
    );
    assert_eq!(events[2]["event"], "run-finished");
    assert_ne!(fs::read_to_string(current)?.trim(), "20261123T040000Z");
    Ok(())
}
