//! Without this, a copy of the storage host's key starts backups from wherever the thief is.

use vmtests::fleet::{self, SSH_KEY_FILE, SSH_PORT};
use vmtests::install;
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    lab.kai
        .write_file("/root/stolen", &lab.jak.read_file(SSH_KEY_FILE)?, 0o600)?;
    // The end of the input would end the conversation.
    let ask = format!(
        "ssh -F none -i /root/stolen -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p {SSH_PORT} restic@ziz \
         < <(printf 'genbackup/1 backup x\\na guess\\n'; timeout 150 tail -f /dev/null)"
    );

    // A fleet that knows its storage host by a name: sshd cannot compare a name with an address, so the thief
    // may ask. But the one answer is a backup, and it takes the password.
    let answer = lab.kai.run(&ask)?.text();
    assert!(answer.contains("wrong password or no key found"), "{answer}");
    // restic does not wait until the client has sent its versions, so these lines come in any order.
    let is_known = |line: &&str| {
        ["hello restic ", "systemd ", "kernel ", "out ", "clock ", "exit "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    assert_eq!(answer.lines().find(|line| !is_known(line)), None, "{answer}");
    assert_eq!(fleet::hosts_of_snapshots(lab)?, [""; 0]);

    // A fleet that knows it by its address lets the key in from there alone.
    let address = lab.jak.address();
    let with_address = format!("[hosts.jak]\naddress = \"{address}\"\n");
    install::again(lab, &[("[hosts.jak]\n", &with_address)])?;
    let refused = lab.kai.fails(&ask)?;
    assert!(
        refused.error_text().contains("Permission denied (publickey)"),
        "{}",
        refused.error_text()
    );
    let journal = lab
        .ziz
        .succeeds("journalctl --boot --no-pager --output=cat --unit='genbackup-sshd@*'")?;
    let sent = format!(
        "correct key but not from a permitted host (host={0}, ip={0}",
        lab.kai.address()
    );
    assert!(journal.contains(&sent), "no `{sent}` in {journal}");

    // The storage host itself comes from that address, also where its routes would choose another.
    lab.jak.succeeds(&format!(
        "card=$(ip -brief -4 address show to {address} | cut --delimiter=' ' --fields=1 | cut --delimiter=@ --fields=1)
         ip address add 10.77.0.9/24 dev \"$card\"
         ip route replace 10.77.0.0/24 dev \"$card\" src 10.77.0.9"
    ))?;
    let chosen = lab.jak.succeeds("ip route get 10.77.0.2")?;
    assert!(chosen.contains("src 10.77.0.9"), "{chosen}");
    let record = fleet::successful_run(lab)?;
    for host in ["ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok");
    }
    Ok(())
}
