//! What shells and readers of manual pages get of the command line: every verb and every option, as they read it.

#![expect(
    clippy::disallowed_methods,
    reason = "shells and readers are run on files that the tests make"
)]

#[path = "support/command.rs"]
mod command;

#[path = "command_line/completions.rs"]
mod completions;
#[path = "command_line/man.rs"]
mod man;
#[path = "command_line/verbs.rs"]
mod verbs;
