//! Delivers messages to the recipients: over the web, and by sendmail(8). The only module that uses the
//! network.
//!
//! An address is a secret, and is in no error, no log and no argument.

mod address;
mod answer;
mod email;
mod request;
mod web;

pub(crate) use address::WebAddress;
pub(crate) use email::{SOCKET, send_email};
pub(crate) use request::Request;
pub(crate) use web::Web;
pub(crate) use web::agent;

/// Why something did not arrive.
#[derive(Debug)]
pub(crate) enum Undelivered {
    /// It never will: whom it is for does not take this one, and may take others.
    Refused(anyhow::Error),
    /// It may, another time.
    Kept(anyhow::Error),
}

impl From<anyhow::Error> for Undelivered {
    fn from(why: anyhow::Error) -> Self {
        Self::Kept(why)
    }
}
