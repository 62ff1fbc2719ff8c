//! The tests that the package and its checks run pass in a build sandbox like Nix's: sandbox.bash. It has
//! what the derivation names, as Nix lists it. Debian's programs stand in for those of nixpkgs.

mod derivation;

use anyhow::{Context, Result};
use derivation::{check, checks, passed, run_in_sandbox, run_tests};

use super::package::root;

#[test]
fn library_tests_pass_in_the_sandbox_of_the_package() -> Result<()> {
    let outcomes = run_tests(&check("package")?, &[])?;
    let [library] = &outcomes[..] else {
        panic!("not one program: {outcomes:?}")
    };
    let number = passed(library)?;
    assert!(number > 100, "only {number} tests ran");
    Ok(())
}

#[test]
fn tests_of_the_flake_pass_in_their_sandbox() -> Result<()> {
    let check = check("tests")?;
    // For the other check.
    assert!(
        check.source.join("clippy.toml").is_file(),
        "clippy's rules are missing"
    );
    let outcomes = run_tests(&check, &[])?;
    for outcome in &outcomes {
        assert!(passed(outcome)? > 0, "no test ran: {}", outcome.stdout);
    }
    for flag in &check.chosen {
        let ran = outcomes.iter().flat_map(|outcome| outcome.stdout.lines());
        let mut of_flag = ran.filter(|line| line.starts_with(&format!("test {flag}")));
        assert!(of_flag.next().is_some(), "no test ran: {flag}");
    }
    Ok(())
}

/// The package lacked these two once.
#[test]
fn library_tests_fail_without_openssh_and_time_zones() -> Result<()> {
    let mut check = check("package")?;
    let number = check.inputs.len();
    check
        .inputs
        .retain(|input| !["openssh", "tzdata"].contains(&input.name.as_str()));
    assert_eq!(check.inputs.len() + 2, number, "{:?}", check.inputs);
    check.env.remove("TZDIR");
    let failed = run_tests(
        &check,
        &["system::openssh::", "repository::retention::tests::the_newest"],
    )?
    .remove(0);
    assert!(!failed.status.success(), "{}", failed.stdout);
    for name in [
        "system::openssh::tests::a_pair_is_made_once",
        "repository::retention::tests::the_newest_of_a_day_stays",
    ] {
        let line = format!("test {name} ... FAILED");
        assert!(failed.stdout.contains(&line), "{name}: {}", failed.stdout);
    }
    Ok(())
}

#[test]
fn sandbox_has_nothing_that_the_derivation_does_not_name() -> Result<()> {
    let check = check("package")?;
    let probe = r#"
        for path in /usr/share/zoneinfo /usr/bin/env /bin/bash /usr/bin/ssh-keygen /root /home /run docs README.md; do
            if [ -e "$path" ]; then echo "$path exists"; fi
        done
        for program in jq systemd-analyze python3 cargo; do
            if command -v "$program"; then echo "$program exists"; fi
        done
        if (: >src/new) 2>/dev/null; then echo "the sources can be written"; fi
        ssh-keygen -Q 2>/dev/null; test "$?" != 127 || echo "ssh-keygen is missing"
        test -e "$TZDIR/UTC" || echo "UTC is missing"
        test "$(id -u):$(id -g):$(id -G)" = 1000:100:100 || id
        grep --quiet 'CapEff:.0*$' /proc/self/status || echo "it has capabilities"
        grep --invert-match --regexp=lo: --regexp=face --regexp=Inter /proc/net/dev
        : >/build/new && : >"$0/new"
    "#;
    let probed = run_in_sandbox(
        &check,
        &[],
        &["/bin/sh", "-c", probe, env!("CARGO_TARGET_TMPDIR")],
    )?;
    assert_eq!(probed.stdout, "", "{}", probed.stderr);
    assert!(probed.status.success(), "{}", probed.stderr);
    Ok(())
}

/// The programs of the sandbox are built from the checkout; so a file that the sources lack is noticed here.
#[test]
fn sources_have_every_file_that_the_compiler_reads() -> Result<()> {
    for (name, check) in checks()? {
        // What cargo notes of the library is also what the command is made of.
        for program in check.programs()? {
            let list = program.with_extension("d");
            let read = std::fs::read_to_string(&list).with_context(|| list.display().to_string())?;
            let (_, files) = read.split_once(": ").context("cargo's list of files")?;
            let files = files.lines().next().unwrap_or_default();
            for file in files.split(' ') {
                let file = file
                    .strip_prefix(root().to_str().context("UTF-8")?)
                    .unwrap_or(file);
                let file = file.trim_start_matches('/');
                assert!(
                    check.source.join(file).is_file(),
                    "{name}: the sources lack {file}"
                );
            }
        }
    }
    Ok(())
}
