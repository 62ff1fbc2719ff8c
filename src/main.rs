//! The `genbackup` command.
fn main() {}
