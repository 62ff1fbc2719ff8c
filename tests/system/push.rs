//! `genbackup push` to machines that are directories. A stand-in for ssh runs what it is given in one of them; systemd and
//! its tools are stand-ins, too. It takes root.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, and the machines are files that the tests make"
)]

mod brings;
mod changes;
mod cut;
mod hostile;
mod machine;
mod refuses;
