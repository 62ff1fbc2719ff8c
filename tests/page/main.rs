//! The page of `report`. A separate program, since the browser's protocol alone is as large as all else that the tests
//! link.

#[path = "../support/command.rs"]
mod command;
#[expect(dead_code, reason = "not every test tells nights in all ways")]
#[path = "../support/night.rs"]
mod night;
mod report;
#[path = "../support/snapshot.rs"]
mod snapshot;
#[path = "../support/told.rs"]
mod told;
