//! Adopts snapshots that no run made: gives them the tag `genbackup`, so that the keep policy applies to them.

mod plan;

pub(crate) use plan::{Group, Plan, Wishes};
