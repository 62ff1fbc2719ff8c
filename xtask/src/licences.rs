//! The licences and sources of all dependencies, against `deny.toml`.

use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use spdx::{Expression, ParseMode};
use vmtests::process::output_of;

/// Checks the output of `cargo metadata` for every package against the text of `deny.toml`.
///
/// # Errors
/// All packages with a licence or a source that is not allowed, in one; and a `deny.toml` that allows nothing.
pub(crate) fn check(metadata: &mut Command, deny: &str) -> anyhow::Result<()> {
    let allowed = allowed(deny)?;
    let metadata: Value = serde_json::from_str(&output_of(metadata)?).context("cargo metadata is no JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    ensure!(packages.len() > 1, "cargo metadata has no dependencies");
    let wrong: Vec<String> = packages
        .iter()
        .filter_map(|package| complaint(package, &allowed))
        .collect();
    if !wrong.is_empty() {
        bail!("{}\n\nhint: deny.toml lists what is allowed", wrong.join("\n"));
    }
    println!("{} packages", packages.len());
    Ok(())
}

fn allowed(deny: &str) -> anyhow::Result<Vec<String>> {
    let deny: toml::Table = deny.parse().context("deny.toml")?;
    let list = deny
        .get("licenses")
        .and_then(|licenses| licenses.get("allow"))
        .and_then(toml::Value::as_array);
    let list = list.context("deny.toml has no licenses.allow")?;
    Ok(list
        .iter()
        .filter_map(|licence| licence.as_str().map(str::to_owned))
        .collect())
}

/// What is wrong with a package, if anything is.
fn complaint(package: &Value, allowed: &[String]) -> Option<String> {
    let name = format!("{} {}", package["name"].as_str()?, package["version"].as_str()?);
    // Our own packages have no source.
    match package["source"].as_str() {
        None => return None,
        Some(source) if source.starts_with("registry+") => {}
        Some(source) => return Some(format!("{name} comes from {source}, which is no registry")),
    }
    let Some(licence) = package["license"].as_str() else {
        return Some(format!("{name} names no licence"));
    };
    match Expression::parse_mode(licence, ParseMode::LAX) {
        Err(error) => Some(format!("{name}: `{licence}` is no licence: {error}")),
        Ok(expression) => {
            let is_allowed = |requirement: &spdx::LicenseReq| {
                requirement
                    .license
                    .id()
                    .is_some_and(|id| allowed.iter().any(|known| known == id.name))
            };
            (!expression.evaluate(is_allowed)).then(|| format!("{name}: `{licence}` is not allowed"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn complaint_of(licence: &str, source: &str) -> Option<String> {
        let package = json!({"name": "a", "version": "1.0.0", "license": licence, "source": source});
        complaint(&package, &["MIT".to_owned(), "Apache-2.0".to_owned()])
    }

    #[test]
    fn a_choice_with_an_allowed_licence_is_fine() {
        assert_eq!(complaint_of("GPL-3.0-only OR MIT", "registry+x"), None);
        assert_eq!(complaint_of("MIT/Apache-2.0", "registry+x"), None);
        assert_eq!(complaint_of("Apache-2.0 WITH LLVM-exception", "registry+x"), None);
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        for (licence, source) in [
            ("GPL-3.0-only", "registry+x"),
            ("MIT AND GPL-3.0-only", "registry+x"),
            ("nonsense", "registry+x"),
            ("MIT", "git+x"),
        ] {
            assert!(
                complaint_of(licence, source).is_some_and(|text| text.starts_with("a 1.0.0")),
                "{licence} {source}"
            );
        }
    }
}
