//! The commands for developers.
fn main() {}
