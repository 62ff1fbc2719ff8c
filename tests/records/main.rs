//! The way of a record: how a run's answers get into it, how it is read, what is reported from it, and who is
//! notified. This is one program, for the reason in `tests/emit/main.rs`.

mod ad_hoc;
#[path = "../support/command.rs"]
mod command;
#[expect(dead_code, reason = "no test here needs a copy of the program")]
#[path = "../support/executable.rs"]
mod executable;
mod health;
mod keep;
#[path = "../support/keys.rs"]
mod keys;
#[path = "../support/night.rs"]
mod night;
#[path = "../support/nights.rs"]
mod nights;
#[path = "../support/pty.rs"]
mod pty;
mod read_answer;
mod record;
#[path = "../support/repository.rs"]
mod repository;
#[path = "../support/snapshot.rs"]
mod snapshot;
mod watch;
