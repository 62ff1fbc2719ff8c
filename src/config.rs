//! From the text of a fleet file to a valid [`Fleet`](crate::model::Fleet). [`file`](mod@file) has the shape
//! of the file. [`resolve`] finds missing and conflicting values and fills in the defaults. [`problem`] is
//! what a person reads about an invalid value. `schema` is the shape for editors.

pub(crate) mod defaults;
pub mod file;
pub mod problem;
pub mod resolve;
pub(crate) mod schema;

/// The default path of the fleet file.
pub const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";
