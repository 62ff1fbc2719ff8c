//! What the keep policy will keep, in words and as a picture.

pub(crate) mod keeps;
mod picture;
