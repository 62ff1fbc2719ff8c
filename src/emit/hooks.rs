//! The commands before and after a backup: a unit each, and one that lasts as long as the backup.

use askama::Template;

use super::{Artifact, Platform, add, add_script, unit};
use crate::emit::escape::filters;
use crate::emit::plan::ClientPlan;
use crate::model::{Hook, HookKind, Network};

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-hooks.service")]
struct HooksService<'p> {
    client: &'p ClientPlan<'p>,
    skips_on_battery: bool,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-WHEN-NAME.service")]
struct HookService<'p> {
    hook: &'p Hook,
    kind: &'static str,
    description: String,
    skips_on_battery: bool,
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/keep-results.bash")]
struct KeepResults<'p> {
    after: &'p [Hook],
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/note-result.bash")]
struct NoteResult<'p> {
    platform: &'p Platform,
}

pub(super) fn emit(
    client: &ClientPlan<'_>,
    skips_on_battery: bool,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    let hooks = &client.source.hooks;
    if hooks.is_empty() {
        return Ok(());
    }
    let after = hooks.of(HookKind::After);
    let service = HooksService {
        client,
        skips_on_battery,
        platform,
    };
    add(artifacts, unit("genbackup-hooks.service"), &service)?;
    add_script(artifacts, "keep-results", &KeepResults { after, platform })?;
    add_script(artifacts, "note-result", &NoteResult { platform })?;
    for (kind, hook) in hooks.all() {
        let kind = kind.word();
        let service = HookService {
            hook,
            kind,
            description: format!("Hook {} {kind} a backup of this host", hook.name),
            skips_on_battery,
            platform,
        };
        let name = format!("genbackup-{kind}-{}.service", hook.name);
        add(artifacts, unit(&name), &service)?;
    }
    Ok(())
}
