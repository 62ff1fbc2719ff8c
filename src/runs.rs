//! Runs over the fleet: [`record`] reads their records, and [`ad_hoc`] runs a command of an administrator, whose result is
//! recorded as well.

pub mod ad_hoc;
pub(crate) mod answer;
pub(crate) mod copies;
pub(crate) mod find;
pub(crate) mod follow;
pub mod record;
pub(crate) mod records;
pub(crate) mod request;
pub(crate) mod start;
