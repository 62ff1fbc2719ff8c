//! The repository. [`restic`] runs restic on it, [`retention`] follows the rules of forget, `hold` decides
//! which hosts forget may touch, `adopt` adopts snapshots that no run made, [`serve`] lets a client add to the
//! repository, [`settle`] verifies what it added, and `offsite` makes copies in other places.

pub(crate) mod adopt;
pub(crate) mod hold;
pub(crate) mod init;
pub mod maintain;
pub(crate) mod offsite;
pub(crate) mod open;
pub mod restic;
pub(crate) mod restore;
pub mod retention;
pub mod serve;
pub mod settle;
pub(crate) mod snapshots;
