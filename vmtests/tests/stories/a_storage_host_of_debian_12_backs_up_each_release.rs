//! Without this, the newest restic on a client writes what the oldest on the storage host cannot read, forget or prune.

use vmtests::lab::Lab;
use vmtests::release::Release;

use crate::each_release;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    each_release::is_backed_up_by(
        Release::Bookworm,
        lab.kind(),
        "a_storage_host_of_debian_12_backs_up_each_release",
    )
}
