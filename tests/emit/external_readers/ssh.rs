//! OpenSSH reads its files.

use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use genbackup::model::RemoteClient;

use crate::command::{Outcome, run};
use crate::stage::{Host, Stage};

/// Nobody's id: like in the unit, sshd is not root.
const NOBODY: u32 = 65534;

/// `sshd -t` on a text.
fn sshd_accepts(text: &str) -> Result<Outcome> {
    let directory = tempfile::tempdir()?;
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755))?;
    let (config, key) = (directory.path().join("sshd_config"), directory.path().join("key"));
    std::fs::write(&config, text)?;
    let made = run(Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key))?;
    ensure!(made.status.success(), "{}", made.stderr);
    chown(&key, Some(NOBODY), Some(NOBODY))?;
    run(Command::new("setpriv")
        .args([
            &format!("--reuid={NOBODY}"),
            &format!("--regid={NOBODY}"),
            "--clear-groups",
        ])
        .args(["/usr/sbin/sshd", "-t", "-f"])
        .arg(&config)
        .arg("-h")
        .arg(&key))
}

/// The clients on other machines, with the storage host of their fleet.
fn clients<'s>(storage: &Host<'s>) -> impl Iterator<Item = (&'s str, &'s RemoteClient)> {
    let clients = storage.fleet.remote.iter().flat_map(|remote| &remote.clients);
    clients.map(|(name, client)| (name.as_str(), client))
}

fn storage_hosts(stage: &Stage) -> impl Iterator<Item = Host<'_>> {
    stage
        .hosts()
        .filter(|host| host.name == host.fleet.storage.name.as_str())
}

#[test]
fn sshd_accepts_every_configuration() -> Result<()> {
    let mut accepted = 0;
    for host in Stage::shared()?.hosts() {
        let config = host.path("etc/genbackup/sshd_config");
        if config.exists() {
            let Outcome { status, stderr, .. } = sshd_accepts(&std::fs::read_to_string(&config)?)?;
            assert_eq!((stderr.as_str(), status.code()), ("", Some(0)), "{}", host.name);
            accepted += 1;
        }
    }
    assert!(accepted > 2, "only {accepted} clients in all fleets");
    Ok(())
}

#[test]
fn a_mistyped_option_of_sshd_would_be_noticed() -> Result<()> {
    let stage = Stage::shared()?;
    let mut configs = stage.hosts().map(|host| host.path("etc/genbackup/sshd_config"));
    let config = configs.find(|config| config.exists()).context("no client")?;
    let text = std::fs::read_to_string(config)?.replace("PermitTTY", "PermitTTYs");
    let refused = sshd_accepts(&text)?;
    assert!(
        refused.stderr.contains("Bad configuration option: PermitTTYs"),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn ssh_finds_address_port_user_and_pinned_key_of_each_client() -> Result<()> {
    let stage = Stage::shared()?;
    for host in storage_hosts(&stage) {
        for (name, client) in clients(&host) {
            let shown = run(Command::new("ssh")
                .arg("-G")
                .arg("-F")
                .arg(host.path("etc/genbackup/ssh_config"))
                .args(["--", name])
                .env("CREDENTIALS_DIRECTORY", "/credentials"))?;
            assert_eq!(shown.stderr, "", "{name}");
            let port = host.fleet.remote.as_ref().map_or(0, |remote| remote.port);
            // Those clients let the key in from this address alone, so it is the one to come from.
            let number = host.fleet.storage.address.number();
            for expected in number
                .map(|number| format!("bindaddress {number}"))
                .into_iter()
                .chain([
                    // ssh writes an address in its shortest spelling.
                    format!("hostname {}", client.address.identity()),
                    format!("port {port}"),
                    "user restic".to_owned(),
                    format!("hostkeyalias {name}"),
                    "userknownhostsfile /etc/genbackup/known_hosts".to_owned(),
                    "globalknownhostsfile /dev/null".to_owned(),
                    "stricthostkeychecking true".to_owned(),
                    "batchmode yes".to_owned(),
                    "identitiesonly yes".to_owned(),
                    "identityagent none".to_owned(),
                    "requesttty false".to_owned(),
                    "forwardagent no".to_owned(),
                    "clearallforwardings yes".to_owned(),
                ])
            {
                let lines: Vec<&str> = shown.stdout.lines().collect();
                assert!(
                    lines.contains(&expected.as_str()),
                    "{name}: no `{expected}` in {lines:#?}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_pinned_key_of_each_client_is_the_fleet_s_and_the_only_one() -> Result<()> {
    let stage = Stage::shared()?;
    for host in storage_hosts(&stage) {
        let file = host.path("etc/genbackup/known_hosts");
        for (name, client) in clients(&host) {
            let found = run(Command::new("ssh-keygen").args(["-F", name, "-f"]).arg(&file))?;
            let keys: Vec<&str> = found
                .stdout
                .lines()
                .filter(|line| !line.starts_with('#'))
                .collect();
            assert_eq!(keys, [format!("{name} {}", client.host_key.without_comment())]);
        }
        if file.exists() {
            let found = run(Command::new("ssh-keygen")
                .args(["-F", "stranger", "-f"])
                .arg(&file))?;
            assert_eq!((found.status.code(), found.stdout.as_str()), (Some(1), ""));
        }
    }
    Ok(())
}

#[test]
fn each_client_lets_in_the_storage_host_s_key_and_no_other() -> Result<()> {
    for host in Stage::shared()?.hosts() {
        let file = host.path("etc/genbackup/authorized_keys");
        if !file.exists() {
            continue;
        }
        let remote = host.fleet.remote.as_ref().context("a client is remote")?;
        let key = tempfile::NamedTempFile::new()?;
        std::fs::write(key.path(), remote.public_key.without_comment())?;
        let fingerprint = |path: &std::path::Path| -> Result<Vec<String>> {
            let shown = run(Command::new("ssh-keygen").args(["-l", "-f"]).arg(path))?;
            ensure!(shown.status.success(), "{}", shown.stderr);
            let words = shown
                .stdout
                .lines()
                .map(|line| line.split(' ').nth(1).unwrap_or_default());
            Ok(words.map(str::to_owned).collect())
        };
        assert_eq!(fingerprint(&file)?, fingerprint(key.path())?, "{}", host.name);
        let text = std::fs::read_to_string(&file)?;
        let options = match host.fleet.storage.address.number() {
            Some(number) => format!("restrict,from=\"{number}\",command=\""),
            None => "restrict,command=\"".to_owned(),
        };
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.all(|line| line.starts_with(&options)), "{text}");
    }
    Ok(())
}
