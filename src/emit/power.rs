//! What keeps a host awake while a backup, forget or prune is running on it.

use askama::Template;

use super::{Artifact, Platform, add, add_script, unit};
use crate::model::{Power, Sleep};

#[derive(Template)]
#[template(path = "etc/systemd/system/genbackup-awake.service")]
struct AwakeService<'p> {
    platform: &'p Platform,
}

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/stay-awake.bash")]
struct StayAwake<'p> {
    platform: &'p Platform,
}

pub(super) fn emit(power: &Power, platform: &Platform, artifacts: &mut Vec<Artifact>) -> askama::Result<()> {
    match power.sleep {
        Sleep::Allowed => Ok(()),
        Sleep::Inhibited => {
            add(
                artifacts,
                unit("genbackup-awake.service"),
                &AwakeService { platform },
            )?;
            add_script(artifacts, "stay-awake", &StayAwake { platform })
        }
    }
}
