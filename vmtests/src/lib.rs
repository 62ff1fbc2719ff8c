//! A small fleet on separate machines, for the stories in `tests/stories` and for `cargo xtask demo`.
//!
//! ```text
//! release, apt ─▶ image ─┬▶ container ────────┬▶ body ─▶ machine ─▶ ground ─▶ lab, crowd ─▶ story
//!                        └▶ virtual_machine ──┘
//!                            ▲ accelerator, network, qemu, qmp, agent
//! ```
//! 1. [`image`] builds the tree of each Debian release once and keeps it, by a hash of everything that goes into it; for
//!    virtual machines a disk and a kernel, too.
//! 2. A machine is a [`container`] or a [`virtual_machine`]; [`body`] has what both can do, [`machine`] the
//!    verbs that stories use.
//! 3. [`ground`] has what machines stand on, [`lab`] three of them and their snapshots, [`crowd`] as many as one wants.
//! 4. [`install`] puts genbackup onto them, [`administrator`] gives one of them ssh to the others, [`story`] runs each
//!    story from a freshly restored lab. [`book`] follows chapters of the book, [`runbook`] the sections of the recovery
//!    page.
//!
//! Nothing of a machine leaves the one that it runs on: none has an address of the host or a route to one.

pub mod accelerator;
pub mod administrator;
pub mod agent;
pub mod apt;
pub mod belongings;
pub mod body;
pub mod book;
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
#[expect(dead_code, reason = "other tests read whole repositories")]
#[path = "../../tests/support/keys.rs"]
mod keys;
pub mod lab;
pub mod large_fleet;
pub mod machine;
pub mod network;
pub mod nixos;
pub mod nixpkgs;
pub mod package;
pub mod process;
pub mod progress;
pub mod provision;
pub mod qemu;
pub mod qmp;
mod quick_key;
pub mod release;
pub mod runbook;
pub mod side_by_side;
pub mod story;
pub mod virtual_machine;
pub mod warm_up;
pub mod watched;
