//! The fields that admit text, and fleets with a text in one of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use genbackup::config::file::read;
use genbackup::config::resolve::resolve;
use genbackup::emit::plan::HostPlan;
use genbackup::emit::{Artifact, emit, nix_module};
use genbackup::model::{Fleet, HostName};
use proptest::prelude::BoxedStrategy;
use toml::{Table, Value};

use super::text;

/// A field of the fleet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Calendar,
    RepositoryPath,
    FileSystem,
    PasswordFile,
    Mount,
    Port,
    KeyFile,
    PublicKey,
    StorageName,
    StorageAddress,
    ClientName,
    ClientAddress,
    HostKey,
    HostKeyFile,
    Include,
    Exclude,
    HookProgram,
    HookWord,
    HookWrites,
}

/// The storage host makes its repository and backs itself up, and there is a client.
const FLEET: &str = r#"
[schedule]
calendar = "daily"

[repository]
host = "jak"
path = "/srv/restic"
file-system = "/"
password-file = "/etc/genbackup/password"
keep = "7 daily"
initialize = true

[nfs]
mount = "/mnt/jak"

[ssh]
port = 50000
key-file = "/etc/genbackup/ssh_ed25519"
public-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKUthtmB1nGOk/Hh8BpoxFSY1XYL4CMoSFbOhcnVHWJD"

[hosts.jak]
address = "10.0.0.1"
include = ["/etc"]
exclude = ["/etc/none"]

[hosts.jak.after.a]
user = "postgres"
command = ["/opt/a", "b"]
writes = ["/var/a"]

[hosts.ziz]
address = "10.0.0.2"
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPC1fUJ4Ea5DhcD1Lo1TUdHW2Gd9o6y4Kz0U0EoQCOk"
include = ["/etc"]
"#;

impl Field {
    /// Those whose value is a text.
    pub(crate) const TEXTS: [Self; 18] = [
        Self::Calendar,
        Self::RepositoryPath,
        Self::FileSystem,
        Self::PasswordFile,
        Self::Mount,
        Self::KeyFile,
        Self::PublicKey,
        Self::StorageName,
        Self::StorageAddress,
        Self::ClientName,
        Self::ClientAddress,
        Self::HostKey,
        Self::HostKeyFile,
        Self::Include,
        Self::Exclude,
        Self::HookProgram,
        Self::HookWord,
        Self::HookWrites,
    ];

    /// Texts for it, of which it admits some.
    pub(crate) fn texts(self) -> BoxedStrategy<String> {
        match self {
            Self::Calendar => text::calendar(),
            Self::Port => text::port(),
            Self::PublicKey | Self::HostKey => text::public_key(),
            Self::StorageName | Self::ClientName => text::host_name(),
            Self::StorageAddress | Self::ClientAddress => text::address(),
            Self::Exclude | Self::HookWord => text::pattern(),
            Self::FileSystem => text::mount_point(),
            Self::RepositoryPath
            | Self::PasswordFile
            | Self::Mount
            | Self::KeyFile
            | Self::HostKeyFile
            | Self::HookProgram
            | Self::HookWrites
            | Self::Include => text::path(),
        }
    }

    /// Texts that are tried in every run.
    pub(crate) fn remembered(self) -> Vec<String> {
        match self {
            Self::Exclude | Self::HookWord => text::REMEMBERED.map(str::to_owned).to_vec(),
            Self::RepositoryPath
            | Self::FileSystem
            | Self::PasswordFile
            | Self::Mount
            | Self::KeyFile
            | Self::HostKeyFile
            | Self::HookProgram
            | Self::HookWrites
            | Self::Include => {
                let paths = text::REMEMBERED.map(|part| [format!("/{part}"), format!("/{part}/z")]);
                paths.concat()
            }
            _ => Vec::new(),
        }
    }

    /// Its table and key, and what stands there for a text.
    fn entry(self, text: &str) -> (&'static [&'static str], Value) {
        let list = || Value::Array(vec![Value::from(text)]);
        let number = || {
            text.parse::<i64>()
                .map_or_else(|_| Value::from(text), Value::from)
        };
        match self {
            Self::Calendar => (&["schedule", "calendar"], text.into()),
            Self::RepositoryPath => (&["repository", "path"], text.into()),
            Self::FileSystem => (&["repository", "file-system"], text.into()),
            Self::PasswordFile => (&["repository", "password-file"], text.into()),
            Self::Mount => (&["nfs", "mount"], text.into()),
            Self::Port => (&["ssh", "port"], number()),
            Self::KeyFile => (&["ssh", "key-file"], text.into()),
            Self::PublicKey => (&["ssh", "public-key"], text.into()),
            Self::StorageName => (&["repository", "host"], text.into()),
            Self::StorageAddress => (&["hosts", "jak", "address"], text.into()),
            Self::ClientName => (&["hosts"], text.into()),
            Self::ClientAddress => (&["hosts", "ziz", "address"], text.into()),
            Self::HostKey => (&["hosts", "ziz", "host-key"], text.into()),
            Self::HostKeyFile => (&["hosts", "ziz", "host-key-file"], text.into()),
            Self::Include => (&["hosts", "jak", "include"], list()),
            Self::Exclude => (&["hosts", "jak", "exclude"], list()),
            Self::HookProgram => (&["hosts", "jak", "after", "a", "command"], list()),
            Self::HookWord => (
                &["hosts", "jak", "after", "a", "command"],
                vec!["/opt/a", text].into(),
            ),
            Self::HookWrites => (&["hosts", "jak", "after", "a", "writes"], list()),
        }
    }

    /// The fleet file with this text in this field.
    fn fleet_file(self, text: &str) -> Result<String> {
        let mut fleet: Table = FLEET.parse()?;
        match self {
            Self::StorageName => rename_host(&mut fleet, "jak", text)?,
            Self::ClientName => rename_host(&mut fleet, "ziz", text)?,
            // An address of either family, next to a name.
            Self::StorageAddress => set(&mut fleet, &["hosts", "ziz", "address"], "ziz.example".into())?,
            Self::ClientAddress => set(&mut fleet, &["hosts", "jak", "address"], "jak.example".into())?,
            Self::FileSystem => {
                let below = format!("{text}/r");
                set(&mut fleet, &["repository", "path"], below.into())?;
            }
            _ => {}
        }
        if self != Self::ClientName {
            let (place, value) = self.entry(text);
            set(&mut fleet, place, value)?;
        }
        Ok(toml::to_string(&fleet)?)
    }

    /// What a fleet has in this field.
    pub(crate) fn value(self, fleet: &Fleet) -> Option<String> {
        let remote = fleet.remote.as_ref()?;
        let (client_name, client) = remote.clients.first_key_value()?;
        let source = fleet.storage.source.as_ref()?;
        Some(match self {
            Self::Calendar => fleet.schedule.timing.calendars.to_string(),
            Self::RepositoryPath => fleet.repository.path.to_string(),
            Self::FileSystem => fleet.repository.file_system.as_ref()?.to_string(),
            Self::PasswordFile => fleet.repository.password_file.to_string(),
            Self::Mount => remote.mount.to_string(),
            Self::Port => remote.port.to_string(),
            Self::KeyFile => remote.key_file.to_string(),
            Self::PublicKey => remote.public_key.to_string(),
            Self::StorageName => fleet.storage.name.to_string(),
            Self::StorageAddress => fleet.storage.address.to_string(),
            Self::ClientName => client_name.to_string(),
            Self::ClientAddress => client.address.to_string(),
            Self::HostKey => client.host_key.to_string(),
            Self::HostKeyFile => client.host_key_file.to_string(),
            Self::Include => source.include.first()?.to_string(),
            Self::Exclude => source.exclude.first()?.to_string(),
            Self::HookProgram => source.hooks.after.first()?.program.to_string(),
            Self::HookWord => source.hooks.after.first()?.arguments.first()?.to_string(),
            Self::HookWrites => source.hooks.after.first()?.writes.first()?.to_string(),
        })
    }
}

fn set(fleet: &mut Table, place: &[&str], value: Value) -> Result<()> {
    let (key, tables) = place.split_last().context("a key has a name")?;
    let mut table = fleet;
    for name in tables {
        let inner = table.get_mut(*name).and_then(Value::as_table_mut);
        table = inner.with_context(|| format!("the fleet has no {name}"))?;
    }
    table.insert((*key).to_owned(), value);
    Ok(())
}

fn rename_host(fleet: &mut Table, from: &str, to: &str) -> Result<()> {
    let hosts = fleet.get_mut("hosts").and_then(Value::as_table_mut);
    let hosts = hosts.context("the fleet has hosts")?;
    let host = hosts.remove(from).context("the fleet has this host")?;
    hosts.insert(to.to_owned(), host);
    Ok(())
}

/// A text, and a fleet that has it in a field.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) field: Field,
    pub(crate) text: String,
    pub(crate) fleet: Fleet,
}

/// One of the two hosts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Host {
    Storage,
    Client,
}

impl Case {
    /// The text in the field, if the fleet file may have it there.
    pub(crate) fn new(field: Field, text: String) -> Result<Option<Self>> {
        let file = field.fleet_file(&text)?;
        let Ok(fleet) = resolve(read("fleet.toml", &file)) else {
            return Ok(None);
        };
        // A name that the other host has already leaves no host to be its client.
        Ok(fleet.remote.is_some().then_some(Self { field, text, fleet }))
    }

    /// The fleet's one client.
    pub(crate) fn client(&self) -> Result<&HostName> {
        let remote = self.fleet.remote.as_ref();
        let client = remote.and_then(|remote| remote.clients.keys().next());
        client.context("the fleet has a client")
    }

    fn plan(&self, host: Host) -> Result<HostPlan<'_>> {
        let name = match host {
            Host::Storage => &self.fleet.storage.name,
            Host::Client => self.client()?,
        };
        HostPlan::of(&self.fleet, name).context("a fleet knows its hosts")
    }

    pub(crate) fn artifacts(&self, host: Host) -> Result<Vec<Artifact>> {
        Ok(emit(&self.plan(host)?)?)
    }

    /// What NixOS needs to know of a host.
    pub(crate) fn nix_module(&self, host: Host) -> Result<String> {
        Ok(nix_module(&self.plan(host)?)?.content)
    }

    /// The emitted files of a host.
    pub(crate) fn files(&self, host: Host) -> Result<Files> {
        let artifacts = self.artifacts(host)?.into_iter();
        Ok(Files(
            artifacts
                .map(|artifact| (artifact.path, artifact.content))
                .collect(),
        ))
    }
}

/// The texts of a host's files, by their paths.
pub(crate) struct Files(pub(crate) BTreeMap<String, String>);

impl Files {
    pub(crate) fn get(&self, path: &str) -> Result<&str> {
        let text = self.0.get(path).with_context(|| format!("no {path}"))?;
        Ok(text)
    }

    pub(crate) fn unit(&self, name: &str) -> Result<&str> {
        self.get(&format!("/etc/systemd/system/{name}"))
    }

    pub(crate) fn script(&self, name: &str) -> Result<&str> {
        self.get(&format!("/usr/local/libexec/genbackup/{name}"))
    }
}
