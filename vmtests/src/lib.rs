//! A small fleet on virtual machines, for the stories in `tests/stories` and for `cargo xtask demo`.
//!
//! ```text
//! release, apt ─▶ image ─▶ qemu ─▶ machine ─▶ lab ─▶ story
//!                            ▲ accelerator, network, qmp, agent
//! ```
//! 1. [`image`] builds a guest of each Debian release once and keeps it, by a hash of everything that goes into it.
//! 2. [`qemu`] runs one guest on a private network; [`qmp`] steers it from outside, [`agent`] from inside.
//! 3. [`machine`] has the verbs that stories are told in, [`lab`] the three machines and their snapshots.
//! 4. [`install`] puts genbackup onto them, [`story`] runs each story from a freshly restored lab; [`steps`] tells those
//!    that NixOS tells, too.
//!
//! Nothing of a guest leaves the machine that it runs on: no guest has an address of the host or a route to one.

pub mod accelerator;
pub mod agent;
pub mod apt;
pub mod belongings;
pub mod body;
pub mod cache;
pub mod collect;
pub mod container;
pub mod crowd;
pub mod deadline;
pub mod fleet;
pub mod ground;
pub mod hardware;
pub mod image;
pub mod install;
pub mod lab;
pub mod machine;
pub mod network;
pub mod nixos;
pub mod nixpkgs;
pub mod process;
pub mod progress;
pub mod provision;
pub mod qemu;
pub mod qmp;
pub mod release;
pub mod runbook;
pub mod side_by_side;
pub mod steps;
pub mod story;
pub mod virtual_machine;
pub mod warm_up;
