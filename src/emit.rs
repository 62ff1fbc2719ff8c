//! From a host's plan to the files that make it so.
//!
//! Pure: no clock, no environment, no disk. The same plan gives the same bytes.

mod calendars;
mod client;
pub(crate) mod escape;
mod grafana;
mod hooks;
mod nix_module;
mod offsite;
mod package;
mod path;
pub mod plan;
mod platform;
mod power;
mod prometheus;
mod recovery;
mod storage;
mod watching;

use crate::emit::plan::HostPlan;

pub use client::capabilities;
pub use nix_module::nix_module;
pub use package::package;
pub(crate) use platform::Platform;
pub use platform::{Programs, StorePath};
pub(crate) use watching::RHYTHM;

/// Where systemd's units of the local administrator are (systemd.unit(5)).
pub const UNIT_DIRECTORY: &str = "/etc/systemd/system";
/// Where our scripts are: programs that other programs start (file-hierarchy(7), FHS 4.9).
const LIBEXEC: &str = "/usr/local/libexec/genbackup";

/// One file that we emit, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Where it goes, absolute; a unit's is below [`UNIT_DIRECTORY`].
    pub path: String,
    /// The rights to it.
    pub access: Access,
    /// Its text.
    pub content: String,
}

/// The rights to an emitted file; all of them are root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody reads it: mode 0644. Nothing that we emit is a secret.
    Readable,
    /// Everybody runs it: mode 0755.
    Executable,
}

impl Access {
    /// The file's mode, as in chmod(2).
    #[must_use]
    pub const fn mode(self) -> u32 {
        match self {
            Self::Readable => 0o644,
            Self::Executable => 0o755,
        }
    }
}

/// The files of one host, in the order of their paths.
///
/// # Errors
/// When a template cannot be filled in. No valid fleet does that: the grammars of [`crate::model`] keep out
/// what no file can hold.
pub fn emit(plan: &HostPlan<'_>) -> askama::Result<Vec<Artifact>> {
    emit_for(plan, &Platform::usual())
}

/// The same, for a system whose programs are elsewhere.
fn emit_for(plan: &HostPlan<'_>, platform: &Platform) -> askama::Result<Vec<Artifact>> {
    let HostPlan {
        host: _,
        versions,
        power,
        coordinator,
        client,
        recovery,
    } = plan;
    let mut artifacts = Vec::new();
    if let Some(coordinator) = coordinator {
        storage::emit(coordinator, power, platform, &mut artifacts)?;
    }
    if let Some(client) = client {
        client::emit(client, *versions, power, platform, &mut artifacts)?;
    }
    recovery::emit(recovery, platform, &mut artifacts)?;
    power::emit(power, platform, &mut artifacts)?;
    path::emit(plan, platform, &mut artifacts)?;
    artifacts.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(artifacts)
}

/// Collects artifacts, each from its template.
fn add(
    artifacts: &mut Vec<Artifact>,
    path: impl Into<String>,
    template: &impl askama::Template,
) -> askama::Result<()> {
    push(artifacts, path.into(), Access::Readable, template)
}

fn add_script(
    artifacts: &mut Vec<Artifact>,
    name: &str,
    template: &impl askama::Template,
) -> askama::Result<()> {
    push(
        artifacts,
        format!("{LIBEXEC}/{name}"),
        Access::Executable,
        template,
    )
}

fn push(
    artifacts: &mut Vec<Artifact>,
    path: String,
    access: Access,
    template: &impl askama::Template,
) -> askama::Result<()> {
    let mut content = template.render()?;
    // askama drops a template's last newline.
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    artifacts.push(Artifact {
        path,
        access,
        content,
    });
    Ok(())
}

fn unit(name: &str) -> String {
    format!("{UNIT_DIRECTORY}/{name}")
}
