//! Makes a commented fleet file from what this machine has and the user answers, and lists the next steps.
//!
//! | module | its one job |
//! | --- | --- |
//! | `places` | proposals from this machine |
//! | `clients` | the clients that are named, with the host keys that they show |
//! | `secrets` | files that hold a secret, and that exist or are to be made |
//! | `answers` | the answers, and the settings that follow from them |
//! | `file` | the answers as a fleet file |
//! | `next` | the steps from the fleet file to a first backup |

pub(crate) mod answers;
pub(crate) mod clients;
mod file;
pub(crate) mod next;
pub(crate) mod places;
pub(crate) mod secrets;
