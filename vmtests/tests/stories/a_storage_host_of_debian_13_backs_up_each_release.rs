//! Without this, a fleet of mixed releases is only known to work where nothing is newer than its storage host.

use vmtests::lab::Lab;
use vmtests::release::Release;

use crate::each_release;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    each_release::is_backed_up_by(
        Release::Trixie,
        lab.kind(),
        "a_storage_host_of_debian_13_backs_up_each_release",
    )
}
