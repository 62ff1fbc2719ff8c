//! Without this, an admin finds one fault a night, each by another failed backup.

use anyhow::{Context, ensure};
use serde_json::Value;
use vmtests::install::{fleet_file, put_command_onto};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let fleet = fleet_file(lab)?;
    lab.on_all(|machine| {
        machine.write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
        put_command_onto(machine)
    })?;
    for machine in [&lab.jak, &lab.ziz, &lab.kai] {
        let findings = Findings::of(machine)?;
        ensure!(findings.status == 0, "{}: {findings:#?}", machine.name());
        // Nothing keeps the time of a guest, and there has been no run.
        let others = findings.all.iter().filter(|finding| {
            let check = finding["check"].as_str().unwrap_or_default();
            finding["state"] != "ok" && check != "clock" && !check.starts_with("last ") && check != "records"
        });
        let others: Vec<_> = others.collect();
        ensure!(others.is_empty(), "{}: {others:#?}", machine.name());
    }
    // To ask is no backup, and leaves nothing behind.
    assert_eq!(lab.ziz.succeeds("systemctl --failed --no-legend --plain")?, "");
    assert_eq!(
        lab.jak
            .succeeds("ls /var/lib/genbackup/runs /mnt/storage/restic/snapshots")?
            .lines()
            .count(),
        3
    );

    lab.jak.succeeds(
        "chmod 0644 /root/keys/ssh_ed25519
         echo '# mine' >>/etc/genbackup/ssh_config
         systemctl --quiet mask genbackup-maintain.service || ln -sf /dev/null /etc/systemd/system/genbackup-maintain.service
         systemctl daemon-reload
         exportfs -ua
         fallocate --length=\"$(df --output=avail --block-size=1 /mnt/storage | tail --lines=1)\" /mnt/storage/filler
         printf '%s\\n' '{\"event\":\"run-started\",\"time\":\"2026-11-01T04:00:00Z\",\"run\":\"20261101T040000Z\",\"hosts\":[\"ziz\"]}' '{\"event\":\"host-started\",\"time\":\"2026-11-01T04:00:01Z\",\"host\":\"ziz\"}' '{\"event\":\"host-finished\",\"time\":\"2026-11-01T04:00:02Z\",\"host\":\"ziz\",\"status\":\"partial\",\"why\":\"its clock is 7200 s ahead\",\"clock-off\":7200}' '{\"event\":\"run-finished\",\"time\":\"2026-11-01T04:00:03Z\"}' >/var/lib/genbackup/runs/20261101T040000Z.jsonl",
    )?;
    lab.ziz
        .succeeds("rm /etc/ssh/ssh_host_ed25519_key* && ssh-keygen -A")?;
    lab.kai
        .succeeds("systemctl disable --now genbackup-sshd.socket")?;

    let findings = Findings::of(&lab.jak)?;
    assert_eq!(findings.status, 1);
    for (check, what, hint) in [
        ("ssh key", "its mode is 0644", "chmod 600"),
        ("files", "/etc/genbackup/ssh_config", "genbackup emit --diff"),
        (
            "genbackup-maintain.service",
            "masked",
            "systemctl unmask genbackup-maintain.service",
        ),
        ("export", "is not exported", "exportfs -ra"),
        ("room for snapshots", "is full", "free some space"),
        (
            "ssh to kai",
            "nothing listens on its port 50000",
            "genbackup-sshd.socket",
        ),
    ] {
        findings.has(check, "failed", what, hint)?;
    }
    findings.has("last ziz", "failed", "its clock is 7200 s ahead", "")?;

    lab.jak.succeeds("chmod 0600 /root/keys/ssh_ed25519")?;
    Findings::of(&lab.jak)?.has("ssh to ziz", "failed", "another host key", "`host-key`")?;

    let findings = Findings::of(&lab.ziz)?;
    assert_eq!(findings.status, 1);
    findings.has(
        "host key pair",
        "failed",
        "the fleet file has SHA256:",
        "`host-key`",
    )?;
    findings.has(
        "mount",
        "failed",
        "cannot be mounted",
        "on jak, run `genbackup doctor`",
    )?;
    let findings = Findings::of(&lab.kai)?;
    findings.has(
        "genbackup-sshd.socket",
        "failed",
        "not started",
        "systemctl enable --now",
    )?;

    let shown = lab.jak.run("genbackup doctor")?;
    ensure!(
        shown.status == 1 && shown.text().starts_with("failed  "),
        "{}",
        shown.text()
    );
    Ok(())
}

/// What doctor found on a machine.
#[derive(Debug)]
struct Findings {
    status: i64,
    all: Vec<Value>,
}

impl Findings {
    fn of(machine: &Machine) -> anyhow::Result<Self> {
        let answer = machine.run("genbackup doctor --json")?;
        let all: Value = serde_json::from_str(&answer.text()).with_context(|| answer.error_text())?;
        Ok(Self {
            status: answer.status.into(),
            all: all.as_array().context("no list")?.clone(),
        })
    }

    fn has(&self, check: &str, state: &str, what: &str, hint: &str) -> anyhow::Result<()> {
        let named = self.all.iter().filter(|finding| finding["check"] == check);
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let mut fitting = named.filter(|finding| {
            finding["state"] == state
                && text(finding, "what").contains(what)
                && text(finding, "hint").contains(hint)
        });
        ensure!(
            fitting.next().is_some(),
            "no `{check}` with `{what}`: {:#?}",
            self.all
        );
        Ok(())
    }
}
