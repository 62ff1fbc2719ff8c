//! Without this, those who have the newest systemd, restic and OpenSSH, as Arch, Fedora and NixOS have them, find out what broke.

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
