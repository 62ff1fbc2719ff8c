//! The questions of `genbackup init` on a terminal. Nothing is written until all of them are answered.

use std::path::Path;

use anyhow::Result;
use inquire::validator::{ErrorMessage, Validation};
use inquire::{Confirm, CustomUserError, Text};

use crate::cli::terminal::{self, harmless};
use crate::init::answers::{
    Answers, CALENDAR, Client, KEEP, KEY_FILE, KeepText, MOUNT, PASSWORD_FILE, Remote, include_of,
};
use crate::init::clients::{Named, SSH_PORT};
use crate::init::places;
use crate::init::secrets::Secret;
use crate::model::{AbsolutePath, Address, Calendar, HostName, PublicKey, Refusal, UnitPath};
use crate::system::mounts::{self, Mount};
use crate::system::{analyze, openssh};

/// Asks until the answers are consistent. It does not ask for the names and addresses of the `named` clients.
pub(super) fn ask(host: &str, named: &[Named]) -> Result<Answers> {
    terminal::print("Answer a few questions. Ctrl-C stops; nothing is written before the last answer.\n\n")?;
    loop {
        let answers = ask_once(host, named)?;
        let Err(problems) = answers.check() else {
            if Confirm::new("write the fleet file?")
                .with_default(true)
                .prompt()?
            {
                return Ok(answers);
            }
            return Err(inquire::InquireError::OperationCanceled.into());
        };
        terminal::print(&format!(
            "\nthese answers do not fit together:\n  {problems}\nanswer the questions again:\n\n"
        ))?;
    }
}

fn ask_once(host: &str, named: &[Named]) -> Result<Answers> {
    let host: HostName = value(
        "the storage host's name:",
        host,
        "it holds the repository and coordinates the runs",
    )?;
    let (path, file_system) = repository()?;
    let password_file = secret(
        "the file with the repository's password, on the storage host:",
        PASSWORD_FILE,
        "make it with a random password?",
    )?;
    let include = include(&host, &include_of(&host, &path)?)?;
    let mut clients = Vec::new();
    for client in named {
        clients.push(ask_of(client.clone(), &path)?);
    }
    while Confirm::new("back up another machine?")
        .with_default(false)
        .prompt()?
    {
        clients.push(ask_of(client()?, &path)?);
    }
    let remote = if clients.is_empty() {
        None
    } else {
        Some(remote(clients)?)
    };
    Ok(Answers {
        host,
        path,
        file_system,
        password_file,
        calendar: calendar()?,
        keep: value::<KeepText>(
            "which snapshots to keep:",
            KEEP,
            "numbers and periods; `genbackup explain` shows the result",
        )?,
        include,
        remote,
    })
}

/// Asks for a text until it is valid.
fn value<T: TryFrom<String, Error = Refusal>>(question: &str, default: &str, help: &str) -> Result<T> {
    let takes = |text: &str| Ok::<_, CustomUserError>(validation(T::try_from(text.to_owned()).map(drop)));
    let asked = Text::new(question).with_help_message(help).with_validator(takes);
    let text = match default {
        "" => asked.prompt()?,
        default => asked.with_default(default).prompt()?,
    };
    Ok(T::try_from(text)?)
}

fn validation(taken: Result<(), Refusal>) -> Validation {
    match taken {
        Ok(()) => Validation::Valid,
        Err(refusal) => {
            let message = format!("{}: {}", refusal.what, refusal.hint);
            Validation::Invalid(ErrorMessage::Custom(harmless(&message)))
        }
    }
}

/// The repository's directory, and the file system that holds it.
fn repository() -> Result<(UnitPath, UnitPath)> {
    let mounts = places::mounted();
    let directories = places::for_a_repository(&mounts);
    let proposed = directories.first().cloned();
    let suggested = move |typed: &str| {
        let fits = |directory: &&String| directory.starts_with(typed);
        Ok::<_, CustomUserError>(directories.iter().filter(fits).cloned().collect::<Vec<_>>())
    };
    let takes =
        |text: &str| Ok::<_, CustomUserError>(validation(UnitPath::try_from(text.to_owned()).map(drop)));
    let path = Text::new("the repository's directory:")
        .with_default(proposed.as_deref().unwrap_or(places::ON_ROOT))
        .with_help_message("use a disk that is not backed up, if possible; this machine's disks are proposed")
        .with_autocomplete(suggested)
        .with_validator(takes)
        .prompt()?;
    let path = UnitPath::try_from(path)?;
    let found = mounts::below(&mounts, path.as_str()).map_or("/", |mount: &Mount| &mount.target);
    let file_system = value(
        "the mount point of its file system:",
        found,
        "no repository is made while nothing is mounted there",
    )?;
    Ok((path, file_system))
}

/// A file that holds a secret. A missing file may be made.
fn secret(question: &str, default: &str, offer: &str) -> Result<Secret> {
    let file: UnitPath = value(
        question,
        default,
        "readable by root only; systemd passes it to the units",
    )?;
    if !Path::new(file.as_str()).exists() && Confirm::new(offer).with_default(true).prompt()? {
        return Ok(Secret::ToBeMade(file));
    }
    Ok(Secret::IsThere(file))
}

fn include(host: &HostName, proposed: &[AbsolutePath]) -> Result<Vec<AbsolutePath>> {
    let proposed: Vec<&str> = proposed.iter().map(AbsolutePath::as_str).collect();
    let takes = |text: &str| Ok::<_, CustomUserError>(validation(paths(text).map(drop)));
    let text = Text::new(&format!("what to back up on {host}:"))
        .with_default(&proposed.join(", "))
        .with_help_message("files and directories, separated by commas")
        .with_validator(takes)
        .prompt()?;
    Ok(paths(&text)?)
}

fn paths(text: &str) -> Result<Vec<AbsolutePath>, Refusal> {
    let paths = text.split(',').map(str::trim).filter(|path| !path.is_empty());
    let paths: Vec<_> = paths
        .map(|path| AbsolutePath::try_from(path.to_owned()))
        .collect::<Result<_, _>>()?;
    if paths.is_empty() {
        return Err(Refusal::new("there is no path", "name a directory, such as /etc"));
    }
    Ok(paths)
}

fn calendar() -> Result<Calendar> {
    let takes = |text: &str| {
        let calendar = match Calendar::try_from(text.to_owned()) {
            Ok(calendar) => calendar,
            Err(refusal) => return Ok(validation(Err(refusal))),
        };
        let is_taken = analyze::takes_calendar(&calendar)?;
        let refused = || {
            Refusal::new(
                "systemd refuses this expression",
                "write it as in systemd.time(7)",
            )
        };
        Ok::<_, CustomUserError>(validation(is_taken.then_some(()).ok_or_else(refused)))
    };
    let text = Text::new("when a run starts:")
        .with_default(CALENDAR)
        .with_help_message("as in systemd.time(7), such as `Mon..Fri 22:30 Europe/Berlin`")
        .with_validator(takes)
        .prompt()?;
    Ok(text.try_into()?)
}

/// Asks for the name and the address of a client.
fn client() -> Result<Named> {
    let name: HostName = value("its name:", "", "as `hostname` prints it there, in lower case")?;
    let address: Address = value(
        "its address:",
        name.as_str(),
        "the host name or IP address by which the storage host reaches it",
    )?;
    Ok(Named { name, address })
}

/// Asks for the host key and the paths of a client.
fn ask_of(client: Named, repository: &UnitPath) -> Result<Client> {
    let Named { name, address } = &client;
    let host_key = host_key(name, address)?;
    let include = include(name, &include_of(name, repository)?)?;
    Ok(client.with(host_key, true, include))
}

/// The key that the host shows, if the user confirms it; otherwise the key that the user enters.
fn host_key(name: &HostName, address: &Address) -> Result<PublicKey> {
    match openssh::shown_key(address, SSH_PORT)? {
        None => terminal::print(&format!(
            "{address} shows no ed25519 host key on port {SSH_PORT}\n"
        ))?,
        Some(key) => {
            terminal::print(&format!(
                "the machine at {address} shows the host key {}\n\
                 compare it: on {name} itself, run `ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub`\n",
                key.fingerprint()
            ))?;
            // Another machine on the way may have answered.
            if Confirm::new("did you compare them, and are they equal?")
                .with_default(false)
                .prompt()?
            {
                return Ok(key);
            }
        }
    }
    value(
        "its host key:",
        "",
        "one line, from /etc/ssh/ssh_host_ed25519_key.pub there",
    )
}

fn remote(clients: Vec<Client>) -> Result<Remote> {
    let mount = value(
        "where clients mount the repository:",
        MOUNT,
        "over NFS, while they are backed up",
    )?;
    let key_file = loop {
        let file = secret(
            "the private ssh key for the clients, on the storage host:",
            KEY_FILE,
            "make a key pair with `ssh-keygen`?",
        )?;
        match &file {
            Secret::IsThere(path) if openssh::public_key(path.as_str().as_ref()).is_err() => {
                terminal::print(&format!("the public key {path}.pub is missing\n"))?;
            }
            _ => break file,
        }
    };
    Ok(Remote {
        mount,
        key_file,
        clients,
    })
}
