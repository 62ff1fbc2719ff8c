//! The page of `report`, in words and in a real browser.

#[path = "../support/command.rs"]
mod command;
#[expect(dead_code, reason = "not every test uses all kinds of nights")]
#[path = "../support/night.rs"]
mod night;
#[path = "../support/nights.rs"]
mod nights;
mod report;
#[path = "../support/snapshot.rs"]
mod snapshot;
