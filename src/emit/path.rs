//! The script that sets `PATH` for programs that are no scripts of ours: hooks, and genbackup itself.

use askama::Template;

use super::platform::WITH_PATH;
use super::{Artifact, Platform, add_script};
use crate::emit::plan::HostPlan;
use crate::model::Creation;

#[derive(Template)]
#[template(path = "usr/local/libexec/genbackup/run-with-path.bash")]
struct RunWithPath<'p> {
    platform: &'p Platform,
    path: &'p str,
}

/// Only where programs are outside the usual directories, and a unit of the host starts such a program.
pub(super) fn emit(
    plan: &HostPlan<'_>,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    let starts_the_command = plan
        .coordinator
        .as_ref()
        .is_some_and(|plan| plan.starts_the_command() || plan.repository.creation != Creation::ByHand);
    let has_hooks = plan
        .client
        .as_ref()
        .is_some_and(|client| !client.source.hooks.is_empty());
    match &platform.path {
        Some(path) if starts_the_command || has_hooks => {
            add_script(artifacts, WITH_PATH, &RunWithPath { platform, path })
        }
        _ => Ok(()),
    }
}
