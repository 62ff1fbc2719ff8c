//! `genbackup run`, `stop` and `emit --now` on a separate bus, with a stand-in for systemd's manager. It does
//! what a real manager rarely does. The program is the real one, and so are its signals and its terminal.

#![expect(
    clippy::disallowed_methods,
    reason = "a bus and the program are started, and what a run leaves is written as the scripts would"
)]

mod ends;
mod manager;
mod now;
mod polkit;
mod program;
mod relay;
mod shows;
mod silence;
mod systemd;
