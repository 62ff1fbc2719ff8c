//! What is asked of systemd's manager (org.freedesktop.systemd1(5)), by the proxy of the crate `systemd-zbus`.
//!
//! That proxy has neither a flag for who may be asked for a password, without which systemd never asks where an admin's
//! polkit rules want one, nor words for what systemd came to say later: a list with one unknown state, or a link that
//! was made with a warning, would be an error. Such calls go past its methods, and their answers are read as text.

use serde::Serialize;
use systemd_zbus::ManagerProxy;
use zbus::proxy::MethodFlags;
use zbus::zvariant::{DynamicDeserialize, DynamicType, OwnedObjectPath};

/// What was done, `symlink` or `unlink`; the link's path, and where it leads.
pub(super) type Link = (String, String, String);

/// Name, text, how it was loaded, how active it is and in which way, whom it follows, its path; its job's number, kind
/// and path.
pub(super) type ListedUnit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

/// Asks the manager, and lets it ask an admin for a password where it has to.
pub(super) async fn ask<R>(
    manager: &ManagerProxy<'_>,
    method: &'static str,
    arguments: &(impl Serialize + DynamicType),
) -> zbus::Result<R>
where
    R: for<'d> DynamicDeserialize<'d>,
{
    let flags = MethodFlags::AllowInteractiveAuth.into();
    let answer = manager.inner().call_with_flags(method, flags, arguments).await?;
    // There is none only where none is wanted.
    answer.ok_or(zbus::Error::InvalidReply)
}
