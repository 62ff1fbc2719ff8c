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

pub mod by_hand;
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
pub mod tamper;
mod transfer;
mod turns;
mod variables;

pub use copy::{Accepts, Copying, Ended, Planned, Task};
pub use find::find;
pub use inventory::{Inventory, Listed};
pub use limits::Limits;
pub use memory::{Gone, Memory, Source, Tampered};
pub use name::{Id, Name, Part};
pub use plan::{Delete, Plan, Settings};
pub use process::{Stop, Stopped};
pub use progress::{Progress, Watcher};
pub use rclone::{Failed, Rclone};
pub use refusal::Refusal;
pub use retain::{Retained, retain};
pub use s3::{Lock, Locks, S3};
pub use store::Store;
pub use sync::{Done, Sync};
pub use tamper::Tampering;
pub use transfer::{Transfer, Transferred};
pub use turns::{Turn, Turns};
pub use variables::variables;
