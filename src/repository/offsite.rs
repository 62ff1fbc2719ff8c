//! A second copy of the repository, elsewhere, that is a valid repository at every moment. rclone makes it
//! file by file ([`Sync`]), or restic snapshot by snapshot ([`Transfer`]).
//!
//! ```text
//! repository ─▶ Inventory ─┐
//! remote ─────▶ Inventory ─┼▶ Plan or Refusal ─▶ rclone
//! Memory ──────────────────┘
//! ```
//!
//! restic writes data, then the index of it, then a snapshot. So files are listed in the reverse order, and copied in that
//! order: what a copied snapshot needs was there before it. What has gone is deleted in the reverse order. A copy that is
//! cut off lacks the newest snapshots, and is valid.
//!
//! Files of a repository have the hash of their content as their name. So a file that exists is the same
//! file, and its size shows whether it is whole. No password is needed to copy or to compare them.

mod access;
pub(crate) mod by_hand;
mod copy;
mod find;
mod inventory;
mod limits;
mod memory;
mod name;
mod plan;
mod process;
mod progress;
mod rclone;
mod refusal;
mod retain;
mod s3;
mod store;
mod sync;
pub(crate) mod tamper;
mod transfer;
mod variables;

pub(crate) use access::AccessLocks;
pub(crate) use copy::{Accepts, Copying, Ended, Task};
pub(crate) use find::find;
pub(crate) use limits::Limits;
pub(crate) use memory::{Memory, Tampered};
pub(crate) use name::{Id, Name, Part};
pub(crate) use plan::{Delete, Settings};
pub(crate) use process::{Stop, Stopped};
pub(crate) use progress::{Progress, Watcher};
pub(crate) use rclone::{Failed, Rclone};
pub(crate) use refusal::Refusal;
pub(crate) use retain::{Retained, retain};
pub(crate) use s3::{Lock, Locks, S3};
pub(crate) use store::Store;
pub(crate) use sync::{Done, Sync};
pub(crate) use tamper::Tampering;
pub(crate) use transfer::{Transfer, Transferred};
pub(crate) use variables::variables;
