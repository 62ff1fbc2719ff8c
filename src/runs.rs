//! Runs over the fleet: [`record`] reads their records, and [`ad_hoc`] runs a command of an administrator, whose result is
//! recorded as well.

pub mod ad_hoc;
pub mod record;
