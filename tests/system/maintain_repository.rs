//! What `maintain-repository` forgets and what it leaves alone, with a real repository and the real restic.
//!
//! The script runs as emitted. The records are written by hand, as a run would have left them.

#![expect(
    clippy::disallowed_methods,
    reason = "the script runs as systemd would run it, in directories of the test's own"
)]

mod guard;
mod locks;
mod storage;
mod verdicts;
