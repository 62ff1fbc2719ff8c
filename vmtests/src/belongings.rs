//! What the machines have to lose: files with everything that a backup can get wrong.

use crate::machine::Machine;

/// The folders that are backed up, and what is left out of them.
pub const INCLUDE: [&str; 2] = ["/srv/data", "/srv/my files"];
/// Patterns of what is left out.
pub const EXCLUDE: [&str; 2] = ["/srv/data/scratch", "*.tmp"];

/// Makes the files. Every machine has its own bytes.
const MAKE: &str = r#"
mkdir -p /srv/data/scratch /srv/data/empty "/srv/my files/größe 日本" /srv/data/deep/er/est
cd /srv/data
hostname >host
head --bytes=3000000 /dev/urandom >random
printf 'only root may read this\n' >root-only
chmod 0400 root-only
mkdir locked && printf 'in a folder of root\n' >locked/file && chmod 0700 locked
printf 'mail\n' >owned && chown 8:12 owned && chmod 0640 owned
printf '#!/bin/sh\n' >program && chmod 4755 program
printf 'left out\n' >scratch/file
printf 'left out\n' >deep/er/est/notes.tmp
: >deep/er/est/nothing
ln -s random link
ln -s /nowhere dangling
ln random second-name
mkfifo pipe
setfattr --name=user.note --value='an attribute' owned
chmod 1777 empty
cd "/srv/my files"
printf 'x\n' >"$(printf 'tab\there')"
printf 'y\n' >'*[a]?'
printf 'z\n' >'-dash "quoted" $HOME %h \back'
touch --date='2001-02-03 04:05:06.789012345 UTC' /srv/data/owned "/srv/my files" /srv/data/empty
"#;

/// Puts the files onto a machine.
///
/// # Errors
/// When it refuses.
pub fn put_onto(machine: &Machine) -> anyhow::Result<()> {
    machine.succeeds(MAKE).map(drop)
}

/// One line for each file below `root` + [`INCLUDE`]: type, mode, owner, modification time in nanoseconds, link
/// target, size, path, then the content's hashes and the extended attributes. Two trees are equal when these are.
///
/// # Errors
/// When the machine refuses.
pub fn describe(machine: &Machine, root: &str) -> anyhow::Result<Vec<String>> {
    let script = format!(
        "cd '{root}/srv'; export LC_ALL=C
         find data 'my files' -printf '%y %m %U:%G %T@ [%l] ' \\( -type f -printf '%s' -o -true \\) -printf ' %p\\n' | sort
         find data 'my files' -type f -exec sha256sum {{}} + | sort
         find data 'my files' -exec getfattr --no-dereference --dump --match=- {{}} +"
    );
    Ok(machine.succeeds(&script)?.lines().map(str::to_owned).collect())
}
