//! `genbackup settle` and `genbackup settle-turn`: what a client added to its repository is verified, or moved away.

pub(super) mod turn;
