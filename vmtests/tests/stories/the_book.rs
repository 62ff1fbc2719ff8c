//! Without these, a reader types a command of the book and gets an error: on the first day, or on the one that counts.
//!
//! Each story follows one chapter, on machines as that chapter expects them.

use vmtests::book::{follow, new_machines, new_machines_with_genbackup, three_machines};
use vmtests::lab::Lab;

/// A module for each story: `NAME: what makes the machines ready, "the chapter";`
macro_rules! chapters {
    ($($name:ident: $ready:ident, $chapter:literal;)*) => {
        $(pub(crate) mod $name {
            use super::{Lab, follow, $ready};

            pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
                $ready(lab)?;
                follow(lab, $chapter)
            }
        })*
    };
}

chapters! {
    the_commands_of_the_readme_work: new_machines, "README.md";
    the_commands_of_install_work: new_machines, "docs/src/getting-started/install.md";
    the_commands_of_one_machine_work: new_machines, "docs/src/getting-started/one-machine.md";
    the_commands_of_three_machines_work: new_machines, "docs/src/getting-started/three-machines.md";
    the_commands_of_adopt_work: new_machines_with_genbackup, "docs/src/how-to/adopt.md";
    the_commands_of_change_the_fleet_work: three_machines, "docs/src/how-to/change-the-fleet.md";
    the_commands_of_hooks_work: three_machines, "docs/src/how-to/hooks.md";
    the_commands_of_laptops_work: three_machines, "docs/src/how-to/laptops.md";
    the_commands_of_monitoring_work: three_machines, "docs/src/how-to/monitoring.md";
    the_commands_of_move_the_storage_host_work: three_machines, "docs/src/how-to/move-the-storage-host.md";
    the_commands_of_notifications_work: three_machines, "docs/src/how-to/notifications.md";
    the_commands_of_offsite_work: three_machines, "docs/src/how-to/offsite.md";
    the_commands_of_restore_a_machine_work: three_machines, "docs/src/how-to/restore-a-machine.md";
    the_commands_of_restore_files_work: three_machines, "docs/src/how-to/restore-files.md";
    the_commands_of_retention_work: three_machines, "docs/src/how-to/retention.md";
    the_commands_of_rotate_secrets_work: three_machines, "docs/src/how-to/rotate-secrets.md";
    the_commands_of_run_now_work: three_machines, "docs/src/how-to/run-now.md";
    the_commands_of_troubleshooting_work: three_machines, "docs/src/how-to/troubleshooting.md";
    the_commands_of_upgrade_restic_work: three_machines, "docs/src/how-to/upgrade-restic.md";
}
