//! What shells and readers of manual pages get of the command line: every verb and every option, as they read it.

#![expect(
    clippy::disallowed_methods,
    reason = "shells and readers are run on files that the tests make"
)]

mod completions;
mod man;
pub(crate) mod verbs;
