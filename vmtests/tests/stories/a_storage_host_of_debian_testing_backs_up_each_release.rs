//! Without this, a break would first be found by users of the newest systemd, restic and OpenSSH, as in Arch,
//! Fedora and NixOS.

use vmtests::lab::Lab;
use vmtests::release::Release;

use crate::each_release;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    each_release::is_backed_up_by(
        Release::Forky,
        lab.kind(),
        "a_storage_host_of_debian_testing_backs_up_each_release",
    )
}
