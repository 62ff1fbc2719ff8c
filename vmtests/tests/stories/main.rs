//! Stories on three machines, one a file: `cargo test --package vmtests --test stories NAME`.

#[path = "../../../tests/support/crafted.rs"]
mod crafted;
#[expect(dead_code, reason = "other tests make key files")]
#[path = "../../../tests/support/keys.rs"]
mod keys;

mod each_release;
mod older_release;

mod a_client_reaches_only_the_repository_over_nfs;
mod a_client_that_is_cut_off_does_not_stop_the_others;
mod a_client_that_is_gone_comes_back_by_the_page;
mod a_client_that_loses_its_power_does_not_stop_forget_for_good;
mod a_clock_that_jumps_costs_no_snapshot;
mod a_compromised_client_harms_no_other_host_s_backup;
mod a_crafted_snapshot_writes_nothing_outside_the_target;
mod a_dump_is_made_before_a_backup_and_a_failed_one_is_named;
mod a_file_that_changes_during_a_backup_costs_no_other;
mod a_fleet_of_twenty_clients_is_backed_up_in_one_night;
mod a_fleet_that_init_wrote_backs_up_and_restores;
mod a_flooded_socket_still_backs_up_afterwards;
mod a_full_repository_is_reported_and_recovers;
mod a_host_that_is_down_does_not_stop_the_others;
mod a_host_that_left_the_fleet_is_left_alone;
mod a_locked_key_stops_the_run_and_is_named;
mod a_machine_with_another_host_key_gets_no_password;
mod a_nightly_run_leaves_one_snapshot_of_each_host;
mod a_package_and_a_run;
mod a_package_leaves_the_files_of_an_older_release_to_emit;
mod a_package_on_a_fresh_machine_backs_up_and_restores;
mod a_package_that_is_removed_leaves_backups_alone;
mod a_package_upgrade_does_not_stop_a_backup;
mod a_partial_backup_never_costs_the_last_complete_one;
mod a_record_that_cannot_be_written_does_not_stop_a_backup;
mod a_repository_comes_back_from_its_copy_by_the_page;
mod a_repository_of_plain_restic_is_adopted;
mod a_run_is_followed_to_its_end_and_stopped_cleanly;
mod a_run_that_is_stopped_leaves_no_lock;
mod a_source_that_is_gone_or_broken_is_never_a_silent_success;
mod a_storage_host_of_debian_12_backs_up_each_release;
mod a_storage_host_of_debian_13_backs_up_each_release;
mod a_storage_host_of_debian_testing_backs_up_each_release;
mod a_storage_host_that_is_gone_comes_back_by_the_page;
mod a_storage_host_that_loses_its_power_leaves_no_lock;
mod an_nfs_server_that_is_away_for_a_minute_costs_nothing;
mod an_older_client_works_with_a_newer_storage_host;
mod an_older_storage_host_works_with_newer_clients;
mod clients_that_never_had_the_command_get_their_files_by_push;
mod doctor_reports_every_fault_at_once;
mod each_recipient_gets_one_failure_and_one_recovery;
mod emitting_again_does_not_stop_a_backup;
mod forget_follows_the_keep_policy_and_prune_frees_space;
mod machines_reach_each_other_and_nothing_else;
mod members_of_the_group_start_and_stop_runs_and_nothing_else;
mod nothing_is_written_where_the_repository_is_not;
mod run_ends_with_the_result_that_systemd_reports;
mod runs_and_locks_wait_for_each_other;
mod the_book;
mod the_clients_are_of_two_debian_releases;
mod the_password_is_nowhere_it_should_not_be;
mod the_repository_is_made_once_and_only_where_it_should_be;
mod the_ssh_key_can_only_ask_for_a_backup;
mod the_storage_host_s_key_is_of_no_use_elsewhere;
mod the_unit_that_reads_everything_can_do_nothing_else;
mod user_restic_of_a_client_never_sees_the_password;
mod what_comes_back_is_what_was_there;
mod what_nix_evaluates_backs_up_machines_of_debian;
mod what_the_policy_lets_go_makes_room;

use std::process::ExitCode;

use the_book::{
    the_commands_of_adopt_work, the_commands_of_change_the_fleet_work, the_commands_of_hooks_work,
    the_commands_of_install_work, the_commands_of_laptops_work, the_commands_of_monitoring_work,
    the_commands_of_move_the_storage_host_work, the_commands_of_notifications_work,
    the_commands_of_offsite_work, the_commands_of_one_machine_work, the_commands_of_restore_a_machine_work,
    the_commands_of_restore_files_work, the_commands_of_retention_work, the_commands_of_rotate_secrets_work,
    the_commands_of_run_now_work, the_commands_of_the_readme_work, the_commands_of_three_machines_work,
    the_commands_of_troubleshooting_work, the_commands_of_upgrade_restic_work,
};
use vmtests::{install, stories, story};

fn main() -> ExitCode {
    // The longest first in each lab, so that the last ones end at about the same time.
    let stories = stories![
        a_nightly_run_leaves_one_snapshot_of_each_host in both,
        a_storage_host_of_debian_testing_backs_up_each_release,
        a_storage_host_of_debian_12_backs_up_each_release,
        a_storage_host_of_debian_13_backs_up_each_release,
        runs_and_locks_wait_for_each_other,
        forget_follows_the_keep_policy_and_prune_frees_space,
        a_compromised_client_harms_no_other_host_s_backup,
        run_ends_with_the_result_that_systemd_reports,
        each_recipient_gets_one_failure_and_one_recovery,
        a_repository_of_plain_restic_is_adopted,
        a_repository_comes_back_from_its_copy_by_the_page,
        the_commands_of_upgrade_restic_work,
        a_fleet_of_twenty_clients_is_backed_up_in_one_night in containers,
        a_partial_backup_never_costs_the_last_complete_one,
        what_nix_evaluates_backs_up_machines_of_debian,
        a_file_that_changes_during_a_backup_costs_no_other,
        a_full_repository_is_reported_and_recovers,
        a_host_that_left_the_fleet_is_left_alone,
        the_commands_of_rotate_secrets_work,
        the_commands_of_run_now_work,
        a_crafted_snapshot_writes_nothing_outside_the_target,
        a_client_that_is_cut_off_does_not_stop_the_others needs "NFS",
        a_client_that_loses_its_power_does_not_stop_forget_for_good needs "its clock",
        a_storage_host_that_loses_its_power_leaves_no_lock needs "a real power cut",
        a_clock_that_jumps_costs_no_snapshot needs "its clock",
        an_nfs_server_that_is_away_for_a_minute_costs_nothing needs "NFS",
        a_client_reaches_only_the_repository_over_nfs needs "NFS",
        machines_reach_each_other_and_nothing_else in both,
        a_source_that_is_gone_or_broken_is_never_a_silent_success needs "a disk that fails",
        the_unit_that_reads_everything_can_do_nothing_else in both,
        the_clients_are_of_two_debian_releases needs "NFS and a disk that fails",
        a_storage_host_that_is_gone_comes_back_by_the_page,
        a_client_that_is_gone_comes_back_by_the_page,
        clients_that_never_had_the_command_get_their_files_by_push,
        an_older_storage_host_works_with_newer_clients,
        the_commands_of_three_machines_work,
        the_commands_of_offsite_work,
        the_commands_of_adopt_work,
        an_older_client_works_with_a_newer_storage_host,
        the_commands_of_change_the_fleet_work,
        the_commands_of_notifications_work,
        nothing_is_written_where_the_repository_is_not,
        a_run_that_is_stopped_leaves_no_lock,
        a_record_that_cannot_be_written_does_not_stop_a_backup,
        a_dump_is_made_before_a_backup_and_a_failed_one_is_named,
        emitting_again_does_not_stop_a_backup,
        the_commands_of_restore_files_work,
        the_commands_of_move_the_storage_host_work,
        the_commands_of_retention_work,
        the_commands_of_restore_a_machine_work,
        the_storage_host_s_key_is_of_no_use_elsewhere,
        a_fleet_that_init_wrote_backs_up_and_restores,
        a_package_on_a_fresh_machine_backs_up_and_restores,
        a_package_leaves_the_files_of_an_older_release_to_emit,
        a_package_upgrade_does_not_stop_a_backup,
        a_package_that_is_removed_leaves_backups_alone,
        members_of_the_group_start_and_stop_runs_and_nothing_else,
        the_commands_of_hooks_work,
        the_commands_of_laptops_work,
        the_commands_of_monitoring_work,
        the_commands_of_one_machine_work,
        the_commands_of_the_readme_work,
        the_commands_of_troubleshooting_work,
        a_host_that_is_down_does_not_stop_the_others,
        the_repository_is_made_once_and_only_where_it_should_be,
        the_password_is_nowhere_it_should_not_be,
        the_commands_of_install_work,
        a_run_is_followed_to_its_end_and_stopped_cleanly,
        user_restic_of_a_client_never_sees_the_password,
        a_machine_with_another_host_key_gets_no_password,
        a_flooded_socket_still_backs_up_afterwards,
        a_locked_key_stops_the_run_and_is_named,
        what_the_policy_lets_go_makes_room,
        what_comes_back_is_what_was_there,
        doctor_reports_every_fault_at_once,
        the_ssh_key_can_only_ask_for_a_backup,
    ];
    story::run(&stories, install::install)
}
