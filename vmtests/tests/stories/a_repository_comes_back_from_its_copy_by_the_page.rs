//! Without this, the repository is lost with its disk, and the copy elsewhere is a promise that nobody tried.

use anyhow::{Context as _, ensure};
use vmtests::administrator;
use vmtests::belongings::{describe, describe_what_is_backed_up};
use vmtests::fleet::PASSWORD_FILE;
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::Machine;
use vmtests::runbook::{OURS, PAGE, Person};

/// The password of the copy `friend`.
const COPY_PASSWORD: &str = "a separate password";
/// The configuration of rclone on the storage host.
const CONFIG: &str = "/root/keys/rclone.conf";
/// The key for the servers of the copies, which accept it in addition to that of the administrator.
const KEY: &str = "/root/keys/copies";
const SSHD_CONFIG: &[u8] = b"AuthorizedKeysFile .ssh/authorized_keys .ssh/copies\n";
/// The host keys that rclone accepts.
const KNOWN_HOSTS: &str = "/etc/ssh/copies.known_hosts";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let jak = &lab.jak;
    let password = String::from_utf8(jak.read_file(PASSWORD_FILE)?)?;
    let person = Person {
        password: password.trim(),
        address: "",
        copy_password: COPY_PASSWORD,
    };
    administrator::give_access(jak, &[&lab.ziz, &lab.kai])?;
    lab.ziz.succeeds("mkdir --parents /srv/copies")?;
    lab.kai.succeeds("mkdir --parents /srv/friend")?;
    jak.succeeds(&format!("ssh-keygen -q -t ed25519 -N '' -C copies -f {KEY}"))?;
    let public_key = jak.read_file(&format!("{KEY}.pub"))?;
    for machine in [&lab.ziz, &lab.kai] {
        machine.write_file("/root/.ssh/copies", &public_key, 0o600)?;
        machine.write_file("/etc/ssh/sshd_config.d/copies.conf", SSHD_CONFIG, 0o644)?;
        machine.succeeds("systemctl restart ssh.service")?;
    }
    let credential = Credential::of(lab)?;
    credential.write(jak)?;
    jak.succeeds(&format!(
        "umask 077; echo {COPY_PASSWORD} >/root/keys/friend-password"
    ))?;
    let copies = format!(
        "[offsite.cloud]\nkind = \"sync\"\nremote = \"cloud:/srv/copies/restic\"\nconfig-file = \"{CONFIG}\"\n\
         after-run = true\n\n[offsite.friend]\nkind = \"copy\"\nrepository = \"sftp:root@kai:/srv/friend/restic\"\n\
         password-file = \"/root/keys/friend-password\"\nssh-key-file = \"{KEY}\"\n\
         host-key = \"{}\"\nkeep = \"2 last\"\nafter-run = true\n\n[monitor]\n",
        host_key(&lab.kai)?
    );
    install::again(
        lab,
        &[
            ("[hosts.jak]\ninclude = [", "[hosts.jak]\ninclude = [\"/etc\", "),
            ("[monitor]\n", &copies),
        ],
    )?;
    install::put_command_onto(jak)?;
    jak.succeeds("genbackup emit --now")?;
    let had = describe_what_is_backed_up(&lab.ziz)?;

    let printed = jak.succeeds("genbackup run")?;
    for copy in ["cloud", "friend"] {
        ensure!(printed.contains(&format!("copy {copy}: ok")), "{printed}");
    }
    let status = jak.run("genbackup status")?.text();
    ensure!(status.contains("yes      1 elsewhere: cloud ("), "{status}");
    // Each snapshot can be read where it is, with the password of that copy.
    for copy in ["cloud", "friend"] {
        let listed = jak.succeeds(&format!("genbackup snapshots --from {copy}"))?;
        ensure!(listed.contains("ziz") && listed.contains("kai"), "{listed}");
        let target = format!("/root/from-{copy}");
        jak.succeeds(&format!("genbackup restore ziz / --from {copy} --to {target}"))?;
        assert_eq!(describe(jak, &target)?, had, "{copy}");
    }
    // Both are looked at where they are.
    let found = jak.run("genbackup doctor")?.text();
    for copy in ["cloud", "friend"] {
        let line = found.lines().find(|line| line.contains(&format!("copy {copy}")));
        let line = line.with_context(|| found.clone())?;
        ensure!(
            line.starts_with("ok") && line.contains("the newest of "),
            "{found}"
        );
    }
    // Neither unit can write the repository, and the server of `friend` has its own host key.
    let failed = jak.succeeds("systemctl list-units --failed --no-legend --plain 'genbackup*'")?;
    assert_eq!(failed, "");

    // A new machine, with the password, the credential of the remote, and the page: once for each copy.
    for copy in ["cloud", "friend"] {
        let page = String::from_utf8(lab.ziz.read_file(PAGE)?)?;
        lab.replace(jak)?;
        assert_eq!(jak.succeeds(OURS)?, "", "what is ours on a new machine");
        install::put_command_onto(jak)?;
        administrator::give_access(jak, &[&lab.ziz, &lab.kai])?;
        credential.write(jak)?;
        let copy_is_left = format!("The repository is lost, and its copy {copy} is left");
        person.follow(lab, &page, &copy_is_left)?;
        person.follow(lab, &page, "The fleet file is lost")?;
        if copy == "friend" {
            // As the page states, the other copy is that of the old repository.
            jak.succeeds("sed --in-place 's|cloud:/srv/copies/restic|cloud:/srv/copies/new|' /etc/genbackup/fleet.toml")?;
        }
        person.follow(lab, &page, "jak is lost")?;
        jak.succeeds("genbackup restore ziz / --to /root/back")?;
        assert_eq!(describe(jak, "/root/back")?, had, "{copy}");
        // The last run of the page made both copies again.
        let status = jak.run("genbackup status")?.text();
        ensure!(
            status.contains("yes      1 elsewhere: cloud ("),
            "{copy}: {status}"
        );
    }
    Ok(())
}

/// What a person keeps away from the storage host: the key for the servers of the copies, the configuration of rclone with
/// it, and the host keys.
struct Credential {
    key: String,
    config: String,
    known_hosts: String,
}

impl Credential {
    fn of(lab: &Lab) -> anyhow::Result<Self> {
        let key = String::from_utf8(lab.jak.read_file(KEY)?)?;
        Ok(Self {
            key: key.clone(),
            config: format!(
                "[cloud]\ntype = sftp\nhost = ziz\nuser = root\nshell_type = unix\nmd5sum_command = none\n\
                 sha1sum_command = none\nknown_hosts_file = {KNOWN_HOSTS}\nkey_pem = {}\n",
                key.trim_end().replace('\n', "\\n")
            ),
            // rclone takes whichever kind of key the server prefers, so it has to know all of them.
            known_hosts: lab.ziz.succeeds("sed 's/^/ziz /' /etc/ssh/ssh_host_*_key.pub")? + "\n",
        })
    }

    fn write(&self, storage: &Machine) -> anyhow::Result<()> {
        storage.succeeds("mkdir --parents --mode=0700 /root/keys")?;
        storage.write_file(KEY, self.key.as_bytes(), 0o600)?;
        storage.write_file(CONFIG, self.config.as_bytes(), 0o600)?;
        storage.write_file(KNOWN_HOSTS, self.known_hosts.as_bytes(), 0o644)
    }
}

/// The public host key of a machine's own sshd, without its comment.
fn host_key(machine: &Machine) -> anyhow::Result<String> {
    machine.succeeds("cut --delimiter=' ' --fields=1,2 /etc/ssh/ssh_host_ed25519_key.pub")
}
