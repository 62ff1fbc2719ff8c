//! What the NixOS module takes from the code: defaults of the fleet file, and lists.

use anyhow::Result;
use askama::Template;

use super::keys::{Key, Table};
use crate::config::defaults;
use crate::emit::RHYTHM;
use crate::model::{HookKind, WrittenFile};

#[derive(Template)]
#[template(path = "printed/defaults.nix")]
struct Defaults<'t> {
    uid: u32,
    ssh_port: u16,
    host_key_file: &'static str,
    hooks: [&'static str; HookKind::ALL.len()],
    programs: Vec<&'t str>,
    written: [&'static str; WrittenFile::ALL.len()],
    rhythm: &'static str,
}

/// The text of `nix/defaults.nix`; `tables` are those of the fleet file.
pub(super) fn defaults(tables: &[Table]) -> Result<String> {
    let versions = tables.iter().filter(|table| table.name == "minimum-versions");
    let defaults = Defaults {
        uid: defaults::USER_ID,
        ssh_port: defaults::PORT,
        host_key_file: defaults::HOST_KEY_FILE,
        hooks: HookKind::ALL.map(HookKind::word),
        programs: versions
            .flat_map(|table| table.keys.iter().map(Key::short_name))
            .collect(),
        written: WrittenFile::ALL.map(WrittenFile::word),
        rhythm: RHYTHM,
    };
    Ok(defaults.render()? + "\n")
}
