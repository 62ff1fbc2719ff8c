//! Stories on three virtual machines, one a file: `cargo test --package vmtests --test stories NAME`.

mod a_host_that_is_down_does_not_stop_the_others;
mod a_nightly_run_leaves_one_snapshot_of_each_host;
mod a_run_that_is_stopped_leaves_no_lock;
mod forget_keeps_what_the_policy_says_and_prune_makes_room;
mod machines_reach_each_other_and_nothing_else;
mod the_password_is_nowhere_it_should_not_be;
mod the_repository_is_made_once_and_only_where_it_should_be;
mod the_ssh_key_can_only_ask_for_a_backup;
mod the_unit_that_reads_everything_can_do_nothing_else;

use std::process::ExitCode;

use vmtests::{install, stories, story};

fn main() -> ExitCode {
    let stories = stories![
        machines_reach_each_other_and_nothing_else,
        a_nightly_run_leaves_one_snapshot_of_each_host,
        forget_keeps_what_the_policy_says_and_prune_makes_room,
        a_host_that_is_down_does_not_stop_the_others,
        a_run_that_is_stopped_leaves_no_lock,
        the_ssh_key_can_only_ask_for_a_backup,
        the_password_is_nowhere_it_should_not_be,
        the_repository_is_made_once_and_only_where_it_should_be,
        the_unit_that_reads_everything_can_do_nothing_else,
    ];
    story::tell(&stories, install::install)
}
