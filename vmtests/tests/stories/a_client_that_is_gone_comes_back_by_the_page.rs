//! Without this, a lost laptop is restored without owners and modes. Or it is locked out, because the fleet
//! does not know its new host key. And the loss of one file, password file or key takes a search through
//! manuals.

use vmtests::administrator;
use vmtests::belongings::describe_what_is_backed_up;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, SSH_KEY_FILE};
use vmtests::lab::Lab;
use vmtests::runbook::{OURS, PAGE, Person};

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let password = String::from_utf8(lab.jak.read_file(PASSWORD_FILE)?)?;
    let person = Person {
        password: password.trim(),
        address: "",
        copy_password: "",
    };
    administrator::give_access(&lab.jak, &[&lab.ziz, &lab.kai])?;
    let page = String::from_utf8(lab.jak.read_file(PAGE)?)?;
    let had = describe_what_is_backed_up(&lab.ziz)?;
    fleet::successful_run(lab)?;

    // One file: of the first client, by both ways, and no other user looks into what came back.
    person.follow(lab, &page, "Restore one file")?;
    let data = |directory: &str| {
        format!(
            "cd {directory}/srv/data && find . -type f ! -name '*.tmp' ! -path './scratch/*' -printf '%m %U:%G %T@ %p ' -exec sha256sum {{}} \\; | sort"
        )
    };
    let expected = lab.kai.succeeds(&data(""))?;
    for directory in ["/root/restored-files", "/root/restored-by-restic"] {
        assert_eq!(lab.jak.succeeds(&data(directory))?, expected, "{directory}");
    }
    assert_eq!(
        lab.jak.succeeds("stat --format='%a %U' /root/restored-files")?,
        "700 root"
    );
    let again = lab
        .jak
        .fails("genbackup restore kai /srv/data --to /root/restored-files")?;
    assert!(
        again.error_text().contains("is not empty"),
        "{}",
        again.error_text()
    );

    // The password file and the ssh key, one after the other.
    lab.jak.succeeds(&format!("rm -r {PASSWORD_FILE}"))?;
    person.follow(lab, &page, "The password file is lost")?;
    lab.jak
        .succeeds(&format!("rm {SSH_KEY_FILE} {SSH_KEY_FILE}.pub"))?;
    person.follow(lab, &page, "The ssh key is lost")?;

    lab.replace(&lab.ziz)?;
    assert_eq!(lab.ziz.succeeds(OURS)?, "", "what is ours on a new machine");
    administrator::give_access(&lab.jak, &[&lab.ziz])?;
    person.follow(lab, &page, "ziz is lost")?;
    assert_eq!(describe_what_is_backed_up(&lab.ziz)?, had);
    // The clients had neither, and need neither.
    for client in [&lab.ziz, &lab.kai] {
        client.succeeds("! command -v genbackup && ! test -e /etc/genbackup/fleet.toml")?;
    }
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    assert_eq!(record.phase("prune")?["status"], "ok", "{record:?}");
    let foreign = lab.jak.succeeds(&format!("find {REPOSITORY} ! -user restic"))?;
    assert_eq!(foreign, "", "what user restic cannot remove");
    Ok(())
}
