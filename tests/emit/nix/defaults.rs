//! The NixOS module has its defaults and lists from the code, through `nix/defaults.nix`.

use anyhow::Result;
use genbackup::reference::nix_defaults;

use super::package::root;

#[test]
fn nix_defaults_are_those_of_the_code() -> Result<()> {
    let file = std::fs::read_to_string(root().join("nix/defaults.nix"))?;
    assert_eq!(file, nix_defaults()?, "`cargo xtask docs` writes it again");
    Ok(())
}

#[test]
fn nix_module_repeats_no_default() -> Result<()> {
    let module = std::fs::read_to_string(root().join("nix/module.nix"))?;
    let defaults = nix_defaults()?;
    let values = defaults.lines().filter_map(|line| {
        let (_, value) = line.split_once(" = ")?;
        value.strip_suffix(';')
    });
    let mut named = 0;
    for value in values {
        assert!(!module.contains(value), "{value}");
        named += 1;
    }
    assert!(named > 3, "{defaults}");
    Ok(())
}
