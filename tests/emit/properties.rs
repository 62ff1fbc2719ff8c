//! Whatever text a field of the fleet file admits, the program that reads the emitted file gives back exactly
//! that text.
//!
//! Texts are drawn at random, many at once for each start of a reader. A text that does not come back is narrowed
//! down to the smallest one of its kind, and named. `GENBACKUP_SEED=NUMBER` draws other texts; a text that once
//! was lost belongs to [`text::REMEMBERED`], which every run tries first.

#![expect(
    clippy::disallowed_methods,
    reason = "the programs that read our files are run on files that the tests make"
)]

mod bash;
mod exports;
mod field;
mod nix;
mod own_files;
mod page;
mod property;
mod restic;
mod ssh;
mod systemd;
mod systemd_units;
mod text;
mod tmpfiles;

use field::Field;

/// How many texts of which fields go through which reader.
const CASES: [(Reader, &[Field], usize); 15] = [
    (Reader::Fleet, &Field::TEXTS, 200),
    (Reader::Manifest, &[Field::Mount], 200),
    (Reader::Nix, &Field::TEXTS, 50),
    (
        Reader::Systemd,
        &[
            Field::RepositoryPath,
            Field::FileSystem,
            Field::PasswordFile,
            Field::Mount,
            Field::KeyFile,
            Field::HostKeyFile,
            Field::StorageAddress,
            Field::HookProgram,
            Field::HookWord,
            Field::HookWrites,
        ],
        300,
    ),
    (Reader::Calendar, &[Field::Calendar], 150),
    (
        Reader::Bash,
        &[
            Field::RepositoryPath,
            Field::FileSystem,
            Field::Mount,
            Field::StorageName,
            Field::ClientName,
        ],
        400,
    ),
    (
        Reader::Page,
        &[
            Field::RepositoryPath,
            Field::FileSystem,
            Field::PasswordFile,
            Field::KeyFile,
            Field::PublicKey,
            Field::HostKey,
            Field::HostKeyFile,
            Field::StorageName,
            Field::ClientName,
            Field::ClientAddress,
        ],
        100,
    ),
    (Reader::ResticInclude, &[Field::Include], 1000),
    (Reader::ResticExclude, &[Field::Exclude], 1000),
    (Reader::ResticFiles, &[Field::Exclude], 300),
    (
        Reader::Exports,
        &[Field::RepositoryPath, Field::FileSystem, Field::ClientAddress],
        400,
    ),
    (Reader::Tmpfiles, &[Field::RepositoryPath], 400),
    (Reader::SshKeys, &[Field::PublicKey, Field::HostKey], 300),
    (Reader::SshNames, &[Field::ClientName], 200),
    (
        Reader::SshConfiguration,
        &[Field::ClientName, Field::ClientAddress, Field::Port],
        60,
    ),
];

/// The program that reads an emitted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// We ourselves, the fleet file.
    Fleet,
    /// We ourselves, the manifest.
    Manifest,
    /// Nix, the modules.
    Nix,
    /// systemd, the units.
    Systemd,
    /// systemd, the timer.
    Calendar,
    /// bash, the scripts.
    Bash,
    /// bash, the commands of RECOVERY.md.
    Page,
    /// restic, the include list.
    ResticInclude,
    /// restic, the lines of the exclude file.
    ResticExclude,
    /// restic, what the exclude file does to a file of that name.
    ResticFiles,
    /// nfs-utils, the export.
    Exports,
    /// systemd-tmpfiles, the repository's directory.
    Tmpfiles,
    /// OpenSSH, the keys.
    SshKeys,
    /// OpenSSH, the names that keys belong to.
    SshNames,
    /// OpenSSH, the configuration of both sides.
    SshConfiguration,
}

#[test]
fn there_are_ten_thousand_cases() {
    let count: usize = CASES.iter().map(|(_, fields, count)| fields.len() * count).sum();
    assert!(count >= 10_000, "only {count}");
}
