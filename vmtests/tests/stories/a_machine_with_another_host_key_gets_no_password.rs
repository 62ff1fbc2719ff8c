//! Without this, whoever takes a client's address is handed the password of all snapshots.

use vmtests::fleet::{self, Record};
use vmtests::lab::Lab;
use vmtests::machine::Machine;

const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // ziz was installed anew; its old key turns up on kai, which has lost its own.
    let key_of_ziz = lab.ziz.read_file(HOST_KEY)?;
    let key_of_kai = lab.kai.read_file(HOST_KEY)?;
    lab.ziz
        .succeeds(&format!("rm {HOST_KEY} {HOST_KEY}.pub && ssh-keygen -A"))?;
    lab.kai.write_file(HOST_KEY, &key_of_ziz, 0o600)?;
    let started = fleet::start_run(lab)?;
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("jak")?, "ok");
    for machine in [&lab.ziz, &lab.kai] {
        was_refused(&record, machine.name())?;
        was_asked_in_vain(machine)?;
        assert_eq!(fleet::journal_of_backups(machine)?, "", "{}", machine.name());
    }
    assert_ne!(
        started.status, 0,
        "the run of a machine with another key succeeded"
    );

    // kai has its own key back, and answers at the address of ziz as well, which is down.
    lab.kai.write_file(HOST_KEY, &key_of_kai, 0o600)?;
    lab.ziz.power_off_hard()?;
    lab.kai.succeeds(&format!(
        "ip address add {} dev \"$(ip -brief -4 address show to {} | cut --delimiter=' ' --fields=1 | cut --delimiter=@ --fields=1)\"",
        lab.ziz.address_with_prefix(),
        lab.kai.address()
    ))?;
    lab.jak.succeeds("ip neighbour flush all")?;
    let record = fleet::failed_run(lab)?;
    was_refused(&record, "ziz")?;
    // Where it answers as itself it is welcome.
    assert_eq!(record.status("kai")?, "ok");
    assert_ne!(fleet::journal_of_backups(&lab.kai)?, "");
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "jak", "kai"]);

    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    assert!(
        shown.contains("ziz: failed") && shown.contains("its host key is not the one in the fleet file"),
        "{shown}"
    );
    Ok(())
}

fn was_refused(record: &Record, host: &str) -> anyhow::Result<()> {
    let finished = record.host(host)?;
    assert_eq!(
        finished["status"], "failed",
        "{host} has another host key, and was not refused: {finished}"
    );
    let why = finished["why"].as_str().unwrap_or_default();
    assert!(
        why.starts_with("its host key is not the one in the fleet file"),
        "{why}"
    );
    Ok(())
}

/// It was not for want of a connection.
fn was_asked_in_vain(machine: &Machine) -> anyhow::Result<()> {
    let connections =
        machine.succeeds("journalctl --boot --no-pager --output=cat --unit='genbackup-sshd@*'")?;
    assert!(
        connections.contains("preauth"),
        "{}: {connections}",
        machine.name()
    );
    Ok(())
}
