//! Without this, the page for the worst day is a text that nobody ever tried: a command that fails in its middle, or a
//! secret that it forgets, is found out when there is nothing to fall back on.

use vmtests::administrator;
use vmtests::belongings::describe_what_is_backed_up;
use vmtests::deadline::SOON;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, SSH_KEY_FILE};
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::Machine;
use vmtests::runbook::{OURS, PAGE, Person};

/// A storage host as most are: it backs up its own `/etc`, in which its fleet file, the ssh key and an address are.
const CHANGES: [(&str, &str); 3] = [
    ("[hosts.jak]\ninclude = [", "[hosts.jak]\ninclude = [\"/etc\", "),
    ("/root/keys/ssh_ed25519", "/etc/genbackup/ssh_ed25519"),
    (
        "[monitor]\n",
        "[notify.team]\nkind = \"webhook\"\naddress-file = \"/etc/genbackup/team\"\n\n\
         [notify.admin]\nkind = \"webhook\"\naddress-file = \"/root/keys/admin\"\n\n[monitor]\n",
    ),
];
/// The server does not answer; `watch` has to report that.
const ADDRESS: &str = "http://127.0.0.1:9/nobody";
/// A copy of the repository, on another machine, where it has lost its owner.
const COPY: &str = "/var/tmp/copy";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let jak = &lab.jak;
    let password = String::from_utf8(jak.read_file(PASSWORD_FILE)?)?;
    let person = Person {
        password: password.trim(),
        address: ADDRESS,
        copy_password: "",
    };
    jak.succeeds(&format!(
        "cp --archive {SSH_KEY_FILE} {SSH_KEY_FILE}.pub /etc/genbackup && echo {ADDRESS} >/etc/genbackup/team
         cp /etc/genbackup/team /root/keys/admin && chmod 0400 /etc/genbackup/team /root/keys/admin"
    ))?;
    install::again(lab, &CHANGES)?;
    let had = describe_what_is_backed_up(jak)?;
    let fleet_file = jak.succeeds("cat /etc/genbackup/fleet.toml")?;
    fleet::successful_run(lab)?;
    // A client has the page, too.
    let page = String::from_utf8(lab.ziz.read_file(PAGE)?)?;

    // What is left of it is a copy of the repository. Its disk is new as well.
    lab.ziz.succeeds(&format!("mkdir {COPY}"))?;
    send(jak, "/mnt/storage", &lab.ziz, COPY)?;
    lab.replace(jak)?;
    assert_eq!(jak.succeeds(OURS)?, "", "what is ours on a new machine");
    send(&lab.ziz, COPY, jak, "/mnt/storage")?;
    install::put_command_onto(jak)?;
    administrator::give_access(jak, &[&lab.ziz, &lab.kai])?;
    person.follow(lab, &page, "The fleet file is lost")?;
    assert_eq!(jak.succeeds("cat /etc/genbackup/fleet.toml")?, fleet_file);
    person.follow(lab, &page, "jak is lost")?;

    assert_eq!(describe_what_is_backed_up(jak)?, had);
    // Its last command was a run, in which all hosts succeed: the key came back, and is the one that the
    // clients let in.
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    assert_eq!(record.phase("prune")?["status"], "ok", "{record:?}");
    let status = jak.succeeds("genbackup status")?;
    assert!(status.contains("OK"), "{status}");
    assert_eq!(jak.succeeds("cat /etc/genbackup/fleet.toml")?, fleet_file);
    for file in ["/etc/genbackup/team", "/root/keys/admin"] {
        assert_eq!(
            jak.succeeds(&format!("cat {file}; stat --format=%U {file}"))?,
            format!("{ADDRESS}\nroot")
        );
    }
    // All that the fleet asks for is live, including the recipients.
    let timers = "genbackup.timer genbackup-watch.timer genbackup-backup.socket";
    assert_eq!(
        jak.succeeds(&format!(
            "systemctl is-active {timers}; systemctl is-enabled {timers}"
        ))?,
        "active\nactive\nactive\nenabled\nenabled\nenabled"
    );
    let foreign = jak.succeeds(&format!("find {REPOSITORY} ! -user restic"))?;
    assert_eq!(foreign, "", "what user restic cannot remove");
    Ok(())
}

/// Takes the repository from one machine to another, where root owns it.
fn send(from: &Machine, directory: &str, to: &Machine, target: &str) -> anyhow::Result<()> {
    to.succeeds(&format!(
        "systemd-run --quiet --collect --unit=copy bash -c \
         'socat -u TCP-LISTEN:9000,reuseaddr STDOUT | tar --extract --no-same-owner --directory={target}'"
    ))?;
    from.succeeds(&format!(
        "tar --create --directory={directory} restic | socat -u STDIN TCP:{}:9000,retry=20,interval=1",
        to.name()
    ))?;
    let is_there =
        format!("test \"$(systemctl is-active copy.service)\" = inactive && test -e {target}/restic/config");
    to.wait_until_succeeds(&is_there, SOON).map(drop)
}
