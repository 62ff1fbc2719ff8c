//! Requests to systemd's manager (org.freedesktop.systemd1(5)) through the proxy of the crate `systemd-zbus`.
//!
//! The methods of that proxy have two limits. They do not set the flag that lets polkit ask an admin for a password.
//! And they fail on values that are newer than the crate, such as an unknown state in a list or a link with a warning.
//! So such calls do not use these methods, and read their answers as text.

use serde::Serialize;
use systemd_zbus::ManagerProxy;
use zbus::proxy::MethodFlags;
use zbus::zvariant::{DynamicDeserialize, DynamicType, OwnedObjectPath};

/// A change of a link: `symlink` or `unlink`, the link's path, its target.
pub(super) type Link = (String, String, String);

/// A unit in a list: name, description, load state, active state, sub state, followed unit, path; number, type and path
/// of its job.
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

/// Calls a method of the manager, and allows polkit to ask for a password.
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
    // Only calls that request no reply have none.
    answer.ok_or(zbus::Error::InvalidReply)
}
