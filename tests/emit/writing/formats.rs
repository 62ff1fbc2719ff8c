//! What is written for NixOS, and where.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::command::{Outcome, genbackup, run};
use crate::emitted::{FLEET, Site, changed, tree};

/// `genbackup emit` of a fleet with these arguments alone.
fn emit(site: &Site, fleet: &str, arguments: &[&OsStr]) -> Result<Outcome> {
    run(genbackup()
        .arg("--fleet")
        .arg(site.fleet(fleet)?)
        .arg("emit")
        .args(arguments))
}

fn modules(site: &Site, fleet: &str, more: &[&str]) -> Result<Outcome> {
    let mut arguments: Vec<&OsStr> = ["--format", "nix", "--out"].map(OsStr::new).to_vec();
    arguments.push(site.root.as_os_str());
    arguments.extend(more.iter().map(OsStr::new));
    emit(site, fleet, &arguments)
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let files = tree(directory)?.into_keys();
    Ok(files.map(|path| path.to_string_lossy().into_owned()).collect())
}

fn without_ziz() -> Result<String> {
    let (rest, _) = FLEET.split_once("[hosts.ziz]").context("ziz is the last host")?;
    Ok(rest.to_owned())
}

#[test]
fn every_host_gets_a_module_and_nothing_else_is_written_but_a_hidden_manifest() -> Result<()> {
    let site = Site::new()?;
    let emitted = modules(&site, FLEET, &[])?;
    ensure!(emitted.status.success(), "{}", emitted.stderr);
    assert_eq!(emitted.stdout, "3 files written, 0 removed\n");
    assert_eq!(
        names(&site.root)?,
        [".genbackup-manifest.json", "jak.nix", "kai.nix", "ziz.nix"]
    );
    let again = modules(&site, FLEET, &[])?;
    assert_eq!(again.stdout, "0 files written, 0 removed\n");
    Ok(())
}

#[test]
fn the_module_of_a_host_that_left_goes_and_what_is_not_ours_stays() -> Result<()> {
    let site = Site::new()?;
    modules(&site, FLEET, &[])?;
    fs::write(site.path("hardware.nix"), "{ }\n")?;
    let diff = modules(&site, &without_ziz()?, &["--diff"])?;
    assert_eq!(diff.status.code(), Some(1));
    assert!(diff.stdout.contains("ziz.nix"), "{}", diff.stdout);
    let emitted = modules(&site, &without_ziz()?, &[])?;
    // jak, which goes over the others, changes.
    assert_eq!(
        emitted.stdout, "1 file written, 1 removed\n",
        "{}",
        emitted.stderr
    );
    assert_eq!(
        names(&site.root)?,
        [".genbackup-manifest.json", "hardware.nix", "jak.nix", "kai.nix"]
    );
    let removed = modules(&site, "this is no fleet", &["--remove"])?;
    ensure!(removed.status.success(), "{}", removed.stderr);
    assert_eq!(names(&site.root)?, [".genbackup-manifest.json", "hardware.nix"]);
    Ok(())
}

#[test]
fn a_module_that_was_changed_by_hand_is_not_overwritten() -> Result<()> {
    let site = Site::new()?;
    modules(&site, FLEET, &[])?;
    let module = site.path("jak.nix");
    let changed_by_hand = fs::read_to_string(&module)? + "# mine\n";
    fs::write(&module, &changed_by_hand)?;
    let fleet = changed("\"daily\"", "\"weekly\"")?;
    let refused = modules(&site, &fleet, &[])?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("jak.nix") && refused.stderr.contains("-# mine"),
        "{}",
        refused.stderr
    );
    assert_eq!(fs::read_to_string(&module)?, changed_by_hand);
    ensure!(modules(&site, &fleet, &["--force"])?.status.success());
    assert!(fs::read_to_string(&module)?.contains("\"weekly\""));
    Ok(())
}

#[test]
fn an_option_that_means_nothing_in_a_format_is_refused() -> Result<()> {
    let site = Site::new()?;
    for (arguments, option, format) in [
        (
            &["--format=nix", "--out=/nowhere", "--host=jak"][..],
            "--host",
            "nix",
        ),
        (
            &["--format=nix", "--out=/nowhere", "--root=/nowhere"],
            "--root",
            "nix",
        ),
        (
            &["--format=nix", "--out=/nowhere", "--all", "--root=/nowhere"],
            "--root",
            "nix",
        ),
        (
            &["--format=nix", "--out=/nowhere", "--programs=/nowhere"],
            "--programs",
            "nix",
        ),
        (&["--programs=/nowhere"], "--programs", "files"),
        (
            &[
                "--format=package",
                "--out=/nowhere",
                "--programs=/nowhere",
                "--diff",
            ],
            "--diff",
            "package",
        ),
        (
            &[
                "--format=package",
                "--out=/nowhere",
                "--programs=/nowhere",
                "--force",
            ],
            "--force",
            "package",
        ),
    ] {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let refused = emit(&site, FLEET, &arguments)?;
        let expected = format!("error: `{option}` does not apply to `--format {format}`\n");
        assert!(refused.stderr.starts_with(&expected), "{}", refused.stderr);
    }
    let arguments = ["--remove", "--out=/nowhere"].map(OsStr::new);
    let refused = emit(&site, FLEET, &arguments)?;
    assert!(
        refused
            .stderr
            .starts_with("error: `--out` does not apply to `--remove`\n"),
        "{}",
        refused.stderr
    );
    for arguments in [
        &["--format=nix"][..],
        &["--format=package"],
        &["--format=package", "--out=/nowhere"],
    ] {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let refused = emit(&site, FLEET, &arguments)?;
        assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("required arguments were not provided"),
            "{}",
            refused.stderr
        );
    }
    Ok(())
}

/// A list of programs, as `nix/module.nix` writes it.
const PROGRAMS: &str = r#"{"bash": "/nix/store/a-bash/bin/bash", "genbackup": "/nix/store/f-genbackup/bin/genbackup", "socat": "/nix/store/b-socat/bin/socat",
    "sshd": "/nix/store/c-openssh/bin/sshd", "path": ["/nix/store/d-coreutils/bin", "/nix/store/e-restic/bin"]}"#;

fn package(site: &Site, programs: &str, out: &Path) -> Result<Outcome> {
    let list = site.path("programs.json");
    fs::create_dir_all(&site.root)?;
    fs::write(&list, programs)?;
    let mut arguments: Vec<&OsStr> = ["--format", "package", "--host", "ziz", "--programs"]
        .map(OsStr::new)
        .to_vec();
    arguments.extend([list.as_os_str(), OsStr::new("--out"), out.as_os_str()]);
    emit(site, FLEET, &arguments)
}

#[test]
fn a_package_has_its_programs_from_the_list_and_its_own_files_from_its_directory() -> Result<()> {
    let site = Site::new()?;
    let out = site.path("package");
    let written = package(&site, PROGRAMS, &out)?;
    ensure!(written.status.success(), "{}", written.stderr);
    let files = tree(&out)?;
    let names: Vec<String> = files.keys().map(|path| path.display().to_string()).collect();
    assert_eq!(
        names,
        [
            "etc/genbackup/RECOVERY.md",
            "etc/genbackup/authorized_keys",
            "etc/genbackup/exclude",
            "etc/genbackup/include",
            "etc/genbackup/sshd_config",
            "lib/systemd/system/genbackup-awake.service",
            "lib/systemd/system/genbackup-backup.socket",
            "lib/systemd/system/genbackup-backup@.service",
            "lib/systemd/system/genbackup-sshd.socket",
            "lib/systemd/system/genbackup-sshd@.service",
            "lib/systemd/system/mnt-jak.mount",
            "lib/sysusers.d/genbackup-client.conf",
            "lib/tmpfiles.d/genbackup-client.conf",
            "libexec/genbackup/backup-restic",
            "libexec/genbackup/stay-awake",
        ]
    );
    let text = |path: &str| -> Result<String> { Ok(fs::read_to_string(out.join(path))?) };
    let service = text("lib/systemd/system/genbackup-backup@.service")?;
    let start = format!("ExecStart={}/libexec/genbackup/backup-restic\n", out.display());
    assert!(service.contains(&start), "{service}");
    assert!(!service.contains("PATH"), "{service}");
    let script = text("libexec/genbackup/backup-restic")?;
    assert!(script.starts_with("#!/nix/store/a-bash/bin/bash\n"), "{script}");
    assert!(
        script.contains("\nexport PATH=/nix/store/d-coreutils/bin:/nix/store/e-restic/bin\n"),
        "{script}"
    );
    assert!(
        text("etc/genbackup/sshd_config")?.contains("ForceCommand /nix/store/b-socat/bin/socat "),
        "what the key may start"
    );
    let modes: Vec<u32> = ["libexec/genbackup/backup-restic", "etc/genbackup/include"]
        .iter()
        .map(|path| files[Path::new(path)].mode)
        .collect();
    assert_eq!(modes, [0o755, 0o644]);
    Ok(())
}

#[test]
fn a_package_is_written_into_a_new_directory_or_not_at_all() -> Result<()> {
    let site = Site::new()?;
    let out = site.path("package");
    fs::create_dir_all(&out)?;
    fs::write(out.join("mine"), "")?;
    let refused = package(&site, PROGRAMS, &out)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("package` is not empty"),
        "{}",
        refused.stderr
    );
    assert_eq!(names(&out)?, ["mine"]);
    Ok(())
}

#[test]
fn a_list_of_programs_that_is_not_as_it_should_be_is_refused() -> Result<()> {
    let site = Site::new()?;
    let out = site.path("package");
    for (from, to, expected) in [
        (
            "/nix/store/a-bash/bin/bash",
            "bash",
            "`bash` is not an absolute path",
        ),
        (
            "a-bash",
            "a bash",
            "is not an absolute path of only letters, digits and",
        ),
        (
            "a-bash",
            "a%bash",
            "is not an absolute path of only letters, digits and",
        ),
        (
            "a-bash",
            "a$(id)",
            "is not an absolute path of only letters, digits and",
        ),
        ("\"sshd\"", "\"ssh\"", "unknown field `ssh`"),
        ("\"bash\"", "\"socat\"", "duplicate field `socat`"),
        ("}", "", "EOF while parsing"),
    ] {
        ensure!(PROGRAMS.contains(from));
        let refused = package(&site, &PROGRAMS.replacen(from, to, 1), &out)?;
        assert_eq!(refused.status.code(), Some(1), "{from}");
        assert!(
            refused
                .stderr
                .contains("error: cannot parse the list of programs ")
                && refused.stderr.contains(expected),
            "{}",
            refused.stderr
        );
        assert!(!out.exists(), "{from}");
    }
    let odd = site.path("a directory");
    let refused = package(&site, PROGRAMS, &odd)?;
    assert!(
        refused
            .stderr
            .contains("scripts and units cannot name the directory: `")
            && refused
                .stderr
                .contains("a directory` is not an absolute path of only letters"),
        "{}",
        refused.stderr
    );
    Ok(())
}
