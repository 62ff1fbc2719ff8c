//! nfs-utils gives back paths and addresses: `exportfs` reads the export and writes its table, `etab`, which
//! `exportfs -v` reads again, as mountd does.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Reader;
use super::field::{Case, Field, Host};
use super::property::all_come_back;
use crate::command::run;

/// Needs neither the paths nor a server. It runs in separate namespaces, so that nothing of this machine is
/// read, exported or asked for names.
const SCRIPT: &str = r#"
set -euo pipefail
exports=$1 hosts=$2
mount -t tmpfs none /var/lib/nfs
mkdir -p /var/lib/nfs/etc/exports.d
cp "$exports" /var/lib/nfs/etc/exports.d/genbackup.exports
cp "$hosts" /var/lib/nfs/etc/hosts
for file in passwd group protocols services netconfig ld.so.cache; do
    [[ ! -e /etc/$file ]] || cp "/etc/$file" /var/lib/nfs/etc/
done
printf 'hosts: files\n' >/var/lib/nfs/etc/nsswitch.conf
: >/var/lib/nfs/etc/exports
mount --bind /var/lib/nfs/etc /etc
exportfs -ra || true
exportfs -v
"#;

#[test]
fn nfs_gives_back_every_path_and_address() -> Result<()> {
    all_come_back(Reader::Exports, |_| true, &|cases| {
        let (mut lines, mut hosts) = (String::new(), String::new());
        for (number, case) in cases.iter().enumerate() {
            let files = case.files(Host::Storage)?;
            let text = files.get("/etc/exports.d/genbackup.exports")?;
            writeln!(lines, "{}", text.lines().last().context("an export has a line")?)?;
            if case.field == Field::ClientAddress && case.text.parse::<IpAddr>().is_err() {
                // Every name has an address, or the export would not be made.
                let [high, low] = [number / 256, number % 256];
                writeln!(hosts, "10.1.{high}.{low} {}", case.text)?;
            }
        }
        let shown = exported(&lines, &hosts)?;
        for case in cases {
            let Export {
                path,
                client,
                options,
            } = Export::expected(case);
            let found = shown.iter().any(|export| {
                export.path == path && export.client == client && export.options.contains(&options)
            });
            ensure!(found, "no {path:?} {client}({options}) in {shown:?}");
        }
        Ok(())
    })
}

/// The exported paths and their clients.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Export {
    path: String,
    client: String,
    options: String,
}

impl Export {
    fn expected(case: &Case) -> Self {
        let mut export = Self {
            path: "/srv/restic".to_owned(),
            client: "10.0.0.2".to_owned(),
            options: String::new(),
        };
        match case.field {
            Field::FileSystem => {
                export.path = format!("{}/r", case.text);
                export.options = format!(",mountpoint={},", case.text);
            }
            Field::ClientAddress => export.client.clone_from(&case.text),
            _ => export.path.clone_from(&case.text),
        }
        export
    }
}

/// What nfs-utils makes of an export file.
fn exported(exports: &str, hosts: &str) -> Result<BTreeSet<Export>> {
    let directory = tempfile::tempdir_in("/dev/shm")?;
    let [exports_file, hosts_file] = ["exports", "hosts"].map(|name| directory.path().join(name));
    std::fs::write(&exports_file, exports)?;
    std::fs::write(&hosts_file, hosts)?;
    let shown = run(Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--propagation=private",
            "bash",
            "-c",
            SCRIPT,
            "bash",
        ])
        .arg(&exports_file)
        .arg(&hosts_file))?;
    ensure!(shown.status.success(), "{}", shown.stderr);
    let mut found = BTreeSet::new();
    let mut path = "";
    for line in shown.stdout.lines() {
        // A long path has a separate line.
        let (before, rest) = line
            .trim_end_matches('\t')
            .rsplit_once('\t')
            .unwrap_or((line, ""));
        if !before.trim_matches('\t').is_empty() {
            // Filled up with spaces; no path of ours ends in one.
            path = before.trim_end_matches([' ', '\t']);
        }
        if let Some((client, options)) = rest.split_once('(') {
            found.insert(Export {
                path: path.to_owned(),
                client: client.to_owned(),
                options: options.to_owned(),
            });
        }
    }
    Ok(found)
}
