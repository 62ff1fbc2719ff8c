//! `genbackup run`, `stop` and `emit --now` on a bus of their own, with a stand-in for systemd's manager that does what a real one is
//! hard to bring to. The program is the real one, and so are its signals and its terminal.

#![expect(
    clippy::disallowed_methods,
    reason = "a bus and the program are started, and what a run leaves is written as the scripts would"
)]

#[path = "bus/ends.rs"]
mod ends;
#[path = "bus/manager.rs"]
mod manager;
#[path = "bus/now.rs"]
mod now;
#[path = "bus/polkit.rs"]
mod polkit;
#[path = "bus/program.rs"]
mod program;
#[path = "support/pty.rs"]
mod pty;
#[path = "bus/relay.rs"]
mod relay;
#[path = "bus/shows.rs"]
mod shows;
#[path = "bus/silence.rs"]
mod silence;
#[path = "bus/systemd.rs"]
mod systemd;
