//! What `maintain-repository` forgets and what it leaves alone, with a real repository and the real restic.
//!
//! The script runs as emitted. The records are written by hand, as a run would have left them.

#![expect(
    clippy::disallowed_methods,
    reason = "the script runs as systemd would run it, in folders of the test's own"
)]

#[path = "support/command.rs"]
mod command;
#[path = "maintain_repository/guard.rs"]
mod guard;
#[path = "maintain_repository/locks.rs"]
mod locks;
#[path = "maintain_repository/storage.rs"]
mod storage;
#[path = "maintain_repository/verdicts.rs"]
mod verdicts;
