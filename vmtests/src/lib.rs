//! Stories on virtual machines.
