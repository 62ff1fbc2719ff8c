//! What a service may do, in the words of the chapter, from the settings in its text.

use std::collections::BTreeMap;

use crate::model::{Fleet, Hooks};

/// The values of a setting.
fn all<'t>(text: &'t str, key: &str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

/// The value that holds, where a setting has one.
pub(super) fn last<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    all(text, key).last()
}

/// The words of a setting that is a list.
fn words<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    all(text, key).flat_map(str::split_whitespace).collect()
}

/// The user that a service runs as.
pub(super) fn user(text: &str, is_hook: bool) -> String {
    let user = match last(text, "User") {
        None => "`root`".to_owned(),
        Some(_) if is_hook => "`user` of the hook".to_owned(),
        Some(user) => format!("`{user}`"),
    };
    // systemd runs a program after `!` as root (systemd.service(5)).
    if all(text, "ExecStopPost").any(|program| program.starts_with('!')) {
        user + "; the script that stores the result as `root`"
    } else {
        user
    }
}

pub(super) fn capabilities(text: &str) -> String {
    let ambient = words(text, "AmbientCapabilities");
    let bounding = words(text, "CapabilityBoundingSet");
    if !ambient.is_empty() {
        listed(&ambient)
    } else if bounding.is_empty() {
        "none".to_owned()
    } else if last(text, "User").is_none() {
        listed(&bounding)
    } else {
        format!("none; a set-user-ID program can get {}", listed(&bounding))
    }
}

pub(super) fn network(text: &str) -> String {
    let reaches_sockets = words(text, "RestrictAddressFamilies").contains(&"AF_UNIX");
    let has_run = !words(text, "TemporaryFileSystem").contains(&"/run:ro");
    let none = if reaches_sockets && has_run {
        "none, apart from sockets in the file system"
    } else {
        "none"
    };
    let reach = if last(text, "PrivateNetwork") == Some("yes") {
        none
    } else if words(text, "IPAddressAllow").contains(&"localhost") {
        "services of the same host"
    } else if last(text, "IPAddressDeny") == Some("any") {
        none
    } else {
        "any"
    };
    reach.to_owned()
}

/// The places that a service may write to; `places` are those of the fleet.
pub(super) fn may_write(text: &str, places: &BTreeMap<&str, &'static str>) -> String {
    let named = |path: &&str| {
        let path = path.trim_start_matches('-');
        let words = places.get(path).map(|words| (*words).to_owned());
        words.unwrap_or_else(|| format!("`{path}`"))
    };
    if last(text, "ProtectSystem") != Some("strict") {
        let mut except = vec!["/usr", "/boot", "/efi", "/etc"];
        if last(text, "ProtectHome").is_some() {
            except.extend(["/home", "/root", "/run/user"]);
        }
        except.extend(words(text, "InaccessiblePaths"));
        let except: Vec<String> = except.iter().map(named).collect();
        return format!("everything but {}", except.join(", "));
    }
    let mut paths: Vec<String> = Vec::new();
    for (key, directory) in [
        ("StateDirectory", "/var/lib"),
        ("CacheDirectory", "/var/cache"),
        ("RuntimeDirectory", "/run"),
    ] {
        let own = words(text, key);
        paths.extend(own.iter().map(|name| format!("`{directory}/{name}`")));
    }
    paths.extend(words(text, "ReadWritePaths").iter().map(named));
    if paths.is_empty() {
        "nothing".to_owned()
    } else {
        paths.join(", ")
    }
}

/// The secrets that a service gets; `passed_on` is one that is no credential.
pub(super) fn secrets(text: &str, passed_on: Option<&'static str>) -> String {
    let mut secrets: Vec<&str> = Vec::new();
    let credentials = all(text, "LoadCredential").filter_map(|value| value.split(':').next());
    for secret in credentials.map(secret).chain(passed_on) {
        if !secrets.contains(&secret) {
            secrets.push(secret);
        }
    }
    if secrets.is_empty() {
        "none".to_owned()
    } else {
        secrets.join("; ")
    }
}

/// What a credential is.
fn secret(credential: &str) -> &str {
    match credential {
        "restic-password" => "the password of the repository (`repository.password-file`)",
        "ssh-key" => "the ssh key for the clients (`ssh.key-file`)",
        "rclone.conf" => "the credential of the remote (`offsite.NAME.config-file`)",
        "copy-password" => "the password of the copy (`offsite.NAME.password-file`)",
        "environment" => "the credential of the copy (`offsite.NAME.environment-file`)",
        "copy-ssh-key" => "the ssh key for the copy (`offsite.NAME.ssh-key-file`)",
        "host-key" => "the ssh host key of the client (`hosts.NAME.host-key-file`)",
        address if address.starts_with("notify-") => {
            "the addresses of notifications (`notify.NAME.address-file`)"
        }
        other => other,
    }
}

fn listed(capabilities: &[&str]) -> String {
    let quoted = capabilities.iter().map(|name| format!("`{name}`"));
    quoted.collect::<Vec<_>>().join(", ")
}

/// The paths of a fleet that its units may write to, each with its words.
pub(super) fn places(fleet: &Fleet) -> BTreeMap<&str, &'static str> {
    let Fleet {
        repository,
        storage,
        remote,
        watching,
        ..
    } = fleet;
    let mut places = BTreeMap::from([(repository.path.as_str(), "the repository (`repository.path`)")]);
    if let Some(file_system) = &repository.file_system {
        let words = "the file system of the repository (`repository.file-system`)";
        places.insert(file_system.as_str(), words);
    }
    if let Some(remote) = remote {
        places.insert(remote.mount.as_str(), "the mounted repository (`nfs.mount`)");
    }
    let clients = remote.iter().flat_map(|remote| remote.clients.values());
    let sources = clients.map(|client| &client.source).chain(&storage.source);
    for Hooks { before, after } in sources.map(|source| &source.hooks) {
        let writes = before.iter().chain(after).flat_map(|hook| &hook.writes);
        places.extend(writes.map(|path| (path.as_str(), "`writes` of the hook")));
    }
    let files = [
        (&watching.metrics, "the directory of `monitor.metrics`"),
        (&watching.report, "the directory of `monitor.report`"),
    ];
    for (file, words) in files {
        places.extend(file.iter().map(|file| (file.parent(), words)));
    }
    places
}
