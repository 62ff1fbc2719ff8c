//! The repository: [`restic`] runs restic on it, [`retention`] follows the rules of forget, [`hold`] decides which hosts
//! forget may touch, and [`offsite`] makes copies in other places.

pub mod hold;
pub mod offsite;
pub mod restic;
pub mod retention;
