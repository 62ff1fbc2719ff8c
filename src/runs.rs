//! Runs over the fleet: [`record`] reads their records, and `ad_hoc` runs a command of an administrator, whose result is
//! recorded as well.

pub(crate) mod ad_hoc;
pub(crate) mod complaint;
pub mod coordinate;
pub(crate) mod copies;
pub(crate) mod find;
pub(crate) mod follow;
pub(crate) mod progress;
pub mod record;
pub(crate) mod records;
pub(crate) mod request;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod versions;
